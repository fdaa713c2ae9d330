"""Reading built-in objects through their Go types."""

from collections.abc import Callable

from infra.local.kubernetes.gotypes import struct
from infra.local.kubernetes.kinds.kind import Reading
from infra.local.kubernetes.objects import JsonObject
from infra.local.kubernetes.shapes import Notes


def through(type_name: str) -> Callable[[JsonObject], Reading]:
    """A reader for objects of one Go type, such as `io.k8s.api.apps.v1.Deployment`."""

    def read(body: JsonObject) -> Reading:
        notes = Notes()
        obj: JsonObject = struct(type_name).read(body, None, notes)
        return Reading(obj, notes.unknown)

    return read
