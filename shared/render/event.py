"""A line of the log as a Kubernetes Event on its Canary (core ``v1``), in the predecessor's shape: reason ``Synced``.

The name follows from the line, so that writing it twice makes one event.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.rollout import Severity

if TYPE_CHECKING:
    from shared.json_types import Json, JsonObject
    from shared.rollout import Line


def event(canary: Json, line: Line) -> JsonObject:
    """The event for ``line`` on the Canary ``canary`` (its raw object)."""
    metadata = canary["metadata"]
    at = line.at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {
            "name": f"{metadata['name'][:200]}.{metadata['uid'].replace('-', '')[:12]}.{line.sequence:06d}",
            "namespace": metadata["namespace"],
        },
        "involvedObject": {
            "apiVersion": canary["apiVersion"],
            "kind": "Canary",
            "name": metadata["name"],
            "namespace": metadata["namespace"],
            "uid": metadata["uid"],
            "resourceVersion": metadata["resourceVersion"],
        },
        "type": "Normal" if line.severity is Severity.INFO else "Warning",
        "reason": "Synced",
        "message": line.text[:1024],
        "source": {"component": "serin"},
        "reportingComponent": "serin",
        "reportingInstance": "serin",
        "firstTimestamp": at,
        "lastTimestamp": at,
        "count": 1,
    }
