"""Flagger's metrics under its own names, with its labels, buckets and help texts, so that dashboards and alerts go on.

Where Flagger's numbers are known to be wrong, these are right: the status is that of the stored phase and not of the
one before, series of deleted Canaries go, and the counters start at zero so that the first success is an increase.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from shared.counting import IN_RUN
from shared.metrics.exposition import Family, Kind, Sample, histogram_samples
from shared.metrics.source import Source
from shared.rollout import Phase
from shared.tally import Ending, Judgement, Outcome
from shared.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.metrics.source import Snapshot
    from shared.rollout import Rollout

PROVIDER = "istio"
_NAMED = ("name", "namespace")
_ENDED = (*_NAMED, "deployment_strategy", "analysis_status")


def _info(_snapshot: Snapshot) -> Iterator[Sample]:
    yield Sample((VERSION, PROVIDER), 1)


def _total(snapshot: Snapshot) -> Iterator[Sample]:
    for namespace, number in Counter(key.namespace for key, _ in snapshot.born()).items():
        yield Sample((namespace,), number)


def _status(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.targeted():
        yield Sample(values, _status_of(rollout))


def _status_of(rollout: Rollout) -> int:
    """Flagger shows 1 for Promoting and Finalising, too: there the traffic is still on its way."""
    if rollout.phase in IN_RUN:
        return 0
    return 2 if rollout.phase is Phase.FAILED else 1


def _weight(snapshot: Snapshot) -> Iterator[Sample]:
    for (target, namespace), rollout in snapshot.targeted():
        yield Sample((f"{target}-primary", namespace), 100 - rollout.weight)
        yield Sample((target, namespace), rollout.weight)


def _duration(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.targeted():
        yield from histogram_samples(values, rollout.tally.analysis)


def _metric_analysis(snapshot: Snapshot) -> Iterator[Sample]:
    for values, rollout in snapshot.targeted():
        for reading in rollout.tally.readings:
            if reading.value is not None:
                yield Sample((*values, reading.metric), reading.value)


def _successes(snapshot: Snapshot) -> Iterator[Sample]:
    return _ended(snapshot, Outcome.SUCCEEDED)


def _failures(snapshot: Snapshot) -> Iterator[Sample]:
    return _ended(snapshot, Outcome.FAILED)


def _ended(snapshot: Snapshot, outcome: Outcome) -> Iterator[Sample]:
    for values, rollout in snapshot.targeted():
        expected = {str(Ending(outcome, rollout.tally.strategy, judgement)): 0 for judgement in Judgement}
        for text, number in {**expected, **rollout.tally.endings}.items():
            ending = Ending.parse(text)
            if ending.outcome is outcome:
                yield Sample((*values, str(ending.strategy), str(ending.judgement)), number)


FLAGGER = (
    Source(
        Family(
            "flagger_info",
            Kind.GAUGE,
            "Serin's version, and the mesh provider of Canaries that name none",
            ("version", "mesh_provider"),
        ),
        _info,
    ),
    Source(Family("flagger_canary_total", Kind.GAUGE, "Total number of canary objects", ("namespace",)), _total),
    Source(
        Family(
            "flagger_canary_status",
            Kind.GAUGE,
            "Last canary analysis result: 0 running, 1 successful or none yet, 2 failed",
            _NAMED,
        ),
        _status,
    ),
    Source(
        Family(
            "flagger_canary_weight",
            Kind.GAUGE,
            "The virtual service destination weight current value",
            ("workload", "namespace"),
        ),
        _weight,
    ),
    Source(
        Family("flagger_canary_duration_seconds", Kind.HISTOGRAM, "Seconds spent performing canary analysis.", _NAMED),
        _duration,
    ),
    Source(
        Family(
            "flagger_canary_metric_analysis",
            Kind.GAUGE,
            "Last canary analysis result per metric, in the unit of its threshold",
            (*_NAMED, "metric"),
        ),
        _metric_analysis,
    ),
    Source(
        Family("flagger_canary_successes_total", Kind.COUNTER, "Total number of canary successes", _ENDED), _successes
    ),
    Source(Family("flagger_canary_failures_total", Kind.COUNTER, "Total number of canary failures", _ENDED), _failures),
)
