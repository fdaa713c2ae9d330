"""``make package``: the archive that Google Cloud builds the functions from.

The functions are at its root: what serves them there puts the folder of a function on Python's path, and no other, so
``shared`` has to be beside them. The same tree makes the same bytes, on every machine: files are in one order, with one
time and one mode, and are not compressed, because compressors differ. So an archive is new only when the code is.
"""

from __future__ import annotations

import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

TREE = Path(__file__).parents[1]
FUNCTIONS = ("event", "metrics", "slack", "tick", "webhook")
"""Those that run on Google Cloud."""

_REQUIREMENTS = "requirements.txt"
_ELSEWHERE = "loadtester"
"""A part of ``shared`` that is a program of its own."""
_TIME = (1980, 1, 1, 0, 0, 0)
"""The earliest that the format knows."""


def write_archive(tree: Path, archive: Path) -> None:
    """Write the archive of the code in ``tree``, the project's root. It appears whole or not at all.

    Raises:
        FileNotFoundError: a function, or the locked requirements, are not in the tree.
    """
    content = {name: source.read_bytes() for name, source in sorted(_members(tree))}
    archive.parent.mkdir(parents=True, exist_ok=True)
    unfinished = archive.with_name(f".{archive.name}")
    with zipfile.ZipFile(unfinished, "w", zipfile.ZIP_STORED) as made:
        for name, data in content.items():
            entry = zipfile.ZipInfo(name, _TIME)
            entry.create_system = 3  # Unix, also where this runs on something else
            entry.external_attr = 0o100644 << 16
            made.writestr(entry, data)
    unfinished.replace(archive)


def _members(tree: Path) -> Iterator[tuple[str, Path]]:
    """Names in the archive and the files behind them."""
    yield _REQUIREMENTS, tree / _REQUIREMENTS
    for name in FUNCTIONS:
        yield f"{name}.py", tree / "functions" / f"{name}.py"
    for file in (tree / "shared").rglob("*.py"):
        if (tree / "shared" / _ELSEWHERE) not in file.parents:
            yield file.relative_to(tree).as_posix(), file


def main(arguments: list[str]) -> int:
    """Write the archive to the path that is given, and say which it is; the exit code."""
    (path,) = arguments
    write_archive(TREE, Path(path))
    print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
