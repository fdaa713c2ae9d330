"""The live view: draws a :class:`Picture` for a terminal of 60 columns or more, on a light or a dark background.

Colours are middle tones that can be read on both, and nothing is said by colour alone: sides are parted by a gap,
errors are dashed, verdicts and warnings have signs. Every part is lines of a known number, so that the log takes what
is left, and nothing ever wraps.

It must never read anything but its arguments: the same picture gives the same characters.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Group
from rich.text import Text

from infra.local.picture import Severity, Verdict

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from infra.local.picture import Answer, Happening, Picture, Side

SMALLEST = (60, 18)
"""Columns and lines that the view needs."""

WIDEST = 120
"""Columns that it takes at most."""

PRIMARY, CANARY = "color(67)", "color(136)"
GOOD, BAD, QUIET = "color(65)", "color(167)", "color(102)"

_MARKS: Mapping[Verdict | None, tuple[str, str]] = {
    Verdict.PASS: ("✓", f"bold {GOOD}"),
    Verdict.FAIL: ("✗", f"bold {BAD}"),
    Verdict.ABORT: ("✗", f"bold {BAD}"),
    Verdict.WAIT: ("…", f"bold {CANARY}"),
    Verdict.UNKNOWN: ("?", f"bold {CANARY}"),
    None: ("·", QUIET),
}
_SIGNS = {Severity.INFO: ("·", QUIET), Severity.WARNING: ("!", CANARY), Severity.ERROR: ("✗", BAD)}
_PHASES = {"Succeeded": GOOD, "Failed": BAD}
_TRAIL = 10
"""Verdicts of a check that are shown."""


def draw(picture: Picture, columns: int, lines: int, share: float | None = None) -> Group:
    """The picture in so many columns and lines. ``share`` is where the bar is on its way to the picture's weight."""
    width = min(columns, WIDEST)
    inner = width - 2
    body = [
        _ends(_title(picture), _clock(picture.elapsed), inner),
        Text(picture.scene.caption, QUIET),
        Text("─" * inner, QUIET),
        _ends(_phase(picture), _failures(picture), inner),
        Text(),
        _ends(_primary(picture), _canary(picture), inner),
        _split(picture.weight if share is None else share, inner),
        _observed(picture.primary, picture.canary, inner),
        _ends(Text("   ").join([_rates(picture.primary), _lost(picture.lost)]), _rates(picture.canary), inner),
        Text(),
        *_checks(picture.answers),
        Text("─" * inner, QUIET),
    ]
    room = max(lines - len(body), 0)
    first = max(len(picture.happenings) - room, 0)
    body += [_happening(happening) for happening in picture.happenings[first:]]
    return Group(*(_fitted(line, width) for line in body[:lines]))


def _title(picture: Picture) -> Text:
    scene = picture.scene
    place = f"{scene.number} of {scene.total}  " if scene.number else ""
    return Text.assemble((place, QUIET), (scene.title, "bold"))


def _clock(seconds: float) -> Text:
    return Text(f"serin demo  {int(seconds) // 60}:{int(seconds) % 60:02d}", QUIET)


def _phase(picture: Picture) -> Text:
    phase = picture.phase or "Starting"
    text = Text.assemble((f"{phase:<14}", f"bold {_PHASES.get(phase, '')}".strip()))
    for index, weight in enumerate(picture.weights[:_TRAIL]):
        taken = index < picture.steps_taken
        text.append("→ " if index else "", QUIET)
        text.append(f"{weight} ", f"bold {CANARY}" if taken else QUIET)
    return text.append("%" if picture.weights else "", QUIET)


def _failures(picture: Picture) -> Text:
    text = f"{picture.failed} of {picture.threshold} failures" if picture.threshold else ""
    return Text(text, BAD if picture.failed else QUIET)


def _primary(picture: Picture) -> Text:
    side = picture.primary
    share = "" if picture.weight is None else f"{100 - picture.weight} %"
    return Text.assemble(
        ("primary ", f"bold {PRIMARY}"), f"{side.version}  ", _pods(side, PRIMARY), "  ", (share, f"bold {PRIMARY}")
    )


