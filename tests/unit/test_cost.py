"""What an installation costs: arithmetic on plain data, and a page that says what the data say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from infra.cost.__main__ import PAGE, page, read_measured, read_prices
from infra.cost.model import MONTH, Assumptions, Measured, Price, bill, used

MEASURED = Measured(50, 60, 20, sweep_listed=1, sweep_reads=1, looks_a_second=1)
ASSUMED = Assumptions()


def test_the_page_says_what_prices_measurements_and_assumptions_come_to() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make cost"


def test_the_functions_are_as_large_as_terraform_makes_them() -> None:
    google = PAGE.parents[1] / "infra/google"
    tick = re.search(r'size += { memory = "(\d+)Gi", timeout_seconds = 600', (google / "main.tf").read_text())
    others = (google / "modules/function/variables.tf").read_text()
    assert tick
    assert int(tick[1]) == ASSUMED.tick_gib
    assert f'"{ASSUMED.other_gib * 1024:.0f}Mi"' in others
    assert re.search(rf'cpu += optional\(string, "{ASSUMED.vcpus:g}"\)', others)


def test_everything_that_is_used_has_a_price_and_every_price_is_used() -> None:
    assert used(1, 1, read_measured(), ASSUMED).keys() == read_prices().keys()


def test_only_what_is_beyond_the_free_tier_is_paid() -> None:
    price = Price(0.5, per=100, free=1000, unit="read", source="list")
    assert [price.of(each) for each in (0, 1000, 1200)] == [0, 0, 1]
    assert bill({"read": 1400}, {"read": price}) == {"read": 2}


def test_without_rollouts_no_heartbeat_is_awake_and_nothing_is_written() -> None:
    idle = used(10, 0, MEASURED, ASSUMED)
    assert idle["firestore_write"] == idle["firestore_delete"] == 0
    assert idle["vcpu_second"] == pytest.approx(4320 * 5 + (2000 + 43200) * 0.1)
    assert idle["firestore_read"] == 4320 * 11 + 2000 + 43200 * 10


def test_the_heartbeat_is_never_awake_for_longer_than_the_month() -> None:
    most = used(1000, 1000, MEASURED, replace(ASSUMED, changes_per_canary=0, sweep_seconds=0, call_seconds=0))
    assert most["vcpu_second"] == pytest.approx(MONTH)


def test_rollouts_that_are_rare_keep_it_awake_one_after_the_other() -> None:
    rare = used(1, 2, MEASURED, replace(ASSUMED, changes_per_canary=0, sweep_seconds=0, call_seconds=0))
    assert rare["vcpu_second"] == pytest.approx(2 * 15 * 60, rel=0.01)
    assert rare["firestore_write"] == 2 * 60
