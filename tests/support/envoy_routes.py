"""Envoy's words for what every router can say: conditions on texts, a split by weight, copies, changes of headers.

A side without ready pods is a cluster without endpoints, so that Envoy answers 503 as it does in a mesh, and no
workload is charged with it. What is not understood is refused, never left out: a test must not pass because its mesh
looked away.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tests.support.endpoints import NOBODY

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from shared.json_types import Json, JsonObject
    from tests.support.endpoints import Endpoints


class NotUnderstoodError(ValueError):
    """A router's object uses what this mesh cannot do."""


class Side(NamedTuple):
    """A service that gets a part of the requests, with the changes of headers on its way."""

    host: str
    weight: int
    changes: JsonObject


def understand(asked: Json, *known: str) -> None:
    """Nothing, unless there is a field that is not known.

    Raises:
        NotUnderstoodError: it names the fields.
    """
    unknown = sorted(asked.keys() - set(known))
    if unknown:
        raise NotUnderstoodError(f"{', '.join(unknown)} in {asked} is beyond this mesh")


def string_match(condition: Json) -> JsonObject:
    """A condition on a text: ``exact``, ``prefix``, or ``regex`` of the whole of it (RE2)."""
    match condition:
        case {"exact": _} | {"prefix": _}:
            return dict(condition)
        case {"regex": text}:
            return {"safe_regex": {"regex": text}}
    raise NotUnderstoodError(f"{condition} is no condition on a text")


def split(sides: Iterable[Side], behind: Endpoints) -> JsonObject:
    """The clusters of these sides, by weight."""
    sides = list(sides)
    if not any(side.weight for side in sides):
        raise NotUnderstoodError(f"the weights of {', '.join(side.host for side in sides)} sum up to 0")
    clusters = [
        {"name": name, "weight": part, **side.changes}
        for side in sides
        for name, part in sorted(behind.clusters(side.host, side.weight).items())
    ]
    return {"clusters": clusters}


def mirror(host: str, percent: float, behind: Endpoints) -> Iterator[JsonObject]:
    """A copy of so many requests to a service; none to one without ready pods."""
    (name, _), *_ = behind.clusters(host).most_common()
    if name != NOBODY:
        fraction = {"numerator": round(percent * 10_000), "denominator": "MILLION"}
        yield {"cluster": name, "runtime_fraction": {"default_value": fraction}}


def header_changes(changes: Json) -> JsonObject:
    """What ``request`` and ``response`` want to ``set``, to ``add`` (by name) and to ``remove``."""
    told: JsonObject = {}
    for direction in ("request", "response"):
        wanted = changes.get(direction, {})
        told[f"{direction}_headers_to_add"] = [
            {"header": {"key": key, "value": value}, "append_action": action}
            for verb, action in (("set", "OVERWRITE_IF_EXISTS_OR_ADD"), ("add", "APPEND_IF_EXISTS_OR_ADD"))
            for key, value in wanted.get(verb, {}).items()
        ]
        told[f"{direction}_headers_to_remove"] = wanted.get("remove", [])
    return told
