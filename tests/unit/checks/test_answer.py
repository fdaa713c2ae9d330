"""No data, no answer and a number are three things."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.checks.answer import read_error, read_values
from shared.errors import CheckUnavailable


def success(kind: str, result: object) -> bytes:
    return json.dumps({"status": "success", "data": {"resultType": kind, "result": result}}).encode()


def vector(*values: str) -> bytes:
    return success("vector", [{"metric": {}, "value": [1545905245.458, value]} for value in values])


@pytest.mark.parametrize(
    ("body", "values"),
    [
        (vector("100"), (100.0,)),
        (vector("1.5e-05"), (1.5e-05,)),
        (vector("0"), (0.0,)),
        (vector(), ()),
        (vector("NaN"), ()),
        (vector("+Inf"), ()),
        (vector("-Inf"), ()),
        (vector("1", "NaN", "2"), (1.0, 2.0)),
        (success("scalar", [1545905245.458, "3"]), (3.0,)),
        (success("scalar", [1545905245.458, "NaN"]), ()),
    ],
)
def test_the_finite_values_are_read(body: bytes, values: tuple[float, ...]) -> None:
    assert read_values(body) == values


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (b'{"status":"error","errorType":"execution","error":"query\\ntimed out"}', "an error: query timed out"),
        (b'{"status":"error"}', "an error: it does not say which"),
        (b"{}", "answered with an error"),
        (b"", "not JSON"),
        (b"<html>Sign in</html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b"[" * 100_000, "not JSON"),
        (b"[]", "not a JSON object"),
        (b'{"status":"success"}', "no data field"),
        (b'{"status":"success","data":[]}', "no data field"),
        (success("matrix", []), "a range of values over time"),
        (success("string", [1, "up"]), "a text, not a number"),
        (success("streams", []), "unknown type"),
        (success("vector", {}), "unknown type"),
        (success("vector", ["1"]), "not a number"),
        (success("vector", [{"metric": {}, "histogram": [1, {"count": "1"}]}]), "not a number"),
        (success("vector", [{"metric": {}, "value": [1, 5]}]), "not a number"),
        (success("vector", [{"metric": {}, "value": [1, "many"]}]), "not a number"),
        (success("scalar", None), "not a number"),
    ],
)
def test_what_is_no_answer_is_said_to_be_none(body: bytes, words: str) -> None:
    with pytest.raises(CheckUnavailable, match=words):
        read_values(body)


def test_the_servers_own_error_is_cut_and_only_text() -> None:
    assert read_error(json.dumps({"error": "x" * 5000}).encode()) == "x" * 299 + "…"
    assert read_error(b'{"error":{"a":1}}') == ""
    assert read_error(b"oops") == ""


ANY_JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(["scalar", "vector", "matrix", "string", "other"]), ANY_JSON)
def test_any_json_is_either_values_or_no_answer(kind: str, result: Any) -> None:
    try:
        values = read_values(success(kind, result))
    except CheckUnavailable:
        return
    assert all(abs(value) < float("inf") for value in values)
