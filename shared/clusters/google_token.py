"""The access token of a Google account, renewed shortly before it expires.

While a token still works, one thread renews it and the others go on with the old one; a failure is remembered for some
seconds, so that a silent Google costs one thread its time and not each request.
"""

from __future__ import annotations

import time
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING

from shared.checks.deadline import call_within
from shared.errors import ClusterUnavailable

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from google.auth.credentials import Credentials

SCOPES = (
    "https://www.googleapis.com/auth/cloud-platform",
    # Without it GKE knows a service account by a number, and RBAC written for its e-mail address does not match.
    "https://www.googleapis.com/auth/userinfo.email",
)
_LIMIT = 5.0
_PAUSE = 10.0


def find_credentials() -> Credentials:
    """The Application Default Credentials of this process. GoogleAuthError if there are none."""
    import google.auth  # noqa: PLC0415  only users of Google Cloud need it

    credentials, _ = google.auth.default(scopes=SCOPES)
    return credentials


class GoogleToken:
    """``find`` is called once, with the first request. Threads may share it."""

    def __init__(self, find: Callable[[], Credentials] = find_credentials) -> None:
        self._find = find
        self._lock = Lock()
        self._credentials: Credentials | None = None
        self._again_at = 0.0
        self._problem = ""

    def headers(self) -> Mapping[str, str]:
        """``authorization``, and the project to bill if the credentials name one. ClusterUnavailable if none is had."""
        credentials = self._credentials
        if credentials is None or not credentials.valid:
            credentials = self._renew()
        headers: dict[str, str] = {}
        credentials.apply(headers)  # type: ignore[no-untyped-call]  # google-auth is typed in part
        return headers

    def _renew(self) -> Credentials:
        working = self._working()
        if not self._lock.acquire(timeout=0 if working else _LIMIT):
            return working or _fail("Google gave no access token in time")
        try:
            return self._renew_alone()
        finally:
            self._lock.release()

    def _renew_alone(self) -> Credentials:
        if time.monotonic() >= self._again_at:
            self._problem = self._try()
            self._again_at = time.monotonic() + _PAUSE if self._problem else 0.0
        return self._working() or _fail(self._problem)

    def _working(self) -> Credentials | None:
        """The credentials, while their token has not expired for good (google-auth calls it stale before)."""
        from google.auth.credentials import TokenState  # noqa: PLC0415  see find_credentials

        found = self._credentials
        return None if found is None or found.token_state is TokenState.INVALID else found

    def _try(self) -> str:
        """Renew if nobody has meanwhile; what went wrong, or nothing."""
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  see find_credentials

        try:
            call_within(_LIMIT, self._refresh)
        except TimeoutError:
            return "Google gave no access token in time"
        except GoogleAuthError as error:
            # Its text may hold Google's whole answer.
            kind = type(error).__name__
            return f"no access token of Google could be had ({kind}): look at the service account of this process"
        return ""

    def _refresh(self) -> None:
        from google.auth.transport.requests import Request  # noqa: PLC0415  see find_credentials

        if self._credentials is None:
            self._credentials = self._find()
        if not self._credentials.valid:
            request = partial(Request(), timeout=_LIMIT)
            self._credentials.refresh(request)  # type: ignore[no-untyped-call]  # google-auth is typed in part


def _fail(problem: str) -> Credentials:
    raise ClusterUnavailable(problem)
