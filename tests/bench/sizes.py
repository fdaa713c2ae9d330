"""Prints what each declared dependency weighs when it is installed, alone and without bytecode: the figures in
pyproject.toml.
"""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path


def main() -> None:
    """One line a dependency, in the order of pyproject.toml."""
    project = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in (*project["dependencies"], *project["optional-dependencies"]["demo"]):
        name = re.split(r"[<>=]", requirement)[0]
        print(f"{megabytes(name):6.1f} MB  {name}")


def megabytes(package: str) -> float:
    """Size of an installed package's files."""
    try:
        located = [Path(str(file.locate())) for file in files(package) or () if file.suffix != ".pyc"]
    except PackageNotFoundError:
        return 0.0
    return sum(path.stat().st_size for path in located if path.is_file()) / 1e6


if __name__ == "__main__":
    main()
