"""The arguments that the Google provider takes, to be compared with the configuration where the provider cannot be had.

They come from cdktn-provider-google, bindings that are generated from the provider's own schema (wheels/terraform.txt
fixes which). It must never know what Serin's configuration holds.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import tarfile
import zipfile
from typing import TYPE_CHECKING, Any

from tests.support.terraform import META, members

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from shared.json_types import Json
    from tests.support.terraform import Resource


class Schema:
    """Every resource and data source of the provider, out of the bindings' ``wheel``."""

    def __init__(self, wheel: Path) -> None:
        with zipfile.ZipFile(wheel) as archive:
            (packed,) = (name for name in archive.namelist() if name.endswith(".jsii.tgz"))
            package = archive.read(packed)
        with tarfile.open(fileobj=io.BytesIO(package)) as archive:
            described = json.loads(_member(archive, "package/.jsii"))
            if "filename" in described:
                described = json.loads(gzip.decompress(_member(archive, f"package/{described['filename']}")))
        self._package = described["name"]
        self._types: Json = described["types"]

    def problems(self, resource: Resource) -> list[str]:
        """What is wrong with a resource: an unknown type, unknown arguments, missing ones; also in nested blocks."""
        data = "data_" if resource.mode == "data" else ""
        name = _camel(f"{data}{resource.type}" if data else resource.type.removeprefix("google_"))
        config = f"{self._package}.{name}.{name[:1].upper()}{name[1:]}Config"
        where = f"{resource.type}.{resource.name}"
        return self._of(config, resource.body, where) if config in self._types else [f"{where}: no such type"]

    def _of(self, config: str, body: Json, where: str) -> list[str]:
        known = {each["name"]: each for each in self._types[config].get("properties", ())}
        given = {_camel(name): value for name, value in _given(body) if name not in META}
        found = [f"{where}: unsupported argument {name}" for name in given if name not in known]
        found += [
            f"{where}: {name} is missing" for name in known if not known[name].get("optional") and name not in given
        ]
        for name in given.keys() & known.keys():
            block = re.findall(rf'"({re.escape(self._package)}\.[^"]+)"', json.dumps(known[name]["type"]))
            inner = [each for each in given[name] if isinstance(each, dict)] if isinstance(given[name], list) else []
            found += [text for each in inner if block for text in self._of(block[-1], each, f"{where}.{name}")]
        return found


def _given(body: Json) -> Iterator[tuple[str, Any]]:
    """Arguments and blocks; dynamic blocks as the one that they repeat."""
    for name, value in members(body):
        if name != "dynamic":
            yield name, value
    for block in body.get("dynamic", ()):
        for quoted, inner in members(block):
            yield quoted.strip('"'), inner["content"]


def _camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part[:1].upper() + part[1:] for part in rest)


def _member(archive: tarfile.TarFile, name: str) -> bytes:
    file = archive.extractfile(name)
    if file is None:
        raise FileNotFoundError(f"{name} is not in the wheel")
    return file.read()
