"""A small part of the proof of faults, in the middle of a real run: one of each kind, and what goes on all the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.proof.faults import disk_full, expired
from tests.proof.meanwhile import abort_without_metrics, two_clocks
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


def test_a_full_disk_holds_a_run_until_there_is_space_again(
    real_cluster: RealCluster, prometheus: Prometheus, tmp_path: Path
) -> None:
    with ground(real_cluster, prometheus, tmp_path) as whole:
        if not whole.disk.mounted:
            pytest.skip("only root may mount the small disk that this test fills: run it as root")
        full = suffer(whole, Fault("SQLite", "disk full", lambda: disk_full(whole.disk)))
    assert full.held
    assert full.said.endswith("(database or disk is full): free space on its disk")


def test_an_abort_needs_no_metrics_and_two_clocks_make_no_step_twice(
    real_cluster: RealCluster, prometheus: Prometheus, tmp_path: Path
) -> None:
    with ground(real_cluster, prometheus, tmp_path) as whole:
        assert abort_without_metrics(whole).seen
        assert two_clocks(whole).seen
