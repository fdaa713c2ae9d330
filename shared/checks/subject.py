"""What one analysis is about: a Canary in a cluster, and the revision that is looked at.

The tick fills it with plain values. Checks ask with it; they look nothing up in a cluster or a store.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.canary.model import Canary


@dataclass(frozen=True, slots=True)
class Subject:
    """``checksum`` tells hooks which revision this is."""

    cluster: str
    canary: Canary
    checksum: str
