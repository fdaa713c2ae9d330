"""Which events make work, and for which object."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from shared.body import Refusal
from shared.events.cloudevent import CloudEvent
from shared.events.hints import hint_of
from shared.render.event import event as event_of_serin
from shared.rollout import Line, Severity
from tests.support.paths import REMOVED, edit
from tests.support.reviews import review
from tests.support.rollouts import AT

if TYPE_CHECKING:
    from shared.hint import Hint
    from shared.json_types import Json

RESOURCE = "dev.knative.apiserver.resource."
DEPLOYMENT = review("deployment_update")["request"]["object"]
CANARY = review("canary_update")["request"]["object"]
SECRET = review("secret_update")["request"]["object"]
REFERENCE = {"kind": "Deployment", "namespace": "test", "name": "podinfo", "apiVersion": "apps/v1"}
REPORT = {
    "apiVersion": "v1",
    "kind": "Event",
    "metadata": {"namespace": "test", "name": "podinfo.17"},
    "involvedObject": {**REFERENCE, "uid": "u"},
    "source": {"component": "deployment-controller"},
}


@pytest.mark.parametrize(
    ("data", "ref"),
    [
        (DEPLOYMENT, "deployment/podinfo"),
        (CANARY, "canary/podinfo"),
        (SECRET, "secret/podinfo"),
        (edit(SECRET, {"kind": "ConfigMap"}), "configmap/podinfo"),
        (REFERENCE, "deployment/podinfo"),
        (edit(REFERENCE, {"apiVersion": REMOVED}), "deployment/podinfo"),
        (REPORT, "deployment/podinfo"),
        (edit(REPORT, {"involvedObject": REMOVED, "regarding": REFERENCE}), "deployment/podinfo"),
        ({"kind": "Secret", "metadata": {"namespace": "test", "name": "podinfo"}}, "secret/podinfo"),
    ],
)
@pytest.mark.parametrize(
    "type_", [f"{RESOURCE}add", f"{RESOURCE}delete", "dev.knative.apiserver.ref.update", "com.example"]
)
def test_an_object_in_any_form_gives_its_hint(data: Json, ref: str, type_: str) -> None:
    hint = _hint(data, type_)
    assert hint is not None
    assert (hint.namespace, hint.ref) == ("test", ref)


@pytest.mark.parametrize(
    "data",
    [
        edit(DEPLOYMENT, {"kind": "ReplicaSet"}),
        edit(DEPLOYMENT, {"apiVersion": "example.com/v1"}),
        edit(SECRET, {"apiVersion": "apps/v1"}),
        {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "n1"}},
        edit(DEPLOYMENT, {"metadata.name": "a:b"}),
        edit(DEPLOYMENT, {"metadata.annotations": {"serin.dev/canary": "podinfo"}}),
    ],
)
def test_objects_that_no_rollout_depends_on_give_none(data: Json) -> None:
    assert _hint(data, f"{RESOURCE}add") is None


def test_what_serin_reports_of_a_canary_is_no_news_about_it() -> None:
    said = event_of_serin(CANARY, Line(1, AT, Severity.INFO, "Advance podinfo.test canary weight 10"))
    assert _hint(said, f"{RESOURCE}add") is None
    assert _hint(edit(said, {"reportingComponent": "argocd", "source.component": "argocd"}), f"{RESOURCE}add")


@pytest.mark.parametrize("obj", [DEPLOYMENT, CANARY])
def test_an_update_whose_spec_has_been_seen_is_one_of_the_status(obj: Json) -> None:
    seen = edit(obj, {"metadata.generation": 7, "status.observedGeneration": 7})
    assert _hint(seen, f"{RESOURCE}update") is None
    assert _hint(seen, f"{RESOURCE}add")
    assert _hint(seen, f"{RESOURCE}delete")
    assert _hint(edit(seen, {"metadata.generation": 8}), f"{RESOURCE}update")
    assert _hint(edit(seen, {"status": REMOVED}), f"{RESOURCE}update")
    assert _hint(edit(seen, {"status": REMOVED, "metadata.generation": REMOVED}), f"{RESOURCE}update")


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"kind": "Deployment"},
        {"metadata": {"namespace": "test", "name": "podinfo"}},
        {"kind": 5, "namespace": "test", "name": "podinfo"},
        {"kind": "Deployment", "metadata": "podinfo"},
        {"kind": "Deployment", "metadata": {"namespace": [], "name": "podinfo"}},
        {"involvedObject": "podinfo"},
    ],
)
def test_data_that_name_no_object_are_422(data: Json) -> None:
    found = hint_of(CloudEvent("1", "test", f"{RESOURCE}add", data))
    assert isinstance(found, Refusal)
    assert found.status == 422


def _hint(data: Json, type_: str) -> Hint | None:
    found = hint_of(CloudEvent("1", "test", type_, data))
    assert not isinstance(found, Refusal)
    return found
