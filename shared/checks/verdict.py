"""What a check answers: pass, fail, wait, abort or unknown, with the evidence that lets a person understand it later.

"Unknown" is not a mild "fail": it holds the rollout and has a counter of its own (a provider that is down says nothing
about a release). "Wait" is an answer, too: not yet, ask again. It holds the rollout and counts for nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """The five answers; only a hook says abort: the run is over, now."""

    PASS = "pass"  # noqa: S105  a verdict, not a password
    FAIL = "fail"
    WAIT = "wait"
    ABORT = "abort"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class CheckResult:
    """One answered check.

    ``name`` is the metric's or hook's; ``kind`` is ``metric``, ``comparison`` or the hook's type; ``text`` is the
    sentence for the log when it does not pass (for a failed one the predecessor's words, e.g. ``Halt app.ns advancement
    success rate 62.50% < 99%``), of a comparison always what was found. ``value`` is in the metric's unit, ``bounds``
    as people read them (``>= 99``), ``query`` the rendered query or the hook's URL, ``answer`` a hook's response text,
    cut to 1,000 characters.
    """

    name: str
    kind: str
    verdict: Verdict
    text: str = ""
    value: float | None = None
    bounds: str = ""
    query: str = ""
    answer: str = ""
