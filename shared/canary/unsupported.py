"""What Flagger's users can write and this version of Serin cannot do: the one place that knows it.

It is refused, because ignoring another router or another kind of target would put traffic where its author did not want
it. A feature that arrives deletes its row.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.canary.fields import Field, find_analysis, show
from shared.canary.model import Provider
from shared.canary.target import APIS
from shared.workload import TARGETS

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
    Row("spec.targetRef.apiVersion", _other_than(*APIS), "targets of API {value} are", f"use {' or '.join(APIS)}"),
    Row("spec.targetRef.kind", _other_than(*TARGETS), "targets of kind {value} are", f"use a {' or a '.join(TARGETS)}"),
    Row(
        "spec.autoscalerRef.kind",
        _other_than("HorizontalPodAutoscaler", "ScaledObject"),
        "autoscalers of kind {value} are",
        "use a HorizontalPodAutoscaler or a ScaledObject",
    ),
    Row("spec.ingressRef", _given, "ingress controllers are", "use Istio or the Gateway API"),
    Row("spec.routeRef", _given, "Apache APISIX is", "use Istio"),
    Row("spec.upstreamRef", _given, "Gloo is", "use Istio"),
    Row("spec.service.meshName", _given, "AWS App Mesh is", "use Istio"),
    Row("spec.service.backends", _given, "AWS App Mesh is", "use Istio"),
)


def report_refused(canary: Field) -> None:
    """Reports every field of ``canary`` that this version must not ignore."""
    for row in REFUSED:
        for field in _find(canary, row.path):
            if row.concerns(field.value):
                what = row.what.format(value=show(field.value))
                instead = f" ({row.instead})" if row.instead else ""
                field.report(f"{what} not supported by this version of Serin{instead}")


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
