"""The Deployment controller: one ReplicaSet a template, and a rollout between them (pkg/controller/deployment)."""

import hashlib
from collections.abc import Iterator

from infra.local.kubernetes.api import Api, Deletion, Target
from infra.local.kubernetes.controllers import rollout
from infra.local.kubernetes.controllers.loop import Work
from infra.local.kubernetes.controllers.progress import (
    PROGRESSING,
    TIMED_OUT,
    Condition,
    find,
    next_status,
    until_deadline,
    with_condition,
)
from infra.local.kubernetes.controllers.recorder import Recorder
from infra.local.kubernetes.controllers.relations import Relations
from infra.local.kubernetes.controllers.replicasets import owner_reference
from infra.local.kubernetes.controllers.rollout import Limits, Replicas
from infra.local.kubernetes.objects import JsonObject, controller_of, copy_json, items, mapping
from infra.local.kubernetes.problems import quoted
from infra.local.kubernetes.resources import DEPLOYMENTS, PODS, REPLICA_SETS
from infra.local.kubernetes.store import Event, Key

DEPLOYMENT = "deployment"
HASH = "pod-template-hash"
REVISION, HISTORY = "deployment.kubernetes.io/revision", "deployment.kubernetes.io/revision-history"
_DESIRED, _MAX = "deployment.kubernetes.io/desired-replicas", "deployment.kubernetes.io/max-replicas"
_NOT_COPIED = {"kubectl.kubernetes.io/last-applied-configuration", REVISION, HISTORY, _DESIRED, _MAX}
_ALPHABET = "bcdfghjklmnpqrstvwxz2456789"


