"""Revisions: what makes a new one and what does not."""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared import revision as revisions
from shared.revision import (
    ConfigKind,
    ConfigRef,
    Sighting,
    changed,
    config_forms,
    config_mentions,
    parse_mark,
    refreshed,
    renewed,
    revision_mark,
    template_forms,
    trackable,
    tracked_refs,
    unlike,
)
from shared.rollout import Revision, Rollout
from tests.unit.render.samples import POD_TEMPLATES, config_map, deployment, secret

if TYPE_CHECKING:
    from shared.json_types import Json

KEY, OTHER_KEY = b"installation", b"another installation"
SETTINGS = ConfigRef(ConfigKind.CONFIGMAP, "settings")
DATABASE = ConfigRef(ConfigKind.SECRET, "database")

_HASHES = st.from_regex(r"v1-(k[12]-)?[0-9a-f]{4}", fullmatch=True)
_CONFIGS = st.dictionaries(st.sampled_from(["configmap/a", "configmap/b.c", "secret/a"]), _HASHES)
REVISIONS = st.builds(Revision, st.one_of(st.just(""), _HASHES), _CONFIGS)


def _edited(*path: str | int, to: Any) -> dict[str, Any]:
    template: dict[str, Any] = deployment()["spec"]["template"]
    node: Any = template
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = to
    return template


def hash_of(template: Json) -> str:
    """As it is recorded."""
    return template_forms(template)[0]


def hash_of_config(ref: ConfigRef, obj: Json, key: bytes) -> str:
    """As it is recorded."""
    return config_forms(ref, obj, (key,))[0]


def _shuffled(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _shuffled(value[key]) for key in reversed(value)}
    return [_shuffled(inner) for inner in value] if isinstance(value, list) else value


def test_the_recipe_of_v1_is_fixed_for_ever() -> None:
    """Stored hashes outlive an upgrade: whoever changes a recipe makes a new one beside it."""
    template = {"metadata": {"labels": {"app": "é"}}, "spec": {"containers": [{"name": "a", "ports": None}]}}
    # sha256sum of {"metadata":{"labels":{"app":"é"}},"spec":{"containers":[{"name":"a"}]}}
    assert hash_of(template) == "v1-4940f62f2f615652"
    # sha256sum of {"binaryData":{"logo":"iVBORw0="},"data":{"app.yaml":"color: red"}}
    assert hash_of_config(SETTINGS, config_map(), KEY) == "v1-c618daf915cbf88b"
    # openssl dgst -sha256 -hmac installation: "serin key id", {"binaryData":{},"data":{"dsn":"cG9zdGdyZXM6Ly8="}}
    assert hash_of_config(DATABASE, secret(), KEY) == "v1-a2b912-ba4bae9960f8db13"


def test_order_of_keys_and_unset_fields_make_no_revision() -> None:
    template = deployment()["spec"]["template"]
    unset = deepcopy(template)
    unset["metadata"]["creationTimestamp"] = None
    unset["spec"]["containers"][0]["lifecycle"] = None
    assert hash_of(_shuffled(template)) == hash_of(unset) == hash_of(template)


@pytest.mark.parametrize(
    ("path", "to"),
    [
        (("spec", "containers", 0, "image"), "podinfo:6.1.1"),
        (("spec", "containers", 0, "resources", "requests", "cpu"), "200m"),
        (("spec", "initContainers", 0, "image"), "podinfo:6.1.1"),
        (("spec", "volumes", 0, "configMap", "name"), "others"),
        (("spec", "terminationGracePeriodSeconds"), 31),
        (("metadata", "labels", "tier"), "api"),
        (("metadata", "annotations", "kubectl.kubernetes.io/restartedAt"), "2026-11-23T12:00:00Z"),
    ],
)
def test_any_edit_of_the_pod_template_is_a_revision(path: tuple[str | int, ...], to: object) -> None:
    assert hash_of(_edited(*path, to=to)) != hash_of(deployment()["spec"]["template"])


def test_order_of_a_list_is_a_revision_because_later_env_wins() -> None:
    env = deployment()["spec"]["template"]["spec"]["containers"][0]["env"]
    edited = _edited("spec", "containers", 0, "env", to=env[::-1])
    assert hash_of(edited) != hash_of(deployment()["spec"]["template"])


def test_every_place_that_names_a_config_is_tracked_and_pull_secrets_and_tokens_are_not() -> None:
    refs = tracked_refs(deployment()["spec"]["template"])
    assert [(str(ref), ref.optional) for ref in refs] == [
        ("configmap/colors", False),
        ("configmap/features", True),
        ("configmap/settings", False),
        ("secret/api-keys", False),
        ("secret/certificate", False),
        ("secret/database", False),
    ]


