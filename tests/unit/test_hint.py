"""A hint names one of six kinds, by a name that Kubernetes can have given."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.hint import Hint, HintKind, hint_at, is_generated
from shared.rollout import RolloutKey
from tests.support.reviews import anything


@pytest.mark.parametrize(
    ("group", "kind", "ref"),
    [
        ("flagger.app", "Canary", "canary/web.v2"),
        ("apps", "DaemonSet", "daemonset/web.v2"),
        ("apps", "Deployment", "deployment/web.v2"),
        ("", "ConfigMap", "configmap/web.v2"),
        ("", "Secret", "secret/web.v2"),
        ("", "Service", "service/web.v2"),
        (None, "Secret", "secret/web.v2"),
        ("apps", "ConfigMap", None),
        ("example.com", "Canary", None),
        ("", "Pod", None),
        ("apps", "deployment", None),
    ],
)
def test_only_what_a_rollout_can_depend_on_gives_a_hint(group: str | None, kind: str, ref: str | None) -> None:
    hint = hint_at(group, kind, "shop", "web.v2")
    assert (hint and hint.ref) == ref


@pytest.mark.parametrize(
    ("namespace", "name"),
    [("", "web"), ("shop", ""), ("shop", "a:b"), ("a:b", "web"), ("shop", "Web"), ("shop", "web\n"), ("shop", "../x")],
)
def test_a_name_that_kubernetes_cannot_have_given_gives_none(namespace: str, name: str) -> None:
    assert hint_at("apps", "Deployment", namespace, name) is None


@pytest.mark.parametrize(("longest", "hinted"), [(0, True), (1, False)])
def test_names_have_the_length_that_kubernetes_allows(longest: int, hinted: bool) -> None:
    assert bool(hint_at("apps", "Deployment", "n" * (63 + longest), "web")) == hinted
    assert bool(hint_at("apps", "Deployment", "shop", "w" * (253 + longest))) == hinted


@given(st.text(), st.text())
def test_every_hint_makes_a_key_that_can_be_read_back(namespace: str, name: str) -> None:
    hint = hint_at("", "Secret", namespace, name)
    if hint:
        key = RolloutKey("east", hint.namespace, hint.name)
        assert RolloutKey.parse(str(key)) == key


def test_what_serin_made_says_so_in_an_annotation() -> None:
    assert is_generated({"metadata": {"annotations": {"serin.dev/canary": "web"}}})
    assert not is_generated({"metadata": {"annotations": {"serin.dev/canary": ""}}})


@given(anything)
def test_anything_can_be_asked_whether_serin_made_it(obj: object) -> None:
    assert is_generated(obj) in (True, False)


def test_a_hint_is_nothing_but_a_kind_and_a_name() -> None:
    assert Hint(HintKind.SECRET, "shop", "web") == hint_at("", "Secret", "shop", "web")
