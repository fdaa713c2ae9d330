"""Hooks for tests of the engine: Canaries that have them, and what they answer when asked as an analysis asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from shared.canary.model import Hook, HookType
from shared.checks.verdict import CheckResult, Verdict
from shared.engine import Situation, what_to_ask
from tests.support.samples import canary, result

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from shared.canary.model import Canary
    from shared.checks.questions import Questions


def hook(kind: HookType, name: str = "") -> Hook:
    """A hook of a type, named like its type."""
    return Hook(name or str(kind), f"http://hooks.test/{kind}", kind)


def hooked(*kinds: HookType, **changes: Any) -> Canary:
    """A Canary with a hook of each of these types, named like its type."""
    return canary(hooks=tuple(map(hook, kinds)), **changes)


def asked_by(moment: Situation) -> set[str]:
    """Names of the hooks that this tick asks, and ``metrics``."""
    questions = what_to_ask(moment)
    hooks = (*questions.rollback, *questions.hooks, *questions.gates)
    return {hook.name for hook in hooks} | ({"metrics"} if questions.metrics else set())


def answers(questions: Questions, says: Mapping[str, Verdict]) -> tuple[CheckResult, ...]:
    """What an analysis brings back when each hook, and ``metrics``, answers as in ``says``; who is not there passes."""
    urgent = _ask(questions.rollback, says, until=lambda verdict: verdict is Verdict.ABORT)
    if any(each.verdict is Verdict.ABORT for each in urgent):
        return urgent
    found = _ask(questions.hooks, says, until=_not_passed)
    if questions.metrics and _passed(found):
        found = (*found, result(says.get("metrics", Verdict.PASS)))
    gates = _ask(questions.gates, says, until=_not_passed) if _passed(found) else ()
    return (*urgent, *found, *gates)


def _ask(hooks: Iterable[Hook], says: Mapping[str, Verdict], until: Any) -> tuple[CheckResult, ...]:
    found: list[CheckResult] = []
    for each in hooks:
        verdict = says.get(each.name, Verdict.PASS)
        found.append(CheckResult(each.name, str(each.type), verdict, f"{each.name} says {verdict}"))
        if until(verdict):
            break
    return tuple(found)


def _not_passed(verdict: Verdict) -> bool:
    return verdict is not Verdict.PASS


def _passed(found: Iterable[CheckResult]) -> bool:
    return all(each.verdict is Verdict.PASS for each in found)
