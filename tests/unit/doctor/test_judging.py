"""What is seen, and what the doctor makes of it: plain data in, findings out."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from google.cloud import firestore_admin_v1 as admin

from shared.canary.model import OnNoData
from shared.checks.verdict import CheckResult, Verdict
from shared.cluster.rights import RULES, Part
from shared.doctor import finding, reach
from shared.doctor.definitions import NEEDED, judge_served
from shared.doctor.finding import Area, Finding
from shared.doctor.ground import parts_used
from shared.doctor.guard import guarded
from shared.doctor.metrics import judge_result
from shared.doctor.rights import judge_rights
from shared.doctor.rollouts import (
    MOST,
    MOST_SHOWN,
    Canaries,
    judge_canaries,
    judge_flagger,
    judge_rollouts,
    sort_canaries,
)
from shared.doctor.scheduler import JobSeen, judge_attempt, judge_state
from shared.doctor.slack import SCOPES, judge_channel, judge_scopes
from shared.doctor.store import judge_database, judge_space
from shared.doctor.webhook import Registered, Reply, judge_call, judge_endpoints, judge_registered
from shared.errors import ClusterUnavailable
from shared.rollout import RolloutKey
from shared.state.indexes import NEEDED as INDEXES
from shared.state.indexes import RETAINED, Database, Index, read_index
from tests.support import samples
from tests.support.app import canary as manifest
from tests.support.samples import NOW

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[3]
AREA = Area("here")
OK, WARNING, BAD, UNKNOWN = finding.Verdict
HOOK = Registered("serin", "canaries.serin.dev", "https://hook/webhook/s3cr3t", None, b"", "Ignore", 3)
ALLOWED = json.dumps({"response": {"allowed": True}}).encode()
JOB = JobSeen("sweep", "projects/p/locations/l/jobs/serin-sweep-eu", "ENABLED")


def verdicts(found: Iterable[Finding]) -> list[tuple[finding.Verdict, str]]:
    return [(each.verdict, each.subject) for each in found]


# rights and definitions


def test_a_rule_that_is_missing_is_shown_as_it_stands_in_a_role() -> None:
    answers = {(rule, verb): verb != "patch" for rule in RULES for verb in rule.verbs}
    found = list(judge_rights(AREA, "shop", answers, frozenset({Part.ALWAYS})))
    canaries = next(each for each in found if each.subject == "canaries.flagger.app")
    assert canaries.command == "- {apiGroups: [flagger.app], resources: [canaries], verbs: [patch]}"
    assert canaries.seen == "no right to patch (in shop)"
    unused = {each.subject for each in found if each.verdict is WARNING}
    assert unused == {"daemonsets.apps", "scaledobjects.keda.sh"}


def test_what_no_canary_uses_need_not_be_served() -> None:
    istio = next(each for each in NEEDED if each.part is Part.ISTIO)
    some = {"resources": [{"name": "virtualservices"}]}
    assert judge_served(AREA, istio, some, parts_used([])).verdict is OK
    found = judge_served(AREA, istio, some, parts_used([samples.canary()]))
    assert (found.verdict, found.seen) == (BAD, "does not serve destinationrules")


# webhook


def test_a_webhook_is_missing_or_has_a_foreign_secret_which_stays_unsaid() -> None:
    found = list(judge_registered(AREA, [HOOK], ["another"]))
    assert verdicts(found) == [(WARNING, "changes.serin.dev"), (BAD, "canaries.serin.dev")]
    assert "s3cr3t" not in repr(found)


@pytest.mark.parametrize(
    ("right", "wrong", "expected"),
    [
        (Reply(200, ALLOWED, 0.1), Reply(404, b"", 0.1), [(OK, "answer"), (OK, "strangers")]),
        (Reply(200, ALLOWED, 1.5), Reply(404, b"", 0.1), [(WARNING, "answer"), (OK, "strangers")]),
        (Reply(200, ALLOWED, 0.1), Reply(200, ALLOWED, 0.1), [(OK, "answer"), (BAD, "strangers")]),
        (Reply(200, b"<html>", 0.1), Reply(200, b"", 0.1), [(BAD, "answer")]),
        (Reply(404, b"", 0.1), Reply(404, b"", 0.1), [(BAD, "answer")]),
        ("connection refused", "connection refused", [(BAD, "answer")]),
    ],
)
def test_the_answer_to_a_rehearsal_is_judged(
    right: Reply | str, wrong: Reply | str, expected: list[tuple[finding.Verdict, str]]
) -> None:
    found = list(judge_call(AREA, HOOK, right, wrong))
    assert verdicts(found) == expected
    assert "s3cr3t" not in repr(found)


def test_a_service_needs_a_pod_that_is_ready() -> None:
    def judged(*ready: bool) -> finding.Verdict:
        slices = [{"endpoints": [{"conditions": {"ready": each}} for each in ready]}]
        return judge_endpoints(AREA, "Service serin.x", ("x", "serin"), slices).verdict

    assert [judged(), judged(False), judged(False, True)] == [BAD, BAD, OK]


# canaries and rollouts


def test_canaries_that_cannot_be_run_are_told_with_all_that_is_wrong() -> None:
    raws = [_raw("a"), _raw("b"), _raw("c", metrics=[{"name": "latency"}], threshold=0)]
    found = list(judge_canaries(AREA, sort_canaries(raws)))
    assert verdicts(found) == [(BAD, "c.shop"), (BAD, "b.shop"), (OK, "Canaries")]
    assert "spec.analysis.metrics[0]" in found[0].seen
    assert "belongs to the older Canary a.shop" in found[1].seen


def test_rollouts_that_nobody_ticks_are_bad_and_those_held_up_are_worth_a_look() -> None:
    def key(name: str) -> RolloutKey:
        return RolloutKey("eu", "shop", name)

    rollouts = {
        key("late"): samples.rollout(due_at=NOW - timedelta(minutes=9)),
        key("resting"): samples.rollout(due_at=NOW - timedelta(days=9), active=False),
        key("held"): samples.rollout(last_error="no answer"),
    }
    created = {("shop", "new"): NOW, ("shop", "unseen"): NOW - timedelta(hours=1), ("shop", "held"): NOW}
    found = list(judge_rollouts(AREA, "eu", rollouts, Canaries(created=created), NOW))
    assert verdicts(found) == [(BAD, "late.shop"), (WARNING, "held.shop"), (BAD, "unseen.shop"), (OK, "rollouts")]
    assert "9 min" in found[0].seen


def test_a_thousand_of_a_kind_are_not_a_thousand_rows() -> None:
    late = {RolloutKey("eu", "shop", f"a{n}"): samples.rollout(due_at=NOW - timedelta(hours=1)) for n in range(1000)}
    found = list(judge_rollouts(AREA, "eu", late, Canaries(), NOW))
    assert len(found) == MOST_SHOWN + 2
    assert found[MOST_SHOWN].subject == "990 more"


def test_what_was_not_read_is_not_missing() -> None:
    some = {RolloutKey("eu", "shop", f"a{n}"): samples.rollout() for n in range(MOST)}
    found = list(judge_rollouts(AREA, "eu", some, Canaries(created={("shop", "z"): NOW - timedelta(hours=1)}), NOW))
    assert verdicts(found) == [(OK, "rollouts"), (UNKNOWN, "more rollouts")]


@pytest.mark.parametrize(
    ("image", "replicas", "verdict"),
    [
        ("ghcr.io/fluxcd/flagger:1.42.0", 1, BAD),
        ("flagger@sha256:0", None, BAD),
        ("ghcr.io/fluxcd/flagger:1.42.0", 0, OK),
        ("ghcr.io/fluxcd/flagger-loadtester:0.37.0", 1, OK),
    ],
)
def test_a_flagger_is_one_that_runs(image: str, replicas: int | None, verdict: finding.Verdict) -> None:
    spec = {"replicas": replicas, "template": {"spec": {"containers": [{"image": image}]}}}
    (found,) = judge_flagger(AREA, [{"metadata": {"namespace": "x", "name": "flagger"}, "spec": spec}])
    assert found.verdict is verdict


# metrics


def test_no_data_is_bad_only_where_a_release_would_fail_by_it() -> None:
    metric = samples.canary().analysis.metrics[0]
    nothing = CheckResult(metric.name, "metric", Verdict.FAIL, query="sum(x)")

    def judged(on_no_data: OnNoData, result: CheckResult) -> Finding:
        return judge_result(AREA, samples.canary(), replace(metric, on_no_data=on_no_data), result)

    assert judged(OnNoData.FAIL, nothing).verdict is BAD
    assert judged(OnNoData.HOLD, nothing).verdict is WARNING
    assert judged(OnNoData.FAIL, nothing).command == "sum(x)"
    assert judged(OnNoData.FAIL, replace(nothing, verdict=Verdict.PASS, value=0.0)).verdict is OK


# scheduler


def test_a_job_may_be_paused_only_while_nobody_waits_for_it() -> None:
    paused = replace(JOB, state="PAUSED")
    assert judge_state(AREA, paused, "").verdict is OK
    assert judge_state(AREA, paused, "rollouts are active").command == (
        "gcloud scheduler jobs resume serin-sweep-eu --project p --location l"
    )
    assert judge_state(AREA, replace(JOB, state="DISABLED"), "").verdict is BAD


def test_the_last_call_of_a_job_says_what_went_wrong() -> None:
    assert judge_attempt(AREA, JOB).verdict is OK
    assert judge_attempt(AREA, replace(JOB, status=0)).verdict is OK
    assert "401" in judge_attempt(AREA, replace(JOB, status=16)).seen


# store


def test_indexes_are_missing_or_building_or_ready() -> None:
    first, second = INDEXES
    ready = Database((first, replace(second, ready=False)), frozenset(RETAINED))
    assert [each.verdict for each in judge_database(ready)] == [OK, WARNING]
    found = list(judge_database(Database((), frozenset())))
    assert [each.verdict for each in found] == [BAD, BAD, WARNING, WARNING]
    assert "infra/firestore.indexes.json" in found[0].remedy


def test_an_index_is_read_as_google_tells_it() -> None:
    field = admin.Index.IndexField
    told = admin.Index(
        name="projects/p/databases/d/collectionGroups/rollouts/indexes/CICA",
        state=admin.Index.State.READY,
        fields=[
            field(field_path="cluster", order=field.Order.ASCENDING),
            field(field_path="namespace", order=field.Order.ASCENDING),
            field(field_path="watches", array_config=field.ArrayConfig.CONTAINS),
            field(field_path="__name__", order=field.Order.ASCENDING),
        ],
    )
    assert read_index(told) == INDEXES[1]
    assert read_index(admin.Index(name=told.name, state=admin.Index.State.CREATING)).ready is False


def test_the_indexes_that_are_looked_for_are_those_that_are_deployed() -> None:
    deployed = json.loads((ROOT / "infra/firestore.indexes.json").read_text())["indexes"]
    assert set(INDEXES) == {
        Index(
            each["collectionGroup"],
            tuple((field["fieldPath"], field.get("order") or field["arrayConfig"]) for field in each["fields"]),
        )
        for each in deployed
    }


def test_a_full_disk_is_bad() -> None:
    assert [judge_space(Path("/data"), free).verdict for free in (10, 1000)] == [BAD, OK]


# slack


def test_the_scopes_are_those_of_the_manifest_and_each_that_is_missing_is_told() -> None:
    manifest = yaml.safe_load((ROOT / "infra/slack/manifest.yaml").read_text())
    assert list(SCOPES) == manifest["oauth_config"]["scopes"]["bot"]
    assert verdicts(judge_scopes(frozenset(SCOPES) - {"chat:write"})) == [(BAD, "scope chat:write")]
    assert verdicts(judge_scopes(frozenset(SCOPES))) == [(OK, "scopes")]
    assert "/invite" in judge_channel("C1", "not_in_channel").remedy


# everything else


@pytest.mark.parametrize(("skew", "verdict"), [(0.4, OK), (-5.9, OK), (7, WARNING), (-70, BAD), (3600, BAD)])
def test_clocks_may_differ_by_five_seconds(skew: float, verdict: finding.Verdict) -> None:
    assert reach.judge_clock(AREA, "clock", skew, accuracy=1.0).verdict is verdict


def test_what_breaks_in_an_examination_stays_in_it_and_says_no_secret() -> None:
    def fault() -> Iterator[Finding]:
        yield AREA.ok("first", "")
        raise ValueError("https://user:password@host")

    def silence() -> Iterator[Finding]:
        raise ClusterUnavailable("cluster eu does not answer")

    (broken,), (silent,) = guarded(AREA, fault), guarded(AREA, silence)
    assert broken.verdict is silent.verdict is UNKNOWN
    assert "password" not in repr(broken)
    assert silent.seen == "cluster eu does not answer"


def _raw(name: str, **analysis: object) -> dict[str, Any]:
    """A Canary as the API gives it; an earlier letter is older."""
    made = manifest(**analysis)
    metadata = {"namespace": "shop", "name": name, "creationTimestamp": f"2026-11-23T12:00:0{ord(name) - ord('a')}Z"}
    return {**made, "metadata": metadata}
