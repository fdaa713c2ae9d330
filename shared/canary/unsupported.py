"""What Flagger's users can write and this version of Serin cannot do: the one place that knows it.

``REFUSED`` is refused, because ignoring a gate, a strategy or another router would put traffic where its author did not
want it. ``IDLE`` is accepted with a warning, because nothing unsafe comes of doing without. A feature that arrives
deletes its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.canary.fields import Field, find_analysis, show
from shared.canary.model import Provider

if TYPE_CHECKING:
    from collections.abc import Callable


@dataclass(frozen=True, slots=True)
class Row:
    """One field, what makes its value unsupported, and the start of a sentence in which ``{value}`` is what its author
    wrote.

    In ``path``, ``[]`` stands for each entry of a list and ``analysis`` for either of its spellings.
    """

    path: str
    concerns: Callable[[object], bool]
    what: str
    instead: str = ""


def _given(value: object) -> bool:
    """Whether a value asks for something: Go's zero values do not, and an empty object does."""
    return value is not None and value not in (False, 0, "", [])


def _other_than(*supported: str) -> Callable[[object], bool]:
    return lambda value: isinstance(value, str) and value not in ("", *supported)


REFUSED = (
    Row("spec.provider", _other_than(*Provider), "provider {value} is", f"use {' or '.join(Provider)}"),
    Row("spec.targetRef.apiVersion", _other_than("apps/v1"), "targets of API {value} are", "use apps/v1"),
    Row("spec.targetRef.kind", _other_than("Deployment"), "targets of kind {value} are", "use a Deployment"),
    Row(
        "spec.autoscalerRef.kind",
        _other_than("HorizontalPodAutoscaler", "ScaledObject"),
        "autoscalers of kind {value} are",
        "use a HorizontalPodAutoscaler or a ScaledObject",
    ),
    Row("spec.ingressRef", _given, "ingress controllers are", "use Istio"),
    Row("spec.routeRef", _given, "Apache APISIX is", "use Istio"),
    Row("spec.upstreamRef", _given, "Gloo is", "use Istio"),
    Row("spec.service.gatewayRefs", _given, "the Gateway API is", "use Istio's gateways"),
    Row("spec.service.meshName", _given, "AWS App Mesh is", "use Istio"),
    Row("spec.service.backends", _given, "AWS App Mesh is", "use Istio"),
)

IDLE = (
    Row("spec.service.backendTimeout", _given, "the Gateway API is"),
    Row("spec.service.mirror", _given, "the Gateway API is"),
)


def report_refused(canary: Field) -> None:
    """Reports every field of ``canary`` that this version must not ignore."""
    _report(canary, REFUSED, "")


def report_idle(canary: Field) -> None:
    """Reports every field of ``canary`` that has no effect in this version."""
    _report(canary, IDLE, "has no effect: ")


def _report(canary: Field, rows: tuple[Row, ...], start: str) -> None:
    for row in rows:
        for field in _find(canary, row.path):
            if row.concerns(field.value):
                what = row.what.format(value=show(field.value))
                instead = f" ({row.instead})" if row.instead else ""
                field.report(f"{start}{what} not supported by this version of Serin{instead}")


def _find(root: Field, path: str) -> tuple[Field, ...]:
    fields: tuple[Field, ...] = (root,)
    for name in path.split("."):
        fields = tuple(found for field in fields for found in _step(field, name))
    return fields


def _step(field: Field, name: str) -> tuple[Field, ...]:
    if name == "analysis":
        return (find_analysis(field),)
    if name.endswith("[]"):
        return field.at(name.removesuffix("[]")).entries()
    return (field.at(name),)
