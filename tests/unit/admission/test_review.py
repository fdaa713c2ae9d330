"""An AdmissionReview is read as kube-apiserver sends it; whatever else comes in is refused, and never repeated."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from shared.admission.answer import Answer, respond
from shared.admission.canary import review_canary
from shared.admission.hints import hint_of
from shared.admission.review import LARGEST, AdmissionRequest, Operation, parse_review
from shared.body import Refusal
from tests.support.paths import REMOVED, edit
from tests.support.reviews import RECORDED, anything, damaged, request, review

JSON = "application/json"
GOOD = json.dumps(review("canary_update")).encode()


@pytest.mark.parametrize(
    ("name", "read"),
    [
        ("canary_update", (Operation.UPDATE, "flagger.app", "Canary", "", "podinfo", True, True)),
        ("deployment_update", (Operation.UPDATE, "apps", "Deployment", "", "podinfo", True, True)),
        ("deployment_scale", (Operation.UPDATE, "autoscaling", "Scale", "scale", "podinfo", True, True)),
        ("secret_update", (Operation.UPDATE, "", "Secret", "", "podinfo", True, True)),
        ("secret_delete", (Operation.DELETE, "", "Secret", "", "podinfo", False, True)),
    ],
)
def test_what_kube_apiserver_sends_is_read(name: str, read: tuple[object, ...]) -> None:
    found = request(name)
    about = (found.operation, found.group, found.kind, found.subresource, found.name)
    assert (*about, found.obj is not None, found.old is not None) == read
    assert found.namespace == "test"
    assert not found.dry_run
    assert found.uid == review(name)["request"]["uid"]


def test_a_rehearsal_is_known_as_one() -> None:
    assert request("canary_update", {"dryRun": True}).dry_run
    assert not request("canary_update", {"dryRun": REMOVED}).dry_run


def test_a_deletion_of_a_collection_has_the_name_of_its_old_object() -> None:
    assert "name" not in review("secret_delete")["request"]
    assert request("secret_delete", {"oldObject.metadata.name": "other"}).name == "other"


@pytest.mark.parametrize("content_type", ["", "text/plain", "application/yaml", "application/json; charset=utf-16"])
def test_only_json_is_read(content_type: str) -> None:
    assert _status(parse_review(content_type, GOOD)) == 415


def test_a_review_has_a_largest_size_that_two_objects_fit_in() -> None:
    three = "x" * 3 * 1024 * 1024
    large = edit(review("canary_update"), {"request.object.spec.x": three, "request.oldObject.spec.x": three})
    assert isinstance(parse_review(JSON, json.dumps(large).encode()), AdmissionRequest)
    assert _status(parse_review(JSON, b" " * (LARGEST + 1))) == 413


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff", b"[" * 100_000])
def test_what_is_no_json_object_is_400(body: bytes) -> None:
    assert _status(parse_review(JSON, body)) == 400


@pytest.mark.parametrize(
    ("path", "value", "named"),
    [
        ("apiVersion", "admission.k8s.io/v1beta1", "admission.k8s.io/v1"),
        ("apiVersion", REMOVED, "admission.k8s.io/v1"),
        ("kind", "Review", "AdmissionReview"),
        ("request", REMOVED, "request"),
        ("request", "x", "request"),
        ("request.uid", REMOVED, "request.uid"),
        ("request.uid", 7, "request.uid"),
        ("request.uid", "u" * 129, "request.uid"),
        ("request.uid", "u\n", "request.uid"),
        ("request.kind", "Canary", "request.kind"),
        ("request.kind.kind", "", "request.kind.kind"),
        ("request.kind.group", {}, "request.kind.group"),
        ("request.operation", "CONNECT", "request.operation"),
        ("request.operation", ["CREATE"], "request.operation"),
        ("request.name", 5, "request.name"),
        ("request.namespace", "n" * 254, "request.namespace"),
        ("request.subResource", True, "request.subResource"),
        ("request.dryRun", "yes", "request.dryRun"),
        ("request.object", None, "request.object"),
        ("request.object", [], "request.object"),
        ("request.oldObject", None, "request.oldObject"),
    ],
)
def test_what_is_no_review_is_422_and_the_field_is_named(path: str, value: object, named: str) -> None:
    read = parse_review(JSON, json.dumps(edit(review("canary_update"), {path: value})).encode())
    assert _status(read) == 422
    assert isinstance(read, Refusal)
    assert named in read.sentence


def test_every_field_that_is_wrong_is_named_at_once() -> None:
    wrong = edit(review("canary_update"), {"request.uid": 1, "request.dryRun": 1, "request.operation": 1})
    read = parse_review(JSON, json.dumps(wrong).encode())
    assert isinstance(read, Refusal)
    assert "request.operation, request.uid, request.dryRun " in read.sentence


def test_a_refusal_repeats_nothing_of_what_was_sent() -> None:
    password = review("secret_update")["request"]["object"]["data"]["password"]
    for path in ("request.uid", "request.operation", "request.name", "request.dryRun", "request.object", "kind"):
        read = parse_review(JSON, json.dumps(edit(review("secret_update"), {path: [password]})).encode())
        assert isinstance(read, Refusal)
        assert password not in read.sentence


def test_what_a_secret_holds_is_not_in_the_representation_of_its_request() -> None:
    found = request("secret_update")
    assert found.obj is not None
    assert found.obj["data"]["password"] not in repr(found)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(RECORDED).flatmap(lambda name: damaged(review(name))) | anything)
def test_any_json_is_answered_or_refused_with_a_4xx(sent: object) -> None:
    _assert_answered(JSON, json.dumps(sent).encode())


@given(
    st.text(max_size=20) | st.just(JSON),
    st.binary() | st.just(GOOD) | st.integers(0, len(GOOD)).map(lambda end: GOOD[:end]),
)
def test_any_bytes_are_answered_or_refused_with_a_4xx(content_type: str, body: bytes) -> None:
    _assert_answered(content_type, body)


def _assert_answered(content_type: str, body: bytes) -> None:
    """All that the webhook does with a body; it never raises, and what it answers is JSON in UTF-8."""
    read = parse_review(content_type, body)
    if isinstance(read, Refusal):
        assert 400 <= read.status < 500
        return
    hint_of(read)
    answer = review_canary(read)
    sent = json.loads(json.dumps(respond(read.uid, answer)).encode())
    assert sent["response"]["uid"] == read.uid
    assert sent["response"]["allowed"] == answer.allowed
    assert answer.allowed or read.kind == "Canary"
    assert respond(read.uid, Answer())["response"]["allowed"]


def _status(read: AdmissionRequest | Refusal) -> int:
    return read.status if isinstance(read, Refusal) else 200
