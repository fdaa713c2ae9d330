"""Every error that Serin raises on purpose, in one tree that says what each means for a rollout.

    SerinError
    ├── InvalidInput            refuse: somebody has to change something; carries every problem found
    │   ├── InvalidCanary       its status and an event say so; nobody else's Canary is held up
    │   └── InvalidSettings     the process does not start
    ├── Unknown                 hold: an answer is missing, and an error is not a change
    │   ├── ClusterUnavailable  the Kubernetes API did not answer
    │   ├── StoreUnavailable    the state store did not answer
    │   └── CheckUnavailable    a metrics server or a hook did not answer
    ├── Conflict                somebody else wrote the object meanwhile: stop, the next tick looks again
    │   └── StaleRollout        another tick committed first: this one ends without a word
    └── Refused                 understood and denied (forbidden, invalid): report it, hold, try again

It must never import anything of Serin: everybody imports it.
"""

from __future__ import annotations

from dataclasses import dataclass


class SerinError(Exception):
    """Root of the tree above; its text is a sentence for the person who reads the log."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with an input: ``path`` names the field as its author wrote it."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class InvalidInput(SerinError):
    """An input that cannot be used, with every problem that was found in it."""

    def __init__(self, subject: str, problems: tuple[Problem, ...]) -> None:
        self.subject = subject
        self.problems = problems
        super().__init__(f"{subject} is not valid: " + "; ".join(map(str, problems)))


class InvalidCanary(InvalidInput):
    """A Canary that Serin cannot act on."""


class InvalidSettings(InvalidInput):
    """An environment that Serin cannot start in."""


class Unknown(SerinError):
    """Something could not be found out. It holds the rollout and never counts against the release."""


class ClusterUnavailable(Unknown):
    """The Kubernetes API did not answer, or answered that it cannot at the moment (429, 5xx)."""


class StoreUnavailable(Unknown):
    """The state store did not answer."""


class CheckUnavailable(Unknown):
    """A metrics server or a hook did not answer, or answered with something that is no answer."""


class Conflict(SerinError):
    """Somebody else wrote the object since it was read."""


class StaleRollout(Conflict):
    """Another tick, or a command, committed this rollout first."""


class Refused(SerinError):
    """The Kubernetes API, or the store, understood the request and says no."""
