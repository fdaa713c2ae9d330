"""One user of an app, whose browser keeps the cookies that it is given, for as long as they live."""

from __future__ import annotations

import http.client
import time
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

_TIMEOUT_SECONDS = 15


class Visitor:
    """Calls the service ``host`` through the proxy on ``port``, with ``headers`` of its own."""

    def __init__(self, port: int, host: str, headers: Mapping[str, str] | None = None) -> None:
        self._port = port
        self._headers = {"Host": host, **(headers or {})}
        self._jar: dict[str, tuple[str, float]] = {}

    @property
    def cookies(self) -> dict[str, str]:
        """The cookies that the next visit brings along."""
        now = time.monotonic()
        return {name: value for name, (value, until) in self._jar.items() if now < until}

    def visit(self) -> str:
        """The workload that answered, with whatever status."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=_TIMEOUT_SECONDS)
        try:
            connection.request("GET", "/", headers={**self._headers, **self._cookie_header()})
            answer = connection.getresponse()
            answer.read()
        finally:
            connection.close()
        for header in answer.headers.get_all("Set-Cookie") or []:
            self._keep(header)
        return answer.headers.get("x-workload", "")

    def visits(self, number: int) -> set[str]:
        """Everybody who answered in this many visits."""
        return {self.visit() for _ in range(number)}

    def _cookie_header(self) -> dict[str, str]:
        together = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": together} if together else {}

    def _keep(self, header: str) -> None:
        for name, morsel in SimpleCookie(header).items():
            self._jar[name] = (morsel.value, time.monotonic() + float(morsel["max-age"] or "inf"))
