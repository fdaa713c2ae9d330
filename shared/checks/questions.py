"""What one tick asks of hooks and metrics, and what it tells them of the rollout. Plain data, so that the engine, which
asks nobody, can say it.

It must never say what an answer means: the engine knows where the rollout stands.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.canary.model import Hook


@dataclass(frozen=True, slots=True)
class Facts:
    """What hooks are told of a rollout, in the words of Flagger's payload.

    ``phase`` is as in the Canary's status; ``checksum`` the mark of the revision; ``build`` names the run;
    ``remaining`` is seconds until the analysis can be over.
    """

    phase: str = "Progressing"
    checksum: str = ""
    build: str = ""
    failed_checks: int = 0
    weight: int = 0
    iterations: int = 0
    remaining: float = 0.0


@dataclass(frozen=True, slots=True)
class Questions:
    """Hooks in the order of asking, and whether metrics are asked.

    ``rollback`` comes first; then ``hooks``, the metrics and ``gates``, each only if everything before it passed.
    ``age`` is seconds since the step began. ``blind`` says that traffic has gone home: what counts is being answered.
    """

    facts: Facts = field(default_factory=Facts)
    rollback: tuple[Hook, ...] = ()
    hooks: tuple[Hook, ...] = ()
    metrics: bool = False
    age: float = 0.0
    blind: bool = False
    gates: tuple[Hook, ...] = ()

    def __bool__(self) -> bool:
        """Whether there is anybody to ask."""
        return bool(self.rollback or self.hooks or self.metrics or self.gates)
