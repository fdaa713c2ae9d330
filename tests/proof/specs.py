"""The Canaries of the model: one for each strategy and each switch that changes a run's way."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.app import canary

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.json_types import JsonObject

INSIDERS = [{"headers": {"x-user": {"exact": "insider"}}}]
GATES = ("confirm-rollout", "pre-rollout", "rollout", "confirm-traffic-increase", "confirm-promotion", "post-rollout")


@dataclass(frozen=True, slots=True)
class Spec:
    """What a Canary says beside the app's own defaults: ``analysis`` overrides, None removes a field."""

    analysis: Mapping[str, Any] = field(default_factory=dict)
    provider: str = ""
    more: Mapping[str, Any] = field(default_factory=dict)

    def canary(self) -> JsonObject:
        """The manifest."""
        made = canary(self.provider, **{"interval": "10s", "threshold": 2, "maxUnknown": 3, **self.analysis})
        made["spec"] |= self.more
        return made


def _hooks(*kinds: str) -> list[JsonObject]:
    return [{"name": kind, "type": kind, "url": f"http://{kind}.test/"} for kind in kinds]


_NO_WEIGHTS = {"maxWeight": None, "stepWeight": None}

SPECS: Mapping[str, Spec] = {
    "weighted": Spec(),
    "steps": Spec({**_NO_WEIGHTS, "stepWeights": [1, 10, 80], "stepWeightPromotion": 30}),
    "mirrored": Spec({"mirror": True, "mirrorWeight": 50}),
    "insiders": Spec({**_NO_WEIGHTS, "iterations": 2, "match": INSIDERS}),
    "blue-green": Spec({**_NO_WEIGHTS, "iterations": 2}),
    "no router": Spec({**_NO_WEIGHTS, "iterations": 2}, provider="kubernetes"),
    "hooked": Spec({"webhooks": _hooks(*GATES, "rollback", "event")}),
    "unasked": Spec(more={"skipAnalysis": True}),
    "reverting": Spec(more={"revertOnDeletion": True}),
}
