"""CloudEvents are read in both content modes as Knative sends them; whatever else comes in is refused."""

from __future__ import annotations

import base64
import json

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from shared.body import Refusal
from shared.events.cloudevent import LARGEST, CloudEvent, parse_event
from shared.events.hints import hint_of
from tests.support.paths import REMOVED, edit
from tests.support.reviews import anything, damaged, review

DEPLOYMENT = review("deployment_update")["request"]["object"]

# As the receive adapter of Knative Eventing 1.15 sends them, see pkg/adapter/apiserver/events/events.go.
HEADERS = {
    "Content-Type": "application/json",
    "Ce-Specversion": "1.0",
    "Ce-Id": "0b2ba6f4-0a2f-4f3b-8a07-4ec04a1d9d57",
    "Ce-Source": "https://10.96.0.1:443",
    "Ce-Type": "dev.knative.apiserver.resource.update",
    "Ce-Subject": "/apis/apps/v1/namespaces/test/deployments/podinfo",
    "Ce-Time": "2026-11-23T13:18:24.000000001Z",
    "Ce-Apiversion": "apps/v1",
    "Ce-Kind": "Deployment",
    "Ce-Name": "podinfo",
    "Ce-Namespace": "test",
}
STRUCTURED = {"Content-Type": "application/cloudevents+json; charset=UTF-8"}
EVENT = {
    "specversion": "1.0",
    "id": "1",
    "source": "https://10.96.0.1:443",
    "type": "dev.knative.apiserver.resource.update",
    "datacontenttype": "application/json",
    "data": DEPLOYMENT,
}
BODY = json.dumps(DEPLOYMENT).encode()


def test_a_binary_event_is_read() -> None:
    read = parse_event(HEADERS, BODY)
    assert read == CloudEvent(HEADERS["Ce-Id"], HEADERS["Ce-Source"], HEADERS["Ce-Type"], DEPLOYMENT)


def test_headers_are_read_in_any_case() -> None:
    assert parse_event({name.lower(): value for name, value in HEADERS.items()}, BODY) == parse_event(HEADERS, BODY)


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"datacontenttype": REMOVED},
        {"datacontenttype": "application/vnd.x+json; charset=utf-8"},
        {"data": REMOVED, "data_base64": base64.b64encode(BODY).decode()},
    ],
)
def test_a_structured_event_is_read(changes: dict[str, object]) -> None:
    read = parse_event(STRUCTURED, json.dumps(edit(EVENT, changes)).encode())
    assert read == CloudEvent("1", "https://10.96.0.1:443", "dev.knative.apiserver.resource.update", DEPLOYMENT)


@pytest.mark.parametrize(
    ("content_type", "word"),
    [
        ("application/cloudevents-batch+json", "each alone"),
        ("application/cloudevents+xml", "each alone"),
        ("application/cloudevents", "each alone"),
        ("text/plain", "application/json"),
        ("application/json; charset=utf-16", "application/json"),
        ("", "application/json"),
    ],
)
def test_batches_and_other_formats_are_415(content_type: str, word: str) -> None:
    read = parse_event({**HEADERS, "Content-Type": content_type}, BODY)
    assert _status(read) == 415
    assert isinstance(read, Refusal)
    assert word in read.sentence


@pytest.mark.parametrize("name", ["specversion", "id", "source", "type"])
@pytest.mark.parametrize("value", [None, "", "x" * 2000])
def test_what_lacks_an_attribute_is_no_event(name: str, value: str | None) -> None:
    headers = {key: text for key, text in HEADERS.items() if key.lower() != f"ce-{name}"}
    binary = parse_event(headers | ({f"ce-{name}": value} if value is not None else {}), BODY)
    structured = parse_event(STRUCTURED, json.dumps({**EVENT, name: value}).encode())
    assert (_status(binary), _status(structured)) == (422, 422)
    assert isinstance(binary, Refusal)
    assert name in binary.sentence


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"specversion": "0.3"}, 422),
        ({"specversion": []}, 422),
        ({"type": 5}, 422),
        ({"data": REMOVED}, 422),
        ({"data": [1]}, 422),
        ({"data": "text"}, 422),
        ({"datacontenttype": "text/xml"}, 415),
        ({"datacontenttype": 5}, 415),
        ({"data": REMOVED, "data_base64": "%%%"}, 400),
        ({"data": REMOVED, "data_base64": f"{base64.b64encode(BODY).decode()}%"}, 400),
        ({"data": REMOVED, "data_base64": "é"}, 400),
        ({"data": REMOVED, "data_base64": "AAAA"}, 400),
        ({"data": REMOVED, "data_base64": base64.b64encode(b"[" * 99_999).decode()}, 400),
        ({"extensions": 3, "attributes": 5}, 200),
    ],
)
def test_what_is_wrong_with_a_structured_event_is_told(changes: dict[str, object], status: int) -> None:
    assert _status(parse_event(STRUCTURED, json.dumps(edit(EVENT, changes)).encode())) == status


@pytest.mark.parametrize("headers", [HEADERS, STRUCTURED])
@pytest.mark.parametrize(
    ("body", "status"), [(b"", 400), (b"[]", 400), (b"\xff", 400), (b"[" * 99_999, 400), (b" " * (LARGEST + 1), 413)]
)
def test_a_body_that_cannot_be_read_is_refused(headers: dict[str, str], body: bytes, status: int) -> None:
    assert _status(parse_event(headers, body)) == status


def test_what_a_secret_holds_is_in_no_representation_and_no_refusal() -> None:
    secret = review("secret_update")["request"]["object"]
    assert secret["data"]["password"] not in repr(parse_event(HEADERS, json.dumps(secret).encode()))
    wrong = json.dumps({**EVENT, "data": [secret], "type": secret["data"]["password"]}).encode()
    assert secret["data"]["password"] not in repr(parse_event(STRUCTURED, wrong))


@settings(max_examples=200, deadline=None)
@given(damaged(EVENT) | anything)
@example({**EVENT, "data_base64": 5, "data": None})
def test_any_json_is_read_or_refused_with_a_4xx(sent: object) -> None:
    _assert_answered(STRUCTURED, json.dumps(sent).encode())
    _assert_answered(HEADERS, json.dumps(sent).encode())


@given(st.dictionaries(st.sampled_from([*HEADERS, "x"]), st.text(max_size=30)), st.binary() | st.just(BODY))
def test_any_request_is_read_or_refused_with_a_4xx(headers: dict[str, str], body: bytes) -> None:
    _assert_answered(headers, body)
    _assert_answered({**HEADERS, **headers}, body)


def _assert_answered(headers: dict[str, str], body: bytes) -> None:
    read = parse_event(headers, body)
    found = read if isinstance(read, Refusal) else hint_of(read)
    assert not isinstance(found, Refusal) or 400 <= found.status < 500


def _status(read: CloudEvent | Refusal) -> int:
    return read.status if isinstance(read, Refusal) else 200
