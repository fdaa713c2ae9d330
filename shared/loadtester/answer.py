"""What the load tester answers: an HTTP status and one line of text.

Flagger and Serin put the text of a refusal into the Canary's event, so it is a sentence and holds no secret.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to an HTTP request. Hooks take 200 and 202 for yes and everything above for no."""

    status: int
    text: str

    @property
    def response(self) -> tuple[str, int, dict[str, str]]:
        """In the form that a function returns."""
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Basic"  # RFC 9110 11.6.1
        if self.status in (429, 503):
            headers["Retry-After"] = "5"  # Serin then waits, and counts nothing against the release
        return f"{self.text}\n", self.status, headers


class RefusedRequest(Exception):
    """A request that is not followed; its text is the answer's."""

    def __init__(self, status: int, text: str) -> None:
        self.answer = Answer(status, text)
        super().__init__(text)
