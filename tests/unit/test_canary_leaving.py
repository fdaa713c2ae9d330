"""A Canary that is being deleted is read with more patience than one that stays."""

from __future__ import annotations

import pytest

from shared.canary.leaving import read_canary, without_ours
from shared.canary.model import FLAGGER_REVERT, REVERT
from shared.errors import InvalidCanary
from tests.support.manifests import good
from tests.support.paths import edit

DELETED = {"metadata.deletionTimestamp": "2026-11-23T13:18:24Z", "metadata.finalizers": [REVERT]}
HARMLESS = [
    {"spec.analysis.threshold": 0},
    {"spec.analysis.metrics[0].templateRef": {"name": 7}},
    {"spec.analysis": "none"},
    {"spec.provider": "linkerd"},
    {"spec.progressDeadlineSeconds": -1},
]
FATAL = [{"spec.targetRef.kind": "StatefulSet"}, {"spec.service.port": "many"}, {"spec": None}]


@pytest.mark.parametrize("mistake", HARMLESS)
def test_what_is_not_needed_to_give_the_app_back_does_not_matter(mistake: dict[str, object]) -> None:
    broken = edit(good("podinfo"), mistake)
    with pytest.raises(InvalidCanary):
        read_canary(broken)
    leaving = read_canary(edit(broken, DELETED))
    assert (leaving.deleting, leaving.held, leaving.target.name) == (True, True, "podinfo")
    assert leaving.service == read_canary(good("podinfo")).service


@pytest.mark.parametrize("mistake", FATAL)
def test_without_target_and_service_every_problem_is_named(mistake: dict[str, object]) -> None:
    (path,) = mistake
    with pytest.raises(InvalidCanary) as error:
        read_canary(edit(good("podinfo"), {**mistake, **DELETED}))
    assert path in str(error.value)


@pytest.mark.parametrize(
    ("finalizers", "kept"),
    [(None, None), (["a"], None), ([REVERT], []), (["a", FLAGGER_REVERT, "b", REVERT], ["a", "b"])],
)
def test_only_serins_and_flaggers_finalizers_are_taken_off(finalizers: object, kept: object) -> None:
    assert without_ours({"metadata": {"finalizers": finalizers}}) == kept
