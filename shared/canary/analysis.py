"""``spec.analysis``: how fast traffic moves, and what is asked before it moves on.

It must never guess: of two settings that contradict each other neither is taken.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from shared.canary.affinity import read_affinity
from shared.canary.alerts import read_alerts
from shared.canary.durations import check_duration, parse_duration
from shared.canary.fields import INT32_MAX, show
from shared.canary.metrics import read_metrics
from shared.canary.model import Analysis, Hook, HookType
from shared.canary.names import check_url

if TYPE_CHECKING:
    from shared.canary.fields import Field

MOST_ROUNDS = 100_000
"""The largest number of iterations: at one a minute, ten weeks."""

_DEFAULT_INTERVAL = 60.0
_DEFAULT_TIMEOUT = 10.0
_LONGEST_TIMEOUT = 3600.0  # no cloud function may run for longer
_MOST_RETRIES = 100


def read_analysis(field: Field, namespace: str) -> Analysis:
    """The analysis at ``field`` of a Canary in ``namespace``.

    With ``stepWeights`` its ``max_weight`` is the last of them, as in Flagger.
    """
    weights = _read_weights(field.at("stepWeights"))
    return Analysis(
        interval=_read_interval(field.at("interval")),
        threshold=field.at("threshold").required().integer(1, INT32_MAX, 0),
        max_weight=_read_max_weight(field.at("maxWeight"), weights),
        step_weight=field.at("stepWeight").integer(1, 100, 0),
        step_weights=weights,
        step_weight_promotion=field.at("stepWeightPromotion").integer(0, 100, 0),
        iterations=field.at("iterations").integer(0, MOST_ROUNDS, 0),
        match=field.at("match").blobs(),
        mirror=field.at("mirror").flag(),
        mirror_weight=field.at("mirrorWeight").integer(0, 100, 0) or 100,
        session_affinity=read_affinity(field.at("sessionAffinity")),
        primary_ready_threshold=field.at("primaryReadyThreshold").integer(0, 100, 100),
        canary_ready_threshold=field.at("canaryReadyThreshold").integer(0, 100, 100),
        max_unknown=field.at("maxUnknown").integer(1, INT32_MAX, 10),
        ignore_capacity=field.at("ignoreCapacity").flag(),
        metrics=read_metrics(field.at("metrics"), namespace),
        hooks=tuple(_read_hook(entry.required().section()) for entry in field.at("webhooks").listed().entries()),
        alerts=read_alerts(field.at("alerts"), namespace),
    )


def _read_interval(field: Field) -> float:
    text = field.text(check_duration)
    if not text:
        return _DEFAULT_INTERVAL
    seconds = parse_duration(text)
    if seconds is not None and seconds < 1:
        field.report(f"must be at least 1s, not {show(text)}")
    return seconds or 0.0


def _read_weights(steps: Field) -> tuple[int, ...]:
    weights = tuple(entry.required().integer(1, 100, 0) for entry in steps.listed().entries())
    if any(later <= earlier for earlier, later in pairwise(weights)):
        steps.report("must rise from entry to entry")
    return weights


def _read_max_weight(field: Field, weights: tuple[int, ...]) -> int:
    given = field.integer(1, 100, 100)
    return weights[-1] if weights else given


def _read_hook(field: Field) -> Hook:
    return Hook(
        name=field.at("name").required().text(),
        url=field.at("url").required().text(check_url),
        type=HookType(field.at("type").choice(tuple(HookType), HookType.ROLLOUT)),
        timeout=_read_timeout(field.at("timeout")),
        retries=field.at("retries").integer(0, _MOST_RETRIES, 0),
        disable_tls=field.at("disableTLS").flag(),
        mute_alert=field.at("muteAlert").flag(),
        metadata=field.at("metadata").text_map(),
    )


def _read_timeout(field: Field) -> float:
    text = field.text(check_duration)
    if not text:
        return _DEFAULT_TIMEOUT
    seconds = parse_duration(text)
    if seconds is not None and not 0 < seconds <= _LONGEST_TIMEOUT:
        field.report(f"must be longer than zero and at most 1h, not {show(text)}")
    return seconds or 0.0
