"""A disk of a few megabytes, which can be filled to its last byte: a tmpfs of its own.

Only root may mount one. Whoever else asks gets a plain folder, and ``mounted`` says so.
"""

from __future__ import annotations

import contextlib
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_MEGABYTES = 16
_CHUNK = b"x" * 4096


class SmallDisk:
    """A context manager that mounts the disk at ``folder``, which it makes."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.mounted = False

    def __enter__(self) -> SmallDisk:
        self.folder.mkdir()
        self.mounted = _run("mount", "-t", "tmpfs", "-o", f"size={_MEGABYTES}m", "tmpfs", str(self.folder))
        return self

    def __exit__(self, *_: object) -> None:
        if self.mounted:
            _run("umount", "--lazy", str(self.folder))  # lazily: a store may still have its file open

    @contextlib.contextmanager
    def full(self) -> Iterator[None]:
        """Within the block there is no space left.

        Raises:
            RuntimeError: this is a plain folder, and the disk that it is on belongs to others.
        """
        if not self.mounted:
            raise RuntimeError(f"{self.folder} is no disk of its own: only root may fill one")
        ballast = self.folder / "ballast"
        try:
            with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
                while True:
                    file.write(_CHUNK)
            yield
        finally:
            ballast.unlink()


def _run(*argv: str) -> bool:
    with contextlib.suppress(FileNotFoundError):
        return subprocess.run(argv, check=False, capture_output=True).returncode == 0
    return False
