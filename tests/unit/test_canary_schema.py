"""The CustomResourceDefinition as a file: what it says to people, and that it knows what the reader reads."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import yaml

from shared.canary import parse_canary, warnings
from shared.errors import InvalidCanary
from tests.support.manifests import GOOD, everything_else, good

if TYPE_CHECKING:
    from shared.json_types import Json

TEXT = (Path(__file__).parents[2] / "charts/serin/crds/canary.yaml").read_text()
CRD = yaml.safe_load(TEXT)
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]


MAPS = re.compile(r"(labels|annotations|metadata|headers|primaryScalerQueries|templateVariables)\.")
"""Where keys are their author's own."""


class Spy(Mapping[str, object]):
    """A JSON object that remembers which of its fields were asked for."""

    def __init__(self, value: Json, path: str, asked: set[str]) -> None:
        self._value = value
        self._path = path
        self._asked = asked

    def __getitem__(self, key: str) -> object:
        path = f"{self._path}.{key}".lstrip(".")
        self._asked.add(path)
        return spied(self._value.get(key), path, self._asked)

    def __iter__(self) -> Iterator[str]:
        return iter(self._value)

    def __len__(self) -> int:
        return len(self._value)


def spied(value: object, path: str, asked: set[str]) -> object:
    if isinstance(value, dict):
        return Spy(value, path, asked)
    return [spied(entry, f"{path}[]", asked) for entry in value] if isinstance(value, list) else value


def fields_of(schema: Json, path: str = "") -> Iterator[tuple[str, Json]]:
    """Every field that a schema names, with its own schema."""
    for key, inner in schema.get("properties", {}).items():
        spot = f"{path}.{key}".lstrip(".")
        yield spot, inner
        yield from fields_of(inner, spot)
    if "items" in schema:
        yield from fields_of(schema["items"], f"{path}[]")


@pytest.mark.parametrize("manifest", [*map(good, GOOD), everything_else()], ids=[*GOOD, "everything else"])
def test_the_schema_has_every_field_that_the_reader_reads(manifest: Json) -> None:
    asked: set[str] = set()
    root = Spy(manifest, "", asked)
    with suppress(InvalidCanary):
        parse_canary(root)
    warnings(root)
    fields = {path for path in asked if path.startswith("spec") and not MAPS.search(path)}
    assert len(fields) > 50
    assert fields <= {path for path, _ in fields_of(SCHEMA)}


def test_every_field_is_described_in_one_line() -> None:
    # The API server allows no description of metadata.
    described = {path: schema.get("description", "") for path, schema in fields_of(SCHEMA) if path != "metadata"}
    assert [path for path, text in described.items() if not text.endswith(".") or "\n" in text] == []


def test_every_pattern_is_anchored() -> None:
    patterns = [(path, schema["pattern"]) for path, schema in fields_of(SCHEMA) if "pattern" in schema]
    assert patterns
    urls = "spec.analysis.webhooks[].url", "spec.canaryAnalysis.webhooks[].url"
    assert [path for path, text in patterns if not re.fullmatch(r"\^.*\$", text) and path not in urls] == []


def test_both_versions_share_one_schema_written_once() -> None:
    first, second = CRD["spec"]["versions"]
    assert (first["name"], second["name"]) == ("v1beta1", "v1alpha3")
    assert first["schema"] is second["schema"]
    assert TEXT.count("failedChecks:") == 1
