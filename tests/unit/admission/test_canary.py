"""Which Canaries are denied, with what, and what people are told about those that are allowed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.admission.canary import UNCHANGED, review_canary
from tests.support.paths import REMOVED
from tests.support.reviews import request

if TYPE_CHECKING:
    from shared.admission.review import AdmissionRequest

BAD_SPEC = {"analysis": {"threshold": 0, "stepWeight": 10}, "service": {"port": 80}}


def test_a_valid_canary_is_allowed_without_a_word() -> None:
    answer = review_canary(request("canary_update"))
    assert answer.allowed
    assert answer.warnings == ()


def test_references_to_other_namespaces_are_denied_where_the_installation_says_so() -> None:
    alerts = [{"name": "chat", "providerRef": {"name": "slack", "namespace": "ops"}}]
    asked = request("canary_update", {"object.spec.analysis.alerts": alerts})
    assert review_canary(asked).allowed
    (problem,) = review_canary(asked, foreign=False).problems
    assert problem.path == "spec.analysis.alerts[0].providerRef.namespace"
    assert "no references to other namespaces" in problem.message


@pytest.mark.parametrize("operation", ["CREATE", "UPDATE"])
def test_a_canary_is_denied_with_every_problem(operation: str) -> None:
    answer = review_canary(request("canary_update", {"operation": operation, "object.spec": BAD_SPEC}))
    assert not answer.allowed
    assert {problem.path for problem in answer.problems} == {"spec.analysis.threshold", "spec.targetRef"}
    assert answer.subject == "podinfo"


def test_a_denied_canary_gets_its_warnings_too() -> None:
    changes = {"object.spec.analysis.threshold": 0, "object.spec.analysis.metrics[0].interval": "5s"}
    answer = review_canary(request("canary_update", changes))
    assert not answer.allowed
    assert ["spec.analysis.metrics[0].interval" in warning for warning in answer.warnings] == [True]


def test_what_its_author_should_know_comes_as_warnings() -> None:
    answer = review_canary(request("canary_update", {"object.spec.service.backendTimeout": "5s"}))
    assert answer.allowed
    assert ["spec.service.backendTimeout" in warning for warning in answer.warnings] == [True]


def test_a_canary_that_was_invalid_already_can_be_labelled_and_is_called_invalid() -> None:
    answer = review_canary(request("canary_update", {"object.spec": BAD_SPEC, "oldObject.spec": BAD_SPEC}))
    assert answer.allowed
    assert answer.warnings[0] == UNCHANGED
    assert any("spec.analysis.threshold" in warning for warning in answer.warnings)


def test_an_invalid_spec_cannot_be_changed_into_another_invalid_one() -> None:
    changes = {"object.spec": BAD_SPEC, "oldObject.spec": {**BAD_SPEC, "suspend": True}}
    assert not review_canary(request("canary_update", changes)).allowed


def test_a_creation_is_no_update_though_both_objects_are_sent() -> None:
    changes = {"operation": "CREATE", "object.spec": BAD_SPEC, "oldObject.spec": BAD_SPEC}
    assert not review_canary(request("canary_update", changes)).allowed


def test_an_invalid_canary_that_is_being_deleted_can_lose_its_finalizers() -> None:
    changes = {"object.spec": BAD_SPEC, "object.metadata.deletionTimestamp": "2026-11-23T13:18:24Z"}
    answer = review_canary(request("canary_update", changes))
    assert answer.allowed
    assert answer.warnings == ()


@pytest.mark.parametrize(
    "changes",
    [
        {"subResource": "status", "object.spec": BAD_SPEC},
        {"kind.kind": "Deployment", "object.spec": BAD_SPEC},
        {"kind.group": "example.com", "object.spec": BAD_SPEC},
    ],
)
def test_what_is_no_canary_is_not_judged(changes: dict[str, object]) -> None:
    assert review_canary(request("canary_update", changes)).allowed


def test_whoever_deletes_a_canary_learns_what_becomes_of_the_app() -> None:
    kept, undo = review_canary(_deletion({"oldObject.status.canaryWeight": 0})).warnings
    assert kept == "podinfo-primary goes on serving, and new versions of Deployment podinfo get no traffic any more"
    assert undo.startswith("to go back to Deployment podinfo, scale it up")


def test_a_daemonset_is_brought_back_by_its_node_selector() -> None:
    changes = {"oldObject.spec.targetRef.kind": "DaemonSet", "oldObject.status.canaryWeight": 0}
    kept, undo = review_canary(_deletion(changes)).warnings
    assert kept.endswith("new versions of DaemonSet podinfo get no traffic any more")
    assert undo.startswith("to go back to DaemonSet podinfo, take flagger.app/scale-to-zero out of its nodeSelector")


def test_to_go_back_to_a_service_only_the_router_is_in_the_way() -> None:
    changes = {"oldObject.spec.targetRef.kind": "Service", "oldObject.status.canaryWeight": 0}
    _, undo = review_canary(_deletion(changes)).warnings
    assert undo == "to go back to Service podinfo, delete the router's object"


def test_whoever_deletes_a_canary_in_a_run_learns_that_the_split_stays() -> None:
    warnings = review_canary(_deletion({"oldObject.status.canaryWeight": 30})).warnings
    assert "the traffic split stays as it is: 30 percent to Deployment podinfo" in warnings


def test_whoever_asked_for_a_revert_learns_that_traffic_goes_back() -> None:
    back, _ = review_canary(_deletion({"oldObject.spec.revertOnDeletion": True})).warnings
    assert back.startswith("traffic goes back to Deployment podinfo once its pods are ready")


def test_a_canary_that_never_started_leaves_nothing_to_say() -> None:
    assert review_canary(_deletion({"oldObject.status": REMOVED})).warnings == ()


def _deletion(changes: dict[str, object]) -> AdmissionRequest:
    return request("canary_update", {"operation": "DELETE", "object": None, **changes})
