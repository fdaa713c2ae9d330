"""The primary: what it takes from the target, what it rewrites, and what of a live one it leaves alone."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given

from shared.errors import Refused
from shared.render.differences import same, up_to_date
from shared.render.workload import carried_revision, primary_workload
from shared.revision import ConfigRef, tracked_refs
from tests.unit.render.samples import OWNED, POD_TEMPLATES, UID, autoscaler_ref, canary, daemon_set, deployment

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.json_types import Json, JsonObject

MARK = "v1-aa configmap/settings=v1-11"


def _primary(
    target: Json | None = None,
    live: Json | None = None,
    mark: str = MARK,
    replicas: int | None = None,
    owner: Canary | None = None,
) -> JsonObject:
    target = target or deployment()
    copied = tracked_refs(target["spec"]["template"])
    return primary_workload(owner or canary(), target, live, copied, mark, replicas)


def _live(**spec: Any) -> JsonObject:
    """A primary as the API returns it, with traces of other tools."""
    live = deepcopy(_primary())
    live["metadata"].update(uid="p-1", resourceVersion="77", generation=2, managedFields=[{"manager": "serin"}])
    live["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "5"
    live["metadata"]["labels"]["cost-centre"] = "42"
    live["spec"].update(spec)
    live["status"] = {"replicas": 3}
    return live


def test_a_new_primary_is_the_target_under_its_own_label() -> None:
    primary = _primary()
    assert primary["metadata"] == {
        "name": "podinfo-primary",
        "namespace": "test",
        "labels": {"app": "podinfo-primary", "tier": "web"},
        "annotations": {"team": "checkout", **OWNED},
    }
    spec, target = primary["spec"], deployment()["spec"]
    assert spec["selector"] == {"matchLabels": {"app": "podinfo-primary"}}
    assert spec["template"]["metadata"] == {
        "labels": {"app": "podinfo-primary", "tier": "web"},
        "annotations": {"prometheus.io/scrape": "true", "serin.dev/revision": MARK},
    }
    for field in ("strategy", "minReadySeconds", "revisionHistoryLimit", "progressDeadlineSeconds", "replicas"):
        assert spec[field] == target[field]


def test_a_paused_target_makes_no_paused_primary() -> None:
    target = deployment()
    target["spec"]["paused"] = True
    assert "paused" not in _primary(target)["spec"]


def test_every_mention_of_a_copied_config_points_at_its_copy() -> None:
    spec = _primary()["spec"]["template"]["spec"]
    config, tls, bundle, data = spec["volumes"]
    assert config["configMap"]["name"] == "settings-primary"
    assert config["configMap"]["items"] == [{"key": "app.yaml", "path": "app.yaml"}]
    assert tls["secret"]["secretName"] == "certificate-primary"
    assert [
        source.get("configMap", source.get("secret", {})).get("name") for source in bundle["projected"]["sources"]
    ] == [
        "settings-primary",
        "database-primary",
        None,
        None,
    ]
    assert data == {"name": "data", "emptyDir": {}}
    container, init = spec["containers"][0], spec["initContainers"][0]
    assert container["env"][0]["valueFrom"]["configMapKeyRef"] == {"name": "colors-primary", "key": "color"}
    assert container["envFrom"] == [
        {"configMapRef": {"name": "features-primary", "optional": True}},
        {"prefix": "API_", "secretRef": {"name": "api-keys-primary"}},
    ]
    assert init["env"][0]["valueFrom"]["secretKeyRef"] == {"name": "database-primary", "key": "dsn"}
    assert spec["imagePullSecrets"] == [{"name": "registry"}]


def test_a_config_without_a_copy_is_shared_with_the_target() -> None:
    target = deployment()
    copied = [ref for ref in tracked_refs(target["spec"]["template"]) if ref.name != "settings"]
    spec = primary_workload(canary(), target, None, copied, MARK, None)["spec"]["template"]["spec"]
    assert spec["volumes"][0]["configMap"]["name"] == "settings"
    assert spec["volumes"][1]["secret"]["secretName"] == "certificate-primary"


def test_the_primary_spreads_and_repels_its_own_pods_and_not_the_targets() -> None:
    spec = _primary()["spec"]["template"]["spec"]
    anti = spec["affinity"]["podAntiAffinity"]
    preferred = anti["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]["labelSelector"]
    required = anti["requiredDuringSchedulingIgnoredDuringExecution"][0]["labelSelector"]
    attracted = spec["affinity"]["podAffinity"]["preferredDuringSchedulingIgnoredDuringExecution"][0]["podAffinityTerm"]
    assert preferred == {"matchLabels": {"app": "podinfo-primary"}}
    assert required["matchExpressions"] == [
        {"key": "app", "operator": "In", "values": ["batch", "podinfo-primary"]},
        {"key": "tier", "operator": "Exists"},
    ]
    assert attracted["labelSelector"] == {"matchLabels": {"app": "cache"}}
    assert spec["topologySpreadConstraints"][0]["labelSelector"] == {"matchLabels": {"app": "podinfo-primary"}}


def test_a_live_primary_is_brought_up_to_date_and_keeps_what_is_not_serins() -> None:
    target, live = deployment(), _live(paused=True, minReadySeconds=1)
    target["spec"]["template"]["spec"]["containers"][0]["image"] = "podinfo:6.2.0"
    del target["spec"]["progressDeadlineSeconds"]
    primary = _primary(target, live, mark="v1-bb")
    assert primary["metadata"] == {
        "name": "podinfo-primary",
        "namespace": "test",
        "uid": "p-1",
        "resourceVersion": "77",
        "generation": 2,
        "labels": {"app": "podinfo-primary", "tier": "web", "cost-centre": "42"},
        "annotations": {"team": "checkout", "deployment.kubernetes.io/revision": "5", **OWNED},
    }
    spec = primary["spec"]
    assert spec["template"]["spec"]["containers"][0]["image"] == "podinfo:6.2.0"
    assert (spec["minReadySeconds"], spec["paused"], spec["replicas"]) == (5, True, 3)
    assert "progressDeadlineSeconds" not in spec
    assert "status" not in primary
    assert carried_revision(primary) == "v1-bb"


def test_flaggers_primary_is_taken_over_and_survives_its_canary() -> None:
    live = _live()
    live["metadata"].update(annotations={}, labels={"app": "podinfo"})
    owner = {"apiVersion": "flagger.app/v1beta1", "kind": "Canary", "name": "podinfo", "uid": UID, "controller": True}
    other = {"apiVersion": "v1", "kind": "ConfigMap", "name": "root", "uid": "r-1"}
    live["metadata"]["ownerReferences"] = [owner, other]
    live["spec"]["template"]["metadata"]["annotations"] = {"flagger-id": "6b1b1c5c"}
    assert carried_revision(live) == ""
    metadata = _primary(live=live)["metadata"]
    assert metadata["ownerReferences"] == [other]
    assert metadata["labels"]["app"] == "podinfo-primary"
    assert metadata["annotations"] == {"team": "checkout", **OWNED}


def test_the_selector_of_a_live_primary_decides_which_label_is_used() -> None:
    """Flagger may have been told to use another label; a selector cannot be changed afterwards."""
    target = deployment()
    target["spec"]["selector"]["matchLabels"]["tier"] = "web"
    live = _live(selector={"matchLabels": {"tier": "web-primary"}})
    labels = _primary(target, live)["spec"]["template"]["metadata"]["labels"]
    assert labels == {"app": "podinfo", "tier": "web-primary"}


def test_a_live_primary_that_would_lose_its_pods_is_refused() -> None:
    live = _live(selector={"matchLabels": {"app": "someone-else"}})
    with pytest.raises(Refused, match=r"podinfo-primary\.test selects .*someone-else.* cannot be changed"):
        _primary(live=live)


SIZES = [
    # target, live primary, asked for, autoscaler -> primary
    (3, None, None, False, 3),
    (0, None, None, False, 1),
    (None, None, None, False, 1),
    (0, None, 4, False, 4),
    (3, None, 0, False, 1),
    (0, 5, None, False, 5),
    (3, 5, 2, False, 2),
    (3, 5, 2, True, 5),
    (3, None, 2, True, 2),
]


@pytest.mark.parametrize(("target_size", "live_size", "asked", "scaled", "expected"), SIZES)
def test_size(target_size: int | None, live_size: int | None, asked: int | None, scaled: bool, expected: int) -> None:
    target = deployment()
    target["spec"]["replicas"] = target_size
    if target_size is None:
        del target["spec"]["replicas"]
    live = None if live_size is None else _live(replicas=live_size)
    owner = canary(autoscaler=autoscaler_ref() if scaled else None)
    assert _primary(target, live, replicas=asked, owner=owner)["spec"]["replicas"] == expected


def test_a_live_primary_is_up_to_date_by_its_mark_whatever_a_webhook_added_and_whatever_its_size() -> None:
    live = _live(replicas=9)
    live["spec"]["template"]["spec"]["containers"].append({"name": "injected"})
    assert up_to_date(live, _primary())
    assert not up_to_date(live, _primary(mark="v1-bb"))
    assert not up_to_date(_live(minReadySeconds=1), _primary())


@given(POD_TEMPLATES)
def test_a_primary_names_no_config_that_has_a_copy_and_selects_its_own_pods(template: dict[str, Any]) -> None:
    target = deployment()
    target["spec"]["template"] = template
    before = deepcopy(target)
    copied = tracked_refs(template)[::2]
    primary = primary_workload(canary(), target, None, copied, MARK, None)
    assert target == before
    assert same(primary, primary_workload(canary(), target, None, copied, MARK, None))
    pods = primary["spec"]["template"]
    assert primary["spec"]["selector"]["matchLabels"].items() <= pods["metadata"]["labels"].items()
    assert _names(pods) == {_renamed(ref, copied) for ref in tracked_refs(template)}


@given(POD_TEMPLATES)
def test_writing_a_primary_again_changes_nothing(template: dict[str, Any]) -> None:
    target = deployment()
    target["spec"]["template"] = template
    primary = _primary(target)
    assert _primary(target, live=primary) == primary
    assert up_to_date(primary, primary)


def _names(pods: Json) -> set[str]:
    return {str(ref) for ref in tracked_refs(pods)}


def _renamed(ref: ConfigRef, copied: tuple[ConfigRef, ...]) -> str:
    return f"{ref}-primary" if ref in copied else str(ref)


def test_the_primary_of_a_daemonset_is_one_and_never_at_zero() -> None:
    target = daemon_set()
    target["spec"]["template"]["spec"]["nodeSelector"] = {"disk": "ssd", "flagger.app/scale-to-zero": "true"}
    primary = _primary(target, replicas=3)
    assert primary["kind"] == "DaemonSet"
    assert "replicas" not in primary["spec"]
    assert primary["spec"]["updateStrategy"] == target["spec"]["updateStrategy"]
    assert primary["spec"]["template"]["spec"]["nodeSelector"] == {"disk": "ssd"}
    assert up_to_date(primary, primary)


def test_a_primary_never_waits_for_somebody_who_deletes_its_pods() -> None:
    target = daemon_set()
    target["spec"]["updateStrategy"] = {"type": "OnDelete"}
    assert "updateStrategy" not in _primary(target)["spec"]
