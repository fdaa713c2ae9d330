"""The five rules, one function for each thing that they promise. Each says whether it holds at a moment, and None where
it says nothing about it.

The fifth, that what decides and what renders does no I/O, is about imports: `make lint` checks it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.canary import parse_canary
from shared.canary.model import HookType
from shared.checks.verdict import Verdict
from shared.plan import make_plan
from shared.rollout import RESTING, Phase, shown_phase
from tests.proof.evidence import (
    NAME,
    PRIMARY,
    VERSION,
    canary_shares,
    destinations,
    rules_of,
    shares,
    shown,
    standing,
    wanted,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from shared.rollout import Rollout
    from tests.proof.evidence import Commit, End, Rest, Write
    from tests.proof.world import World


@dataclass(frozen=True, slots=True)
class Rule:
    """One promise. ``number`` is that of the rule which it is a part of."""

    number: int
    says: str
    holds: Callable[[Any], bool | None]


_OF_RELEASE = ("metric", HookType.PRE_ROLLOUT, HookType.ROLLOUT)


def _moves_on(before: Rollout, after: Rollout) -> bool:
    """Whether the run is further than it was."""
    promoting = before.phase is Phase.PROGRESSING and after.phase is Phase.PROMOTING
    ahead = before.phase is after.phase is Phase.PROGRESSING and after.step > before.step
    return promoting or ahead or (before.phase is Phase.PROGRESSING and after.weight > before.weight)


# Rule 1: the document is the truth, and the cluster follows.


def commit_comes_first(write: Write) -> bool | None:
    """Events may tell of what an earlier tick committed; everything else follows this tick's own, if that was heard."""
    return None if write.call.what == "POST events" else bool(write.work.committed) and not write.work.failed_commits


def only_what_was_committed_is_told(write: Write) -> bool | None:
    return write.call.body["message"] in write.told if write.call.what == "POST events" else None


def the_router_gets_what_was_committed(write: Write) -> bool | None:
    if not write.is_router or VERSION not in write.call.body["metadata"].get("annotations", {}):
        return None  # it is given back as it was before the Canary
    document = write.documents.get(int(write.call.body["metadata"]["annotations"][VERSION]))
    return document is not None and shown(write.call.body) == wanted(document)


def a_difference_is_repaired_first(commit: Commit) -> bool | None:
    router = commit.work.seen.get(("virtualservices", NAME))
    if router is None or commit.before is None or shown(router) == wanted(commit.before):
        return None
    return not _moves_on(commit.before, commit.after) or bool(commit.before.commands)


def the_router_follows(end: End) -> bool | None:
    document = end.work.committed[-1]
    if ("virtualservices", NAME) not in end.work.seen or document.phase in (Phase.INITIALIZING, Phase.TERMINATING):
        return None
    if end.world.find("canary") is None or end.world.spec == "no router":
        return None
    return shown(end.world.find("virtualservice")) == wanted(document)


def the_size_follows(end: End) -> bool | None:
    document, target = end.work.committed[-1], end.world.find("deployment")
    if document.replicas is None or target is None or ("deployments", NAME) not in end.work.seen:
        return None
    return document.phase is Phase.TERMINATING or bool(target["spec"]["replicas"]) == bool(document.replicas)


def the_status_follows(end: End) -> bool | None:
    canary = end.world.find("canary")
    return canary["status"]["phase"] == shown_phase(end.work.committed[-1]) if canary else None


# Rule 2: one step a tick, one winner a step.


def a_version_follows_the_one_before(commit: Commit) -> bool | None:
    was = commit.before.version if commit.before else 0
    made_from = commit.work.loaded.version if commit.work.loaded and len(commit.work.committed) == 1 else was
    return commit.after.version == was + 1 == made_from + 1


def a_tick_decides_once(commit: Commit) -> bool | None:
    if len(commit.work.committed) < 2:
        return None
    return standing(commit.work.committed[-2]) == standing(commit.after)


def no_step_is_left_out(commit: Commit) -> bool | None:
    before, after, raw = commit.before, commit.after, commit.work.seen.get(("canaries", NAME))
    if before is None or raw is None or after.phase is not Phase.PROGRESSING or after.weight <= before.weight:
        return None
    plan = [step.route.canary for step in make_plan(parse_canary(raw)).steps]
    return not any(before.weight < weight < after.weight for weight in plan)


def no_step_comes_early(commit: Commit) -> bool | None:
    before, after = commit.before, commit.after
    if before is None or not before.phase is after.phase is Phase.PROGRESSING or after.step <= before.step:
        return None
    return commit.work.now >= before.step_at


