"""What holds for every decision, whatever the situation: random walks of a rollout through everything that can be seen
and asked.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta
from types import UnionType
from typing import get_args, get_origin, get_type_hints

from hypothesis import given, settings
from hypothesis import strategies as st

import shared.rollout as rollout_module
from shared.canary.model import REVERT, Provider, SessionAffinity
from shared.checks.verdict import Verdict
from shared.engine import Situation, decide, look_for, what_to_ask
from shared.engine.farewell import Stage
from shared.observed import Look, Observed
from shared.plan import make_plan
from shared.revision import revision_mark
from shared.rollout import Phase, Rollout, Severity, Verb
from shared.schema import from_dict, to_dict
from shared.workload import readiness, serving
from tests.support.samples import NEW, NEWER, NOW, OLD, canary, command, resting, result, rollout, workload

INSIDER = ({"headers": {"x-user": {"exact": "insider"}}},)
CANARIES = (
    canary(),
    canary(mirror=True, mirror_weight=20, session_affinity=SessionAffinity("side")),
    canary(step_weight=0, iterations=2, match=INSIDER, step_weight_promotion=40),
    canary(step_weight=50, match=INSIDER),
    canary(step_weight=0, iterations=3, mirror=True),
    canary(step_weight=0, iterations=2, provider=Provider.KUBERNETES),
    canary(step_weight=30, step_weight_promotion=20),
    canary(step_weight=0, step_weights=(1, 10, 80), max_weight=80, max_unknown=2),
    canary(skip_analysis=True),
    canary(suspend=True),
    canary(revert_on_deletion=True, deleting=True, finalizers=(REVERT,)),
)
workloads = st.builds(workload, replicas=st.integers(0, 3), ready=st.none() | st.integers(0, 3)) | st.none()
views = st.builds(
    Observed,
    look=st.just(Look.ALL),
    target=workloads,
    primary=workloads,
    revision=st.sampled_from([OLD, NEW, NEWER]) | st.none(),
    carried=st.sampled_from(["", revision_mark(OLD), revision_mark(NEW)]),
    drift=st.sampled_from([(), (), (), ("VirtualService frontend",)]),
    problems=st.sampled_from([(), (), (), ("ConfigMap frontend does not exist",)]),
    pending=st.sampled_from(["", "", "", "HTTPRoute frontend.test is not accepted by Gateway public yet"]),
)
verdicts = st.lists(st.sampled_from(Verdict), min_size=1, max_size=3)
commands = st.lists(st.sampled_from(Verb), max_size=2)
moments = st.tuples(views, verdicts, commands, st.sampled_from([0, 1, 10, 700]))


def walk(
    start: Rollout, moves: list[tuple[Observed, list[Verdict], list[Verb], int]], which: int, edit: int = 0
) -> list[tuple[Situation, Rollout]]:
    """Decide move after move; the situation and what was decided in each. With ``edit`` the Canary becomes the one that
    many further in the list, half-way; what is being deleted stays so.
    """
    steps, rollout, now = [], start, NOW
    for number, (seen, answers, asked, seconds) in enumerate(moves):
        if edit and number == len(moves) // 2 and not CANARIES[which].deleting:
            which = (which + edit) % (len(CANARIES) - 1)
        now += timedelta(seconds=seconds)
        rollout = replace(rollout, commands=tuple(command(verb) for verb in asked))
        situation = Situation(CANARIES[which], rollout, seen, now)
        if what_to_ask(situation):
            situation = replace(situation, results=tuple(map(result, answers)))
        after = decide(situation).rollout
        steps.append((situation, after))
        rollout = replace(after, version=after.version + 1)
    return steps


starts = st.sampled_from(
    [
        Rollout(version=1),
        rollout(),
        rollout(weight=100, matching=True),
        rollout(weight=0, mirror=100),
        resting(),
        rollout(phase=Phase.PROMOTING, weight=50),
    ]
)
walks = st.builds(
    walk,
    starts,
    st.lists(moments, min_size=1, max_size=40),
    st.sampled_from(range(len(CANARIES))),
    st.integers(0, len(CANARIES) - 2),
)


def shown_to_everybody(rollout: Rollout) -> int:
    """The canary's share of the requests of those whom no match describes."""
    return 0 if rollout.matching else rollout.weight


