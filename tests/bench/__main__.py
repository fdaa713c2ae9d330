"""``make bench``: see ``--help``. The predecessor is measured only where CONTROLLER has the path of its program."""

from __future__ import annotations

import os
import sys

from tests.support.figures import ROOT, Page, run

NAMES = ("requests", "latency", "load", "crowd", "coldstart", "comparison")
OTHERS = ("predecessor",) if "CONTROLLER" in os.environ else ()
PAGE = Page(ROOT / "docs/performance.md", "tests.bench", NAMES + OTHERS, "make bench")

if __name__ == "__main__":
    sys.exit(run(PAGE, sys.argv[1:]))
