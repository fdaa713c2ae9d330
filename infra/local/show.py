"""The two ways to show pictures: the live view in a terminal, and plain lines everywhere else.

The live view takes the whole terminal (its alternate screen), so that a change of size leaves no garbage, and gives it
back as it was. Drawn in place, below text that people want to copy, it starts afresh when the size changes. Plain lines
hold no control characters: one fact a line, once, as soon as it is known.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Protocol, Self

from rich.console import Group
from rich.live import Live
from rich.text import Text

from infra.local.view import SMALLEST, draw
from infra.local.words import answer_line, happening_line, scene_line, split_line

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager
    from types import TracebackType
    from typing import IO

    from rich.console import Console, RenderableType

    from infra.local.picture import Picture

GLIDE = 0.35
"""The part of its way to the new weight that the bar goes in one frame."""

LAST_LINES = 24
"""Height of the picture that the live view leaves behind."""


class Show(Protocol):
    """Takes picture after picture."""

    def draw(self, picture: Picture) -> None:
        """Show a picture. Called many times a second, mostly with one that hardly differs from the last."""


class Stage(Protocol):
    """Where the demo is shown."""

    def say(self, *lines: str) -> None:
        """Text that stays."""

    def playing(self) -> AbstractContextManager[Show]:
        """A block in which pictures are shown."""

    def keeping(self, *lines: str) -> AbstractContextManager[Show]:
        """A block in which pictures are shown, below text that people want to copy."""


class LiveStage:
    """A terminal that can show the live view."""

    def __init__(self, console: Console) -> None:
        self._console = console

    def say(self, *lines: str) -> None:
        """Text that stays, with a margin as the view's."""
        self._console.print(*(Text(f" {line}") for line in lines), sep="\n")

    @contextmanager
    def playing(self) -> Iterator[Show]:
        """The live view on the whole terminal; its last picture is left behind."""
        show = LiveShow(self._console)
        try:
            with show:
                yield show
        finally:
            if show.picture:
                self._console.print(draw(show.picture, self._console.width, LAST_LINES))

    def keeping(self, *lines: str) -> LiveShow:
        """The live view in place."""
        return LiveShow(self._console, Group(*(Text(f" {line}", overflow="fold") for line in lines)))


class LiveShow:
    """The live view while its ``with`` block lasts. With text ``above`` it is drawn in place, below that text."""

    def __init__(self, console: Console, above: RenderableType | None = None) -> None:
        self._console = console
        self._above = above
        self._live = Live(console=console, screen=above is None, auto_refresh=False, transient=True)
        self._share = 0.0
        self._shown: object = None
        self.picture: Picture | None = None
        self._size = console.size

    def __enter__(self) -> Self:
        self._start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._live.stop()

    def draw(self, picture: Picture) -> None:
        """Draw the next frame, if it differs from the last one."""
        self.picture = picture
        if self._above is not None and self._console.size != self._size:
            self._restart()
        share = self._glide(picture.weight)
        size = self._console.size
        if (picture, share, size) != self._shown:
            self._shown = (picture, share, size)
            self._live.update(draw(picture, size.width, self._room(), share), refresh=True)

    def _room(self) -> int:
        """Lines for the view: all of them, or those that the text above leaves, so that it stays in sight."""
        if self._above is None:
            return self._console.height
        return self._console.height - len(self._console.render_lines(self._above)) - 1

    def _start(self) -> None:
        if self._above is not None:
            self._console.print(self._above)
        self._live.start()

    def _restart(self) -> None:
        self._live.stop()
        self._console.clear()
        self._size = self._console.size
        self._start()

    def _glide(self, weight: int | None) -> float | None:
        """Where the bar is on its way to ``weight``."""
        if weight is None:
            return None
        self._share += (weight - self._share) * GLIDE
        if abs(self._share - weight) < 0.2:
            self._share = float(weight)
        return self._share


class PlainStage:
    """Lines on ``stream``: what is said, and what is new in each picture. It is its own show."""

    def __init__(self, stream: IO[str]) -> None:
        self._stream = stream
        self._last: Picture | None = None

    def say(self, *lines: str) -> None:
        """Write lines."""
        for line in lines:
            self._stream.write(f"{line}\n")
        self._stream.flush()

    @contextmanager
    def playing(self) -> Iterator[Show]:
        """Write what happens."""
        yield self

    @contextmanager
    def keeping(self, *lines: str) -> Iterator[Show]:
        """Write these lines, then what happens."""
        self.say(*lines)
        yield self

    def draw(self, picture: Picture) -> None:
        """Write what the last picture did not have, in the order in which it came about."""
        last, self._last = self._last, picture
        if last is None or last.scene != picture.scene:
            self.say("", scene_line(picture.scene))
        said = len(last.happenings) if last else 0
        if last is None or [answer.trail for answer in last.answers] != [answer.trail for answer in picture.answers]:
            self.say(*(answer_line(answer) for answer in picture.answers if answer.trail))
        self.say(*map(happening_line, picture.happenings[said:]))
        if picture.weight is not None and (last is None or last.weight != picture.weight):
            self.say(split_line(picture.weight))


def open_stage(console: Console, *, plain: bool) -> Stage:
    """The live view if the terminal can show it and nobody asked for plain lines."""
    big = console.size.width >= SMALLEST[0] and console.size.height >= SMALLEST[1]
    able = console.file.isatty() and not console.is_dumb_terminal and console.encoding.startswith("utf")
    return LiveStage(console) if able and big and not plain else PlainStage(console.file)
