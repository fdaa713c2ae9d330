"""Advice about how a Canary says what its steps are: fields that another one makes void, and runs without traffic.

Like all advice it stops nothing.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.canary.gateway_api import advise_gateway_api, advise_others
from shared.canary.model import Provider
from shared.canary.strategy import JOINED, ROUNDS_WITHOUT_ROUTER, read_provider

if TYPE_CHECKING:
    from shared.canary.fields import Field


def advise_strategy(spec: Field, analysis: Field) -> None:
    """Reports what its author should know about the strategy of ``analysis``."""
    if spec.at("provider").value == Provider.KUBERNETES:
        _without_router(analysis)
    elif analysis.at("match").value:
        _ab_testing(analysis, spec.at("service").at("match"))
    elif analysis.at("iterations").value:
        _blue_green(analysis)
    if read_provider(spec.at("provider").quiet()).is_gateway_api:
        advise_gateway_api(spec.at("service"), analysis)
    else:
        advise_others(spec.at("service"))
    _mention_copies(analysis)
    _mention_cookies(analysis.at("sessionAffinity"))


def _without_router(analysis: Field) -> None:
    _void(analysis, ("match", "mirror", "sessionAffinity"), "provider kubernetes has no router")
    rounds = analysis.at("iterations").value
    reason = "provider kubernetes has no router" + ("" if rounds else f", {ROUNDS_WITHOUT_ROUTER} iterations are made")
    _void(analysis, ("stepWeight", "stepWeights", "maxWeight", "stepWeightPromotion"), reason)


def _ab_testing(analysis: Field, service: Field) -> None:
    _void(analysis, ("mirror", "sessionAffinity"), "in A/B testing, match says who gets which side")
    if analysis.at("iterations").value:
        _void(analysis, ("maxWeight",), "every request that fits match goes to the canary")
    taken = {key for entry in service.entries() for key in _keys(entry)} - {*JOINED, "name"}
    for entry in analysis.at("match").entries():
        _mention_first_cookie(entry.at("headers").at("cookie").at("regex"))
        for key in _keys(entry):
            if key in taken:
                entry.at(key).report("is ignored where an entry of spec.service.match has its own")


def _keys(match: Field) -> tuple[str, ...]:
    return tuple(match.value) if isinstance(match.value, Mapping) else ()


def _mention_first_cookie(regex: Field) -> None:
    """The guides' pattern leaves no room for the space that browsers put between two cookies (RFC 6265, 4.2.1)."""
    if isinstance(regex.value, str) and ";)?(" in regex.value:
        regex.report("only finds a cookie that comes first: write (.*?;)?\\s*( for those that follow another")


def _blue_green(analysis: Field) -> None:
    _void(analysis, ("maxWeight", "sessionAffinity"), "blue/green switches everybody at once")
    calls = analysis.at("mirror").value or analysis.at("webhooks").entries()
    if analysis.at("metrics").entries() and not calls:
        analysis.at("metrics").report(
            "may find no values: before the switch, only webhooks or a mirror call the canary"
        )


def _mention_copies(analysis: Field) -> None:
    if analysis.at("mirrorWeight").value and not analysis.at("mirror").value:
        analysis.at("mirrorWeight").report("has no effect without mirror")


def _mention_cookies(affinity: Field) -> None:
    """What browsers do not keep (RFC 6265bis, CHIPS)."""
    for key, asks in (("sameSite", "None"), ("partitioned", True)):
        if affinity.at(key).value == asks and not affinity.at("secure").value:
            affinity.at(key).report("needs secure: browsers drop such a cookie otherwise")


def _void(analysis: Field, keys: tuple[str, ...], reason: str) -> None:
    for key in keys:
        if analysis.at(key).value:
            analysis.at(key).report(f"has no effect: {reason}")
