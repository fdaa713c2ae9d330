"""What clients send, read: Go types, protobuf, selectors, JSONPaths, patterns."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.local.kubernetes.columns import human_duration, since
from infra.local.kubernetes.errors import ApiError
from infra.local.kubernetes.formats import is_format, matches
from infra.local.kubernetes.gotypes import struct
from infra.local.kubernetes.jsonpath import JsonPathError, find
from infra.local.kubernetes.protobuf import MAGIC, ProtobufError, decode
from infra.local.kubernetes.selectors import describe, parse_labels
from infra.local.kubernetes.shapes import Notes, WrongTypeError

if TYPE_CHECKING:
    from infra.local.kubernetes.objects import JsonObject

POD = "io.k8s.api.core.v1.Pod"


class TestGoTypes:
    def test_reading_is_what_the_server_would_write_again(self) -> None:
        notes = Notes()
        body: JsonObject = {
            "metadata": {"name": "a", "labels": {}, "creationTimestamp": None, "odd": 1},
            "spec": {"containers": [{"image": "a", "env": None, "resources": {"limits": {"cpu": "1000m"}}}]},
        }
        assert struct(POD).read(body, None, notes) == {
            "metadata": {"name": "a"},
            "spec": {"containers": [{"name": "", "image": "a", "resources": {"limits": {"cpu": "1"}}}]},
            "status": {},
        }
        assert notes.unknown == ["metadata.odd"]

    @pytest.mark.parametrize(
        ("body", "said"),
        [
            ({"spec": []}, "cannot unmarshal array into Go struct field Pod.spec of type v1.PodSpec"),
            (
                {"spec": {"containers": [{"name": 1}]}},
                "cannot unmarshal number into Go struct field Container.spec.containers.name of type string",
            ),
            (
                {"spec": {"priority": 1.5}},
                "cannot unmarshal number 1.5 into Go struct field PodSpec.spec.priority of type int32",
            ),
            ({"metadata": {"creationTimestamp": "now"}}, 'parsing time "now" as "2006-01-02T15:04:05Z07:00"'),
        ],
    )
    def test_a_wrong_type_is_told_in_the_words_of_the_server(self, body: JsonObject, said: str) -> None:
        with pytest.raises(WrongTypeError, match=said.replace("(", r"\(")):
            struct(POD).read(body, None, Notes())

    @settings(deadline=None)
    @given(st.datetimes(timezones=st.timezones()).filter(lambda moment: moment.year > 1900))
    def test_times_are_kept_in_utc_and_whole_seconds(self, moment: datetime) -> None:
        read = struct(POD).read({"metadata": {"creationTimestamp": moment.isoformat()}}, None, Notes())
        kept = datetime.fromisoformat(read["metadata"]["creationTimestamp"])
        assert kept == moment.astimezone(UTC).replace(microsecond=0)


def field(number: int, data: bytes | int) -> bytes:
    """One protobuf field; numbers below 128 only."""
    if isinstance(data, int):
        return bytes([number << 3, data])
    return bytes([number << 3 | 2, len(data)]) + data


class TestProtobuf:
    def test_messages_maps_lists_and_inlined_structs(self) -> None:
        labels = b"".join(field(11, field(1, key) + field(2, value)) for key, value in ((b"a", b"1"), (b"b", b"2")))
        probe = field(1, field(2, field(2, field(1, 0) + field(2, 80)))) + field(2, 5)
        container = field(1, b"app") + field(10, probe)
        pod = field(1, field(1, b"web") + labels) + field(2, field(2, container) + field(2, field(1, b"side")))
        envelope = field(1, field(1, b"v1") + field(2, b"Pod")) + field(2, pod)
        assert decode(MAGIC + envelope, POD) == {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": "web", "labels": {"a": "1", "b": "2"}},
            "spec": {
                "containers": [
                    {"name": "app", "livenessProbe": {"httpGet": {"port": 80}, "initialDelaySeconds": 5}},
                    {"name": "side"},
                ]
            },
        }

    @settings(deadline=None)
    @given(st.binary(max_size=64))
    def test_broken_bytes_are_refused_and_nothing_else_happens(self, noise: bytes) -> None:
        for body in (noise, MAGIC + noise, MAGIC + field(2, noise)):
            with contextlib.suppress(ProtobufError, UnicodeDecodeError, ValueError):
                decode(body, POD)


class TestSelectors:
    @pytest.mark.parametrize("text", ["a in", "a in (b", "a b", "=a", "a,,b", "a>x", "-a", "a=-", "a=b c=d", "(a)"])
    def test_what_is_no_selector_is_a_bad_request(self, text: str) -> None:
        with pytest.raises(ApiError) as error:
            parse_labels(text)
        assert error.value.code == 400

    @pytest.mark.parametrize(
        ("text", "labels", "selected"),
        [
            ("n>3", {"n": "4"}, True),
            ("n>3", {"n": "3"}, False),
            ("n<3", {"n": "x"}, False),
            ("n<3", {}, False),
            ("in in (in,notin)", {"in": "notin"}, True),
            ("a in ()", {"a": ""}, True),
            (" a = b ", {"a": "b"}, True),
        ],
    )
    def test_the_rarer_forms(self, text: str, labels: dict[str, str], selected: bool) -> None:
        assert parse_labels(text).selects(labels) is selected

    def test_the_selector_of_a_workload_reads_as_a_query(self) -> None:
        expressions = [
            {"key": "b", "operator": "In", "values": ["y", "x"]},
            {"key": "c", "operator": "Exists"},
            {"key": "d", "operator": "DoesNotExist"},
        ]
        text = describe({"matchLabels": {"a": "1"}, "matchExpressions": expressions})
        assert text == "a=1,b in (x,y),c,!d"
        assert parse_labels(text).selects({"a": "1", "b": "x", "c": ""})


@pytest.mark.parametrize(
    ("path", "found"),
    [
        (".status.phase", ["Done"]),
        ("{.status.phase}", ["Done"]),
        (".none.phase", []),
        ('.status.conditions[?(@.type=="Ready")].status', ["True"]),
        (".status.conditions[?(@.type!='Ready')].status", ["False"]),
        (".status.conditions[-1].type", ["Idle"]),
        (".status.conditions[*].type", ["Ready", "Idle"]),
        (r".metadata.annotations.a\.b/c", ["x"]),
        (".metadata.annotations['a.b/c']", ["x"]),
        (".status.conditions[9].type", []),
    ],
)
def test_a_jsonpath_finds(path: str, found: list[Any]) -> None:
    conditions = [{"type": "Ready", "status": "True"}, {"type": "Idle", "status": "False"}]
    obj = {"metadata": {"annotations": {"a.b/c": "x"}}, "status": {"phase": "Done", "conditions": conditions}}
    assert find(path, obj) == found


def test_a_jsonpath_beyond_the_supported_part_is_refused() -> None:
    with pytest.raises(JsonPathError, match="cannot understand"):
        find(".a[0:2]", {"a": [1]})


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (-5, "<invalid>"),
        (0, "0s"),
        (119, "119s"),
        (120, "2m"),
        (200, "3m20s"),
        (3600, "60m"),
        (3 * 3600 + 60, "3h1m"),
        (9 * 3600, "9h"),
        (50 * 3600, "2d2h"),
        (30 * 86400, "30d"),
        (800 * 86400, "2y70d"),
        (10 * 365 * 86400, "10y"),
    ],
)
def test_ages_are_short(seconds: int, shown: str) -> None:
    assert human_duration(seconds) == shown


def test_an_age_of_nothing_is_unknown_and_of_nonsense_invalid() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    assert [since(text, now) for text in (None, "soon", "2025-12-31T23:59:00Z")] == ["<unknown>", "<invalid>", "60s"]


def test_patterns_are_those_of_go() -> None:
    assert matches("^[0-9]+(m|s)$", "10s")
    assert not matches("^[0-9]+(m|s)$", "10s\n"), "$ is the very end"
    assert matches("b", "abc"), "patterns are not anchored"
    assert matches("[$]", "$")
    assert not matches(r"^\d$", "٣"), "classes are ASCII"


@pytest.mark.parametrize(
    ("name", "good", "bad"),
    [
        ("date-time", "2026-01-01T00:00:00.5+01:00", "2026-01-01"),
        ("date", "2026-01-01", "1.1.2026"),
        ("duration", "1h30m", "1 hour"),
        ("ipv4", "10.0.0.1", "10.0.0.256"),
        ("cidr", "10.0.0.0/8", "10.0.0.0/33"),
        ("uri", "https://a.b/c", "a b"),
        ("byte", "YQ==", "?"),
        ("uuid", "123e4567-e89b-12d3-a456-426614174000", "123"),
    ],
)
def test_formats_that_are_known_are_checked(name: str, good: str, bad: str) -> None:
    assert is_format(good, name)
    assert not is_format(bad, name)
    assert is_format(bad, "of-something-unknown")
