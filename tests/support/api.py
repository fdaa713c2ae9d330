"""A plain HTTP client of a Kubernetes API server for the tests' own needs: set up, look, and play other roles.

It is not the product's gateway on purpose: what checks Serin must not share its faults. Paths are written out, as in
the Kubernetes API reference. One value may be used by many threads.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlencode

import urllib3

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import Json, JsonObject

MERGE_PATCH = "application/merge-patch+json"


class ApiError(Exception):
    """The API server answered with an error; ``code`` is the HTTP status."""

    def __init__(self, request: str, code: int, body: str) -> None:
        self.code = code
        super().__init__(f"{request}: {code} {body[:500]}")


class ApiDownError(Exception):
    """The API server did not answer at all."""


class Api:
    """Requests of one user, named by its bearer token."""

    def __init__(self, url: str, token: str, ca_file: str | None) -> None:
        self._url = url.rstrip("/")
        self._headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        self._pool = urllib3.PoolManager(maxsize=8, retries=False, ca_certs=ca_file)

    def get(self, path: str, **query: str | int) -> JsonObject:
        """One object, or one page of a list with its ``metadata``."""
        return self._send("GET", path, query=query)

    def find(self, path: str) -> JsonObject | None:
        """One object, or None when there is none of that name."""
        try:
            return self.get(path)
        except ApiError as error:
            if error.code == 404:
                return None
            raise

    def items(self, path: str, **query: str | int) -> list[JsonObject]:
        """The objects of a list."""
        found: list[JsonObject] = self.get(path, **query)["items"]
        return found

    def create(self, path: str, body: Json) -> JsonObject:
        """POST to a collection, or to a subresource such as ``binding``."""
        return self._send("POST", path, body)

    def replace(self, path: str, body: Json) -> JsonObject:
        """PUT an object."""
        return self._send("PUT", path, body)

    def patch(self, path: str, change: Json) -> JsonObject:
        """Merge ``change`` into an object (RFC 7386: None removes a field, lists are replaced)."""
        return self._send("PATCH", path, change)

    def delete(self, path: str, **query: str | int) -> JsonObject:
        """DELETE an object."""
        return self._send("DELETE", path, query=query)

    def watch(self, path: str, version: str) -> Iterator[tuple[str, JsonObject]]:
        """Event types and objects since a resourceVersion, until the server ends the watch (after a minute)."""
        query = urlencode({"watch": "1", "resourceVersion": version, "timeoutSeconds": "60"})
        with self._open("GET", f"{path}?{query}", None, 90) as response:
            try:
                for line in response:
                    event = json.loads(line)
                    yield event["type"], event["object"]
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise ApiDownError(f"The watch of {path} broke: {error}") from error

    def _send(
        self, method: str, path: str, body: Json | None = None, query: dict[str, str | int] | None = None
    ) -> JsonObject:
        with self._open(method, f"{path}?{urlencode(query)}" if query else path, body, 10) as response:
            try:
                answer: JsonObject = json.loads(response.read())
            except (urllib3.exceptions.HTTPError, OSError) as error:
                raise ApiDownError(f"{method} {path}: {error}") from error
        return answer

    def _open(self, method: str, path: str, body: Json | None, read_seconds: float) -> urllib3.BaseHTTPResponse:
        headers = {**self._headers, "Content-Type": MERGE_PATCH} if method == "PATCH" else self._headers
        try:
            response = self._pool.request(
                method,
                self._url + path,
                headers=headers,
                body=None if body is None else json.dumps(body),
                timeout=urllib3.Timeout(connect=2, read=read_seconds),
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError) as error:
            raise ApiDownError(f"{method} {path}: {error}") from error
        if response.status >= 300:
            with response:
                raise ApiError(f"{method} {path}", response.status, response.read().decode(errors="replace"))
        return response
