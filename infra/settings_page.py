"""Writes docs/settings.md out of the code: ``python -m infra.settings_page``. With ``--check`` it only says whether the
page is as it would be written.

The words are those beside the fields of ``shared.settings.Settings``; what a larger value is made of is told by the
module that reads it. Nothing about a setting is written here.
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from dataclasses import MISSING, fields
from itertools import pairwise
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING

from shared import settings
from shared.chat import roles
from shared.clusters import registry

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from dataclasses import Field
    from types import ModuleType
    from typing import Any

PAGE = Path(__file__).parents[1] / "docs" / "settings.md"

_INTRODUCTION = """# Settings

Every setting is a variable of the environment. All are read once, at start, and a wrong one stops the start with a
message that names the variable, what it was and what is allowed. A variable that begins with `SERIN_` and is not here
is refused, too.

Written by `make settings` from `shared/settings.py`.
"""
_READERS: Mapping[str, ModuleType] = MappingProxyType({registry.VARIABLE: registry, roles.VARIABLE: roles})


def write_page() -> str:
    """The page."""
    words = _words()
    rows = [
        f"| `{variable(each)}` | {_default(each)} | {_escape(_told(words[each.name]))} |"
        for each in fields(settings.Settings)
    ]
    table = ["| variable | default | what it says |", "|---|---|---|", *rows]
    sections = [f"## {name}\n\n{_section(module)}" for name, module in _READERS.items()]
    return "\n".join([_INTRODUCTION, *table, "", "\n\n".join(sections)]) + "\n"


def variable(one: Field[Any]) -> str:
    """The variable that a field is read from."""
    return f"SERIN_{one.name.upper()}"


def _words() -> dict[str, str]:
    """The docstring behind each field: Python keeps none of them, its syntax tree does."""
    tree = ast.parse(Path(settings.__file__).read_text(encoding="utf-8"))
    (body,) = (node.body for node in tree.body if isinstance(node, ast.ClassDef) and node.name == "Settings")
    return dict(_pairs(body))


def _pairs(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for one, following in pairwise(body):
        if not isinstance(one, ast.AnnAssign) or not isinstance(one.target, ast.Name):
            continue
        if isinstance(following, ast.Expr) and isinstance(following.value, ast.Constant):
            yield one.target.id, " ".join(str(following.value.value).split())


def _default(one: Field[Any]) -> str:
    value = one.default if one.default is not MISSING else None
    if value in (None, "", ()):
        return "a secret, none" if not one.repr else ""
    return f"`{value:g}`" if isinstance(value, float) else f"`{value}`"


def _told(text: str) -> str:
    """Modules that read a value are sections of the page."""
    link = re.compile(r"``shared/([a-z/]+)``")
    names = {module.__name__.removeprefix("shared.").replace(".", "/"): name for name, module in _READERS.items()}
    return link.sub(lambda found: f"[below](#{names[found[1]].lower()})", text).replace("``", "`")


def _escape(text: str) -> str:
    return text.replace("|", "\\|")


def _section(module: ModuleType) -> str:
    """What a module says of its format: everything but its first line and what is meant for its authors."""
    paragraphs = [part for part in (module.__doc__ or "").split("\n\n")[1:] if "It must never" not in part]
    return "\n\n".join(map(_markdown, paragraphs)).strip()


def _markdown(paragraph: str) -> str:
    if paragraph.startswith("    "):
        return f"```\n{textwrap.dedent(paragraph).rstrip()}\n```"
    return " ".join(paragraph.replace("::", "").replace("``", "`").split())


def main(arguments: list[str]) -> int:
    """Write the page, or with ``--check`` compare it; the exit code."""
    page = write_page()
    if arguments != ["--check"]:
        PAGE.write_text(page, encoding="utf-8")
        return 0
    same = PAGE.exists() and PAGE.read_text(encoding="utf-8") == page
    if not same:
        sys.stderr.write(f"{PAGE.name} is not what shared/settings.py says: run `make settings`\n")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
