"""``make bench``: see ``--help``."""

from __future__ import annotations

import sys

from tests.support.figures import ROOT, Page, run

NAMES = ("requests", "latency", "load", "crowd", "coldstart", "comparison")
PAGE = Page(ROOT / "docs/performance.md", "tests.bench", NAMES, "make bench")

if __name__ == "__main__":
    sys.exit(run(PAGE, sys.argv[1:]))
