"""The DaemonSet controller, for the one node that there is: its pod, and a new one when the template changes
(pkg/controller/daemon).
"""

import hashlib
import json
from collections.abc import Iterator

from infra.local.kubernetes.api import Api, Deletion, Target
from infra.local.kubernetes.controllers.loop import Work
from infra.local.kubernetes.controllers.pods import NODE
from infra.local.kubernetes.controllers.relations import Relations
from infra.local.kubernetes.controllers.replicasets import is_active, new_pod, until_available
from infra.local.kubernetes.kinds.daemonsets import GENERATION
from infra.local.kubernetes.kinds.workloads import share
from infra.local.kubernetes.objects import JsonObject, controller_of, dig, items, mapping
from infra.local.kubernetes.resources import DAEMON_SETS, PODS
from infra.local.kubernetes.store import Event, Key

DAEMON_SET = "daemonset"
HASH, TEMPLATE_GENERATION = "controller-revision-hash", "pod-template-generation"

NODE_LABELS = {"kubernetes.io/arch": "amd64", "kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}
"""The labels of the one node, by which a template may choose it or pass it by."""

_TOLERATED = (
    ("not-ready", "NoExecute"),
    ("unreachable", "NoExecute"),
    ("disk-pressure", "NoSchedule"),
    ("memory-pressure", "NoSchedule"),
    ("pid-pressure", "NoSchedule"),
    ("unschedulable", "NoSchedule"),
)


class DaemonSets:
    """One reconciler, for DaemonSets."""

    def __init__(self, api: Api, relations: Relations) -> None:
        self._api = api
        self._relations = relations

    def route(self, event: Event) -> Iterator[Work]:
        if event.key.bucket == DAEMON_SETS.bucket:
            yield Work(DAEMON_SET, event.key)
        elif event.key.bucket == PODS.bucket:
            owner = controller_of(event.stored.obj)
            if owner and owner.get("kind") == "DaemonSet":
                yield Work(DAEMON_SET, Key(DAEMON_SETS.bucket, event.key.namespace, owner["name"]))

    def reconcile(self, key: Key) -> float | None:
        stored = self._api.store.get(key)
        if stored is None:
            return None
        daemon_set = stored.obj
        if not daemon_set["metadata"].get("deletionTimestamp"):
            self._place(daemon_set, self._pods(daemon_set))
        return self._write_status(daemon_set, self._pods(daemon_set))

    def _pods(self, daemon_set: JsonObject) -> list[JsonObject]:
        """The pods of a DaemonSet, those too that are ending, the oldest first."""
        keys = self._relations.dependents(daemon_set["metadata"]["uid"], PODS.bucket)
        pods = [stored.obj for key in keys if (stored := self._api.store.get(key))]
        return sorted(pods, key=lambda pod: str(pod["metadata"]["creationTimestamp"]))

    def _place(self, daemon_set: JsonObject, pods: list[JsonObject]) -> None:
        """Makes and deletes pods: the new one when the old one is gone, or beside it if there may be one more."""
        active = [pod for pod in pods if is_active(pod)]
        new = [pod for pod in active if _is_updated(pod, daemon_set)]
        old = [pod for pod in active if pod not in new]
        if not _runs_here(daemon_set):
            self._delete(active)
        elif not pods or (old and not new and _surges(daemon_set)):
            self._api.create(Target(PODS, daemon_set["metadata"]["namespace"]), _pod(daemon_set))
        elif dig(daemon_set, "spec", "updateStrategy", "type") == "RollingUpdate":
            stays = _surges(daemon_set) and not self._is_any_available(daemon_set, new)
            self._delete([] if stays else old)

    def _is_any_available(self, daemon_set: JsonObject, pods: list[JsonObject]) -> bool:
        return any(wait is not None and wait <= 0 for wait in self._waits(daemon_set, pods))

    def _waits(self, daemon_set: JsonObject, pods: list[JsonObject]) -> list[float | None]:
        patience, now = daemon_set["spec"].get("minReadySeconds", 0), self._api.now()
        return [until_available(pod, patience, now) for pod in pods]

    def _delete(self, pods: list[JsonObject]) -> None:
        for pod in pods:
            metadata = pod["metadata"]
            self._api.delete(Target(PODS, metadata["namespace"], metadata["name"]), Deletion())

    def _write_status(self, daemon_set: JsonObject, pods: list[JsonObject]) -> float | None:
        (wait,) = self._waits(daemon_set, pods[:1]) or [None]
        wanted, there = _runs_here(daemon_set), bool(pods)
        ready, available = wanted and wait is not None, wanted and wait is not None and wait <= 0
        always = {
            "currentNumberScheduled": int(wanted and there),
            "desiredNumberScheduled": int(wanted),
            "numberMisscheduled": int(there and not wanted),
            "numberReady": int(ready),
        }
        unless_zero = {
            "numberAvailable": int(available),
            "numberUnavailable": int(wanted and not available),
            "observedGeneration": daemon_set["metadata"]["generation"],
            "updatedNumberScheduled": int(wanted and there and _is_updated(pods[0], daemon_set)),
        }
        status = always | {name: number for name, number in unless_zero.items() if number}

        def patch(obj: JsonObject) -> JsonObject:
            obj["status"] = status
            return obj

        metadata = daemon_set["metadata"]
        self._api.patch(Target(DAEMON_SETS, metadata["namespace"], metadata["name"], "status"), patch)
        return wait if wait is not None and wait > 0 else None


def _runs_here(daemon_set: JsonObject) -> bool:
    """Whether the node has every label that the template asks for."""
    chosen = mapping(daemon_set, "spec", "template", "spec", "nodeSelector")
    return chosen.items() <= NODE_LABELS.items()


def _surges(daemon_set: JsonObject) -> bool:
    return bool(share(dig(daemon_set, "spec", "updateStrategy", "rollingUpdate", "maxSurge") or 0))


def _revision(daemon_set: JsonObject) -> str:
    template = json.dumps(daemon_set["spec"]["template"], sort_keys=True)
    return hashlib.sha256(template.encode()).hexdigest()[:10]


def _is_updated(pod: JsonObject, daemon_set: JsonObject) -> bool:
    return bool(mapping(pod, "metadata", "labels").get(HASH) == _revision(daemon_set))


def _pod(daemon_set: JsonObject) -> JsonObject:
    pod = new_pod(daemon_set)
    generation = mapping(daemon_set, "metadata", "annotations").get(GENERATION, "")
    marks = {HASH: _revision(daemon_set), TEMPLATE_GENERATION: generation}
    pod["metadata"]["labels"] = {**mapping(pod, "metadata", "labels"), **marks}
    tolerations = [
        {"key": f"node.kubernetes.io/{taint}", "operator": "Exists", "effect": effect} for taint, effect in _TOLERATED
    ]
    pod["spec"]["tolerations"] = [*items(pod, "spec", "tolerations"), *tolerations]
    return pod