def _canary(picture: Picture) -> Text:
    side = picture.canary
    share = "" if picture.weight is None else f"{picture.weight} %"
    return Text.assemble(
        (share, f"bold {CANARY}"), "  ", _pods(side, CANARY), f"  {side.version}", (" canary", f"bold {CANARY}")
    )


def _pods(side: Side, style: str) -> Text:
    if side.pods > 8:
        return Text(f"{side.ready} of {side.pods} pods", style)
    starting = "◌" * max(side.pods - side.ready, 0)
    return Text.assemble(("●" * side.ready, style), (starting, QUIET), ("no pods" if not side.pods else "", QUIET))


def _split(share: float | None, width: int) -> Text:
    """The split that the router was given: full blocks, parted by a gap."""
    if share is None:
        return Text("no route yet".center(width, "·"), QUIET)
    left, right = _parts((100 - share, share), width)
    return Text.assemble(("█" * left, PRIMARY), " " * (width - left - right), ("█" * right, CANARY))


def _observed(primary: Side, canary: Side, width: int) -> Text:
    """The split that the requests took: a thin line, dashed where they were answered with errors."""
    left, right = _parts((primary.rate, canary.rate), width)
    gap = " " * (width - left - right)
    return Text.assemble(_thread(primary, left, PRIMARY), gap, _thread(canary, right, CANARY))


def _thread(side: Side, length: int, style: str) -> Text:
    failing = round(length * min(side.errors / side.rate, 1.0)) if side.rate else 0
    return Text.assemble(("━" * (length - failing), style), ("╍" * failing, BAD))


def _parts(amounts: tuple[float, float], width: int) -> tuple[int, int]:
    """Columns for two amounts, one column apart; an amount that is not 0 has one at least."""
    total = sum(amounts)
    if min(amounts) <= 0:
        return (width * (amounts[0] > 0), width * (amounts[1] > 0))
    left = min(max(round((width - 1) * amounts[0] / total), 1), width - 2)
    return left, width - 1 - left


def _rates(side: Side) -> Text:
    errors = (f"{side.errors:.1f} errors/s", BAD) if side.errors >= 0.05 else ("no errors", QUIET)
    return Text.assemble((f"{side.rate:.1f} req/s, ", QUIET), errors)


def _lost(requests: int) -> Text:
    return Text(f"{requests} lost" if requests else "none lost", BAD if requests else QUIET)


def _checks(answers: Sequence[Answer]) -> list[Text]:
    widths = [max(map(len, column)) for column in zip(*map(_cells, answers), strict=True)]
    return [_check(answer, widths) for answer in answers]


def _check(answer: Answer, widths: Sequence[int]) -> Text:
    name, value, bounds = _cells(answer)
    sign, style = _MARKS[answer.verdict]
    calm = answer.verdict is Verdict.PASS
    trail = (_MARKS[verdict] for verdict in answer.trail[-_TRAIL:])
    return Text.assemble(
        (sign, style),
        f" {name:<{widths[0]}}  ",
        (f"{value:>{widths[1]}}", "" if calm else style),
        (f"  {bounds:<{widths[2]}}   ", QUIET),
        *trail,
    )


def _cells(answer: Answer) -> tuple[str, str, str]:
    return answer.name, answer.reading if answer.trail else "not asked yet", answer.bounds


def _happening(happening: Happening) -> Text:
    sign, style = _SIGNS[happening.severity]
    return Text.assemble(
        (f"{happening.at:%H:%M:%S} ", QUIET),
        (f"{sign} ", f"bold {style}"),
        (happening.text, "" if happening.severity is Severity.INFO else style),
    )


def _ends(left: Text, right: Text, width: int) -> Text:
    """Two texts at the two ends of one line; the left one gives way."""
    left = left.copy()
    left.truncate(max(width - right.cell_len - 1, 0), overflow="ellipsis", pad=False)
    return Text.assemble(left, " " * (width - left.cell_len - right.cell_len), right)


def _fitted(line: Text, width: int) -> Text:
    """The line with a margin on both sides, cut where it would wrap."""
    line = line.copy()
    line.truncate(max(width - 2, 0), overflow="ellipsis")
    framed = Text.assemble(" ", line)
    framed.no_wrap = True
    return framed
