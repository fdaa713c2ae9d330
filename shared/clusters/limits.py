"""How much may be asked of a cluster, and when it is left alone: a token bucket and a circuit breaker.

Plain arithmetic on a clock that the caller reads, in seconds. Neither waits, and neither is safe for threads: whoever
shares one locks it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.clusters.registry import Allowance


class Bucket:
    """Requests per second with a burst: never more than ``burst + per_second * t`` in any ``t`` seconds.

    Whoever comes is given its own turn, in the order of coming, so that nobody has to ask again.
    """

    def __init__(self, allowance: Allowance, now: float) -> None:
        self._allowance = allowance
        self._tokens = float(allowance.burst)
        self._at = now

    def take(self, now: float, patience: float) -> float | None:
        """Seconds until the turn of this request; None, and no turn, if that is beyond ``patience``."""
        rate = self._allowance.per_second
        tokens = min(self._tokens + max(now - self._at, 0.0) * rate, float(self._allowance.burst))
        wait = max(1.0 - tokens, 0.0) / rate
        self._at, self._tokens = max(now, self._at), tokens
        if wait > patience:
            return None
        self._tokens -= 1.0
        return wait


class Breaker:
    """After ``failures`` in a row requests are refused for ``pause`` seconds; then one may try, and decides for all.

    A try whose end is never told counts as failed after another ``pause``.
    """

    def __init__(self, failures: int, pause: float) -> None:
        self._limit = failures
        self._pause = pause
        self._failed = 0
        self._retry_at = 0.0

    def refuses(self, now: float) -> bool:
        """Whether a request would be refused."""
        return self._failed >= self._limit and now < self._retry_at

    def admit(self, now: float) -> bool:
        """Whether a request may go out; when it is the one that tries, the others are refused meanwhile."""
        if self.refuses(now):
            return False
        if self._failed >= self._limit:
            self._retry_at = now + self._pause
        return True

    def succeeded(self) -> None:
        """There was an answer, whatever it said."""
        self._failed = 0

    def failed(self, now: float) -> None:
        """There was no answer."""
        self._failed += 1
        self._retry_at = now + self._pause
