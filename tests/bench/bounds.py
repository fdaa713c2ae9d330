"""Figures beside their bounds, as tables have them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.support.figures import Table

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True)
class Bound:
    """What was measured, how much of it, and how much it may be at most; both in ``unit``."""

    what: str
    measured: float
    most: float
    unit: str = ""

    @property
    def holds(self) -> bool:
        """Whether it is within the bound."""
        return self.measured <= self.most

    def show(self, value: float) -> str:
        """A value of it with its unit."""
        return f"{value:,.{2 if self.unit == 's' else 0}f} {self.unit}".rstrip()


def bounds_table(bounds: Sequence[Bound]) -> Table:
    """One row a bound."""
    rows = tuple((bound.what, bound.show(bound.measured), bound.show(bound.most)) for bound in bounds)
    return Table(("", "measured", "at most"), rows)


def broken(bounds: Sequence[Bound]) -> tuple[str, ...]:
    """A sentence for each bound that does not hold."""
    return tuple(
        f"{bound.what}: {bound.show(bound.measured)}, at most {bound.show(bound.most)} are agreed"
        for bound in bounds
        if not bound.holds
    )
