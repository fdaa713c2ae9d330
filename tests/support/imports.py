"""Which installed distribution a module comes from, so that what is imported can be compared with what is declared.

Packages that share a name, such as ``google``, are told apart by the file that the import finds.
"""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import importlib.util
import re
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

_OURS = ("functions", "shared", "infra", "tests")


def distributions_in(files: Iterable[Path]) -> dict[str, Path]:
    """The distributions that files import, each with one of the files."""
    found: dict[str, Path] = {}
    for file in files:
        for module in _imported(ast.parse(file.read_text(encoding="utf-8"))):
            if distribution := _distribution(module):
                found.setdefault(distribution, file)
    return found


def normal(name: str) -> str:
    """A distribution's name, in the one form."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _imported(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@functools.cache
def _distribution(module: str) -> str | None:
    top = module.partition(".")[0]
    if top in sys.stdlib_module_names or top in _OURS:
        return None
    try:
        spec = importlib.util.find_spec(module)
    except (ImportError, ValueError):  # a name in a module, not a module; or one that is lazy about itself
        return None
    return _owners().get(spec.origin) if spec is not None and spec.origin else None


@functools.cache
def _owners() -> dict[str, str]:
    return {
        str(each.locate_file(file)): normal(each.name)
        for each in importlib.metadata.distributions()
        for file in each.files or ()
        if file.suffix in (".py", ".so")
    }
