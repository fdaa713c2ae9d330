"""``make sbom``: what the functions run with, as CycloneDX JSON: each package with its licence, what it needs in turn,
and the hashes that it may have.

Two descriptions of the same packages are brought together, both made by CycloneDX's own tool: that of an environment in
which nothing but the lock is installed, which has licences and dependencies, and that of the lock, which has hashes.
Nothing is written that does not fit the format's schema.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

if TYPE_CHECKING:
    from collections.abc import Iterable

Document = dict[str, Any]

TREE = Path(__file__).parents[1]
VERSION = SchemaVersion.V1_6


def describe(environment: Path, tree: Path = TREE) -> Document:
    """The document about the packages in ``environment``, a folder with a Python of its own, which the lock of the
    project in ``tree`` has to name, one and all.

    Raises:
        ValueError: they are not the same packages, or the document would not fit the schema.
    """
    project = tree / "pyproject.toml"
    made = _tell("environment", str(environment), project)
    locked = {_key(each): each for each in _tell("requirements", str(tree / "requirements.txt"), project)["components"]}
    installed = {_key(each): each for each in made["components"]}
    if stray := installed.keys() - locked.keys():
        raise ValueError(f"{_names(stray)} are installed, and requirements.txt does not lock them: run `make lock`")
    for key, component in installed.items():
        component.setdefault("externalReferences", []).extend(locked[key]["externalReferences"])
    root = made["metadata"]["component"]["bom-ref"]
    _depend(made, root, (_ref(installed, name) for name in _direct(project)))
    if problem := JsonStrictValidator(VERSION).validate_str(json.dumps(made)):
        raise ValueError(f"The document does not fit the schema: {problem}")
    return made


def unlicensed(document: Document) -> list[str]:
    """Packages that say nothing of their licence."""
    return [each["name"] for each in document["components"] if not each.get("licenses")]


def _ref(installed: dict[tuple[str, str], Document], name: str) -> str:
    """How the document refers to a package."""
    (found,) = (each["bom-ref"] for key, each in installed.items() if key[0] == name)
    return str(found)


def _tell(kind: str, source: str, project: Path) -> Document:
    tool = Path(sys.executable).with_name("cyclonedx-py")
    form = (f"--spec-version={VERSION.to_version()}", "--output-reproducible", "--no-validate")
    options = (f"--pyproject={project}", *form)
    done = subprocess.run((tool, kind, source, *options), capture_output=True, text=True, check=True)
    told: Document = json.loads(done.stdout)
    return told


def _depend(document: Document, ref: str, on: Iterable[str]) -> None:
    others = [each for each in document["dependencies"] if each["ref"] != ref]
    document["dependencies"] = [*others, {"ref": ref, "dependsOn": sorted(on)}]


def _direct(project: Path) -> list[str]:
    wanted = tomllib.loads(project.read_text(encoding="utf-8"))["project"]["dependencies"]
    return [_normal(re.split(r"[\[<>=~! ]", each)[0]) for each in wanted]


def _key(component: Document) -> tuple[str, str]:
    return _normal(component["name"]), component["version"]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _names(keys: Iterable[tuple[str, str]]) -> str:
    return ", ".join(" ".join(key) for key in sorted(keys))


def main(arguments: list[str]) -> int:
    """Write the document about the environment that a program belongs to; the exit code."""
    program, path = map(Path, arguments)
    document = describe(program.parents[1])
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    print(f"{path}: {len(document['components'])} packages")
    for name in unlicensed(document):
        print(f"{name} does not say its licence; look it up")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
