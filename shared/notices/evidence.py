"""What a tick knew when it decided: all that a notice may be made of, beside the rollout before and after."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

    from shared.canary.model import Canary
    from shared.checks.verdict import CheckResult
    from shared.rollout import Line, RolloutKey
    from shared.scene import Scene


@dataclass(frozen=True, slots=True)
class Evidence:
    """``lines`` are what the decision says, ``results`` the checks that it was made on, ``problems`` what nobody but a
    person can put right.
    """

    key: RolloutKey
    canary: Canary
    scene: Scene
    now: datetime
    lines: tuple[Line, ...] = ()
    results: tuple[CheckResult, ...] = ()
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Audience:
    """Who is told, beside those whom a Canary names: the Slack app's channel, an incoming webhook's."""

    app: bool = False
    webhook: bool = False


NOBODY = Audience()
