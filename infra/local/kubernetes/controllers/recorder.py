"""Events about what the controllers did, as `kubectl describe` and `kubectl get events` show them."""

from infra.local.kubernetes.api import Api, Target
from infra.local.kubernetes.metadata import new_uid
from infra.local.kubernetes.objects import JsonObject, timestamp
from infra.local.kubernetes.resources import EVENTS


class Recorder:
    """Writes Events of one component."""

    def __init__(self, api: Api, component: str) -> None:
        self._api = api
        self._component = component

    def record(self, about: JsonObject, reason: str, message: str) -> None:
        metadata = about["metadata"]
        now = timestamp(self._api.now())
        subject = {
            "kind": about["kind"],
            "apiVersion": about["apiVersion"],
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        }
        event = {
            "metadata": {
                "name": f"{metadata['name']}.{new_uid().replace('-', '')[:16]}",
                "namespace": metadata["namespace"],
            },
            "involvedObject": subject,
            "reason": reason,
            "message": message,
            "source": {"component": self._component},
            "reportingComponent": self._component,
            "firstTimestamp": now,
            "lastTimestamp": now,
            "count": 1,
            "type": "Normal",
        }
        self._api.create(Target(EVENTS, metadata["namespace"]), event)
