"""Whom a hint concerns: the Canary's own rollout, or those that watch the object."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from shared.canary import parse_canary
from shared.concerned import concerned, watches_of
from shared.hint import Hint, HintKind
from shared.revision import tracked_refs
from shared.rollout import Revision, RolloutKey
from shared.state.open import open_store
from tests.support.manifests import good
from tests.support.rollouts import first_version

CANARY = parse_canary(good("istio"))
REVISION = Revision("v1-1", {"secret/login": "v1-k-2", "configmap/web": "v1-3"})


def test_a_rollout_watches_its_target_and_the_configs_of_its_revision() -> None:
    assert watches_of(CANARY, REVISION) == ("configmap/web", "deployment/frontend", "secret/login")
    assert watches_of(CANARY, Revision()) == ("deployment/frontend",)


def test_a_config_that_is_named_but_not_there_yet_is_watched_too() -> None:
    source = [{"configMapRef": {"name": "later", "optional": True}}, {"configMapRef": {"name": "web"}}]
    mentioned = tracked_refs({"spec": {"containers": [{"envFrom": source}]}})
    watched = ("configmap/later", "configmap/web", "deployment/frontend", "secret/login")
    assert watches_of(CANARY, REVISION, mentioned) == watched


def test_a_canary_concerns_the_rollout_of_its_name_also_before_there_is_one() -> None:
    with closing(open_store("sqlite://")) as store:
        hint = Hint(HintKind.CANARY, "web", "frontend")
        assert concerned(store, "east", hint) == (RolloutKey("east", "web", "frontend"),)


def test_any_other_object_concerns_the_rollouts_that_watch_it() -> None:
    key, other = RolloutKey("east", "web", "frontend"), RolloutKey("east", "web", "other")
    with closing(open_store("sqlite://")) as store:
        store.commit(key, replace(first_version(), watches=watches_of(CANARY, REVISION)), None)
        store.commit(other, replace(first_version(), watches=("deployment/other", "configmap/web")), None)
        assert list(concerned(store, "east", Hint(HintKind.DEPLOYMENT, "web", "frontend"))) == [key]
        assert list(concerned(store, "east", Hint(HintKind.CONFIGMAP, "web", "web"))) == [key, other]
        assert list(concerned(store, "east", Hint(HintKind.SECRET, "web", "web"))) == []
        assert list(concerned(store, "east", Hint(HintKind.CONFIGMAP, "shop", "web"))) == []
