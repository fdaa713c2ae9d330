"""The primary's copies of ConfigMaps and Secrets."""

from __future__ import annotations

from copy import deepcopy

from shared.render.configs import copy_config
from shared.render.differences import up_to_date
from shared.render.overlay import overlay
from tests.unit.render.samples import OWNED, canary, config_map, secret


def test_a_copy_holds_the_text_and_the_binary_data_and_can_be_overwritten() -> None:
    assert copy_config(canary(), config_map()) == {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {
            "name": "settings-primary",
            "namespace": "test",
            "labels": {"app": "podinfo"},
            "annotations": OWNED,
        },
        "data": {"app.yaml": "color: red"},
        "binaryData": {"logo": "iVBORw0="},
    }


def test_a_secret_keeps_its_type() -> None:
    assert copy_config(canary(), secret("kubernetes.io/tls")) == {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": "database-primary", "namespace": "test", "annotations": OWNED},
        "type": "kubernetes.io/tls",
        "data": {"dsn": "cG9zdGdyZXM6Ly8="},
    }


def test_a_key_that_is_gone_from_the_source_goes_from_the_copy() -> None:
    live = copy_config(canary(), config_map())
    live["metadata"].update(resourceVersion="9", labels={"app": "podinfo", "mine": "too"})
    source = config_map()
    del source["binaryData"]
    desired = copy_config(canary(), source)
    assert not up_to_date(live, desired)
    written = overlay(live, desired)
    assert up_to_date(written, desired)
    assert "binaryData" not in written
    assert written["metadata"]["resourceVersion"] == "9"
    assert written["metadata"]["labels"]["mine"] == "too"


def test_copying_leaves_the_source_alone() -> None:
    source = config_map()
    before = deepcopy(source)
    copy_config(canary(), source)["data"]["app.yaml"] = "changed"
    assert source == before
