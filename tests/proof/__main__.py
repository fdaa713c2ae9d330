"""``make proof``: see ``--help``."""

from __future__ import annotations

import sys

from tests.support.figures import ROOT, Page, run

PAGE = Page(ROOT / "docs/proof.md", "tests.proof", ("model", "mutation", "faults", "hostile"), "make proof")

if __name__ == "__main__":
    sys.exit(run(PAGE, sys.argv[1:]))