def test_a_config_is_required_if_any_place_requires_it() -> None:
    sources = [
        {"configMapRef": {"name": "a", "optional": True}},
        {"configMapRef": {"name": "a"}},
        {"configMapRef": {"name": "b", "optional": True}},
    ]
    template = {"spec": {"containers": [{"name": "app", "envFrom": sources}]}}
    assert [ref.optional for ref in tracked_refs(template)] == [False, True]


@given(POD_TEMPLATES)
def test_refs_are_unique_sorted_and_found_in_the_template(template: dict[str, Any]) -> None:
    refs = tracked_refs(template)
    assert [str(ref) for ref in refs] == sorted({f"{m.kind}/{m.name}" for m in config_mentions(template)})


@pytest.mark.parametrize(
    ("kind", "tracked"),
    [
        ("Opaque", True),
        ("kubernetes.io/basic-auth", True),
        ("kubernetes.io/ssh-auth", True),
        ("kubernetes.io/tls", True),
        ("kubernetes.io/dockerconfigjson", False),
        ("kubernetes.io/service-account-token", False),
        ("helm.sh/release.v1", False),
    ],
)
def test_only_secrets_that_people_write_are_tracked(kind: str, tracked: bool) -> None:
    assert trackable(secret(kind)) is tracked


@pytest.mark.parametrize(("value", "tracked"), [("disabled", False), ("disable", False), ("enabled", True)])
def test_a_config_can_opt_out(value: str, tracked: bool) -> None:
    source = config_map()
    source["metadata"]["annotations"] = {"flagger.app/config-tracking": value}
    assert trackable(source) is tracked


def test_a_config_without_annotations_out_of_a_list_is_tracked() -> None:
    assert trackable({"metadata": {"name": "a"}, "data": {}})


def test_text_and_binary_data_count_and_metadata_does_not() -> None:
    source, before = config_map(), hash_of_config(SETTINGS, config_map(), KEY)
    source["metadata"]["labels"] = {"other": "label"}
    del source["immutable"]
    assert hash_of_config(SETTINGS, source, KEY) == before
    assert hash_of_config(SETTINGS, {**source, "binaryData": {"logo": "AAAA"}}, KEY) != before
    assert (
        hash_of_config(SETTINGS, {**source, "data": source["binaryData"], "binaryData": source["data"]}, KEY) != before
    )


def test_no_data_and_empty_data_are_the_same_and_a_key_without_a_value_is_not() -> None:
    bare = {"metadata": {"name": "settings"}}
    assert hash_of_config(SETTINGS, {**bare, "data": {}}, KEY) == hash_of_config(SETTINGS, bare, KEY)
    assert hash_of_config(SETTINGS, {**bare, "data": {"a": None}}, KEY) != hash_of_config(SETTINGS, bare, KEY)
    assert hash_of_config(SETTINGS, {**bare, "data": {"a": None}}, KEY) == hash_of_config(
        SETTINGS, {**bare, "data": {"a": ""}}, KEY
    )


def test_a_secret_is_hashed_with_the_installations_key_and_says_with_which() -> None:
    one, other = hash_of_config(DATABASE, secret(), KEY), hash_of_config(DATABASE, secret(), OTHER_KEY)
    plain = hash_of_config(ConfigRef(ConfigKind.CONFIGMAP, "database"), secret(), KEY)
    assert one.rpartition("-")[0] != other.rpartition("-")[0]
    assert one.rpartition("-")[2] not in (other.rpartition("-")[2], plain.rpartition("-")[2])


OLD = Revision("v1-aa", {"configmap/a": "v1-11", "secret/b": "v1-k1-22"})


@pytest.mark.parametrize(
    ("new", "differences"),
    [
        (OLD, ()),
        (Revision("v1-bb", OLD.configs), ("template",)),
        (Revision("v1-aa", {"configmap/a": "v1-99", "secret/b": "v1-k1-99"}), ("configmap/a", "secret/b")),
        (Revision("v1-aa", {"configmap/a": "v1-11"}), ("secret/b",)),
        (Revision("v1-aa", {**OLD.configs, "configmap/c": "v1-33"}), ("configmap/c",)),
        (Revision("v2-zz", {"configmap/a": "v2-11", "secret/b": "v2-k1-22"}), ()),
        (Revision("v1-aa", {"configmap/a": "v1-11", "secret/b": "v1-k2-99"}), ()),
        (Revision("v2-zz", {"configmap/a": "v2-11"}), ("secret/b",)),
    ],
    ids=["same", "template", "configs", "removed", "added", "new recipe", "new key", "new recipe and removed"],
)
def test_only_comparable_hashes_tell_a_change(new: Revision, differences: tuple[str, ...]) -> None:
    assert changed(OLD, new) == differences


def test_taking_over_from_flagger_is_no_change_and_from_nothing_is_one() -> None:
    flagger = Revision("85d557f47b", {"configmap/a": "241889ca0604e333"})
    assert changed(flagger, Revision("v1-aa", {"configmap/a": "v1-11"})) == ()
    assert changed(Revision(), Revision("v1-aa")) == ("template",)


