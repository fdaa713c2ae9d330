"""Which object of the cluster a CloudEvent is about.

Knative's ApiServerSource sends ``dev.knative.apiserver.resource.add``, ``.update`` and ``.delete`` with the whole
object as data (mode Resource), or ``dev.knative.apiserver.ref.…`` with an ObjectReference (mode Reference, the
default), in binary content mode; its extensions ``kind``, ``name``, ``namespace`` and ``apiversion`` only repeat the
data (knative/eventing, ``pkg/adapter/apiserver/events``). Other senders are taken as well, if their data name an object
in one of these two forms, or are a Kubernetes Event about one.

An update comes without the object before it, so that nobody sees here what changed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.body import Refusal
from shared.hint import hint_at, is_generated
from shared.render.differences import at

if TYPE_CHECKING:
    from shared.events.cloudevent import CloudEvent
    from shared.hint import Hint
    from shared.json_types import Json

UPDATE = "dev.knative.apiserver.resource.update"

OURSELVES = "serin"
"""Component that Serin's own Events carry (``render.event``). Each would make a tick, which may write an Event, ..."""


def hint_of(event: CloudEvent) -> Hint | Refusal | None:
    """The hint that the event gives; None if nothing can come of it; 422 if its data name no object."""
    about = _named(event.data)
    if about is None:
        return Refusal(422, "the event's data name no Kubernetes object: send an object or an ObjectReference")
    if is_generated(event.data) or OURSELVES in _reporters(event.data):
        return None
    hint = hint_at(*about)
    return None if event.type == UPDATE and _is_seen(event.data) else hint


def _named(data: Json) -> tuple[str | None, str, str, str] | None:
    """API group (None if unknown), kind, namespace (empty if it has none) and name; None if there is no such thing."""
    about = data.get("involvedObject") or data.get("regarding") or data
    place = about if at(about, ("metadata",)) is None else at(about, ("metadata",))
    namespace = at(place, ("namespace",))
    match at(about, ("kind",)), "" if namespace is None else namespace, at(place, ("name",)):
        case (str(kind), str(namespace), str(name)):
            return _group(at(about, ("apiVersion",))), kind, namespace, name
        case _:
            return None


def _group(version: object) -> str | None:
    """``apps`` of ``apps/v1``, empty of ``v1``."""
    return version.rpartition("/")[0] if isinstance(version, str) and version else None


def _reporters(event: Json) -> tuple[object, object]:
    return event.get("reportingComponent") or event.get("reportingController"), at(event, ("source", "component"))


def _is_seen(obj: Json) -> bool:
    """Whether the controller of a workload or a Canary has seen the newest spec: then this update is of its status.

    A new spec is always sent before the controller's answer to it, and that is the update which a revision can be in.
    Without this, every pod that starts would make a tick, and every step of a rollout, by its status, one more.
    """
    seen = at(obj, ("status", "observedGeneration"))
    return seen is not None and seen == at(obj, ("metadata", "generation"))