@settings(max_examples=300, deadline=None)
@given(walks)
def test_the_rules_hold_after_every_decision(steps: list[tuple[Situation, Rollout]]) -> None:
    for situation, after in steps:
        before, seen = situation.rollout, situation.seen
        rising = after.weight > before.weight or shown_to_everybody(after) > shown_to_everybody(before)
        plan = [step.route.canary for step in make_plan(situation.canary).steps]
        assert 0 <= after.weight <= 100
        assert not (after.weight and after.mirror), "copies are for a canary without users"
        assert situation.canary.has_router or not rising or situation.canary.deleting, "nobody could move it"
        if rising and after.phase is not Phase.FAILED and not situation.canary.deleting:
            assert after.weight in plan, "weights are the plan's"
            assert not any(before.weight < weight < after.weight for weight in plan), "one step a tick"
            assert not seen.drift, "a repair does not advance"
            assert not seen.problems
            assert seen.target is not None
            assert not readiness(seen.target), "no traffic to pods that are not ready"
            assert before.step < 0 or what_to_ask(situation), "no step without asking"
            assert all(answer.verdict is Verdict.PASS for answer in situation.results), "only what passed advances"
        if after.failed > before.failed:
            assert any(answer.verdict is Verdict.FAIL for answer in situation.results), "only a failure counts"
        if after.promoted != before.promoted and before.phase is not Phase.INITIALIZING:
            assert seen.carried == revision_mark(after.promoted), "promoted is what the primary carries"
        if after.replicas == 0 and before.replicas != 0:
            assert before.route.home or after.route.home, "traffic leaves first"


leaves = st.builds(walk, starts, st.lists(moments, min_size=1, max_size=40), st.just(len(CANARIES) - 1))


@settings(max_examples=300, deadline=None)
@given(leaves)
def test_a_deletion_gives_traffic_and_service_only_to_a_ready_target(steps: list[tuple[Situation, Rollout]]) -> None:
    for situation, after in steps:
        before, seen = situation.rollout, situation.seen
        forward = before.phase is Phase.TERMINATING and after.step > before.step
        anybody = seen.target is not None or seen.primary is not None
        if after.weight > before.weight or (forward and before.step < Stage.CLEARING and anybody):
            assert not seen.drift, "what was committed before was seen"
            if anybody:
                assert seen.target is not None
                assert not readiness(seen.target)
                assert serving(seen.target), "no traffic to pods that are not ready"
        assert after.phase is Phase.TERMINATING
        assert after.step - max(before.step, 0) <= 1, "one step a tick"
        assert after.commands == ()


@settings(max_examples=300, deadline=None)
@given(walks)
def test_abort_always_leaves_no_traffic_on_the_canary(steps: list[tuple[Situation, Rollout]]) -> None:
    for situation, _ in steps:
        aborted = replace(situation.rollout, commands=(command(Verb.ABORT),))
        after = decide(replace(situation, rollout=aborted, results=())).rollout
        in_progress = situation.rollout.phase in (Phase.PROGRESSING, Phase.PROMOTING) and not situation.canary.deleting
        assert not in_progress or after.weight == 0
        assert after.commands == ()


@settings(max_examples=300, deadline=None)
@given(walks)
def test_whatever_is_decided_is_of_the_types_that_it_says(steps: list[tuple[Situation, Rollout]]) -> None:
    for situation, after in steps:
        for field, kind in get_type_hints(Rollout, None, vars(rollout_module) | {"Mapping": Mapping}).items():
            assert is_of(getattr(after, field), kind), f"{field} is {getattr(after, field)!r}"
        for line in after.outbox[len(situation.rollout.outbox) :]:
            assert line.text.strip(), "a line says something"
            assert is_of(line.severity, Severity)
        assert after.version == situation.rollout.version, "the commit raises it"


def is_of(value: object, kind: object) -> bool:
    """Whether ``value`` is of the type that an annotation names; what collections hold is not looked at."""
    if isinstance(kind, UnionType):
        return any(is_of(value, one) for one in get_args(kind))
    if isinstance(value, bool):
        return kind is bool
    return isinstance(value, get_origin(kind) or kind)  # type: ignore[arg-type]  # every annotation there is a class


@settings(max_examples=200, deadline=None)
@given(walks)
def test_every_rollout_survives_the_store_and_says_what_it_needs_next(steps: list[tuple[Situation, Rollout]]) -> None:
    for situation, after in steps:
        assert from_dict(to_dict(after)) == after
        look_for(situation.canary, after)
        assert len({line.sequence for line in after.outbox}) == len(after.outbox), "every line has its own event"