def test_after_a_new_key_the_next_change_is_seen() -> None:
    rekeyed = Revision("v1-aa", {"configmap/a": "v1-11", "secret/b": "v1-k2-22"})
    edited = Revision("v1-aa", {"configmap/a": "v1-11", "secret/b": "v1-k2-33"})
    assert changed(refreshed(OLD, rekeyed), edited) == ("secret/b",)


@given(REVISIONS, REVISIONS)
def test_refreshing_hides_no_change(old: Revision, new: Revision) -> None:
    assert changed(refreshed(old, new), new) == changed(old, new)


def v2(obj: Json) -> bytes:
    """Another recipe than the first."""
    return f"v2 {obj}".encode()


V1 = revisions.RECIPES["v1"]
RECIPES = [{"v1": V1}, {"v1": V1, "v2": v2}, {"v2": v2, "v1": V1}]
"""The releases of a change of recipes: before it, the one that knows the new one, and the one that records it."""
KEYS = [(KEY,), (KEY, OTHER_KEY), (OTHER_KEY, KEY)]
"""The same of a change of keys."""
OBJECTS = (deployment()["spec"]["template"], secret())
EDITED = (_edited("spec", "terminationGracePeriodSeconds", to=31), {**secret(), "data": {"dsn": "ZWRpdGVk"}})


def sight(monkeypatch: pytest.MonkeyPatch, release: int, objects: tuple[Json, Json]) -> Sighting:
    """What one of those releases makes of a pod template and a Secret."""
    monkeypatch.setattr(revisions, "RECIPES", RECIPES[release])
    template, database = objects
    return Sighting(template_forms(template), {str(DATABASE): config_forms(DATABASE, database, KEYS[release])})


def renew(applied: Revision, promoted: Revision, sighting: Sighting) -> tuple[Revision, Revision]:
    """What both are at rest after a look at the target."""
    return renewed(Rollout(applied=applied, promoted=promoted), sighting.like(applied), sighting.fresh)


@pytest.mark.parametrize(("wrote", "reads"), [(0, 0), (0, 1), (1, 0), (1, 1), (1, 2), (2, 1), (2, 2)])
def test_neighbours_take_the_same_for_the_same_and_see_every_change(
    monkeypatch: pytest.MonkeyPatch, wrote: int, reads: int
) -> None:
    recorded = sight(monkeypatch, wrote, OBJECTS).fresh
    same, edited = sight(monkeypatch, reads, OBJECTS), sight(monkeypatch, reads, EDITED)
    assert same.like(recorded) == recorded
    assert changed(recorded, edited.like(recorded)) == ("template", str(DATABASE))


def test_at_rest_the_form_of_today_is_taken_so_that_an_earlier_one_can_be_forgotten(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = sight(monkeypatch, 0, OBJECTS).fresh
    today = sight(monkeypatch, 2, OBJECTS)
    assert renew(recorded, recorded, today) == (today.fresh, today.fresh)
    assert unlike(recorded, today.fresh) == ("template", str(DATABASE))


def test_while_something_else_is_promoted_both_stay_comparable(monkeypatch: pytest.MonkeyPatch) -> None:
    promoted, failed = (sight(monkeypatch, 0, objects).fresh for objects in (OBJECTS, EDITED))
    assert renew(failed, promoted, sight(monkeypatch, 2, EDITED)) == (failed, promoted)
    assert sight(monkeypatch, 2, OBJECTS).like(failed) == promoted


def test_what_nobody_can_compare_any_more_is_taken_for_the_same_and_its_next_change_is_seen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded = sight(monkeypatch, 0, OBJECTS).fresh
    forgotten = sight(monkeypatch, 2, OBJECTS)
    only_new = Sighting(forgotten.template[:1], {name: forms[:1] for name, forms in forgotten.configs.items()})
    assert changed(recorded, only_new.like(recorded)) == ()
    applied, _ = renew(recorded, recorded, only_new)
    assert changed(applied, sight(monkeypatch, 2, EDITED).like(applied)) == ("template", str(DATABASE))


def test_what_cannot_be_compared_is_not_surely_the_same() -> None:
    assert unlike(OLD, Revision("v2-zz", OLD.configs)) == ("template",)
    assert unlike(OLD, OLD) == ()


@given(REVISIONS)
def test_a_mark_says_the_whole_revision(revision: Revision) -> None:
    assert parse_mark(revision_mark(revision)) == revision
    assert changed(revision, revision) == ()


def test_a_mark_is_the_same_whatever_the_order_of_configs() -> None:
    backwards = Revision(OLD.template, {name: OLD.configs[name] for name in ("secret/b", "configmap/a")})
    assert revision_mark(OLD) == revision_mark(backwards) == "v1-aa configmap/a=v1-11 secret/b=v1-k1-22"
