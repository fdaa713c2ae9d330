"""What a lost document is rebuilt from, and where the traffic stays meanwhile."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from shared.canary.model import Provider
from shared.engine import decide
from shared.render.ownership import REVISION
from shared.render.router import is_left_behind
from shared.restore import restored
from shared.revision import revision_mark
from shared.rollout import Phase
from tests.support.samples import NOW, OLD, canary, seen, situation

if TYPE_CHECKING:
    from shared.json_types import Json

PRIMARY: Json = {"spec": {"template": {"metadata": {"annotations": {REVISION: revision_mark(OLD)}}}}}


def status(phase: Phase, weight: int) -> dict[str, Any]:
    return {"phase": str(phase), "canaryWeight": weight, "lastAppliedSpec": "v1-new", "trackedConfigs": {}}


def test_a_run_whose_router_the_canary_names_sends_its_traffic_home() -> None:
    rollout = restored(canary(), status(Phase.PROGRESSING, 50), PRIMARY, NOW)
    assert rollout.route.home
    assert rollout.replicas == 1, "and is scaled down after that"


def test_a_run_whose_router_the_canary_no_longer_names_keeps_its_pods() -> None:
    without = canary(provider=Provider.KUBERNETES)
    rollout = restored(without, status(Phase.PROGRESSING, 50), PRIMARY, NOW)
    assert is_left_behind(without, rollout), "nobody could bring its traffic home"
    back = decide(replace(situation(rollout=rollout), seen=seen(drift=()))).rollout
    assert back.route.home, "its traffic comes first, once the router is named again"
    assert back.replicas == 1


@pytest.mark.parametrize("weight", [0, 100])
def test_a_promotion_that_failed_leaves_the_traffic_where_it_was(weight: int) -> None:
    rollout = restored(canary(), status(Phase.FAILED, weight), PRIMARY, NOW)
    assert rollout.weight == weight
    assert not rollout.matching
