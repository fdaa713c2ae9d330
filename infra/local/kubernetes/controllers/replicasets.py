"""The ReplicaSet controller: as many pods as wanted, and how many of them are ready (pkg/controller/replicaset)."""

from collections.abc import Iterator
from datetime import datetime

from infra.local.kubernetes.api import Api, Deletion, Target
from infra.local.kubernetes.controllers.loop import Work
from infra.local.kubernetes.controllers.relations import Relations
from infra.local.kubernetes.objects import JsonObject, controller_of, copy_json, dig, items, mapping
from infra.local.kubernetes.resources import PODS, REPLICA_SETS
from infra.local.kubernetes.store import Event, Key

REPLICA_SET = "replicaset"
_BURST = 500  # pods made or deleted at once


class ReplicaSets:
    """One reconciler, for ReplicaSets."""

    def __init__(self, api: Api, relations: Relations) -> None:
        self._api = api
        self._relations = relations

    def route(self, event: Event) -> Iterator[Work]:
        if event.key.bucket == REPLICA_SETS.bucket:
            yield Work(REPLICA_SET, event.key)
        elif event.key.bucket == PODS.bucket:
            owner = controller_of(event.stored.obj)
            if owner and owner.get("kind") == "ReplicaSet":
                yield Work(REPLICA_SET, Key(REPLICA_SETS.bucket, event.key.namespace, owner["name"]))

    def reconcile(self, key: Key) -> float | None:
        stored = self._api.store.get(key)
        if stored is None:
            return None
        replica_set = stored.obj
        pods = self._pods(replica_set)
        if not replica_set["metadata"].get("deletionTimestamp"):
            self._scale(replica_set, [pod for pod in pods if is_active(pod)])
            pods = self._pods(replica_set)
        return self._write_status(replica_set, pods)

    def _pods(self, replica_set: JsonObject) -> list[JsonObject]:
        keys = self._relations.dependents(replica_set["metadata"]["uid"], PODS.bucket)
        return [stored.obj for key in keys if (stored := self._api.store.get(key))]

    def _scale(self, replica_set: JsonObject, active: list[JsonObject]) -> None:
        excess = len(active) - replica_set["spec"]["replicas"]
        namespace = replica_set["metadata"]["namespace"]
        for _ in range(min(-excess, _BURST)):
            self._api.create(Target(PODS, namespace), new_pod(replica_set))
        for pod in sorted(active, key=_worth)[: max(excess, 0)]:
            self._api.delete(Target(PODS, namespace, pod["metadata"]["name"]), Deletion())

    def _write_status(self, replica_set: JsonObject, pods: list[JsonObject]) -> float | None:
        now = self._api.now()
        active = [pod for pod in pods if is_active(pod)]
        patience = replica_set["spec"].get("minReadySeconds", 0)
        waits = [wait for pod in active if (wait := until_available(pod, patience, now)) is not None]
        labels = mapping(replica_set, "spec", "template", "metadata", "labels").items()
        status = {
            "replicas": len(active),
            "fullyLabeledReplicas": sum(labels <= mapping(pod, "metadata", "labels").items() for pod in active),
            "readyReplicas": len(waits),
            "availableReplicas": sum(wait <= 0 for wait in waits),
            "terminatingReplicas": sum(bool(pod["metadata"].get("deletionTimestamp")) for pod in pods),
            "observedGeneration": replica_set["metadata"]["generation"],
        }

        def patch(obj: JsonObject) -> JsonObject:
            obj["status"] = {**mapping(obj, "status"), **status}
            return obj

        metadata = replica_set["metadata"]
        self._api.patch(Target(REPLICA_SETS, metadata["namespace"], metadata["name"], "status"), patch)
        return min((wait for wait in waits if wait > 0), default=None)


def is_active(pod: JsonObject) -> bool:
    """Whether a pod is neither over nor about to be."""
    return not pod["metadata"].get("deletionTimestamp") and dig(pod, "status", "phase") not in {"Succeeded", "Failed"}


def _ready_since(pod: JsonObject) -> str | None:
    for condition in items(pod, "status", "conditions"):
        if condition["type"] == "Ready" and condition["status"] == "True":
            return str(condition["lastTransitionTime"])
    return None


def until_available(pod: JsonObject, patience: int, now: datetime) -> float | None:
    """Seconds until a ready pod counts as available; None for a pod that is not ready."""
    since = _ready_since(pod)
    if since is None:
        return None
    return patience - (now - datetime.fromisoformat(since)).total_seconds() if patience else 0.0


def _worth(pod: JsonObject) -> tuple[bool, bool, float]:
    """Orders pods by how little is lost with them: unscheduled first, then not ready, then the youngest."""
    created = datetime.fromisoformat(pod["metadata"]["creationTimestamp"]).timestamp()
    return bool(pod["spec"].get("nodeName")), _ready_since(pod) is not None, -created


def new_pod(owner: JsonObject) -> JsonObject:
    """A pod of the owner's template."""
    metadata, template = owner["metadata"], mapping(owner, "spec", "template")
    described = mapping(template, "metadata")
    return {
        "metadata": {
            **{key: copy_json(described[key]) for key in ("labels", "annotations", "finalizers") if key in described},
            "generateName": f"{metadata['name']}-",
            "ownerReferences": [owner_reference(owner)],
        },
        "spec": copy_json(template["spec"]),
    }


def owner_reference(owner: JsonObject) -> JsonObject:
    """A reference that makes its object the controlled dependent of the owner."""
    return {
        "apiVersion": owner["apiVersion"],
        "kind": owner["kind"],
        "name": owner["metadata"]["name"],
        "uid": owner["metadata"]["uid"],
        "controller": True,
        "blockOwnerDeletion": True,
    }
