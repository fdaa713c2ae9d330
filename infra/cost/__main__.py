"""``python -m infra.cost`` writes the tables of docs/cost.md from the prices, the measurements and the assumptions."""

from __future__ import annotations

import json
import re
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_type_hints

from infra.cost.model import Assumptions, Load, Measured, Price, bill, carried, rollout_seconds, used

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

HERE = Path(__file__).parent
MEASURED = HERE / "measured.json"
PRICES = HERE / "prices.json"
PAGE = HERE.parents[1] / "docs/cost.md"
CANARIES = (1, 100, 1000)
ROLLOUTS = (4, 20, 100)
"""Of each canary in a month."""

_PART = re.compile("(?<=<!-- begin tables -->\n).*?(?=<!-- end tables -->)", re.DOTALL)


def page() -> str:
    """The page as it should be."""
    measured, prices = read_measured(), read_prices()
    return _PART.sub(lambda _: f"{_tables(measured, prices)}\n", PAGE.read_text(encoding="utf-8"))


def read_measured() -> Measured:
    """What was measured last."""
    return Measured(**json.loads(MEASURED.read_text(encoding="utf-8")))


def read_prices() -> Mapping[str, Price]:
    """The price list."""
    return {name: Price(**fields) for name, fields in _price_list()["prices"].items()}


def _price_list() -> Any:
    return json.loads(PRICES.read_text(encoding="utf-8"))


def _tables(measured: Measured, prices: Mapping[str, Price]) -> str:
    listed = _price_list()
    columns = ("canaries", "rollouts of each", "at a time", "dollars a month", "without free tiers", "most of that")
    rows = (_price_row(each) for each in prices.values())
    return "\n\n".join(
        (
            _table(columns, _bills(measured, prices)),
            _found(measured, Assumptions()),
            f"## List prices of {listed['region']}, {listed['as_of']}, in {listed['currency']}",
            _table(("unit", "price", "free each month", "where it stands"), rows),
            "## Measured",
            _table(("value", "of what"), _figures(measured)),
            "## Assumed",
            _table(("value", "of what"), _figures(Assumptions())),
        )
    )


def _found(measured: Measured, assumed: Assumptions) -> str:
    minutes, most = rollout_seconds(measured, assumed) / 60, carried(measured, assumed)
    return f"A rollout takes {minutes:.1f} minutes, and one heartbeat carries {most:,.0f} of them at a time."


def _price_row(each: Price) -> tuple[str, ...]:
    price = f"{each.price:.7f}".rstrip("0")
    return each.unit, f"{price} for {each.per:,.0f}", f"{each.free:,.0f}", each.source


def _figures(each: Measured | Assumptions) -> Iterator[tuple[str, str]]:
    words = get_type_hints(type(each), include_extras=True)
    return ((f"{value:g}", *words[name].__metadata__) for name, value in asdict(each).items())


def _bills(measured: Measured, prices: Mapping[str, Price]) -> Iterator[tuple[str, ...]]:
    full = {name: Price(each.price, each.per, 0, each.unit, each.source) for name, each in prices.items()}
    for canaries in CANARIES:
        for rollouts in ROLLOUTS:
            load = Load(canaries, rollouts)
            use, busy = used(load, measured, Assumptions()), load.at_a_time(measured, Assumptions())
            dollars, undiscounted = bill(use, prices), bill(use, full)
            most = max(undiscounted, key=undiscounted.__getitem__)
            total, whole = sum(dollars.values()), sum(undiscounted.values())
            amounts = f"{busy:.2f}", f"{total:.2f}", f"{whole:.2f}"
            yield f"{canaries:,}", str(rollouts), *amounts, prices[most].unit


def _table(header: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (header, ("---",) * len(header), *rows))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    sys.exit(0)
