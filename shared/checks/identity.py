"""Who Serin is to its metrics server: nobody, the holder of a token, a user with a password, or a Google account.

An identity belongs to one server, the one of the settings. It must never be sent to a server that a Canary names:
whoever may write a Canary could collect it there.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from threading import Lock
from typing import TYPE_CHECKING, Protocol

from shared.checks.deadline import call_within
from shared.checks.endpoint import basic_headers
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from google.auth.credentials import Credentials

    from shared.checks.deadline import Deadline

_MONITORING = "https://www.googleapis.com/auth/monitoring.read"
_REFRESH_LIMIT = 5.0


class Identity(Protocol):
    """What proves to a server who is asking."""

    def headers(self, deadline: Deadline) -> Mapping[str, str]:
        """The headers of one request. CheckUnavailable if they cannot be had in time."""


@dataclass(frozen=True, slots=True)
class Anonymous:
    """Nobody: no headers at all."""

    def headers(self, deadline: Deadline) -> Mapping[str, str]:  # noqa: ARG002  others need the time
        """None."""
        return {}


@dataclass(frozen=True, slots=True)
class Bearer:
    """The holder of a token (RFC 6750)."""

    token: str = field(repr=False)

    def headers(self, deadline: Deadline) -> Mapping[str, str]:  # noqa: ARG002  others need the time
        """The token."""
        return {"Authorization": f"Bearer {self.token}"}


@dataclass(frozen=True, slots=True)
class Basic:
    """A user with a password."""

    user: str
    password: str = field(repr=False)

    def headers(self, deadline: Deadline) -> Mapping[str, str]:  # noqa: ARG002  others need the time
        """User and password."""
        return basic_headers(self.user, self.password)


ANONYMOUS = Anonymous()


class Google:
    """The service account of a ``key`` (its JSON file's content), or else the one that Google finds for this process.

    It needs the role ``roles/monitoring.viewer``.

    The token is kept until shortly before it expires. Google's library is imported with the first request, since only
    users of Managed Service for Prometheus need it.
    """

    def __init__(self, key: str = "") -> None:
        self._key = key
        self._lock = Lock()
        self._credentials: Credentials | None = None

    def headers(self, deadline: Deadline) -> Mapping[str, str]:
        """An access token, and the project to bill if the credentials name one."""
        try:
            credentials = call_within(deadline.left, lambda: self._refresh(deadline))
        except TimeoutError:
            raise CheckUnavailable("Google gave no access token in time") from None
        headers: dict[str, str] = {}
        credentials.apply(headers)  # type: ignore[no-untyped-call]  # google-auth is typed in part
        return headers

    def _refresh(self, deadline: Deadline) -> Credentials:
        # While Google is silent one thread waits for it; those that come after must not queue up behind it for ever.
        if not self._lock.acquire(timeout=deadline.left):
            raise TimeoutError
        try:
            return self._find_valid()
        finally:
            self._lock.release()

    def _find_valid(self) -> Credentials:
        from google.auth.exceptions import GoogleAuthError  # noqa: PLC0415  see the class
        from google.auth.transport.requests import Request  # noqa: PLC0415

        try:
            if self._credentials is None:
                self._credentials = _load_key(self._key) if self._key else _find_default()
            if not self._credentials.valid:
                request = partial(Request(), timeout=_REFRESH_LIMIT)
                self._credentials.refresh(request)  # type: ignore[no-untyped-call]  # google-auth is typed in part
        except GoogleAuthError as error:
            # Its text may hold Google's whole answer.
            problem = f"no access token of Google could be had ({type(error).__name__})"
            raise CheckUnavailable(f"{problem}: look at the service account of this process") from None
        return self._credentials


def _find_default() -> Credentials:
    import google.auth  # noqa: PLC0415  see Google

    credentials, _ = google.auth.default(scopes=[_MONITORING])
    return credentials


def _load_key(key: str) -> Credentials:
    from google.oauth2.service_account import Credentials as Account  # noqa: PLC0415  see Google

    try:
        account: Credentials = Account.from_service_account_info(json.loads(key), scopes=[_MONITORING])  # type: ignore[no-untyped-call]  # google-auth is typed in part
    except (ValueError, TypeError, AttributeError):
        raise CheckUnavailable("the service account key is not one of Google's JSON keys") from None
    return account
