"""``launcher.py PARENT FILES PROGRAM ARGUMENT...``: becomes PROGRAM, with less than its parent may do.

It writes no file and no core dump, opens at most FILES files and connections, and is killed when the thread that
started it is gone, also when the whole load tester is killed without warning. It runs as a script of its own, because
none of this is safe between fork and exec in a process with threads. It must import nothing but the standard library.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: list[str]) -> int:
    """Never returns if all goes well; else a shell's exit codes for a program that cannot be run."""
    parent, files, program = int(arguments[0]), int(arguments[1]), arguments[2]
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone before it could be tied to
        return 1
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = files if most == resource.RLIM_INFINITY else min(files, most)
    resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, allowed))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    try:
        os.execv(program, arguments[2:])  # noqa: S606  command.py has judged it
    except OSError as error:
        sys.stderr.write(f"{program} cannot be run: {error.strerror}\n")
        return 127 if isinstance(error, FileNotFoundError) else 126


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
