"""The body of a hook's call."""

from __future__ import annotations

import json

import pytest

from shared.loadtester.answer import RefusedRequest
from shared.loadtester.gates import Run
from shared.loadtester.payload import LARGEST, Payload, read_payload


def status(body: object, *namespaces: str) -> int:
    with pytest.raises(RefusedRequest) as caught:
        read_payload(body if isinstance(body, bytes) else json.dumps(body).encode(), namespaces)
    return caught.value.answer.status


def test_hooks_of_serin_and_of_flagger_in_every_version_are_read() -> None:
    body = {
        "name": "podinfo",
        "namespace": "test",
        "phase": "Progressing",
        "checksum": "c",
        "buildId": "b",
        "metadata": {"cmd": "x"},
    }
    assert read_payload(json.dumps(body).encode(), ()) == Payload(
        "podinfo", "test", "Progressing", Run("c", "b"), {"cmd": "x"}
    )
    assert read_payload(b'{"name":"podinfo","namespace":"test"}', ()) == Payload("podinfo", "test")
    assert str(read_payload(b'{"name":"podinfo","namespace":"test","metadata":null}', ())) == "podinfo.test"


def test_only_an_ended_run_says_so() -> None:
    phases = ("Initialized", "Progressing", "Waiting", "Promoting", "Finalising", "Succeeded", "Failed", "")
    assert [phase for phase in phases if Payload("a", "b", phase).ended] == ["Succeeded", "Failed"]


@pytest.mark.parametrize(
    "body",
    [b"", b"x", b"[]", {}, {"name": "a"}, {"name": "a", "namespace": "B"}, {"name": "a/b", "namespace": "c"},
     {"name": "a", "namespace": "b", "checksum": 1}, {"name": "a", "namespace": "b", "phase": "x" * 300},
     {"name": "a", "namespace": "b", "metadata": {"cmd": 1}}, {"name": "a", "namespace": "b", "metadata": "x"}],
)  # fmt: skip
def test_what_is_no_hooks_payload_is_refused(body: object) -> None:
    assert status(body) == 400


def test_a_large_body_and_a_foreign_namespace_are_refused() -> None:
    assert status(b" " * (LARGEST + 1)) == 413
    assert status({"name": "a", "namespace": "prod"}, "test", "team-*") == 403
    assert read_payload(b'{"name":"a","namespace":"team-1"}', ("test", "team-*")).namespace == "team-1"
