"""The desk over a real store: which rollout is meant, what is put into it, and what people read."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from shared.chat.desk import Desk
from shared.chat.permission import Rules
from shared.chat.request import Person, Pressed, Typed
from shared.chat.roles import Roles, parse_roles
from shared.checks.verdict import CheckResult, Verdict
from shared.errors import Unknown
from shared.history import Entry
from shared.revision import revision_mark
from shared.rollout import Command, Line, Phase, Rollout, RolloutKey, Severity, Verb
from shared.state.open import open_store
from tests.support.samples import NOW, resting, rollout
from tests.support.slack_blocks import refusal, texts_of

if TYPE_CHECKING:
    from shared.chat.answer import Answer

ADA = Person("U0ADA", "ada", "C0SHOP", "shop")
SHOP = RolloutKey("east", "test", "shop")
CART = RolloutKey("east", "test", "cart-worker")
WEST = RolloutKey("west", "test", "shop")
FAILED = CheckResult("success-rate", "metric", Verdict.FAIL, "Halt", 62.5, ">= 99", 'rate(x{code<"5"}[1m])')
PASSED = CheckResult("latency", "metric", Verdict.PASS, "", 120.0, "<= 500", "histogram")


class Told:
    """Heartbeat jobs that remember who was forced, and cannot be when told so."""

    def __init__(self) -> None:
        self.forced: list[str] = []
        self.works = True

    def resume(self, cluster: str) -> bool:
        return bool(cluster)

    def pause(self, cluster: str) -> bool:
        return bool(cluster)

    def force(self, cluster: str) -> bool:
        self.forced.append(cluster)
        return self.works


class Nobody:
    """No user group is known."""

    def members(self, group: str) -> frozenset[str]:
        raise Unknown(f"nobody knows {group}")


class Office:
    """A desk with its store and its jobs."""

    def __init__(self, *clusters: str, roles: str = '{"U0ADA": {"*": ["*"]}}') -> None:
        self.store, self.jobs = open_store("sqlite://"), Told()
        rules = Rules(parse_roles(roles) if roles else Roles(), Nobody())
        self.desk = Desk(self.store, self.jobs, clusters or ("east",), rules, lambda: NOW, "/canary")
        self.asked = 0

    def keep(self, key: RolloutKey, stands: Rollout, *entries: Entry) -> None:
        self.store.commit(key, replace(stands, version=1), entries[0] if entries else None)
        for version, entry in enumerate(entries[1:], start=2):
            self.store.commit(key, replace(stands, version=version), entry)

    def type(self, text: str, person: Person = ADA) -> Answer:
        self.asked += 1
        return self.check(self.desk.serve(Typed(f"slack:{self.asked}", person, text, "https://hooks.slack.com/x")))

    def press(self, action: str, key: RolloutKey, stands: Rollout) -> Answer:
        self.asked += 1
        shown = (stands.run, revision_mark(stands.applied), stands.gate)
        return self.check(self.desk.serve(Pressed(f"slack:{self.asked}", ADA, action, str(key), *shown, "")))

    def check(self, answer: Answer) -> Answer:
        """Slack would take it."""
        assert refusal(answer.to_dict()) == ""
        assert "<b>" not in texts_of(answer.to_dict())
        return answer

    def commands(self, key: RolloutKey) -> tuple[Command, ...]:
        found = self.store.load(key)
        assert found is not None
        return found.commands


def entry(at_weight: int, *results: CheckResult, said: str = "", severity: Severity = Severity.WARNING) -> Entry:
    lines = (Line(1, NOW, severity, said),) if said else ()
    return Entry("000001", 1, NOW - timedelta(minutes=2), Phase.PROGRESSING, at_weight, lines, results)


@pytest.mark.parametrize("text", ["shop.test", "test/shop", "east:test/shop", "SHOP", "sho", "`shop`"])
def test_an_abort_goes_into_the_rollout_that_was_meant_and_the_heartbeat_is_called(text: str) -> None:
    office = Office()
    office.keep(SHOP, rollout())
    office.keep(CART, rollout())
    answer = office.type(f"abort {text} it <b>smells")
    assert answer.public
    (command,) = office.commands(SHOP)
    assert (command.verb, command.by, command.source) == (Verb.ABORT, "ada (U0ADA)", "Slack #shop")
    assert (command.at, command.revision, office.jobs.forced) == (NOW, "", ["east"])
    assert office.commands(CART) == ()


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.PAUSE])
def test_everything_but_an_abort_is_for_the_revision_of_now(verb: Verb) -> None:
    office = Office()
    office.keep(SHOP, rollout())
    office.type(f"{verb} shop")
    assert [command.revision for command in office.commands(SHOP)] == [revision_mark(rollout().applied)]


def test_an_approval_is_for_the_gate_that_waits() -> None:
    office = Office()
    office.keep(SHOP, rollout(gate="confirm-promotion/sign-off"))
    assert office.type("approve shop.test").public
    (command,) = office.commands(SHOP)
    assert (command.gate, command.revision) == ("confirm-promotion/sign-off", revision_mark(rollout().applied))


@pytest.mark.parametrize("verb", [Verb.PROMOTE, Verb.APPROVE, Verb.RETRY, Verb.RESUME])
def test_a_part_of_a_name_brings_traffic_to_nothing(verb: Verb) -> None:
    office = Office()
    office.keep(CART, rollout(gate="g/x", paused=True))
    answer = office.type(f"{verb} cart")
    assert f"Did you mean `/canary {verb} cart-worker.test`?" in answer.text
    assert office.commands(CART) == ()


def test_a_name_that_several_clusters_have_is_asked_back() -> None:
    office = Office("east", "west")
    office.keep(SHOP, rollout())
    office.keep(WEST, rollout())
    answer = office.type("abort shop.test")
    assert "`/canary abort east:test/shop` or `/canary abort west:test/shop`" in answer.text
    assert office.type("abort west:test/shop").public
    assert (office.commands(SHOP), len(office.commands(WEST))) == ((), 1)


def test_a_slip_is_met_with_what_was_meant() -> None:
    office = Office()
    office.keep(SHOP, rollout())
    assert "Did you mean `/canary abort shop.test`?" in office.type("abort shpo.test").text
    assert "There is no canary `zzz`" in office.type("abort zzz").text
    assert "Which canary?" in office.type("abort").text
    assert "Did you mean `/canary abort`?" in office.type("abrt shop").text


@pytest.mark.parametrize(
    ("verb", "stands", "words"),
    [
        (Verb.ABORT, resting(phase=Phase.FAILED), "has no run to abort: run 1 is Failed, no traffic is on the canary"),
        (Verb.ABORT, rollout(phase=Phase.INITIALIZING), "has no run to abort"),
        (Verb.PROMOTE, rollout(phase=Phase.PROMOTING), "is being promoted already"),
        (Verb.PROMOTE, resting(), "has no run to promote"),
        (Verb.APPROVE, rollout(), "waits for no approval"),
        (Verb.PAUSE, rollout(paused=True), "is paused already"),
        (Verb.RESUME, rollout(), "is not paused"),
        (Verb.RETRY, rollout(), "has no failed run to retry"),
    ],
)
def test_what_would_do_nothing_is_said_and_not_done(verb: Verb, stands: Rollout, words: str) -> None:
    office = Office()
    office.keep(SHOP, stands)
    answer = office.type(f"{verb} shop.test")
    assert words in answer.text
    assert (answer.public, office.commands(SHOP), office.jobs.forced) == (False, (), [])


def test_a_heartbeat_that_cannot_be_called_is_said() -> None:
    office = Office()
    office.jobs.works = False
    office.keep(SHOP, rollout())
    assert "the heartbeat could not be called" in office.type("abort shop.test").text


def test_whoever_comes_second_hears_who_was_first() -> None:
    office = Office()
    office.keep(SHOP, rollout())
    office.type("abort shop.test")
    assert "also asked: abort by ada (U0ADA)" in office.type("promote shop.test").text


def test_a_rollout_that_only_a_hint_has_made_is_nobodys_canary() -> None:
    office = Office()
    office.keep(SHOP, rollout(born=False))
    assert "There is no canary" in office.type("abort shop.test").text
    assert "0 under way, 0 at rest" in office.type("status *").text


def test_a_button_of_a_cluster_that_is_not_served_does_nothing() -> None:
    office = Office()
    office.keep(WEST, rollout())
    assert "There is no canary" in office.press("abort", WEST, rollout()).text
    assert office.commands(WEST) == ()


def test_status_shows_weight_phase_run_and_what_it_waits_for() -> None:
    office = Office()
    waiting = rollout(weight=30, halt="Halt advancement shop.test <b>1 of 2</b>", runs=1, failed=1)
    office.keep(SHOP, waiting, entry(30, FAILED, PASSED))
    seen = texts_of(office.type("status shop.test").to_dict())
    for part in (
        "*shop.test* Progressing",
        "run 1",
        "30 % canary",
        "██████░░░░",
        "1 of 2&lt;/b&gt;",
        "started 2 min ago",
    ):
        assert part in seen, part
    assert ":x: *success-rate* 62.5 (must be &gt;= 99)" in seen


def test_status_of_everything_stays_within_what_slack_takes() -> None:
    office = Office()
    for number in range(70):
        office.keep(RolloutKey("east", "test", f"busy-{number}"), rollout(halt="waits"))
        office.keep(RolloutKey("east", "test", f"quiet-{number}"), resting())
    answer = office.type("status *")
    assert "70 under way, 70 at rest" in answer.text
    assert "and 50 more under way" in texts_of(answer.to_dict())
    assert "busy" not in office.type("status quiet*").text


def test_why_shows_each_failed_check_with_its_evidence() -> None:
    office = Office()
    said = "Rolling back shop.test failed checks threshold reached 2"
    office.keep(SHOP, resting(phase=Phase.FAILED), entry(30, FAILED, PASSED), entry(30, said=said))
    seen = texts_of(office.type("why shop.test").to_dict())
    for part in (said, "*success-rate* 62.5 (must be &gt;= 99)", 'rate(x{code&lt;"5"}[1m])', "at 30 % canary"):
        assert part in seen, part
    assert "latency" not in seen


def test_why_says_so_when_nothing_went_wrong() -> None:
    office = Office()
    office.keep(SHOP, rollout(), entry(10, PASSED, said="Advance", severity=Severity.INFO))
    assert "no check failed" in office.type("why shop.test").text


def test_history_tells_runs_their_ends_and_who_asked_for_what() -> None:
    office = Office()
    abort = Command("c1", Verb.ABORT, "bob (U0BOB)", NOW, "it <b>smells", "Slack #ops")
    ended = entry(0, said="Rolling back shop.test aborted by bob (U0BOB): it <b>smells")
    office.keep(SHOP, resting(), entry(10, PASSED), replace(ended, phase=Phase.FAILED, commands=(abort,)))
    seen = texts_of(office.type("history shop.test").to_dict())
    assert "*run 1* Failed" in seen
    assert "abort by bob (U0BOB) in Slack #ops: it &lt;b&gt;smells" in seen


def test_help_names_every_verb() -> None:
    seen = Office().type("help").text
    assert all(f"/canary {verb}" in seen for verb in Verb)
