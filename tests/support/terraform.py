"""Terraform's configuration for Google Cloud, checked without Google and without its provider, which cannot be had
everywhere.

``resources_of`` reads what is written, for ``terraform_schema`` to compare. ``rehearse`` lets the real Terraform
evaluate the whole configuration: each resource becomes a ``terraform_data`` of the same arguments, which is
built in and only remembers what it is given; so variables, references, expressions and validations are all exercised,
and the values that Google would be asked for come out.

What stays untested is what only Google knows: whether it accepts those values.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hcl2

from tests.support.tools import Name, path_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.json_types import Json, JsonObject

INFRA = Path(__file__).parents[2] / "infra"
META = frozenset({"for_each", "count", "depends_on", "lifecycle", "provider"})
_BLOCK = re.compile(r"^(\w+)((?: \"[^\"]+\")*) \{\n.*?^\}\n", re.MULTILINE | re.DOTALL)
_REFERENCE = re.compile(r"\b(?:data\.|ephemeral\.)?((?:google|random)_\w+)\.(\w+)((?:\[[^\[\]]*\])?)(?=(\.?))")


class TerraformError(AssertionError):
    """Terraform said no; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Resource:
    """One ``resource``, ``data`` or ``ephemeral`` block as written."""

    mode: str
    type: str
    name: str
    body: Json


def terraform(folder: Path, *arguments: str) -> str:
    """What Terraform prints. TerraformError if it fails."""
    environment = {**os.environ, "TF_CLI_CONFIG_FILE": os.devnull, "TF_IN_AUTOMATION": "1", "CHECKPOINT_DISABLE": "1"}
    argv = [str(path_of(Name.TERRAFORM)), *arguments]
    done = subprocess.run(argv, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        raise TerraformError(f"terraform {' '.join(arguments)} in {folder}:\n{done.stdout}{done.stderr}")
    return done.stdout


def resources_of(file: Path) -> Iterator[Resource]:
    """Every resource that a file describes."""
    document = _parse(file.read_text())
    for mode in ("resource", "data", "ephemeral"):
        for block in document.get(mode, ()):
            ((kind, named),) = members(block)
            ((name, body),) = members(named)
            yield Resource(mode, kind.strip('"'), name.strip('"'), body)


def rehearse(folder: str, variables: Json, answers: Mapping[str, Json], scratch: Path) -> JsonObject:
    """What the configuration in a ``folder`` of infra/ asks for: the values of each resource by its address
    (``module.tick.google_x.this["a"]``), and ``outputs``.

    ``answers`` gives what only Google knows of a resource of some type: computed attributes, or all of a data source.
    """
    shutil.copytree(INFRA, scratch / "infra", ignore=shutil.ignore_patterns(".terraform*", "local"))
    make_rehearsable(scratch / "infra", answers)
    copy = scratch / "infra" / folder
    (copy / "rehearsal.auto.tfvars.json").write_text(json.dumps(variables))
    terraform(copy, "init", "-backend=false", "-input=false", "-no-color")
    terraform(copy, "apply", "-auto-approve", "-input=false", "-no-color")
    state = json.loads(terraform(copy, "show", "-json"))["values"]
    outputs = {name: output["value"] for name, output in state.get("outputs", {}).items()}
    return {"outputs": outputs, **dict(_planned(state["root_module"]))}


def make_rehearsable(folder: Path, answers: Mapping[str, Json]) -> None:
    """Rewrite every configuration below a folder, as ``rehearse`` evaluates it. An answer may be an expression of
    Terraform's, in ``${}``."""
    for file in sorted(folder.rglob("*.tf")):
        file.write_text(_rewrite(file.read_text(), answers))


def _planned(module: Json) -> Iterator[tuple[str, Json]]:
    for resource in module.get("resources", ()):
        yield resource["address"].replace("terraform_data.", "").replace("__", "."), resource["values"]["input"]
    for child in module.get("child_modules", ()):
        yield from _planned(child)


def _rewrite(text: str, answers: Mapping[str, Json]) -> str:
    return _BLOCK.sub(lambda found: _stand_in(found[0], found[1], answers), text)


def _stand_in(text: str, kind: str, answers: Mapping[str, Json]) -> str:
    if kind in ("terraform", "provider"):
        return ""
    if kind not in ("resource", "data", "ephemeral"):
        return _refer(text)
    (block,) = _parse(text)[kind]
    ((type_, named),) = members(block)
    ((name, body),) = members(named)
    type_, name = type_.strip('"'), name.strip('"')
    told = " ".join(f"{key} = {_expression(value)}\n" for key, value in body.items() if key in ("for_each", "count"))
    given = {key: value for key, value in body.items() if key not in META}
    arguments = _expression(_answered(given, answers.get(type_, {})))
    return f'resource "terraform_data" "{type_}__{name}" {{\n{told}input = {_refer(arguments)}\n}}\n'


def _answered(given: Json, known: Json) -> JsonObject:
    """The arguments with what only Google knows, in their blocks too."""
    grown: JsonObject = {}
    for key, value in known.items():
        if isinstance(value, list) and key in given:
            grown[key] = [_answered(block, known) for block, known in zip(given[key], value, strict=True)]
        else:
            grown[key] = json.dumps(value)
    return {**given, **grown}


def _dynamic(block: Json) -> Iterator[tuple[str, str]]:
    for quoted, body in members(block):
        name = quoted.strip('"')
        (content,) = body["content"]
        pairs = f"[for k, v in {_expression(body['for_each'])} : {{key = k, value = v}}]"
        yield name, f"${{[for {name} in {pairs} : {_expression(content)}]}}"


def _refer(text: str) -> str:
    """References to resources, as they are called in a rehearsal; what is said about order is left out."""
    text = re.sub(r"^ *depends_on += \[[^\]]*\]\n", "", text, flags=re.MULTILINE)
    return _REFERENCE.sub(_reference, text)


def _reference(found: re.Match[str]) -> str:
    name = f"terraform_data.{found[1]}__{found[2]}"
    if found[3] or found[4]:
        return f"{name}{found[3]}.output"
    return f"{{ for key, each_ in {name} : key => each_.output }}"


def _expression(value: Any) -> str:
    """What python-hcl2 read, as Terraform writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case str() if value.startswith("${") and value.endswith("}"):
            return f"({value[2:-1]})"
        case dict():
            grown = [pair for block in value.get("dynamic", ()) for pair in _dynamic(block)]
            pairs = [(key, inner) for key, inner in members(value) if key != "dynamic"] + grown
            return "{" + ", ".join(f"{key} = {_expression(inner)}" for key, inner in pairs) + "}"
        case list():
            return "[" + ", ".join(map(_expression, value)) + "]"
        case None:
            return "null"
        case _:
            return str(value)


def members(block: Json) -> list[tuple[str, Any]]:
    """What a block holds, without the parser's own marks."""
    return [(key, value) for key, value in block.items() if not key.startswith("__")]


def _parse(text: str) -> JsonObject:
    parsed: JsonObject = hcl2.loads(text)
    return parsed
