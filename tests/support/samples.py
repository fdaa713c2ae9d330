"""Plain values for tests of pure code: a Canary, workloads, a rollout in the middle of a run, and how to change one
thing about them.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from shared.canary.model import Analysis, Canary, Metric, ObjectRef, Service
from shared.canary.model import Bounds as MetricBounds
from shared.checks.verdict import CheckResult, Verdict
from shared.engine import Situation
from shared.observed import Look, Observed
from shared.rollout import Command, Phase, Revision, Rollout, Verb
from shared.workload import Workload

NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
OLD = Revision("v1-old", {"configmap/frontend": "v1-c1"})
NEW = Revision("v1-new", {"configmap/frontend": "v1-c1"})
NEWER = Revision("v1-newer", {"configmap/frontend": "v1-c1"})
NEW_CONFIG = Revision("v1-old", {"configmap/frontend": "v1-c2"})


def canary(**changes: Any) -> Canary:
    """The guide's frontend: step 10, max 50, threshold 2, every 10 s; ``changes`` go to the Canary or its analysis."""
    analysis = Analysis(
        interval=10.0,
        threshold=2,
        max_weight=50,
        step_weight=10,
        metrics=(Metric("request-success-rate", "1m", MetricBounds(min=99), builtin="request-success-rate"),),
    )
    inner = {name: changes.pop(name) for name in list(changes) if name in Analysis.__dataclass_fields__}
    made = Canary(
        namespace="test",
        name="frontend",
        uid="c-uid",
        generation=1,
        api_version="flagger.app/v1beta1",
        target=ObjectRef("apps/v1", "Deployment", "frontend"),
        service=Service(name="frontend", port=9898),
        analysis=replace(analysis, **inner),
    )
    return replace(made, **changes)


def workload(name: str = "frontend", replicas: int = 2, ready: int | None = None) -> Workload:
    """A Deployment whose rolling update is over and of whose pods ``ready`` are ready (by default all)."""
    up = replicas if ready is None else ready
    return Workload("test", name, "uid", "1", 1, 1, replicas, replicas, replicas, up, up, False, (), {})


def seen(**changes: Any) -> Observed:
    """Both sides ready, the new revision in the target, nothing in the way."""
    everything = Observed(
        look=Look.ALL, target=workload(), primary=workload("frontend-primary"), revision=NEW, drift=(), problems=()
    )
    return replace(everything, **changes)


def rollout(**changes: Any) -> Rollout:
    """A run of the new revision at weight 10, due now."""
    running = Rollout(
        version=7,
        phase=Phase.PROGRESSING,
        phase_since=NOW - timedelta(minutes=1),
        weight=10,
        step=0,
        applied=NEW,
        promoted=OLD,
        replicas=2,
        reconciled=1,
        runs=1,
        due_at=NOW,
        step_at=NOW,
        hinted=False,
    )
    return replace(running, **changes)


def resting(**changes: Any) -> Rollout:
    """A rollout between runs, woken up to look for a change."""
    quiet = rollout(phase=Phase.SUCCEEDED, weight=0, step=-1, applied=OLD, replicas=None, hinted=True)
    return replace(quiet, **changes)


def result(verdict: Verdict, text: str = "Halt frontend.test advancement success rate 62.50% < 99%") -> CheckResult:
    """One metric's answer."""
    return CheckResult("request-success-rate", "metric", verdict, "" if verdict is Verdict.PASS else text)


def command(verb: Verb, by: str = "stefan", reason: str = "", **more: str) -> Command:
    """Something that a person asked for."""
    return Command(f"id-{verb}", verb, by, NOW, reason, **more)


def situation(**changes: Any) -> Situation:
    """All of the above; the checks pass."""
    base = Situation(canary(), rollout(), seen(), NOW, (result(Verdict.PASS),))
    return replace(base, **changes)
