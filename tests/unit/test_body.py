"""Whatever comes in as a body, out comes a JSON object of bounded depth, or a refusal that repeats nothing of it."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.body import DEEPEST, Refusal, media_type, read_object
from tests.support.reviews import anything


def _is_json(value: object) -> bool:
    """Python writes NaN and Infinity, which JSON does not have."""
    try:
        json.dumps(value, allow_nan=False)
    except ValueError:
        return False
    return True


@pytest.mark.parametrize(
    ("body", "status", "word"),
    [
        (b"", 400, "JSON"),
        (b"{", 400, "JSON"),
        (b"{} {}", 400, "JSON"),
        (b"[]", 400, "object"),
        (b'"secret"', 400, "object"),
        (b"null", 400, "object"),
        (b'{"a": NaN}', 400, "JSON"),
        (b'{"a": -Infinity}', 400, "JSON"),
        (b'{"a": ' + b"1" * 5000 + b"}", 400, "JSON"),
        (b'\xef\xbb\xbf{"a": 1}', 400, "JSON"),
        ('{"a": 1}'.encode("utf-16"), 400, "UTF-8"),
        (b'{"a": "\xff"}', 400, "UTF-8"),
        (b"[" * 200_000, 400, "levels"),
        (b'{"a":' * 20_000 + b"1" + b"}" * 20_000, 400, "levels"),
        (b'{"a": "' + b"x" * 1_000_000 + b'"}', 413, "bytes"),
    ],
)
def test_what_is_no_json_object_is_refused_in_one_sentence(body: bytes, status: int, word: str) -> None:
    refusal = read_object(body, 1_000_000)
    assert isinstance(refusal, Refusal)
    assert refusal.status == status
    assert word in refusal.sentence
    assert "secret" not in refusal.sentence


@pytest.mark.parametrize("opened", ['{"a":', "["])
def test_depth_is_limited_exactly(opened: str) -> None:
    closed = "}" if opened.startswith("{") else "]"
    for levels, refused in ((DEEPEST, False), (DEEPEST + 1, True)):
        inner = opened * (levels - 1) + "1" + closed * (levels - 1)
        assert isinstance(read_object(f'{{"x": {inner}}}'.encode(), 10_000), Refusal) == refused


def test_size_is_limited_exactly() -> None:
    assert read_object(b'{"a": 1}', 8) == {"a": 1}
    assert isinstance(read_object(b'{"a": 1}', 7), Refusal)


@given(st.dictionaries(st.text(), anything).filter(_is_json))
def test_a_json_object_comes_back_as_it_was_sent(value: dict[str, object]) -> None:
    sent = json.dumps(value).encode()
    assert read_object(sent, len(sent)) == value


@given(st.binary() | st.text().map(str.encode) | anything.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_an_object_or_refused_with_a_4xx(body: bytes) -> None:
    read = read_object(body, 100)
    assert isinstance(read, dict) or 400 <= read.status < 500


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        ("application/json", "application/json"),
        ("Application/JSON; charset=UTF-8", "application/json"),
        ('application/json;charset="utf-8"; v=1', "application/json"),
        ("application/json; charset=latin-1", ""),
        ("", ""),
    ],
)
def test_a_media_type_has_no_parameters_and_no_foreign_charset(sent: str, read: str) -> None:
    assert media_type(sent) == read
