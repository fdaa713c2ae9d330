"""Examines an installation: ``python -m functions.doctor``, with the environment that Serin itself has.

Prints what it finds, area by area, with a remedy for whatever is wrong. Exit status 1 if anything is bad.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from itertools import groupby

from shared.doctor.examine import Scope, examine
from shared.doctor.finding import Verdict
from shared.doctor.table import write_area, write_json, write_summary


def main(arguments: list[str]) -> int:
    """Examine, print, and say whether anything is bad."""
    parser = argparse.ArgumentParser(prog="python -m functions.doctor", description=__doc__.splitlines()[0])
    parser.add_argument("--json", action="store_true", help="print a JSON list instead of the table")
    parser.add_argument("--canary", default="", metavar="NAMESPACE/NAME", help="look at this Canary alone")
    parser.add_argument("--user", default="", help="whose rights to look at, system:serviceaccount:serin-system:serin")
    options = parser.parse_args(arguments)
    found = []
    width, colour = shutil.get_terminal_size((120, 0)).columns, sys.stdout.isatty()
    for _, area in groupby(examine(os.environ, Scope(options.canary, options.user)), key=lambda each: each.area):
        rows = list(area)
        found += rows
        if not options.json:
            sys.stdout.write("\n".join([*write_area(rows, width, colour=colour), "", ""]))
            sys.stdout.flush()
    sys.stdout.write(f"{write_json(found) if options.json else write_summary(found)}\n")
    return int(any(each.verdict is Verdict.BAD for each in found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
