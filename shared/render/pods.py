"""What tells the primary's pods from the target's: one label, whose value on the primary ends in ``-primary``.

The Services, the primary's selector and everything in the pod template that selects pods by this label have to agree
on it.

It must never change another label: people's own Services and policies select by them.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from itertools import chain, starmap
from typing import TYPE_CHECKING

from shared.errors import Refused
from shared.render.ownership import SUFFIX

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.json_types import Json, JsonObject

SELECTOR_LABELS = ("app", "name", "app.kubernetes.io/name")
"""Labels of which a target's selector must have one, in the order in which they are tried (as in Flagger)."""

_LABEL_VALUE_LIMIT = 63


@dataclass(frozen=True, slots=True)
class PodLabel:
    """The label ``key``, which is ``value`` on the target's pods and ``primary`` on the primary's."""

    key: str
    value: str

    @property
    def primary(self) -> str:
        """Its value on the primary's pods."""
        return f"{self.value}{SUFFIX}"


def selector_label(target: Json, primary: Json | None) -> PodLabel:
    """The label for a target: that of its live primary, if it has one, since selectors cannot be changed.

    Refused if the target's selector has no usable label.
    """
    labels: Mapping[str, str] = target["spec"]["selector"].get("matchLabels") or {}
    in_use = (label for label in starmap(PodLabel, labels.items()) if _is_in_use(label, primary))
    usual = (PodLabel(key, labels[key]) for key in SELECTOR_LABELS if key in labels)
    label = next(chain(in_use, usual), None)
    if label is None:
        raise _unusable(target, f"must contain one of {', '.join(SELECTOR_LABELS)}: make it anew with such a label")
    if len(label.primary) > _LABEL_VALUE_LIMIT:
        longest = _LABEL_VALUE_LIMIT - len(SUFFIX)
        raise _unusable(target, f"{label.key} must have at most {longest} characters: {SUFFIX} is appended to it")
    return label


def primary_pods(template: Json, label: PodLabel) -> JsonObject:
    """The pod template with the label rewritten, also where it spreads, attracts or repels pods that carry it."""
    result = deepcopy(dict(template))
    result["metadata"] = {**(result.get("metadata") or {})}
    result["metadata"]["labels"] = {**(result["metadata"].get("labels") or {}), label.key: label.primary}
    for selector in _pod_selectors(result.get("spec") or {}):
        _rewrite(selector, label)
    return result


def _is_in_use(label: PodLabel, primary: Json | None) -> bool:
    selected = primary["spec"]["selector"].get("matchLabels") or {} if primary else {}
    return bool(selected.get(label.key) == label.primary)


def _pod_selectors(spec: Json) -> Iterator[JsonObject]:
    affinity = spec.get("affinity") or {}
    terms = chain.from_iterable(_terms(affinity.get(group) or {}) for group in ("podAffinity", "podAntiAffinity"))
    for holder in chain(terms, spec.get("topologySpreadConstraints") or ()):
        yield holder.get("labelSelector") or {}


def _terms(rules: Json) -> Iterator[Json]:
    yield from rules.get("requiredDuringSchedulingIgnoredDuringExecution") or ()
    for preference in rules.get("preferredDuringSchedulingIgnoredDuringExecution") or ():
        yield preference.get("podAffinityTerm") or {}


def _rewrite(selector: JsonObject, label: PodLabel) -> None:
    match_labels = selector.get("matchLabels") or {}
    if match_labels.get(label.key) == label.value:
        match_labels[label.key] = label.primary
    for expression in selector.get("matchExpressions") or ():
        if expression["key"] == label.key and expression.get("values"):
            values = expression["values"]
            expression["values"] = [label.primary if value == label.value else value for value in values]


def _unusable(target: Json, message: str) -> Refused:
    metadata = target["metadata"]
    return Refused(
        f"{target['kind'].lower()} {metadata['name']}.{metadata['namespace']} spec.selector.matchLabels {message}"
    )
