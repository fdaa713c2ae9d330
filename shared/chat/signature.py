"""Whether a request comes from Slack: its signature over the raw body, and its age, checked before anything is parsed.

Slack's own verifier does it (docs.slack.dev, "Verifying requests from Slack": HMAC-SHA256, five minutes either way).
It raises on what no Slack would send, so only well-formed headers are shown to it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from slack_sdk.signature import Clock, SignatureVerifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

SIGNATURE = "X-Slack-Signature"
TIMESTAMP = "X-Slack-Request-Timestamp"

_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_TIMESTAMP = re.compile(r"[0-9]{1,12}")


def is_signed(secrets: Sequence[str], headers: Mapping[str, str], body: bytes, clock: Callable[[], datetime]) -> bool:
    """Whether ``body`` was signed lately with one of ``secrets``: the old and the new one during a change."""
    signature, timestamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
    if not _SIGNATURE.fullmatch(signature) or not _TIMESTAMP.fullmatch(timestamp):
        return False
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return False
    verifiers = [SignatureVerifier(secret, _Clock(clock)) for secret in secrets]
    return any(verifier.is_valid(text, timestamp, signature) for verifier in verifiers)


class _Clock(Clock):
    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock

    def now(self) -> float:
        return self._clock().timestamp()