def the_router_never_gets_older(write: Write) -> bool | None:
    if not write.is_router or write.before is None:
        return None
    was, becomes = (
        int((obj["metadata"].get("annotations") or {}).get(VERSION, 0)) for obj in (write.before, write.call.body)
    )
    return becomes >= was if was in write.documents and becomes else None


# Rule 3: hints are not data, and an error is not a change.


def who_wakes_decides_nothing(commit: Commit) -> bool | None:
    return standing(commit.before) == standing(commit.after) if commit.wakes and commit.before else None


def an_unanswered_check_holds(commit: Commit) -> bool | None:
    unknown = any(each.verdict is Verdict.UNKNOWN and each.kind in _OF_RELEASE for each in commit.work.results)
    return not _moves_on(commit.before, commit.after) if unknown and commit.before else None


def only_a_failed_check_counts(commit: Commit) -> bool | None:
    before, after = commit.before, commit.after
    if before is None or after.failed <= before.failed:
        return None
    failed = any(each.verdict is Verdict.FAIL and each.kind in _OF_RELEASE for each in commit.work.results)
    return failed and after.failed == before.failed + 1


def a_failed_read_holds(commit: Commit) -> bool | None:
    if not commit.work.failed_reads or commit.before is None or commit.wakes:
        return None
    return standing(commit.before) == standing(commit.after)


# Rule 4: production first.


def weights_sum_to_100(write: Write) -> bool | None:
    return all(sum(shares(rule).values()) == 100 for rule in rules_of(write.call.body)) if write.is_router else None


def the_canary_gets_traffic_only_with_pods(write: Write) -> bool | None:
    if not write.is_router or max(canary_shares(write.call.body)) <= max(canary_shares(write.before)):
        return None
    if int(write.call.body["metadata"].get("annotations", {}).get(VERSION, 0)) != write.work.committed[-1].version:
        return None
    decided = write.work.loaded is None or wanted(write.work.loaded) != wanted(write.work.committed[-1])
    return NAME in write.work.ready if decided else None


def the_primary_gets_traffic_back_only_with_pods(write: Write) -> bool | None:
    if not write.is_router or write.work.loaded is None or write.work.aborted:
        return None
    decided = write.work.committed[-1]
    moved = wanted(decided) != wanted(write.work.loaded) and write.work.loaded.phase is Phase.PROMOTING
    return PRIMARY in write.work.ready if moved and decided.phase is not Phase.FAILED else None


def callers_move_only_to_pods(write: Write) -> bool | None:
    if write.call.what not in ("PUT services", "POST services") or write.call.body["metadata"]["name"] != NAME:
        return None
    if write.call.body["spec"]["selector"].get("app") != PRIMARY:
        return None
    moved = write.before is None or write.before["spec"]["selector"] != write.call.body["spec"]["selector"]
    return PRIMARY in write.work.ready if moved else None


def traffic_leaves_before_the_pods(write: Write) -> bool | None:
    if write.call.what != "PATCH deployments/scale" or write.name != NAME or write.call.body["spec"]["replicas"]:
        return None
    return write.world.tampered or max(canary_shares(write.world.find("virtualservice"))) == 0


def the_primary_is_there_before_the_pods_leave(write: Write) -> bool | None:
    if write.call.what != "PATCH deployments/scale" or write.name != NAME or write.call.body["spec"]["replicas"]:
        return None
    return write.world.harmed or PRIMARY in write.work.ready


def the_primary_always_has_a_size(write: Write) -> bool | None:
    if write.name != PRIMARY or write.call.what not in ("PUT deployments", "PATCH deployments/scale"):
        return None
    return bool(write.call.body["spec"].get("replicas", 1))


def an_abort_is_obeyed_at_once(commit: Commit) -> bool | None:
    before, after = commit.before, commit.after
    asked = before is not None and any(command.verb == "abort" for command in before.commands)
    if not asked or commit.wakes or commit.work.failed_reads or before is None:
        return None
    raw = commit.work.seen.get(("canaries", NAME))
    if (
        raw is None
        or raw["metadata"].get("deletionTimestamp")
        or before.version != getattr(commit.work.loaded, "version", 0)
    ):
        return None
    if before.phase not in (Phase.PROGRESSING, Phase.PROMOTING, Phase.FINALISING):
        return None
    return after.route.home and after.phase in (Phase.FAILED, Phase.FINALISING)


