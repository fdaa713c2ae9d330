"""The facts of a run, gathered tick by tick: what differs from production, how the checks answer, how far it is.

A tick looks at little, so what it did not look at stays as it was known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from shared.checks.verdict import Verdict
from shared.notice import Facts
from shared.revision import revision_mark, unlike
from shared.rollout import shown_phase
from shared.scene import KINDS, primary_of, target_of
from shared.workload import template_of

if TYPE_CHECKING:
    from shared.canary.model import Analysis, Canary
    from shared.checks.verdict import CheckResult
    from shared.json_types import Json
    from shared.notices.evidence import Evidence
    from shared.rollout import Rollout

CHANGE_CAUSE = "kubernetes.io/change-cause"
"""Annotation that ``kubectl rollout history`` shows; teams put an author or a ticket into it."""

_WORDS = {
    Verdict.PASS: "passed",
    Verdict.FAIL: "failed",
    Verdict.WAIT: "waits",
    Verdict.ABORT: "aborts",
    Verdict.UNKNOWN: "not answered",
}
_MOST = 8
_LONGEST = 300


def gather(known: Facts, after: Rollout, evidence: Evidence) -> Facts:
    """The facts of the run of ``after``; ``known`` are those before this tick, perhaps of the run before."""
    facts = known if known.run == after.run else _opening(after, evidence)
    facts = replace(
        facts,
        phase=shown_phase(after),
        weight=after.weight,
        traffic=_traffic(after),
        revision=revision_mark(after.applied),
        gate=after.gate,
        configs=_configs(after, facts),
    )
    return _with_answers(facts, evidence)


def _opening(after: Rollout, evidence: Evidence) -> Facts:
    """What is known when a run begins, and does not change while it goes on."""
    target = target_of(evidence.canary, evidence.scene)
    return Facts(
        run=after.run,
        images=_images(target, primary_of(evidence.canary, evidence.scene)),
        started_by=_started_by(target) if target else "",
        terms=terms_of(evidence.canary),
    )


def terms_of(canary: Canary) -> tuple[str, ...]:
    """What the Canary asks for, in the predecessor's titles and words."""
    return (
        f"Target: {canary.target.kind}/{canary.target.name}.{canary.namespace}",
        f"Traffic routing: {_routing(canary.analysis)}",
        f"Failed checks threshold: {canary.analysis.threshold}",
        f"Progress deadline: {canary.progress_deadline:.0f}s",
    )


def _routing(analysis: Analysis) -> str:
    if analysis.iterations:
        return "A/B Testing" if analysis.match else "Blue/Green"
    steps = ", ".join(map(str, analysis.step_weights)) or str(analysis.step_weight)
    return f"Weight step: {steps} max: {analysis.max_weight}"


def describe(canary: Canary, result: CheckResult) -> str:
    """How a check was answered, with its value and its bound, in one line."""
    sentence = result.text.removeprefix(f"Halt {canary} advancement ").removeprefix("Halt advancement ")
    if result.verdict is not Verdict.PASS and sentence:
        return _cut(sentence)
    value = "" if result.value is None else f" {result.value:.6g}"
    return _cut(f"{result.name}{value}" + (f" ({result.bounds})" if result.bounds else ""))


def _traffic(after: Rollout) -> str:
    whose = " of the requests that match" if after.matching else ""
    copies = f", and copies of {after.mirror}%" if after.mirror else ""
    return f"{100 - after.weight}% primary, {after.weight}% canary{whose}{copies}"


def _with_answers(facts: Facts, evidence: Evidence) -> Facts:
    """The failed ones stay until others fail: at the end they say why."""
    if not evidence.results:
        return facts
    told = [(result, describe(evidence.canary, result)) for result in evidence.results]
    failed = tuple(text for result, text in told if result.verdict is Verdict.FAIL)[:_MOST]
    checks = tuple(f"{_WORDS[result.verdict]}: {text}" for result, text in told)[:_MOST]
    return replace(facts, checks=checks, failed=failed or facts.failed)


def _configs(after: Rollout, facts: Facts) -> tuple[str, ...]:
    """The configs that differ from production's; once promoted, those that did."""
    if after.applied == after.promoted:
        return facts.configs
    found = (name.partition("/") for name in unlike(after.promoted, after.applied) if "/" in name)
    return tuple(f"{KINDS.get(kind, kind)} {name}" for kind, _, name in found)[:_MOST]


def _images(target: Json | None, primary: Json | None) -> tuple[str, ...]:
    """``app: app:1 → app:2`` for each container whose image differs from production's."""
    new, old = _images_of(target), _images_of(primary)
    changes = (f"{name}: {old.get(name, 'none')} → {image}" for name, image in new.items() if old.get(name) != image)
    return tuple(_cut(change) for change in changes)[:_MOST]


def _images_of(workload: Json | None) -> dict[str, str]:
    containers = template_of(workload)["spec"].get("containers") or () if workload else ()
    return {str(container["name"]): str(container.get("image", "")) for container in containers}


def _started_by(target: Json) -> str:
    """The change cause that the team gave, or else the client that last wrote the pod template."""
    metadata = target["metadata"]
    if cause := (metadata.get("annotations") or {}).get(CHANGE_CAUSE):
        return _cut(str(cause))
    writes = [entry for entry in metadata.get("managedFields") or () if _wrote_template(entry)]
    return str(max(writes, key=lambda entry: str(entry.get("time", "")))["manager"]) if writes else ""


def _wrote_template(entry: Json) -> bool:
    return "f:template" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}) and bool(entry.get("manager"))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
