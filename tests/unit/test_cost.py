"""What an installation costs: arithmetic on plain data, and a page that says what the data say."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from infra.cost.__main__ import PAGE, page, read_measured, read_prices
from infra.cost.model import MONTH, Assumptions, Load, Measured, Price, bill, carried, rollout_seconds, used
from shared.heartbeat import Pace
from shared.settings import Settings

MEASURED = Measured(
    rollout_reads=50,
    rollout_writes=60,
    rollout_history=20,
    rollout_ticks=10,
    rollout_intervals=5,
    rollout_rest=8,
    rollout_calls=6,
    call_seconds=0.01,
    scrape_seconds=0.05,
    scrape_seconds_each=0.01,
    sweep_listed=1,
    sweep_reads=1,
    sweep_requests=5,
    sweep_seconds=0.2,
    sweep_seconds_each=0.01,
    tick_requests=10,
    tick_cpu=0.025,
    tick_waiting=0.1,
)
ASSUMED = Assumptions()
HEARTBEAT_ALONE = replace(ASSUMED, changes=0, scrape_every=MONTH, sweep_every=MONTH)
GOOGLE = PAGE.parents[1] / "infra/google"


def test_the_page_says_what_prices_measurements_and_assumptions_come_to() -> None:
    assert PAGE.read_text(encoding="utf-8") == page(), "run make cost"


def test_the_functions_are_as_large_as_terraform_makes_them() -> None:
    tick = re.search(r'size += { memory = "(\d+)Gi", timeout_seconds = 600', (GOOGLE / "main.tf").read_text())
    others = (GOOGLE / "modules/function/variables.tf").read_text()
    assert tick
    assert int(tick[1]) == ASSUMED.tick_gib
    assert f'"{ASSUMED.other_gib * 1024:.0f}Mi"' in others
    assert re.search(rf'cpu += optional\(string, "{ASSUMED.vcpus:g}"\)', others)


def test_the_jobs_come_as_often_as_terraform_has_them() -> None:
    scheduler = GOOGLE / "modules/scheduler"
    assert f'"*/{ASSUMED.sweep_every / 60:g} * * * *"' in (scheduler / "variables.tf").read_text()
    assert re.search(r'heartbeat = { schedule = "\* \* \* \* \*"', (scheduler / "main.tf").read_text())
    assert ASSUMED.heartbeat_every == 60


def test_the_heartbeat_works_as_its_settings_say() -> None:
    assert (ASSUMED.concurrency, ASSUMED.heartbeat_seconds) == (Settings().concurrency, Settings().heartbeat_seconds)
    assert ASSUMED.look_every == Pace().notice


def test_everything_that_is_used_has_a_price_and_every_price_is_used() -> None:
    assert used(Load(1, 1), read_measured(), ASSUMED).keys() == read_prices().keys()


def test_only_what_is_beyond_the_free_tier_is_paid() -> None:
    price = Price(0.5, per=100, free=1000, unit="read", source="list")
    assert [price.of(each) for each in (0, 1000, 1200)] == [0, 0, 1]
    assert bill({"read": 1400}, {"read": price}) == {"read": 2}


def test_a_rollout_takes_its_intervals_its_start_and_its_promotion() -> None:
    near = replace(ASSUMED, round_trip=0, pods_start=0)
    assert rollout_seconds(MEASURED, near) == 5 * 60 + 8
    assert rollout_seconds(MEASURED, ASSUMED) == pytest.approx(5 * 60 + 8 + 10 * 10 * 0.02 + 2 * 30)


def test_a_heartbeat_carries_what_its_cpu_or_its_threads_can_whichever_is_less() -> None:
    assert carried(MEASURED, replace(ASSUMED, round_trip=0)) == pytest.approx(50 / 0.025)
    assert carried(MEASURED, ASSUMED) == pytest.approx(50 * 8 / (0.025 + 0.1 + 10 * 0.02))
    assert carried(MEASURED, replace(ASSUMED, interval=120)) == pytest.approx(2 * carried(MEASURED, ASSUMED))


def test_without_rollouts_no_heartbeat_is_awake_and_nothing_is_written() -> None:
    idle = used(Load(10, 0), MEASURED, ASSUMED)
    assert idle["firestore_write"] == idle["firestore_delete"] == 0
    assert idle["vcpu_second"] == pytest.approx(4320 * 0.4 + 2000 * 0.1 + 43200 * 0.2)
    assert idle["firestore_read"] == 4320 * 11 + 2000 + 43200 * 10
    assert idle["request"] == 4320 + 2000 + 43200


def test_a_sweep_and_a_scrape_take_longer_with_more_canaries() -> None:
    one, hundred = (used(Load(canaries, 0), MEASURED, replace(ASSUMED, changes=0)) for canaries in (1, 100))
    assert hundred["vcpu_second"] - one["vcpu_second"] == pytest.approx(4320 * 0.9 + 43200 * 1.0)


def test_the_heartbeat_is_paid_for_its_part_of_each_minute_and_never_for_more() -> None:
    most = used(Load(1000, 1000), MEASURED, HEARTBEAT_ALONE)
    answered = 1000 * 1000 * 6 * 0.1
    assert most["vcpu_second"] - answered == pytest.approx(MONTH * 50 / 60, rel=1e-5)


def test_rollouts_that_are_rare_keep_it_awake_one_after_the_other() -> None:
    rare = used(Load(1, 2), MEASURED, HEARTBEAT_ALONE)
    minutes = 2 * rollout_seconds(MEASURED, ASSUMED) / 60
    assert rare["vcpu_second"] == pytest.approx((minutes + 2) * 50, rel=0.01)
    assert rare["request"] == pytest.approx(2 + minutes + 2 * 6 + 2, rel=0.01)
    assert rare["firestore_write"] == 2 * 60
