"""What is said of a hook, in the words of Flagger's log where it has any. Pure, because the engine says some of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from shared.canary.model import HookType

if TYPE_CHECKING:
    from shared.canary.model import Canary, Hook

_ROLES = {
    HookType.CONFIRM_ROLLOUT: "waiting for approval",
    HookType.CONFIRM_TRAFFIC_INCREASE: "waiting for traffic increase approval",
    HookType.CONFIRM_PROMOTION: "waiting for promotion approval",
    HookType.PRE_ROLLOUT: "pre-rollout check",
}


def write_halt(canary: Canary, hook: Hook) -> str:
    """The start of the sentence that says why ``canary`` does not move on."""
    if hook.type in (HookType.POST_ROLLOUT, HookType.ROLLBACK):
        return f"{hook.type.capitalize()} hook {hook.name}"
    return f"Halt {canary} advancement {_ROLES.get(hook.type, 'external check')} {hook.name}"


def write_passed(hook: Hook) -> str:
    """That ``hook`` said yes."""
    return f"{hook.type.capitalize()} {'hook' if hook.type is HookType.POST_ROLLOUT else 'check'} {hook.name} passed"
