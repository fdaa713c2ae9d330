"""The certificates that Google signs identity tokens with: fetched when needed, kept as long as Google says.

Google changes them every few days and shows a new one before it is used. A key that is not among those held may be a
new one, so Google is asked once more; but not again and again, or whoever makes up names of keys would have us ask for
each.

It must never use a certificate after its time, nor take "no answer" for "no such key".
"""

from __future__ import annotations

import json
import re
import time
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING

from shared.checks.deadline import Deadline, call_within
from shared.errors import Unknown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeAlias

    from google.auth.crypt import RSAVerifier

    Fetch: TypeAlias = Callable[[str, float], "Answer"]
    """Get a URL within so many seconds. Any exception means that there was no answer."""

GOOGLE = "https://www.googleapis.com/oauth2/v1/certs"
"""Key names and PEM certificates as one JSON object (``google.oauth2.id_token`` uses the same)."""

LIMIT_SECONDS = 3.0
_LARGEST_BYTES = 64 * 1024
_SHORTEST_SECONDS, _LONGEST_SECONDS, _USUAL_SECONDS = 60, 24 * 3600, 3600
_UNKNOWN_KEY_PAUSE_SECONDS = 10.0
_FAILURE_PAUSE_SECONDS = 1.0


class KeysUnavailable(Unknown):
    """Google's certificates cannot be had, so a caller cannot be judged now: answer 503, it will call again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back; ``cache_control`` is that header, or nothing."""

    status: int
    cache_control: str
    body: bytes


@dataclass(frozen=True, slots=True)
class _Held:
    """Certificates and their times, by the clock of their owner."""

    keys: Mapping[str, RSAVerifier] = field(default_factory=dict)
    fetched: float = float("-inf")
    expires: float = float("-inf")

    def answers(self, name: str, now: float) -> bool:
        """Whether nothing better is to be had by asking for the key ``name``."""
        return now < self.expires and (name in self.keys or now - self.fetched < _UNKNOWN_KEY_PAUSE_SECONDS)


def fetch_over_https(url: str, seconds: float) -> Answer:
    """One GET without proxy, cookie or redirect; TimeoutError after ``seconds``, however slowly bytes come."""
    return call_within(seconds, lambda: _get(url, Deadline.after(seconds)))


def _get(url: str, deadline: Deadline) -> Answer:
    import requests  # noqa: PLC0415  0.08 s that only those who verify tokens need

    with requests.Session() as session:
        session.trust_env = False
        with session.get(url, timeout=deadline.left, stream=True, allow_redirects=False) as response:
            body = b""
            while chunk := response.raw.read1(_LARGEST_BYTES, decode_content=True):
                body += chunk
                if len(body) > _LARGEST_BYTES or not deadline.left:
                    raise ValueError("the answer is too long")
            return Answer(response.status_code, response.headers.get("Cache-Control", ""), body)


class Certificates:
    """The certificates at ``url``. Threads may share it: one fetches, the others wait for it."""

    def __init__(
        self,
        url: str = GOOGLE,
        fetch: Fetch = fetch_over_https,
        limit: float = LIMIT_SECONDS,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url, self._fetch, self._limit, self._clock = url, fetch, limit, clock
        self._held = _Held()
        self._failed = float("-inf")
        self._fetching = Lock()

    def find(self, name: str) -> RSAVerifier | None:
        """The key of that name; None when Google has none. KeysUnavailable if Google cannot be asked."""
        held = self._held
        if not held.answers(name, self._clock()):
            held = self._renew(name)
        return held.keys.get(name)

    def _renew(self, name: str) -> _Held:
        if not self._fetching.acquire(timeout=self._limit):
            raise KeysUnavailable(f"{self._url} has not answered for {self._limit:g}s")
        try:
            if not self._held.answers(name, self._clock()):
                self._held = self._load()
            return self._held
        finally:
            self._fetching.release()

    def _load(self) -> _Held:
        if self._clock() - self._failed < _FAILURE_PAUSE_SECONDS:
            raise KeysUnavailable(f"{self._url} has just failed to answer")
        try:
            answer = self._fetch(self._url, self._limit)
            keys = _read(answer)
        except Exception as error:
            self._failed = self._clock()
            raise KeysUnavailable(f"{self._url} gave no certificates ({type(error).__name__})") from error
        now = self._clock()
        return _Held(keys, now, now + _lifetime(answer.cache_control))


def _read(answer: Answer) -> Mapping[str, RSAVerifier]:
    from google.auth.crypt import RSAVerifier  # noqa: PLC0415  0.07 s that only those who verify tokens need

    if answer.status != 200:
        raise ValueError(f"status {answer.status}")
    return {
        name: RSAVerifier.from_string(pem)  # type: ignore[no-untyped-call]  # google-auth is typed in part
        for name, pem in json.loads(answer.body).items()
    }


def _lifetime(cache_control: str) -> int:
    """``max-age`` of RFC 9111 in seconds, within reason."""
    found = re.search(r"\bmax-age=(\d{1,9})\b", cache_control)
    return min(max(int(found[1]), _SHORTEST_SECONDS), _LONGEST_SECONDS) if found else _USUAL_SECONDS
