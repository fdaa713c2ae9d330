"""The answer to an AdmissionReview, in the form that makes kubectl print every problem on a line of its own.

For a denial with reason Invalid, kubectl prints ``details``, and one line for each of its causes; everybody else gets
the message, which the API server puts the webhook's name before. Warnings go to the client as HTTP headers. Beyond
4,096 characters in all the API server cuts each to 256 and drops what is left, and it drops a warning with a control
character in silence: so they are cut here, where the reader can be told that there are more.

It must never say more about the request than its uid.
Source: https://kubernetes.io/docs/reference/access-authn-authz/extensible-admission-controllers/#response
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from typing import TYPE_CHECKING

from shared.admission.review import API_VERSION, KIND

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.errors import Problem
    from shared.json_types import JsonObject

LONGEST_WARNING = 256
ALL_WARNINGS = 4096
"""Characters (code points) of one warning and of all, as kube-apiserver counts them (``filters/warning.go``)."""

MOST_CAUSES = 100
"""Problems that a denial names. Whoever has more of them reads these first."""


@dataclass(frozen=True, slots=True)
class Answer:
    """Allowed, unless there are ``problems``. ``subject`` is the name of the denied object."""

    problems: tuple[Problem, ...] = ()
    warnings: tuple[str, ...] = ()
    subject: str = ""

    @property
    def allowed(self) -> bool:
        """Whether the API server may go on."""
        return not self.problems


def respond(uid: str, answer: Answer) -> JsonObject:
    """The AdmissionReview that answers the request ``uid``."""
    warnings = _cut(answer.warnings)
    response = {
        "uid": uid,
        "allowed": answer.allowed,
        **({} if answer.allowed else {"status": _denial(answer)}),
        **({"warnings": warnings} if warnings else {}),
    }
    return {"apiVersion": API_VERSION, "kind": KIND, "response": response}


def _denial(answer: Answer) -> JsonObject:
    """A ``meta.k8s.io/v1`` Status as the API server itself makes one of an object that its schema refuses."""
    named = answer.problems[:MOST_CAUSES]
    more = len(answer.problems) - len(named)
    rest = f"; and {more} more" if more else ""
    return {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": f"Canary {answer.subject} is not valid: {'; '.join(map(str, named))}{rest}",
        "details": {
            "group": "flagger.app",
            "kind": "Canary",
            "name": answer.subject,
            "causes": [
                {"reason": "FieldValueInvalid", "field": problem.path, "message": problem.message} for problem in named
            ],
        },
    }


def _cut(warnings: Sequence[str]) -> list[str]:
    """Each once, on one line, short enough, and as many as fit; the last says how many do not."""
    cut = [_clip(_in_one_line(each)) for each in dict.fromkeys(warnings) if each]
    if sum(map(len, cut)) <= ALL_WARNINGS:
        return cut
    sizes = accumulate(len(each) for each in cut)
    kept = [each for each, size in zip(cut, sizes, strict=True) if size <= ALL_WARNINGS - LONGEST_WARNING]
    return [*kept, f"{len(cut) - len(kept)} more warnings do not fit in here"]


def _clip(text: str) -> str:
    return text if len(text) <= LONGEST_WARNING else f"{text[: LONGEST_WARNING - 1]}…"


def _in_one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)