class Deployments:
    """One reconciler, for Deployments."""

    def __init__(self, api: Api, relations: Relations) -> None:
        self._api = api
        self._relations = relations
        self._recorder = Recorder(api, "deployment-controller")

    def route(self, event: Event) -> Iterator[Work]:
        if event.key.bucket == DEPLOYMENTS.bucket:
            yield Work(DEPLOYMENT, event.key)
        elif event.key.bucket == REPLICA_SETS.bucket:
            owner = controller_of(event.stored.obj)
            if owner and owner.get("kind") == "Deployment":
                yield Work(DEPLOYMENT, Key(DEPLOYMENTS.bucket, event.key.namespace, owner["name"]))

    def reconcile(self, key: Key) -> float | None:
        stored = self._api.store.get(key)
        if stored is None or stored.obj["metadata"].get("deletionTimestamp"):
            return None
        deployment = self._note_pause(stored.obj)
        sets = self._sets(deployment)
        new = _newest(deployment, sets)
        old = [each for each in sets if each is not new]
        if new is None and not deployment["spec"].get("paused"):
            self._create_set(deployment, old)
            return 0.0
        if new is not None and self._adopt_revision(deployment, new, old):
            return 0.0
        self._resize(deployment, new, old)
        return self._write_status(deployment)

    def _sets(self, deployment: JsonObject) -> list[JsonObject]:
        """The ReplicaSets of a Deployment, the oldest first."""
        keys = self._relations.dependents(deployment["metadata"]["uid"], REPLICA_SETS.bucket)
        found = [stored.obj for key in keys if (stored := self._api.store.get(key))]
        return sorted(found, key=_revision)

    def _note_pause(self, deployment: JsonObject) -> JsonObject:
        """Says in the Progressing condition that a Deployment was paused, or resumed."""
        conditions = items(deployment, "status", "conditions")
        current = find(conditions, PROGRESSING)
        paused, said = bool(deployment["spec"].get("paused")), bool(current and current["reason"] == "DeploymentPaused")
        if paused == said or (current and current["reason"] == TIMED_OUT):
            return deployment
        reason, message = ("DeploymentPaused", "paused") if paused else ("DeploymentResumed", "resumed")
        condition = Condition(PROGRESSING, "Unknown", reason, f"Deployment is {message}")
        return self._patch_status(deployment, {"conditions": with_condition(conditions, condition, self._api.now())})

    def _patch_status(self, deployment: JsonObject, change: JsonObject, revision: str = "") -> JsonObject:
        def patch(obj: JsonObject) -> JsonObject:
            obj["status"] = {**mapping(obj, "status"), **change}
            if revision:
                obj["metadata"].setdefault("annotations", {})[REVISION] = revision
            return obj

        metadata = deployment["metadata"]
        return self._api.patch(Target(DEPLOYMENTS, metadata["namespace"], metadata["name"], "status"), patch)

    def _create_set(self, deployment: JsonObject, old: list[JsonObject]) -> None:
        allowed = _limits(deployment)
        replica_set = _new_set(deployment, old, allowed)
        namespace, replicas = deployment["metadata"]["namespace"], replica_set["spec"]["replicas"]
        created = self._api.create(Target(REPLICA_SETS, namespace), replica_set)
        name, revision = created["metadata"]["name"], created["metadata"]["annotations"][REVISION]
        condition = Condition(PROGRESSING, "True", "NewReplicaSetCreated", f'Created new replica set "{name}"')
        conditions = with_condition(items(deployment, "status", "conditions"), condition, self._api.now())
        self._patch_status(deployment, {"conditions": conditions}, revision)
        if replicas:
            message = f"Scaled up replica set {name} from 0 to {replicas}"
            self._recorder.record(deployment, "ScalingReplicaSet", message)

    def _adopt_revision(self, deployment: JsonObject, new: JsonObject, old: list[JsonObject]) -> bool:
        """Makes the ReplicaSet of the present template the newest revision, also after a rollback; whether that changed
        it.
        """
        revision = max((_revision(each) for each in old), default=0) + 1
        wanted = _annotations(deployment, new, revision)
        patience = deployment["spec"].get("minReadySeconds", 0)
        if wanted != mapping(new, "metadata", "annotations") or patience != new["spec"].get("minReadySeconds", 0):
            self._patch_set(new, {"minReadySeconds": patience}, wanted)
            return True
        if mapping(deployment, "metadata", "annotations").get(REVISION) != wanted[REVISION]:
            self._patch_status(deployment, {}, wanted[REVISION])
            return True
        return False

    def _patch_set(self, replica_set: JsonObject, spec: JsonObject, annotations: dict[str, str]) -> None:
        def patch(obj: JsonObject) -> JsonObject:
            obj["spec"] |= spec
            obj["metadata"]["annotations"] = {**mapping(obj, "metadata", "annotations"), **annotations}
            return obj

        metadata = replica_set["metadata"]
        self._api.patch(Target(REPLICA_SETS, metadata["namespace"], metadata["name"]), patch)

    def _resize(self, deployment: JsonObject, new: JsonObject | None, old: list[JsonObject]) -> None:
        allowed = _limits(deployment)
        marks = {_DESIRED: str(allowed.replicas), _MAX: str(allowed.replicas + allowed.surge)}
        for name, replicas in self._sizes(deployment, new, old, allowed).items():
            replica_set = next(each for each in [*old, new] if each and each["metadata"]["name"] == name)
            before = replica_set["spec"]["replicas"]
            if before != replicas or marks.items() - mapping(replica_set, "metadata", "annotations").items():
                self._patch_set(replica_set, {"replicas": replicas}, marks)
            if before != replicas:
                direction = "up" if replicas > before else "down"
                message = f"Scaled {direction} replica set {name} from {before} to {replicas}"
                self._recorder.record(deployment, "ScalingReplicaSet", message)

    def _sizes(
        self, deployment: JsonObject, new: JsonObject | None, old: list[JsonObject], allowed: Limits
    ) -> dict[str, int]:
        newest, others = _counted(new) if new else None, [_counted(each) for each in old]
        everyone = [*others, newest] if newest else others
        if newest is None or deployment["spec"].get("paused") or rollout.is_scaled(everyone, allowed):
            return rollout.scale(newest, others, allowed)
        if not allowed.rolling:
            pods = sum(len(self._relations.dependents(each["metadata"]["uid"], PODS.bucket)) for each in old)
            return rollout.recreate(newest, others, allowed, old_pods=pods)
        return rollout.roll(newest, others, allowed)

    def _write_status(self, deployment: JsonObject) -> float | None:
        sets = self._sets(deployment)
        new = _newest(deployment, sets)
        status = next_status(deployment, sets, new, _limits(deployment).unavailable, self._api.now())
        if status != mapping(deployment, "status"):
            self._replace_status(deployment, status)
        if status.get("replicas") == status.get("updatedReplicas"):
            self._forget(deployment, [each for each in sets if each is not new])
        return until_deadline(deployment, status, self._api.now())

    def _replace_status(self, deployment: JsonObject, status: JsonObject) -> None:
        def patch(obj: JsonObject) -> JsonObject:
            obj["status"] = copy_json(status)
            return obj

        metadata = deployment["metadata"]
        self._api.patch(Target(DEPLOYMENTS, metadata["namespace"], metadata["name"], "status"), patch)

    def _forget(self, deployment: JsonObject, old: list[JsonObject]) -> None:
        """Deletes what is beyond the history that the Deployment keeps."""
        for name in rollout.superfluous([_counted(each) for each in old], deployment["spec"]["revisionHistoryLimit"]):
            self._api.delete(
                Target(REPLICA_SETS, deployment["metadata"]["namespace"], name), Deletion(policy="Background")
            )


