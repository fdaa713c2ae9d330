"""The kind that one version of a CRD defines."""

from typing import Any

from infra.local.kubernetes.gotypes import read_meta
from infra.local.kubernetes.kinds.kind import Kind, Reading
from infra.local.kubernetes.objects import JsonObject, copy_json, dig, mapping
from infra.local.kubernetes.problems import Problem, invalid
from infra.local.kubernetes.structural import Schema, check, check_lists, complete, normalise, prune


def defined_kind(version: JsonObject) -> Kind:
    """The rules for objects of one version of a CRD."""
    rules = _Rules(mapping(version, "schema", "openAPIV3Schema"), mapping(version, "subresources"))
    return Kind(
        read=rules.read,
        complete=rules.complete,
        begin=rules.begin,
        inherit=rules.inherit,
        subresources={"status": rules.keep_all_but_status} if rules.has_status else {},
        counted=_all_but_metadata,
        check=rules.check,
        check_change=rules.check_change,
        check_status=rules.check_status,
        unconditional=False,
    )


def _all_but_metadata(obj: JsonObject) -> Any:
    return {key: value for key, value in obj.items() if key != "metadata"}


class _Rules:
    def __init__(self, schema: Schema, subresources: JsonObject) -> None:
        self._schema = schema
        self._scale = mapping(subresources, "scale")
        self.has_status = "status" in subresources

    def read(self, body: JsonObject) -> Reading:
        obj: JsonObject = normalise(body)
        unknown: list[str] = []
        prune(obj, self._schema, "", unknown, root=True)
        metadata, strangers = read_meta(obj.get("metadata"))
        obj["metadata"] = metadata
        return Reading(obj, [f"metadata.{name}" for name in strangers] + unknown)

    def complete(self, obj: JsonObject) -> None:
        complete(obj, self._schema)

    def begin(self, obj: JsonObject) -> None:
        if self.has_status:
            obj.pop("status", None)

    def inherit(self, new: JsonObject, old: JsonObject) -> None:
        if self.has_status:
            _take_status(new, old)

    def keep_all_but_status(self, new: JsonObject, old: JsonObject) -> None:
        """A write to the status changes nothing else, not even labels or annotations."""
        kept = {key: copy_json(value) for key, value in old.items() if key != "status"}
        if "status" in new:
            kept["status"] = new["status"]
        new.clear()
        new.update(kept)

    def check(self, obj: JsonObject) -> list[Problem]:
        return [*check(obj, self._schema), *self._check_scale(obj), *check_lists(obj, self._schema, "")]

    def check_change(self, new: JsonObject, old: JsonObject) -> list[Problem]:
        found = [*check(new, self._schema, "", old), *self._check_scale(new)]
        return found + ([] if check_lists(old, self._schema, "") else check_lists(new, self._schema, ""))

    def check_status(self, new: JsonObject, old: JsonObject) -> list[Problem]:
        schema = mapping(self._schema, "properties", "status")
        if "status" not in new:
            return []
        found = check(new["status"], schema, "status", *([old["status"]] if "status" in old else []))
        return found + self._check_scale(new) + check_lists(new["status"], schema, "status")

    def _check_scale(self, obj: JsonObject) -> list[Problem]:
        found = []
        for path in (self._scale.get("specReplicasPath", ""), self._scale.get("statusReplicasPath", "")):
            replicas = dig(obj, *path.removeprefix(".").split(".")) if path else None
            if isinstance(replicas, int) and replicas < 0:
                found.append(invalid(path, replicas, "should be a non-negative integer"))
        return found


def _take_status(new: JsonObject, old: JsonObject) -> None:
    new.pop("status", None)
    if "status" in old:
        new["status"] = copy_json(old["status"])
