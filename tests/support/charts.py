"""Judging what a chart renders: by the API server, as if it were installed, and by Serin's own admission.

Nothing is stored: the API server gets every object as a dry run, and is strict about fields that it does not know.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from shared.admission.canary import review_canary
from shared.admission.review import AdmissionRequest, Operation
from tests.support.api import ApiError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from shared.json_types import Json
    from tests.support.cluster import Cluster


def refusals(cluster: Cluster, objects: Iterable[Json], namespace: str) -> list[str]:
    """What the cluster has against creating these objects, one text an object; none is stored."""
    return [text for obj in objects if (text := _refusal(cluster, obj, namespace))]


def remarks(canary: Json) -> list[str]:
    """What Serin's admission would tell the author of a Canary: problems and warnings."""
    name, stored = canary["metadata"]["name"], {**canary, "metadata": {"namespace": "test", **canary["metadata"]}}
    answer = review_canary(
        AdmissionRequest("uid", Operation.CREATE, "flagger.app", "Canary", "", "test", name, False, stored, None)
    )
    return [*map(str, answer.problems), *answer.warnings]


def untried(chart: Path, matrix: Iterable[Json]) -> list[str]:
    """Values of a chart, such as ``hpa.cpu``, that are nothing but their defaults in every row of a matrix."""
    defaults = dict(_leaves(yaml.safe_load((chart / "values.yaml").read_text())))
    rows = list(matrix)
    return [
        ".".join(path) for path, default in defaults.items() if all(_at(row, path, default) == default for row in rows)
    ]


def path_of(cluster: Cluster, obj: Json, namespace: str) -> str:
    """The collection that an object is created in, as the API server's own discovery says."""
    version = obj["apiVersion"]
    root = f"/apis/{version}" if "/" in version else f"/api/{version}"
    served = cluster.api.get(root)["resources"]
    (kind,) = (found for found in served if found["kind"] == obj["kind"] and "/" not in found["name"])
    inside = f"/namespaces/{obj['metadata'].get('namespace', namespace)}" if kind["namespaced"] else ""
    return f"{root}{inside}/{kind['name']}"


def _leaves(values: Json, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Json]]:
    if not (isinstance(values, dict) and values):
        yield path, values
        return
    for name, value in values.items():
        yield from _leaves(value, (*path, name))


def _at(values: Json, path: tuple[str, ...], default: Json) -> Json:
    for name in path:
        if not isinstance(values, dict) or name not in values:
            return default
        values = values[name]
    return values


def _refusal(cluster: Cluster, obj: Json, namespace: str) -> str:
    try:
        cluster.api.create(f"{path_of(cluster, obj, namespace)}?dryRun=All&fieldValidation=Strict", obj)
    except ApiError as error:
        return f"{obj['kind']} {obj['metadata']['name']}: {error}"
    return ""