def _limits(deployment: JsonObject) -> Limits:
    spec = deployment["spec"]
    rolling = mapping(spec, "strategy", "rollingUpdate")
    if not rolling:
        return Limits(spec["replicas"], rolling=False)
    return rollout.limits(spec["replicas"], rolling["maxSurge"], rolling["maxUnavailable"])


def _revision(replica_set: JsonObject) -> int:
    text = mapping(replica_set, "metadata", "annotations").get(REVISION, "0")
    return int(text) if text.isdecimal() else 0


def _mark(replica_set: JsonObject, name: str) -> int | None:
    text = mapping(replica_set, "metadata", "annotations").get(name, "")
    return int(text) if text.isdecimal() else None


def _counted(replica_set: JsonObject) -> Replicas:
    status = mapping(replica_set, "status")
    return Replicas(
        replica_set["metadata"]["name"],
        _revision(replica_set),
        replica_set["spec"]["replicas"],
        status.get("replicas", 0),
        status.get("availableReplicas", 0),
        _mark(replica_set, _DESIRED),
        _mark(replica_set, _MAX),
    )


def _without_hash(template: JsonObject) -> JsonObject:
    plain: JsonObject = copy_json(template)
    mapping(plain, "metadata", "labels").pop(HASH, None)
    return plain


def _newest(deployment: JsonObject, sets: list[JsonObject]) -> JsonObject | None:
    """The ReplicaSet that runs the present template, if there is one."""
    template = deployment["spec"]["template"]
    return next((each for each in sets if _without_hash(each["spec"]["template"]) == template), None)


def template_hash(template: JsonObject) -> str:
    """The hash of a pod template: the same template, the same name. It is not the real controller's, which hashes Go
    memory.
    """
    number = int.from_bytes(hashlib.sha256(quoted(template).encode()).digest()[:8], "big")
    letters = []
    for _ in range(10):
        number, index = divmod(number, len(_ALPHABET))
        letters.append(_ALPHABET[index])
    return "".join(letters)


def _annotations(deployment: JsonObject, existing: JsonObject | None, revision: int) -> dict[str, str]:
    """The annotations of the newest ReplicaSet: the Deployment's, its revision, and those it had before."""
    before = mapping(existing, "metadata", "annotations")
    copied = {
        key: value for key, value in mapping(deployment, "metadata", "annotations").items() if key not in _NOT_COPIED
    }
    had = int(before.get(REVISION, "0"))
    history = [text for text in before.get(HISTORY, "").split(",") if text]
    if had and had < revision:
        history.append(str(had))
    past = {HISTORY: ",".join(history)} if history else {}
    return {**before, **copied, **past, REVISION: str(max(had, revision))}


def _new_set(deployment: JsonObject, old: list[JsonObject], allowed: Limits) -> JsonObject:
    metadata, spec = deployment["metadata"], deployment["spec"]
    name_hash = template_hash(spec["template"])
    template = copy_json(spec["template"])
    template["metadata"]["labels"][HASH] = name_hash
    selector = copy_json(spec["selector"])
    selector.setdefault("matchLabels", {})[HASH] = name_hash
    revision = max((_revision(each) for each in old), default=0) + 1
    marks = {_DESIRED: str(allowed.replicas), _MAX: str(allowed.replicas + allowed.surge)}
    size = rollout.first_size(Replicas("", revision, 0), [_counted(each) for each in old], allowed)
    waits = not allowed.rolling and old  # Recreate: the old pods go first
    return {
        "metadata": {
            "name": f"{metadata['name']}-{name_hash}",
            "namespace": metadata["namespace"],
            "labels": template["metadata"]["labels"],
            "annotations": {**_annotations(deployment, None, revision), **marks},
            "ownerReferences": [owner_reference(deployment)],
        },
        "spec": {
            "replicas": 0 if waits else size,
            "minReadySeconds": spec.get("minReadySeconds", 0),
            "selector": selector,
            "template": template,
        },
    }
