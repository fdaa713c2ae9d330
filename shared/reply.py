"""What a function answers: an HTTP status and a JSON body.

Never a reason that helps a stranger, never a stack trace.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.body import Refusal
    from shared.json_types import JsonObject


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer to an HTTP request."""

    status: int
    body: JsonObject

    @property
    def response(self) -> tuple[JsonObject, int]:
        """In the form that a function returns."""
        return self.body, self.status


NOT_FOUND = Reply(404, {"error": "not found"})
UNAUTHORIZED = Reply(401, {"error": "unauthorized"})
NOT_NOW = Reply(503, {"error": "try again later"})
USE_GET = Reply(405, {"error": "use GET"})
USE_POST = Reply(405, {"error": "use POST"})


def refused(refusal: Refusal) -> Reply:
    """The answer to a body that cannot be used."""
    return Reply(refusal.status, {"error": refusal.sentence})
