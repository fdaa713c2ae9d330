"""Scheduler and kubelet in one: binds pods, runs them in name only, makes them ready, and ends them.

Two annotations of a pod's template steer it: `local.serin.dev/ready: "false"` keeps the pod from becoming ready for as
long as it says so, and `local.serin.dev/ready-after: "2s"` delays it. Without them a pod is ready after the cluster's
own delay.
"""

import hashlib
import re
from collections.abc import Iterator
from datetime import datetime

from infra.local.kubernetes.api import Api, Deletion, Target
from infra.local.kubernetes.controllers.loop import Work
from infra.local.kubernetes.objects import JsonObject, copy_json, dig, items, mapping, timestamp
from infra.local.kubernetes.resources import PODS
from infra.local.kubernetes.store import Event, Key

POD = "pod"
READY, READY_AFTER = "local.serin.dev/ready", "local.serin.dev/ready-after"
NODE = "embedded"
_HOST_IP = "192.168.0.1"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


class Pods:
    """One reconciler, for pods. `delay` is the seconds from start to ready."""

    def __init__(self, api: Api, delay: float) -> None:
        self._api = api
        self._delay = delay
        self._started: dict[str, datetime] = {}  # uid -> the exact moment, of which the status has whole seconds only

    def route(self, event: Event) -> Iterator[Work]:
        if event.key.bucket == PODS.bucket:
            yield Work(POD, event.key)
            if event.type == "DELETED":
                self._started.pop(event.stored.obj["metadata"]["uid"], None)

    def reconcile(self, key: Key) -> float | None:
        with self._api.store.lock:
            stored = self._api.store.get(key)
            if stored is None:
                return None
            if stored.obj["metadata"].get("deletionTimestamp"):
                if not items(stored.obj, "metadata", "finalizers"):
                    self._api.delete(Target(PODS, key.namespace, key.name), Deletion(grace_seconds=0))
                return None
            pod: JsonObject = copy_json(stored.obj)
            wait = self._advance(pod)
            if pod != stored.obj:
                self._api.store.put(key, pod)
            return wait

    def _advance(self, pod: JsonObject) -> float | None:
        """Starts a pod, or makes it as ready as it should be, in place; the seconds until it will be ready."""
        now = self._api.now()
        if not dig(pod, "status", "startTime"):
            _start(pod, now)
        started = self._started.setdefault(pod["metadata"]["uid"], now)
        annotations = mapping(pod, "metadata", "annotations")
        if annotations.get(READY) == "false":
            _set_ready(pod, now, ready=False)
            return None
        wait = seconds(annotations.get(READY_AFTER, ""), self._delay) - (now - started).total_seconds()
        _set_ready(pod, now, ready=wait <= 0)
        return wait if wait > 0 else None


def seconds(text: str, default: float) -> float:
    """The seconds of a duration such as `2s` or `500ms`; the default for anything else."""
    match = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m|h)", text)
    return float(match[1]) * _UNITS[match[2]] if match else default


def _start(pod: JsonObject, now: datetime) -> None:
    address = _address(pod["metadata"]["uid"])
    pod["spec"]["nodeName"] = NODE
    pod["status"] |= {
        "phase": "Running",
        "startTime": timestamp(now),
        "hostIP": _HOST_IP,
        "hostIPs": [{"ip": _HOST_IP}],
        "podIP": address,
        "podIPs": [{"ip": address}],
        "conditions": [_condition(kind, now) for kind in ("PodScheduled", "PodReadyToStartContainers", "Initialized")],
        "containerStatuses": [_container_status(container, now) for container in items(pod, "spec", "containers")],
    }


def _address(uid: str) -> str:
    """An address of the pod network; two pods may share one, nothing listens there."""
    digest = hashlib.sha256(uid.encode()).digest()
    return f"10.244.{digest[0]}.{digest[1] % 254 + 1}"


def _container_status(container: JsonObject, now: datetime) -> JsonObject:
    return {
        "name": container["name"],
        "image": container.get("image", ""),
        "imageID": "",
        "lastState": {},
        "ready": False,
        "restartCount": 0,
        "started": True,
        "state": {"running": {"startedAt": timestamp(now)}},
    }


def _condition(kind: str, now: datetime, *, true: bool = True) -> JsonObject:
    condition = {
        "type": kind,
        "status": "True" if true else "False",
        "lastProbeTime": None,
        "lastTransitionTime": timestamp(now),
    }
    return (
        condition
        if true
        else {**condition, "reason": "ContainersNotReady", "message": "containers with unready status"}
    )


def _set_ready(pod: JsonObject, now: datetime, *, ready: bool) -> None:
    for status in pod["status"]["containerStatuses"]:
        status["ready"] = ready
    known = {condition["type"]: condition for condition in pod["status"]["conditions"]}
    for kind in ("ContainersReady", "Ready"):
        if kind not in known or (known[kind]["status"] == "True") != ready:
            known[kind] = _condition(kind, now, true=ready)
    pod["status"]["conditions"] = list(known.values())
