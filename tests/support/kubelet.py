"""Plays scheduler and kubelet for the real control plane: every pod is bound to one node, runs, and gets ready.

It follows the pods by list and watch, as a kubelet does, and comes back by itself when the API server was away. A pod's
annotations bend it: ``local.serin.dev/ready: "false"`` keeps a pod running and unready; with
``local.serin.dev/ready-after: "2s"`` it gets ready that long after it was first seen. Deleted pods end at once. It must
never touch anything but pods and its node.
"""

from __future__ import annotations

import re
import threading
import time
from datetime import UTC, datetime
from itertools import count
from typing import TYPE_CHECKING

from tests.support.api import Api, ApiDownError, ApiError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.json_types import Json, JsonObject

READY = "local.serin.dev/ready"
READY_AFTER = "local.serin.dev/ready-after"
NODE = "serin-test"
NODE_LABELS = {"kubernetes.io/hostname": NODE, "kubernetes.io/os": "linux"}

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0}


class Kubelet:
    """Runs in a thread from ``start`` to ``stop``."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="kubelet", daemon=True)
        self._first_seen: dict[str, float] = {}
        self._addresses = (f"10.244.{n // 250}.{n % 250 + 1}" for n in count())

    def start(self) -> None:
        """Register the node (endpoint slices leave out pods of nodes that do not exist) and begin."""
        self._api.create("/api/v1/nodes", {"metadata": {"name": NODE, "labels": NODE_LABELS}})
        self._api.patch(f"/api/v1/nodes/{NODE}", {"spec": {"taints": None}})  # a new node is tainted as not ready
        self._thread.start()

    def stop(self) -> None:
        """End. The thread itself may sit in its watch until the API server goes, so nobody waits for it."""
        self._stopped.set()

    def _run(self) -> None:
        while not self._stopped.is_set():
            try:
                for pod in self._pods():
                    self._sync(pod)
            except (ApiError, ApiDownError):
                self._stopped.wait(0.1)

    def _pods(self) -> Iterator[Json]:
        """Every pod as it is, then each again whenever it changes."""
        listed = self._api.get("/api/v1/pods")
        yield from listed["items"]
        for kind, pod in self._api.watch("/api/v1/pods", listed["metadata"]["resourceVersion"]):
            if kind == "ERROR":
                return
            if kind != "DELETED":
                yield pod

    def _sync(self, pod: Json) -> None:
        """Bring one pod a step on. A pod that went away meanwhile, or was changed by somebody else, comes again."""
        try:
            if "deletionTimestamp" in pod["metadata"]:
                self._api.delete(path_of(pod), gracePeriodSeconds=0)
            elif not pod["spec"].get("nodeName"):
                target = {"apiVersion": "v1", "kind": "Node", "name": NODE}
                self._api.create(
                    f"{path_of(pod)}/binding", {"metadata": {"name": pod["metadata"]["name"]}, "target": target}
                )
            else:
                self._report(pod)
        except ApiError as error:
            if error.code not in (404, 409):
                raise
        except ValueError as problem:
            self._api.patch(f"{path_of(pod)}/status", {"status": {"message": str(problem)}})

    def _report(self, pod: Json) -> None:
        seen = self._first_seen.setdefault(pod["metadata"]["uid"], time.monotonic())
        missing = ready_after(pod) - (time.monotonic() - seen)
        ready = wants_ready(pod) and missing <= 0
        if wants_ready(pod) and missing > 0:
            self._look_again(pod, missing)
        if is_ready(pod) != ready or pod["status"].get("phase") != "Running":
            address = pod["status"].get("podIP") or next(self._addresses)
            self._api.patch(f"{path_of(pod)}/status", {"status": running(pod, address, ready)})

    def _look_again(self, pod: Json, seconds: float) -> None:
        timer = threading.Timer(seconds, self._sync_by_path, (path_of(pod),))
        timer.daemon = True
        timer.start()

    def _sync_by_path(self, path: str) -> None:
        """A timer that fires while the API server is away does nothing: the next list brings the pod again."""
        try:
            pod = self._api.find(path)
            if pod is not None:
                self._sync(pod)
        except (ApiError, ApiDownError):
            return


def path_of(pod: Json) -> str:
    """Where the API serves a pod."""
    return f"/api/v1/namespaces/{pod['metadata']['namespace']}/pods/{pod['metadata']['name']}"


def wants_ready(pod: Json) -> bool:
    """Whether the pod is meant to get ready at all."""
    return bool(pod["metadata"].get("annotations", {}).get(READY) != "false")


def ready_after(pod: Json) -> float:
    """Seconds from a pod's start until it is ready."""
    return seconds_of(pod["metadata"].get("annotations", {}).get(READY_AFTER, "0s"))


def seconds_of(duration: str) -> float:
    """Seconds of a duration such as ``250ms``, ``2s`` or ``1m``.

    Raises:
        ValueError: it is written otherwise.
    """
    parts = re.fullmatch(r"(\d+(?:\.\d+)?)(ms|s|m)", duration)
    if parts is None:
        raise ValueError(f"{duration!r} is no duration; write it like 250ms, 2s or 1m")
    return float(parts[1]) * _UNITS[parts[2]]


def is_ready(pod: Json) -> bool:
    """Whether the pod's Ready condition is true."""
    conditions = pod.get("status", {}).get("conditions", [])
    return any(condition["type"] == "Ready" and condition["status"] == "True" for condition in conditions)


def running(pod: Json, address: str, ready: bool) -> JsonObject:
    """The status that a kubelet reports of a pod whose containers all run."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    states = {"PodScheduled": True, "Initialized": True, "ContainersReady": ready, "Ready": ready}
    return {
        "phase": "Running",
        "podIP": address,
        "podIPs": [{"ip": address}],
        "hostIP": "192.0.2.1",
        "startTime": pod["status"].get("startTime", now),
        "conditions": [
            {"type": kind, "status": str(state), "lastTransitionTime": now} for kind, state in states.items()
        ],
        "containerStatuses": [_container(container, ready, now) for container in pod["spec"]["containers"]],
    }


def _container(container: Json, ready: bool, now: str) -> JsonObject:
    return {
        "name": container["name"],
        "image": container["image"],
        "imageID": "",
        "ready": ready,
        "started": True,
        "restartCount": 0,
        "state": {"running": {"startedAt": now}},
    }