def an_abort_brings_traffic_home(end: End) -> bool | None:
    if not end.work.aborted or end.work.committed[-1].phase not in (Phase.FAILED, Phase.FINALISING):
        return None
    if end.world.spec == "no router" or not end.work.committed[-1].route.home:
        return None
    return max(canary_shares(end.world.find("virtualservice"))) == 0


def everybody_is_served(world: World) -> bool | None:
    """Wherever requests are sent there are pods, as long as nobody breaks pods or writes routes by hand."""
    if world.harmed or world.tampered:
        return None
    return all(world.available(name) > 0 for name in destinations(world))


# All of them: what is left when every failure is over.


def everything_comes_to_rest(rest: Rest) -> bool | None:
    return rest.rollout.phase in RESTING and not rest.rollout.active and rest.rollout.replicas is None


def a_good_release_is_promoted(rest: Rest) -> bool | None:
    if not rest.released:
        return None
    primary, target = rest.world.find("deployment", PRIMARY), rest.world.find("deployment")
    assert primary is not None
    assert target is not None
    images = {side["spec"]["template"]["spec"]["containers"][0]["image"] for side in (primary, target)}
    return (
        rest.rollout.phase is Phase.SUCCEEDED
        and rest.rollout.promoted == rest.rollout.applied
        and images == {f"app:{rest.world.images}"}
    )


def the_cluster_is_as_the_document_says(rest: Rest) -> bool | None:
    world, target = rest.world, rest.world.find("deployment")
    apex, canary = world.find("service"), world.find("canary")
    assert apex is not None
    assert canary is not None
    assert target is not None
    routed = world.tampered or world.spec == "no router" or shown(world.find("virtualservice")) == wanted(rest.rollout)
    sized = rest.rollout.weight == 100 or target["spec"]["replicas"] == 0
    served = apex["spec"]["selector"] == {"app": PRIMARY} and world.available(PRIMARY) > 0
    return routed and sized and served and canary["status"]["phase"] == rest.rollout.phase


AT_COMMIT = (
    Rule(1, "a tick that finds the router different does not move on", a_difference_is_repaired_first),
    Rule(2, "a commit follows the version that it was made from", a_version_follows_the_one_before),
    Rule(2, "a tick decides once", a_tick_decides_once),
    Rule(2, "no step is left out", no_step_is_left_out),
    Rule(2, "no step comes before its time", no_step_comes_early),
    Rule(3, "a hint, a sweep and a command decide nothing by themselves", who_wakes_decides_nothing),
    Rule(3, "a check that was not answered does not advance", an_unanswered_check_holds),
    Rule(3, "only a failed check counts as one, once", only_a_failed_check_counts),
    Rule(3, "a read that failed changes nothing", a_failed_read_holds),
    Rule(4, "an abort ends the run in the tick that finds it", an_abort_is_obeyed_at_once),
)
AT_WRITE = (
    Rule(1, "nothing is written before the commit", commit_comes_first),
    Rule(1, "events tell of nothing that was not committed", only_what_was_committed_is_told),
    Rule(1, "the router gets the route of the version that it names", the_router_gets_what_was_committed),
    Rule(2, "the router never gets an older version", the_router_never_gets_older),
    Rule(4, "weights sum to 100", weights_sum_to_100),
    Rule(4, "the canary gets more traffic only with pods", the_canary_gets_traffic_only_with_pods),
    Rule(4, "the primary gets traffic back only with pods", the_primary_gets_traffic_back_only_with_pods),
    Rule(4, "callers are moved only to pods", callers_move_only_to_pods),
    Rule(4, "traffic leaves the canary before its pods do", traffic_leaves_before_the_pods),
    Rule(4, "the primary has pods before the target's go", the_primary_is_there_before_the_pods_leave),
    Rule(4, "the primary is never scaled to zero", the_primary_always_has_a_size),
)
AT_END = (
    Rule(1, "after an undisturbed tick the router is as committed", the_router_follows),
    Rule(1, "after an undisturbed tick the target's size is as committed", the_size_follows),
    Rule(1, "after an undisturbed tick the status is as committed", the_status_follows),
    Rule(4, "an undisturbed tick that aborts brings traffic home", an_abort_brings_traffic_home),
)
ALWAYS = (Rule(4, "requests are sent nowhere where no pod is", everybody_is_served),)
AT_REST = (
    Rule(1, "it comes to rest once failures are over", everything_comes_to_rest),
    Rule(1, "at rest the cluster is as the document says", the_cluster_is_as_the_document_says),
    Rule(1, "a good release is promoted then", a_good_release_is_promoted),
)
EVERY_RULE = (*AT_COMMIT, *AT_WRITE, *AT_END, *ALWAYS, *AT_REST)
