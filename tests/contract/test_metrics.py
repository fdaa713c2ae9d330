"""The metrics function as it is deployed, alone in its process, read by a real Prometheus and judged by promtool."""

from __future__ import annotations

import sqlite3
import sys
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import urllib3

from shared.rollout import Phase, Rollout, RolloutKey
from shared.state.open import open_store
from shared.tally import Histogram, Reading, Tally
from tests.support.processes import Process, Program, accepts, free_port
from tests.support.promtool import PromtoolError
from tests.support.waiting import eventually

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.state.store import Store
    from tests.support.prometheus import Prometheus
    from tests.support.promtool import Promtool

ROOT = Path(__file__).parents[2]
FUNCTION = ROOT / "functions" / "metrics.py"
TOKEN = "a-token-of-the-tests-alone"
ODD = 'sum(x{a="b"}) \\ of\nall — ½'
"""A name that a metric of a Canary may have, though nobody should."""


class Instances:
    """Processes of the function beside one store."""

    def __init__(self, directory: Path, running: ExitStack) -> None:
        self._directory, self._running = directory, running
        self.url = f"sqlite:///{directory / 'serin.db'}"
        self.store = open_store(self.url)

    def start(self, **environment: str) -> str:
        """One more; its URL."""
        port = free_port()
        framework = (sys.executable, "-m", "functions_framework", "--source", str(FUNCTION), "--target", "metrics")
        argv = (*framework, "--host", "127.0.0.1", "--port", str(port))
        settings = {"PYTHONPATH": str(ROOT), "SERIN_STORE": self.url, **environment}
        program = Program(f"metrics-{port}", argv, lambda: accepts(port), settings)
        self._running.enter_context(Process(program, self._directory))
        return f"http://127.0.0.1:{port}"


@pytest.fixture
def instances(tmp_path: Path) -> Iterator[Instances]:
    with ExitStack() as running:
        made = Instances(tmp_path, running)
        running.callback(made.store.close)
        yield made


def get(url: str, token: str = "", method: str = "GET") -> urllib3.BaseHTTPResponse:
    headers = {"Authorization": f"Bearer {token}"} if token else {}
    return urllib3.request(method, url, headers=headers, timeout=10, retries=False)


def remember(store: Store, name: str, rollout: Rollout) -> None:
    """Store the first version of a rollout."""
    store.commit(RolloutKey("default", "shop", name), replace(rollout, version=1), None)


def busy(target: str) -> Rollout:
    """A rollout with something in every metric."""
    tally = Tally(
        target=target,
        ticks=9,
        seconds=4.5,
        held=1,
        analysis=Histogram().observe(0.2).observe(30),
        checks={"pass": 5},
        endings={"succeeded/canary/completed": 2},
        readings=(Reading(ODD, 99.25, 99, 100),),
        took=60.5,
    )
    now = datetime.now(UTC)
    return Rollout(phase=Phase.PROGRESSING, phase_since=now, due_at=now, weight=25, tally=tally)


def test_prometheus_reads_what_the_function_says(instances: Instances, prometheus: Prometheus) -> None:
    remember(instances.store, "cart", busy("cart"))
    url = instances.start()
    with prometheus.scraping(url.removeprefix("http://"), {"of": "this-test"}):
        mine = 'of="this-test",namespace="shop"'
        weights = eventually("weights", lambda: prometheus.query(f"flagger_canary_weight{{{mine}}}"))
        assert {sample.labels["workload"]: sample.value for sample in weights} == {"cart": 25, "cart-primary": 75}
        (reading,) = prometheus.query(f"flagger_canary_metric_analysis{{{mine}}}")
        assert (reading.labels["metric"], reading.value) == (ODD, 99.25)
        (median,) = prometheus.query(f"histogram_quantile(0.5, flagger_canary_duration_seconds_bucket{{{mine}}})")
        assert median.value == 0.25
        (average,) = prometheus.query(f"serin_tick_duration_seconds_sum{{{mine}}} / serin_tick_duration_seconds_count")
        assert average.value == 0.5
        (held,) = prometheus.query(f"count(serin_rollout_held{{{mine}}})")
        assert held.value == 4


def test_promtool_is_content_but_for_one_name_of_flaggers(instances: Instances, promtool: Promtool) -> None:
    remember(instances.store, "cart", busy("cart"))
    answer = get(f"{instances.start()}/metrics")
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.data.decode()
    assert promtool.complaints(text) == [
        'flagger_canary_total non-counter metrics should not have "_total" suffix',
    ]
    with pytest.raises(PromtoolError, match="parsing error"):
        promtool.complaints(text.replace("Ticks, from", "\nTicks, from"))


def test_every_instance_gives_the_same_answer_at_once(instances: Instances) -> None:
    one, other = instances.start(), instances.start()
    key = RolloutKey("default", "shop", "cart")
    series = 'serin_tick_duration_seconds_count{namespace="shop",canary="cart"}'
    remember(instances.store, "cart", busy("cart"))
    for ticks in range(10, 14):
        loaded = instances.store.load(key)
        assert loaded is not None
        tally = loaded.tally.ticked(0.1, in_run=True)
        instances.store.commit(key, replace(loaded, version=loaded.version + 1, tally=tally), None)
        for url in (one, other):
            assert f"{series} {ticks}\n" in get(f"{url}/metrics").data.decode()
    instances.store.delete(key)
    assert "cart" not in get(f"{one}/metrics").data.decode()


def test_a_thousand_canaries_are_scraped_well_within_a_scrapes_timeout(instances: Instances) -> None:
    for number in range(1000):
        remember(instances.store, f"cart-{number}", busy(f"cart-{number}"))
    url = instances.start()
    get(url)
    began = datetime.now(UTC)
    text = get(url).data.decode()
    assert text.count("serin_rollout_phase{") == 1000
    assert (datetime.now(UTC) - began).total_seconds() < 5


def test_a_token_opens_and_nothing_else_does(instances: Instances) -> None:
    url = instances.start(SERIN_SCRAPE_TOKENS=f"another-token-of-the-tests,{TOKEN}")
    assert get(url, TOKEN).status == 200
    for token in ("", "a-token-of-somebody-else-it-is"):
        answer = get(url, token)
        assert (answer.status, answer.json()) == (401, {"error": "unauthorized"})
    assert get(url, TOKEN, "POST").status == 405
    assert get(url, TOKEN, "HEAD").status == 200


def test_each_cluster_has_its_own_page(instances: Instances) -> None:
    place = '{"credentials": {"kubeconfig": "/nowhere"}}'
    url = instances.start(SERIN_CLUSTERS=f'{{"east": {place}, "west": {place}}}')
    instances.store.commit(RolloutKey("west", "shop", "cart"), replace(busy("cart"), version=1), None)
    found = {path: get(f"{url}{path}") for path in ("/", "/metrics", "/east", "/metrics/west", "/north")}
    statuses = {path: answer.status for path, answer in found.items()}
    assert statuses == {"/": 200, "/metrics": 200, "/east": 200, "/metrics/west": 200, "/north": 404}
    assert [path for path, answer in found.items() if b"cart" in answer.data] == ["/metrics/west"]


def test_what_cannot_be_read_is_a_failed_scrape_and_not_zeros(instances: Instances) -> None:
    url = instances.start()
    remember(instances.store, "cart", busy("cart"))
    assert get(url).status == 200
    with sqlite3.connect(instances.url.removeprefix("sqlite:///")) as connection:
        connection.execute("UPDATE rollouts SET document = ?", ('{"schema": 99}',))
    connection.close()
    answer = get(url)
    assert (answer.status, answer.json()) == (503, {"error": "try again later"})
