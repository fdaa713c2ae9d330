"""What can go wrong with a job in Cloud Scheduler, in our own words: Google's may hold an account, a token or a page.

Google's error classes are imported when there is an error to explain, not before.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from shared.errors import SerinError


class Kind(StrEnum):
    """Troubles that somebody has to do different things about."""

    MISSING = "missing"
    DENIED = "denied"
    NAMELESS = "nameless"
    UNREACHABLE = "unreachable"
    EXHAUSTED = "exhausted"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Trouble:
    """``text`` says what could not be done to which job, why, and what helps."""

    kind: Kind
    text: str


class Unsettled(SerinError):
    """The job is in a state that nothing can be done from (DISABLED, UPDATE_FAILED)."""

    def __init__(self, state: str) -> None:
        super().__init__(f"its state is {state or 'not known'}: update or delete it, and let Terraform make it again")


_WORDS = {
    Kind.MISSING: "there is no such job. Make it (Terraform does), or correct project, location, prefix or cluster",
    Kind.DENIED: "permission denied. Grant this service account cloudscheduler.jobs.pause, .enable, .run and .get",
    Kind.NAMELESS: "there are no Google credentials. Give this process a service account",
    Kind.UNREACHABLE: "Cloud Scheduler does not answer. Until it does, changes are found by the sweep",
    Kind.EXHAUSTED: "the quota of Cloud Scheduler is used up. Raise its write requests per minute",
}


def explain(error: Exception, action: str, job: str) -> Trouble:
    """What ``error``, met by ``action``, means for ``job`` (its resource name)."""
    kind = _kind_of(error)
    reason = str(error) if isinstance(error, Unsettled) else f"it was refused ({type(error).__name__})"
    return Trouble(kind, f"Could not {action} {job}: {_WORDS.get(kind, reason)}")


def _kind_of(error: Exception) -> Kind:
    from google.api_core import exceptions as api  # noqa: PLC0415  see the module
    from google.auth import exceptions as auth  # noqa: PLC0415

    match error:
        case api.NotFound():
            return Kind.MISSING
        case api.Forbidden() | api.Unauthorized():
            return Kind.DENIED
        case auth.DefaultCredentialsError() | auth.RefreshError():
            return Kind.NAMELESS
        case api.TooManyRequests():
            return Kind.EXHAUSTED
        case api.ServerError() | auth.TransportError() | TimeoutError():
            return Kind.UNREACHABLE
        case _:
            return Kind.REFUSED
