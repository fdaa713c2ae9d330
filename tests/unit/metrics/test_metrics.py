"""Every metric says what the stored rollouts say, whichever instance is asked."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from collections import Counter
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from shared.metrics.exposition import write
from shared.metrics.scrape import SOURCES
from shared.metrics.source import Snapshot
from shared.rollout import Command, Letter, Line, Phase, RolloutKey, Severity, Verb
from shared.tally import Histogram, Reading, Tally
from shared.version import VERSION
from tests.support.samples import NOW, resting, rollout

if TYPE_CHECKING:
    from shared.rollout import Rollout

ROOT = Path(__file__).parents[3]
TALLY = Tally(
    target="cart",
    ticks=4,
    seconds=2.5,
    held=1,
    analysis=Histogram().observe(0.3),
    checks={"pass": 7, "unknown": 2},
    endings={"succeeded/canary/completed": 3, "succeeded/canary/skipped": 1, "failed/blue-green/completed": 2},
    readings=(Reading("request-success-rate", 99.5, 99, None), Reading("errors", None, 0, 5)),
    took=61.5,
)


def metrics(*rollouts: Rollout, namespace: str = "shop") -> dict[str, str]:
    """The text for these rollouts of one namespace, as number by series."""
    keys = (RolloutKey("east", namespace, f"canary-{index}") for index in range(len(rollouts)))
    snapshot = Snapshot(tuple(zip(keys, rollouts, strict=True)), NOW)
    text = write((source.family, source.samples(snapshot)) for source in SOURCES)
    lines = [line.rpartition(" ") for line in text.splitlines() if not line.startswith("#")]
    assert max(Counter(series for series, _, _ in lines).values()) == 1
    return {series: number for series, _, number in lines}


@pytest.mark.parametrize(
    ("phase", "status"),
    [
        (Phase.INITIALIZING, "1"),
        (Phase.INITIALIZED, "1"),
        (Phase.PROGRESSING, "0"),
        (Phase.PROMOTING, "0"),
        (Phase.FINALISING, "0"),
        (Phase.SUCCEEDED, "1"),
        (Phase.FAILED, "2"),
        (Phase.TERMINATING, "1"),
    ],
)
def test_the_status_is_that_of_the_stored_phase(phase: Phase, status: str) -> None:
    found = metrics(rollout(phase=phase, tally=TALLY))
    assert found['flagger_canary_status{name="cart",namespace="shop"}'] == status
    assert found[f'serin_rollout_phase{{namespace="shop",canary="canary-0",phase="{phase}"}}'] == "1"
    assert sum(series.startswith("serin_rollout_phase{") for series in found) == 1


def test_flaggers_metrics_have_flaggers_labels() -> None:
    found = metrics(rollout(weight=30, tally=TALLY))
    expected = {
        f'flagger_info{{version="{VERSION}",mesh_provider="istio"}}': "1",
        'flagger_canary_total{namespace="shop"}': "1",
        'flagger_canary_weight{workload="cart-primary",namespace="shop"}': "70",
        'flagger_canary_weight{workload="cart",namespace="shop"}': "30",
        'flagger_canary_duration_seconds_bucket{name="cart",namespace="shop",le="0.25"}': "0",
        'flagger_canary_duration_seconds_bucket{name="cart",namespace="shop",le="0.5"}': "1",
        'flagger_canary_duration_seconds_count{name="cart",namespace="shop"}': "1",
        'flagger_canary_metric_analysis{name="cart",namespace="shop",metric="request-success-rate"}': "99.5",
    }
    assert found.items() >= expected.items()
    assert not any("errors" in series for series in found if series.startswith("flagger_"))


def test_ended_runs_are_counted_by_strategy_and_whether_they_were_analysed() -> None:
    found = metrics(rollout(tally=TALLY))
    ended = {series: number for series, number in found.items() if "es_total{" in series and "deployment" in series}
    assert ended == {
        _ended("successes", "canary", "completed"): "3",
        _ended("successes", "canary", "skipped"): "1",
        _ended("failures", "canary", "completed"): "0",
        _ended("failures", "canary", "skipped"): "0",
        _ended("failures", "blue-green", "completed"): "2",
    }
    runs = {outcome: found[_own("runs_total", outcome=outcome)] for outcome in ("succeeded", "failed", "withdrawn")}
    assert runs == {"succeeded": "4", "failed": "2", "withdrawn": "0"}


def test_what_waits_is_measured_at_the_moment_of_the_scrape() -> None:
    line = Line(1, NOW - timedelta(seconds=40), Severity.INFO, "x")
    command = Command("1", Verb.ABORT, "ann", NOW)
    found = metrics(
        rollout(due_at=NOW - timedelta(seconds=30), outbox=(line, replace(line, at=NOW)), commands=(command,)),
        rollout(due_at=NOW, letters=(Letter("audit", replace(line, at=NOW - timedelta(seconds=20)), "Failed", "x"),)),
        rollout(due_at=NOW + timedelta(seconds=1)),
        resting(active=False, due_at=NOW - timedelta(days=1)),
    )
    names = ("active_rollouts", "due_rollouts", "due_lag_seconds", "waiting_commands")
    assert [found[f"serin_{name}"] for name in names] == ["3", "2", "30", "1"]
    outbox = {to: (found[f'serin_outbox_lines{{to="{to}"}}'], found[_age(to)]) for to in ("events", "hooks")}
    assert outbox == {"events": ("2", "40"), "hooks": ("1", "20")}
    assert found['serin_rollouts{phase="Progressing"}'] == "3"
    assert found['serin_rollouts{phase="Failed"}'] == "0"


def test_a_rollout_that_only_a_hint_has_made_waits_but_is_no_canary_yet() -> None:
    found = metrics(rollout(born=False, due_at=NOW - timedelta(seconds=90)))
    assert (found["serin_due_rollouts"], found["serin_due_lag_seconds"]) == ("1", "90")
    assert not any(series.startswith(("flagger_canary", "serin_rollout_")) for series in found)
    assert {number for series, number in found.items() if series.startswith("serin_rollouts{")} == {"0"}


def test_a_canary_shows_what_holds_it_and_how_it_went() -> None:
    found = metrics(rollout(tally=TALLY, paused=True, halt="waits", failed=2, unknown=3))
    held = {reason: found[_own("rollout_held", reason=reason)] for reason in ("blind", "error", "halt", "paused")}
    assert held == {"blind": "0", "error": "0", "halt": "1", "paused": "1"}
    assert found[_own("rollout_failed_checks")] == "2"
    assert found[_own("rollout_unanswered_checks")] == "3"
    assert found[_own("checks_total", verdict="unknown")] == "2"
    assert found[_own("checks_total", verdict="fail")] == "0"
    assert found[_own("last_run_duration_seconds")] == "61.5"
    assert (found[_own("tick_duration_seconds_sum")], found[_own("tick_duration_seconds_count")]) == ("2.5", "4")
    assert found[_own("held_ticks_total")] == "1"
    bounds = {series: number for series, number in found.items() if series.startswith("serin_metric_bound")}
    assert bounds == {
        _bound("request-success-rate", "min"): "99",
        _bound("errors", "min"): "0",
        _bound("errors", "max"): "5",
    }


def test_a_canary_that_nobody_could_read_has_no_target_and_takes_no_labels_of_others() -> None:
    found = metrics(rollout(tally=Tally(), last_error="spec.analysis is missing"))
    assert found['flagger_canary_total{namespace="shop"}'] == "1"
    assert found[_own("rollout_held", reason="error")] == "1"
    assert not any('name=""' in series or 'workload="' in series for series in found)


def test_two_canaries_of_one_target_give_each_series_once() -> None:
    assert 'flagger_canary_status{name="cart",namespace="shop"}' in metrics(rollout(tally=TALLY), resting(tally=TALLY))


def test_the_version_is_the_projects() -> None:
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_page_about_metrics_and_the_code_name_the_same() -> None:
    page = (ROOT / "docs" / "metrics.md").read_text()
    rows = {
        tuple(cell.strip() for cell in line.split("|")[1:4]) for line in page.splitlines() if line.startswith("| `")
    }
    told = {(name, kind, labels) for name, kind, labels in rows if name.startswith(("`flagger_", "`serin_"))}
    assert told == {
        (f"`{s.family.name}`", str(s.family.kind), ", ".join(f"`{label}`" for label in s.family.labels))
        for s in SOURCES
    }


def test_the_function_does_not_load_what_talks_to_clusters() -> None:
    """In a process of its own, with a scrape answered: some modules are loaded late."""
    program = (
        "import sys, functions.metrics as m, shared.metrics.scrape as s;"
        "from shared.settings import Settings;"
        "page = s.build(Settings(store='sqlite://')).answer('/metrics', None, '127.0.0.1');"
        "assert 'flagger_info' in page.text, page;"
        "late = ('kubernetes', 'requests', 'slack_sdk', 'google.auth', 'google.cloud.firestore', 'shared.cluster.');"
        "print(*(name for name in sys.modules if name.startswith(late)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout.strip(), done.stderr) == ("", "")


def _own(name: str, **labels: str) -> str:
    pairs = ",".join(f'{label}="{value}"' for label, value in labels.items())
    return f'serin_{name}{{namespace="shop",canary="canary-0"{"," + pairs if pairs else ""}}}'


def _ended(what: str, strategy: str, status: str) -> str:
    labels = f'name="cart",namespace="shop",deployment_strategy="{strategy}",analysis_status="{status}"'
    return f"flagger_canary_{what}_total{{{labels}}}"


def _age(to: str) -> str:
    return f'serin_outbox_age_seconds{{to="{to}"}}'


def _bound(metric: str, bound: str) -> str:
    return f'serin_metric_bound{{name="cart",namespace="shop",metric="{metric}",bound="{bound}"}}'
