"""converge(): make the cluster what was committed, change by change, and stop at the first that fails.

A write carries the ``resourceVersion`` that this tick saw, so a slow tick can never write an older decision over a
newer one: it gets a Conflict, and the next tick looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.leaving import without_ours
from shared.changes import Delete, Finalizers, Pause, Raise, Restore, Scale, Write
from shared.cluster.kinds import Kind, kind_of
from shared.errors import Conflict
from shared.render.autoscaler import pause_patch
from shared.render.overlay import overlay
from shared.render.status import status_patch
from shared.workload import scaling

if TYPE_CHECKING:
    from collections.abc import Iterable

    from shared.canary.model import Canary
    from shared.changes import Change
    from shared.cluster.gateway import Gateway
    from shared.json_types import Json, JsonObject


def converge(gateway: Gateway, canary: Canary, wanted: tuple[Change, ...]) -> None:
    """Apply ``wanted`` in order. Raises Conflict, Refused or ClusterUnavailable; what was done until then stays."""
    for change in wanted:
        match change:
            case Scale(id=side, replicas=replicas) | Raise(id=side, replicas=replicas):
                gateway.merge(kind_of(side.kind, canary), canary.namespace, side.name, *scaling(side.kind, replicas))
            case Pause(id=scaler, paused=paused):
                gateway.merge(kind_of(scaler.kind, canary), canary.namespace, scaler.name, pause_patch(paused=paused))
            case Write():
                _write(gateway, kind_of(change.id.kind, canary), change)
            case Restore(id=restored, obj=obj):
                gateway.replace(kind_of(restored.kind, canary), obj)
            case Delete(id=removed, uid=uid):
                gateway.delete(kind_of(removed.kind, canary), canary.namespace, removed.name, uid)
            case Finalizers(id=held, wanted=names, resource_version=version):
                gateway.merge(Kind.CANARY, canary.namespace, held.name, _finalizers(names, version))


def release(gateway: Gateway, raw: Json) -> None:
    """Take Serin's finalizer, and Flagger's, off the Canary ``raw``. Raises as :func:`converge`."""
    kept, metadata = without_ours(raw), raw["metadata"]
    if kept is not None:
        patch = _finalizers(kept, metadata["resourceVersion"])
        gateway.merge(Kind.CANARY, metadata["namespace"], metadata["name"], patch)


def report(gateway: Gateway, raw: Json, status: Json) -> None:
    """Write the Canary's status if it differs from what was read.

    A Canary that was edited meanwhile is left to the next tick.
    """
    patch = status_patch(raw, status)
    if patch is None:
        return
    metadata = raw["metadata"]
    try:
        gateway.merge(Kind.CANARY, metadata["namespace"], metadata["name"], patch, "status")
    except Conflict:
        return


def _finalizers(names: Iterable[str], resource_version: str) -> JsonObject:
    return {"metadata": {"finalizers": list(names), "resourceVersion": resource_version}}


def _write(gateway: Gateway, kind: Kind, write: Write) -> None:
    if write.live is not None:
        gateway.replace(kind, overlay(write.live, write.obj))
    elif write.looked or gateway.replace(kind, write.obj) is None:
        gateway.create(kind, write.obj)
