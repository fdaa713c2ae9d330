"""What a Canary of the Gateway API has to say, may not say, and says for nothing.

Istio's words are read for it as well, as Flagger does. Flagger leaves out conditions that an HTTPRoute cannot have, and
so routes requests that were not meant; here they are refused. Fields that only make requests go less well (retries,
cross-origin rules, load balancing) are left out with a warning.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from shared.canary.durations import parse_duration
from shared.canary.fields import show

if TYPE_CHECKING:
    from shared.canary.fields import Field

_IN_NAMED = ("exact", "regex")
_CONDITIONS = {
    "uri": ("exact", "prefix", "regex"),
    "method": ("exact",),
    "headers": _IN_NAMED,
    "queryParams": _IN_NAMED,
}
"""What an HTTPRoute can ask of a request, and how a value may be given."""

_METHODS = ("GET", "HEAD", "POST", "PUT", "DELETE", "CONNECT", "OPTIONS", "TRACE", "PATCH")
_SILENT = ("name",)
"""What says nothing about requests."""

_DURATION = re.compile(r"([0-9]{1,5}(h|m|s|ms)){1,4}")
"""A duration of the Gateway API (GEP-2257)."""

_WITHOUT_EFFECT = {
    "gateways": "an HTTPRoute joins its gatewayRefs",
    "delegation": "an HTTPRoute has no delegates",
    "retries": "the Gateway API has no retries that every implementation knows",
    "corsPolicy": "the Gateway API has no cross-origin rules that every implementation knows",
    "trafficPolicy": "the Gateway API leaves connections and load balancing to policies of each implementation",
}


def check_gateway_api(service: Field, analysis: Field) -> None:
    """Reports what keeps the HTTPRoute of a Canary from being made, or from meaning what its author wrote."""
    _check_parents(service.at("gatewayRefs"))
    _check_hosts(service.at("hosts"))
    for entry in (*service.at("match").entries(), *analysis.at("match").entries()):
        _check_match(entry)
    for entry in analysis.at("match").entries():
        if not _asked(entry):
            entry.report("is empty: say which requests the canary gets")
    _check_times(service.at("timeout"), service.at("backendTimeout"))
    _check_rewrite(service, analysis)
    for mirror in service.at("mirror").entries():
        _check_backend(mirror.at("backendRef").required().section())
    protocol = service.at("appProtocol")
    if isinstance(protocol.value, str) and protocol.value.lower() == "tcp":
        protocol.report("cannot be tcp with the Gateway API: an HTTPRoute is for requests")


def advise_gateway_api(service: Field, analysis: Field) -> None:
    """Reports what has no effect in the HTTPRoute of a Canary."""
    for key, reason in _WITHOUT_EFFECT.items():
        if service.at(key).value:
            service.at(key).report(f"has no effect: {reason}")
    weight = analysis.at("mirrorWeight").value
    if weight and weight != 100:
        analysis.at("mirrorWeight").report("has no effect: an HTTPRoute copies every request")


def advise_others(service: Field) -> None:
    """Reports what only an HTTPRoute would have, in a Canary of another router."""
    for key in ("gatewayRefs", "backendTimeout", "mirror"):
        if service.at(key).value:
            service.at(key).report("has no effect: it is for provider gatewayapi:v1")


def _check_parents(parents: Field) -> None:
    if not parents.value:
        parents.report("is required with provider gatewayapi: name the Gateway that routes the requests")
    for parent in parents.entries():
        parent.section().at("name").required().text()


def _check_hosts(hosts: Field) -> None:
    for host in hosts.entries():
        if host.value == "*":
            host.report("cannot be * with the Gateway API: without hosts, a route is for all of its Gateway's")


def _check_backend(backend: Field) -> None:
    """A Service needs a port (HTTPRoute's own validation); what else there is may be without."""
    backend.at("name").required().text()
    if not backend.at("group").text() and backend.at("kind").text(default="Service") == "Service":
        backend.at("port").required()
    backend.at("port").integer(1, 65535, None)


def _check_match(entry: Field) -> None:
    for key, value in _asked(entry).items():
        if key not in _CONDITIONS:
            entry.at(key).report("is not a condition of the Gateway API: it would let all requests in")
        elif key in ("headers", "queryParams"):
            for name in value if isinstance(value, Mapping) else ():
                _check_value(entry.at(key).at(name), _CONDITIONS[key])
        else:
            _check_value(entry.at(key), _CONDITIONS[key])
    entry.at("method").at("exact").choice(_METHODS, "")


def _asked(entry: Field) -> dict[str, object]:
    """What an entry of a match asks of a request."""
    given = entry.value.items() if isinstance(entry.value, Mapping) else ()
    return {key: value for key, value in given if value and key not in _SILENT}


def _check_value(condition: Field, words: tuple[str, ...]) -> None:
    given = [condition.at(word) for word in words if not condition.at(word).absent]
    if len(given) != 1:
        condition.report(f"must have {' or '.join(words)} with the Gateway API")
    for value in given:
        is_path = value.path.endswith((".uri.exact", ".uri.prefix"))
        if is_path and not value.text().startswith("/"):
            value.report("must start with / with the Gateway API")


def _check_times(request: Field, backend: Field) -> None:
    for time in (request, backend):
        if isinstance(time.value, str) and time.value and not _DURATION.fullmatch(time.value):
            time.report(f"must be whole numbers with h, m, s or ms for the Gateway API, not {show(time.value)}")
    whole, part = (parse_duration(time.quiet().text()) for time in (request, backend))
    if whole and part and part > whole:
        backend.report("must not be longer than timeout, which it is a part of")


def _check_rewrite(service: Field, analysis: Field) -> None:
    """A prefix can only be replaced in a rule with one match, which is on a prefix (HTTPRoute's own validation)."""
    if service.at("rewrite").at("type").value != "ReplacePrefixMatch" or not service.at("rewrite").at("uri").value:
        return
    entries = service.at("match").entries()
    prefixed = all(entry.at("uri").value is None or entry.at("uri").at("prefix").value for entry in entries)
    if len(entries) > 1 or len(analysis.at("match").entries()) > 1 or not prefixed:
        service.at("rewrite").at("type").report(
            "cannot be ReplacePrefixMatch with more than one match, or one that is on no prefix (Gateway API)"
        )
