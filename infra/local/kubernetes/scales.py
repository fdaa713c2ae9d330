"""The scale subresource: an `autoscaling/v1 Scale` that stands for two numbers of another object."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from infra.local.kubernetes.errors import internal
from infra.local.kubernetes.objects import JsonObject, dig, mapping
from infra.local.kubernetes.selectors import describe

_CARRIED = ("name", "namespace", "uid", "resourceVersion", "creationTimestamp")


@dataclass(frozen=True, slots=True)
class Scale:
    """Where an object keeps its replicas, and how it tells which pods they are."""

    wanted: tuple[str, ...]
    actual: tuple[str, ...]
    selector: Callable[[JsonObject], str]
    required: bool = False  # whether the number has to be there already, as for custom resources

    def read(self, obj: JsonObject) -> JsonObject:
        """The Scale of an object."""
        replicas = dig(obj, *self.wanted)
        if replicas is None and self.required:
            raise internal(f'the spec replicas field ".{".".join(self.wanted)}" does not exist')
        status: dict[str, Any] = {"replicas": dig(obj, *self.actual) or 0}
        if selector := self.selector(obj):
            status["selector"] = selector
        return {
            "kind": "Scale",
            "apiVersion": "autoscaling/v1",
            "metadata": {key: obj["metadata"][key] for key in _CARRIED if key in obj["metadata"]},
            "spec": {"replicas": replicas} if replicas else {},
            "status": status,
        }

    def write(self, obj: JsonObject, scale: JsonObject) -> None:
        """Puts the wanted replicas of a Scale into its object, in place."""
        *parents, last = self.wanted
        for key in parents:
            obj = obj.setdefault(key, {})
        obj[last] = mapping(scale, "spec").get("replicas", 0)


def _selector(obj: JsonObject) -> str:
    return describe(mapping(obj, "spec", "selector"))


WORKLOAD = Scale(("spec", "replicas"), ("status", "replicas"), _selector)


def of_definition(version: JsonObject) -> Scale | None:
    """The scale that one version of a CRD declares."""
    declared = mapping(version, "subresources", "scale")
    if not declared:
        return None
    labels = _path(declared.get("labelSelectorPath", ""))
    return Scale(
        _path(declared["specReplicasPath"]),
        _path(declared["statusReplicasPath"]),
        lambda obj: (dig(obj, *labels) or "") if labels else "",
        required=True,
    )


def _path(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(".") if part)
