"""What one analysis is about: a Canary in a cluster, and what is to be asked about it.

The tick fills it with plain values. Checks ask with it; they look nothing up in a cluster or a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.checks.questions import Questions


@dataclass(frozen=True, slots=True)
class Subject:
    """``questions`` are the engine's: whom to ask, and what hooks are told of the rollout."""

    cluster: str
    canary: Canary
    questions: Questions
