"""converge(): make the cluster what was committed, change by change, and stop at the first that fails.

A write carries the ``resourceVersion`` that this tick saw, so a slow tick can never write an older decision over a
newer one: it gets a Conflict, and the next tick looks again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.cluster.kinds import BY_NAME, Kind
from shared.desired import Scale, Write
from shared.errors import Conflict
from shared.render.overlay import overlay
from shared.render.status import status_patch

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.cluster.gateway import Gateway
    from shared.desired import Change
    from shared.json_types import Json


def converge(gateway: Gateway, canary: Canary, wanted: tuple[Change, ...]) -> None:
    """Apply ``wanted`` in order. Raises Conflict, Refused or ClusterUnavailable; what was done until then stays."""
    for change in wanted:
        match change:
            case Scale(id=target, replicas=replicas):
                gateway.merge(Kind.DEPLOYMENT, canary.namespace, target.name, {"spec": {"replicas": replicas}}, "scale")
            case Write():
                _write(gateway, change)


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


def _write(gateway: Gateway, write: Write) -> None:
    kind = BY_NAME[write.id.kind]
    if write.live is not None:
        gateway.replace(kind, overlay(write.live, write.obj))
    elif write.looked or gateway.replace(kind, write.obj) is None:
        gateway.create(kind, write.obj)
