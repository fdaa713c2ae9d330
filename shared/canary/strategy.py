"""Which strategy a Canary asks for, and what about it cannot be meant.

Flagger takes ``iterations`` with ``match`` for A/B testing, ``iterations`` alone for blue/green, and weights otherwise.
Its schema allows exactly one of ``iterations``, ``stepWeight`` and ``stepWeights``. What it takes and then does wrong
(it sends everybody to the canary of an A/B test over TCP) is refused here.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.canary.fields import INT32_MAX
from shared.canary.model import Provider

if TYPE_CHECKING:
    from shared.canary.fields import Field
    from shared.canary.model import Analysis

ROUNDS_WITHOUT_ROUTER = 10
"""``iterations`` of a Canary without a router that gives weights (Flagger)."""

JOINED = ("headers", "withoutHeaders", "queryParams", "sourceLabels")
"""Fields of an HTTPMatchRequest that hold conditions by name, so that an analysis and a service can both have some."""

_HTTP_ONLY = {
    "match": "A/B testing needs requests with headers",
    "mirror": "only requests can be copied",
    "sessionAffinity": "only requests carry cookies",
}


def read_provider(field: Field) -> Provider:
    """The router of the Canary; Istio also for one that is not supported, which is refused elsewhere."""
    text = field.text()
    return Provider(text) if text in tuple(Provider) else Provider.ISTIO


def check_strategy(field: Field, provider: Provider) -> None:
    """Reports what is wrong with how the analysis at ``field`` says what its steps are."""
    equal, free, rounds = field.at("stepWeight"), field.at("stepWeights"), field.at("iterations")
    if equal.value is not None and free.entries():
        equal.report("cannot be given with stepWeights: keep one of the two")
    stepped = equal.value is not None or bool(free.entries())
    if provider is Provider.KUBERNETES:
        return
    wanted: int = rounds.quiet().integer(1, INT32_MAX, 0)
    if stepped and wanted:
        rounds.report("cannot be given with stepWeight or stepWeights: keep one of them")
    if not stepped and not rounds.value:
        equal.report("is required, unless stepWeights or iterations is given")


def check_match(field: Field) -> None:
    """Reports entries of ``analysis.match`` that every request fits: an A/B test would get all of the traffic."""
    for entry in field.entries():
        if entry.value == {}:
            entry.report("is empty: say which requests the canary gets")


def check_protocol(field: Field, protocol: Field) -> None:
    """Reports what the analysis at ``field`` can only do with HTTP, if the service speaks TCP."""
    if isinstance(protocol.value, str) and protocol.value.lower() == "tcp":
        for key, reason in _HTTP_ONLY.items():
            if field.at(key).value:
                field.at(key).report(f"cannot be given with service.appProtocol tcp: {reason}")


def without_router(analysis: Analysis) -> Analysis:
    """What is left of an analysis when nobody splits traffic: rounds of checks."""
    rounds = analysis.iterations or ROUNDS_WITHOUT_ROUTER
    return replace(analysis, iterations=rounds, match=(), mirror=False, session_affinity=None)
