"""The story of the demo: podinfo is installed, upgraded to a good version and to a bad one, and each ending is judged.

Judged for real: what the API server says of Canary, Deployments and routes, and what the callers counted. An ending
that is not as it must be is a DemoError that says how it is instead.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from infra.local.errors import DemoError
from infra.local.judgement import (
    ENDS,
    demand,
    describe,
    promotion_problems,
    rollback_problems,
    settled,
    traffic_problems,
)
from infra.local.picture import Scene
from infra.local.stack import KEY
from infra.local.watch import Sources, Watch
from shared.cluster.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from infra.local.callers import Counts
    from infra.local.picture import Happening, Picture
    from infra.local.show import Show
    from infra.local.stack import Stack
    from shared.json_types import JsonObject

IMAGE = "stefanprodan/podinfo"
FIRST, GOOD, BAD, NEXT = "6.9.0", "6.9.1", "6.9.2", "6.9.3"

INSTALL = Scene(1, 3, f"Installing podinfo {FIRST}", "Serin makes podinfo-primary, which takes over the traffic")
UPGRADE = Scene(
    2, 3, f"Upgrading podinfo {FIRST} → {GOOD}", "Traffic moves to the new version 10 % at a time while its checks pass"
)
FAILURE = Scene(
    3, 3, f"Upgrading podinfo {GOOD} → {BAD}, a bad release", "It fails every second request: watch the checks act"
)
AFTERWARDS = Scene(0, 0, "Your turn: change podinfo as you like", "Ctrl-C ends the demo and removes everything")

INSTALL_SECONDS, UPGRADE_SECONDS, FAILURE_SECONDS = 15.0, 35.0, 25.0
"""How long the scenes may take: together with the start below the 90 seconds that the demo promises."""

LINGER_SECONDS = 1.5
"""How long each ending stays in view, and how long no request may reach the canary after a rollback."""

FRAME_SECONDS, LOOK_SECONDS = 0.08, 0.24
"""Pauses between two frames, and between two looks at the stack."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What the story came to: seconds from each change to its ending, and what the callers counted."""

    good: str
    bad: str
    promotion_seconds: float
    rollback_seconds: float
    failed_checks: int
    counts: Counts


class Story:
    """Plays the scenes in a running stack; ``began`` is the monotonic clock's time at the start of the demo."""

    def __init__(self, stack: Stack, happenings: Sequence[Happening], began: float) -> None:
        self._stack = stack
        self._watch = Watch(Sources(stack.client, stack.store, KEY, stack.traffic), happenings)
        self._began = began

    def play(self, show: Show) -> Facts:
        """All three scenes. DemoError if one does not end as it must."""
        self._stack.apply_app()
        installed = Act(INSTALL, INSTALL_SECONDS, lambda picture: picture.phase == "Initialized" and settled(picture))
        self._until(show, installed)
        self._linger(show, INSTALL)
        promotion = self._promotion(show)
        rollback, failed = self._rollback(show)
        return Facts(GOOD, BAD, promotion, rollback, failed, self._stack.traffic.counts)

    def carry_on(self, show: Show) -> None:
        """Take the bad release back, as its team would, and show what happens from now on."""
        self._change(GOOD, {"$patch": "delete"})
        self._until(show, Act(AFTERWARDS, float("inf"), lambda _: False))

    def _promotion(self, show: Show) -> float:
        began = time.monotonic()
        self._change(GOOD)
        self._until(show, Act(UPGRADE, UPGRADE_SECONDS, _ended))
        seconds = time.monotonic() - began
        demand(f"The promotion of {GOOD}", promotion_problems(self._linger(show, UPGRADE), GOOD))
        return seconds

    def _rollback(self, show: Show) -> tuple[float, int]:
        began = time.monotonic()
        self._change(BAD, {"value": "0.5"})
        self._until(show, Act(FAILURE, FAILURE_SECONDS, lambda picture: picture.phase not in ENDS))
        seconds = time.monotonic() - began
        self._until(show, Act(FAILURE, FAILURE_SECONDS - seconds, _ended))
        seconds = time.monotonic() - began
        before = self._stack.traffic.counts
        picture = self._linger(show, FAILURE)
        after = self._stack.traffic.counts
        demand(f"The rollback of {BAD}", rollback_problems(picture, GOOD) + traffic_problems(before, after))
        return seconds, picture.failed

    def _change(self, tag: str, fault: JsonObject | None = None) -> None:
        """Another image for podinfo, as ``kubectl set image`` and ``kubectl set env`` write it."""
        container: JsonObject = {"name": KEY.name, "image": f"{IMAGE}:{tag}"}
        if fault:
            container["env"] = [{"name": "FAULT_ERROR_RATE", **fault}]
        change = {"spec": {"template": {"spec": {"containers": [container]}}}}
        self._stack.client.patch(Kind.DEPLOYMENT, KEY.namespace, KEY.name, change)

    def _linger(self, show: Show, scene: Scene) -> Picture:
        end = time.monotonic() + LINGER_SECONDS
        return self._until(show, Act(scene, 2 * LINGER_SECONDS, lambda _: time.monotonic() > end))

    def _until(self, show: Show, act: Act) -> Picture:
        """Show what happens until the act is over; DemoError if that takes too long."""
        deadline = time.monotonic() + act.seconds
        while not act.over(picture := self._look(act.scene)):
            if time.monotonic() > deadline:
                late = f"{act.scene.title} was not over after {act.seconds:.0f} s"
                raise DemoError(f"{late}: the Canary is {describe(picture)}")
            _play_frames(show, picture)
        show.draw(picture)
        return picture

    def _look(self, scene: Scene) -> Picture:
        self._stack.check()
        return self._watch.look(scene, time.monotonic() - self._began)


@dataclass(frozen=True, slots=True)
class Act:
    """A scene, how many seconds it may take, and how one sees that it is over."""

    scene: Scene
    seconds: float
    over: Callable[[Picture], bool]


def _ended(picture: Picture) -> bool:
    return picture.phase in ENDS and settled(picture)


def _play_frames(show: Show, picture: Picture) -> None:
    until = time.monotonic() + LOOK_SECONDS
    while time.monotonic() < until:
        show.draw(picture)
        time.sleep(FRAME_SECONDS)
