"""The table: aligned, wrapped at the terminal's width, and with commands that can be copied."""

from __future__ import annotations

import json
import re

from shared.doctor.finding import Area
from shared.doctor.table import write_area, write_json, write_summary

AREA = Area("scheduler")
FOUND = [
    AREA.ok("serin-sweep-eu", "is on"),
    AREA.bad(
        "serin-heartbeat-eu",
        "is paused, and rollouts are active and wait for it, which nobody would guess from the outside",
        "switch it on:",
        "gcloud scheduler jobs resume serin-heartbeat-eu --project example-project --location europe-west1",
    ),
    AREA.unknown("a subject that is longer than any column can be", "was not looked at"),
    AREA.warning("clock", "this process is 7 s ahead", "set it"),
]


def test_rows_are_aligned_and_a_command_is_never_broken() -> None:
    assert "\n".join(write_area(FOUND, 90, colour=False)) == (
        "scheduler\n"
        "  ok   serin-sweep-eu                     is on\n"
        "  BAD  serin-heartbeat-eu                 is paused, and rollouts are active and wait for\n"
        "                                          it, which nobody would guess from the outside\n"
        "                                          → switch it on:\n"
        "                                            gcloud scheduler jobs resume serin-heartbeat-eu --project"
        " example-project --location europe-west1\n"
        "  ?    a subject that is longer than any column can be\n"
        "                                          was not looked at\n"
        "  warn clock                              this process is 7 s ahead\n"
        "                                          → set it"
    )


def test_colours_change_no_width() -> None:
    plain, coloured = (list(write_area(FOUND, 90, colour=colour)) for colour in (False, True))
    assert [re.sub("\x1b\\[[0-9;]*m", "", line) for line in coloured] == plain
    assert "\x1b[31;1mBAD " in coloured[2]


def test_the_summary_counts_and_programs_get_every_field() -> None:
    assert write_summary(FOUND) == "1 ok, 1 warning, 1 bad, 1 not checked"
    assert json.loads(write_json(FOUND[:1])) == [
        {
            "area": "scheduler",
            "subject": "serin-sweep-eu",
            "verdict": "ok",
            "seen": "is on",
            "remedy": "",
            "command": "",
        }
    ]
