"""A small part of the proof of faults: one of each kind that a server can answer, in the middle of a real run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.proof.faults import expired
from tests.proof.ordeal import Fault, ground, suffer
from tests.support.faulty_proxy import HALF
from tests.support.web import reply, send

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.prometheus import Prometheus
    from tests.support.real_cluster import RealCluster


def test_what_answers_nonsense_holds_a_run_which_goes_on_by_itself(
    real_cluster: RealCluster, prometheus: Prometheus, tmp_path: Path
) -> None:
    with ground(real_cluster, prometheus, tmp_path) as whole:
        api = suffer(whole, Fault("API server", "half a body", lambda: whole.api.misbehaving(send(HALF))))
        metrics = suffer(whole, Fault("Prometheus", "500", lambda: whole.metrics.misbehaving(reply(500))))
        refused = suffer(whole, Fault("API server", "token not valid any more", lambda: expired(whole.token)))
    assert api.held
    assert metrics.held
    assert "Kubernetes API" in api.said
    assert "500" in metrics.said
    assert refused.held
    assert "(401): Unauthorized" in refused.said
