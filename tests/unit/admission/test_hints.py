"""Which reviews make work: only changes that a revision can be made of, of objects that Serin did not make."""

from __future__ import annotations

import pytest

from shared.admission.hints import hint_of
from tests.support.paths import REMOVED
from tests.support.reviews import request

OURS = {"serin.dev/canary": "podinfo"}
GONE = "2026-11-23T13:18:24Z"
UNTRACKED = {"flagger.app/config-tracking": "disabled"}


@pytest.mark.parametrize(
    ("name", "ref"),
    [
        ("canary_update", "canary/podinfo"),
        ("deployment_update", "deployment/podinfo"),
        ("deployment_scale", None),
        ("secret_update", "secret/podinfo"),
        ("secret_delete", "secret/podinfo"),
    ],
)
def test_what_kube_apiserver_sends_gives_these_hints(name: str, ref: str | None) -> None:
    hint = hint_of(request(name))
    assert (hint and hint.ref) == ref
    assert hint is None or hint.namespace == "test"


@pytest.mark.parametrize("name", ["canary_update", "deployment_update", "secret_update"])
@pytest.mark.parametrize(
    "changes", [{"operation": "CREATE", "oldObject": None}, {"operation": "DELETE", "object": None}]
)
def test_what_comes_and_what_goes_is_news(name: str, changes: dict[str, object]) -> None:
    assert hint_of(request(name, changes))


@pytest.mark.parametrize("name", ["canary_update", "deployment_update", "secret_update", "secret_delete"])
@pytest.mark.parametrize(
    "changes", [{"dryRun": True}, {"subResource": "status"}, {"kind.kind": "Pod"}, {"kind.group": "example.com"}]
)
def test_rehearsals_subresources_and_other_kinds_are_none(name: str, changes: dict[str, object]) -> None:
    assert hint_of(request(name)) is not None
    assert hint_of(request(name, changes)) is None


@pytest.mark.parametrize("name", ["deployment_update", "secret_update"])
def test_what_serin_writes_itself_is_none(name: str) -> None:
    assert hint_of(request(name, {"object.metadata.annotations": OURS})) is None
    assert hint_of(request("secret_delete", {"oldObject.metadata.annotations": OURS})) is None


@pytest.mark.parametrize(
    ("name", "same"), [("canary_update", "spec"), ("deployment_update", "spec.template"), ("secret_update", "data")]
)
def test_a_change_of_anything_else_is_none(name: str, same: str) -> None:
    value = {"equal": "yes"}
    changes = {f"object.{same}": value, f"oldObject.{same}": value, "object.metadata.labels": {"team": "shop"}}
    assert hint_of(request(name, changes)) is None


def test_the_size_of_a_deployment_is_none_and_its_pods_are_news() -> None:
    now = request("deployment_update").obj or {}
    same = {"oldObject.spec.template": now["spec"]["template"]}
    assert (
        hint_of(request("deployment_update", {**same, "object.spec.replicas": 9, "object.spec.paused": True})) is None
    )
    assert hint_of(request("deployment_update", {**same, "object.spec.template.metadata.annotations": {"at": "now"}}))


def test_a_daemonset_at_zero_is_none_and_its_pods_are_news() -> None:
    now = request("deployment_update").obj or {}
    selector = "object.spec.template.spec.nodeSelector"
    same = {"kind.kind": "DaemonSet", "oldObject.spec.template": now["spec"]["template"]}
    assert hint_of(request("deployment_update", {**same, selector: {"flagger.app/scale-to-zero": "true"}})) is None
    hint = hint_of(request("deployment_update", {**same, selector: {"disk": "ssd"}}))
    assert hint
    assert hint.ref == "daemonset/podinfo"


def test_the_status_of_a_service_is_none_and_its_spec_is_news() -> None:
    same = {"kind.kind": "Service", "kind.group": "", "object.spec": {"a": 1}, "oldObject.spec": {"a": 1}}
    assert hint_of(request("deployment_update", same)) is None
    hint = hint_of(request("deployment_update", {**same, "object.spec": {"a": 2}}))
    assert hint
    assert hint.ref == "service/podinfo"


def test_the_binary_data_of_a_config_count() -> None:
    same = {"object.data": REMOVED, "oldObject.data": {}, "kind.kind": "ConfigMap"}
    assert hint_of(request("secret_update", same)) is None
    hint = hint_of(request("secret_update", {**same, "object.binaryData": {"logo": "AA=="}}))
    assert hint
    assert hint.ref == "configmap/podinfo"


@pytest.mark.parametrize("name", ["secret_update", "secret_delete"])
@pytest.mark.parametrize("kind", ["kubernetes.io/dockerconfigjson", "helm.sh/release.v1", ["Opaque"], None])
def test_a_secret_of_a_type_that_is_not_tracked_is_none(name: str, kind: object) -> None:
    changes = {f"{each}.type": kind for each in ("object", "oldObject") if name == "secret_update" or each != "object"}
    assert hint_of(request(name, changes)) is None


def test_a_config_that_is_not_tracked_is_none_until_it_is_tracked_again() -> None:
    was, now = "oldObject.metadata.annotations", "object.metadata.annotations"
    assert hint_of(request("secret_update", {was: UNTRACKED, now: UNTRACKED})) is None
    same = {"object.data": {"a": "b"}, "oldObject.data": {"a": "b"}}
    assert hint_of(request("secret_update", {**same, now: UNTRACKED}))
    assert hint_of(request("secret_update", {**same, was: UNTRACKED}))


@pytest.mark.parametrize(("name", "same"), [("canary_update", "spec"), ("deployment_update", "spec.template")])
def test_the_last_finalizer_of_what_is_being_deleted_is_news(name: str, same: str) -> None:
    leaving = {f"{each}.metadata.deletionTimestamp": GONE for each in ("object", "oldObject")}
    unchanged = {f"{each}.{same}": "equal" for each in ("object", "oldObject")}
    held = {"oldObject.metadata.finalizers": ["foregroundDeletion", "example.com/x"]}
    changes = {**leaving, **unchanged, **held}
    assert hint_of(request(name, changes))
    assert hint_of(request(name, {**changes, "object.metadata.finalizers": ["example.com/x"]})) is None
