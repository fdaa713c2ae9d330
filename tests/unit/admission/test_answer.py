"""The answer has the form that kubectl shows problem by problem, and warnings that the API server lets through."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.admission.answer import ALL_WARNINGS, LONGEST_WARNING, MOST_CAUSES, Answer, respond
from shared.errors import Problem

ONE = Problem("spec.analysis.threshold", "is required")
TWO = Problem("spec.service.port", "must be a whole number from 1 to 65535, not 0")


def test_an_answer_is_a_review_with_the_uid_of_its_request() -> None:
    assert respond("u-1", Answer()) == {
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "response": {"uid": "u-1", "allowed": True},
    }


def test_a_denial_names_every_problem_twice_for_people_and_for_kubectl() -> None:
    response = respond("u-1", Answer((ONE, TWO), subject="podinfo"))["response"]
    assert not response["allowed"]
    assert response["status"] == {
        "status": "Failure",
        "code": 422,
        "reason": "Invalid",
        "message": f"Canary podinfo is not valid: {ONE}; {TWO}",
        "details": {
            "group": "flagger.app",
            "kind": "Canary",
            "name": "podinfo",
            "causes": [
                {"reason": "FieldValueInvalid", "field": problem.path, "message": problem.message}
                for problem in (ONE, TWO)
            ],
        },
    }


def test_a_denial_of_a_great_many_problems_says_how_many_it_leaves_out() -> None:
    problems = tuple(Problem(f"spec[{number}]", "is wrong") for number in range(MOST_CAUSES + 7))
    status = respond("u", Answer(problems))["response"]["status"]
    assert len(status["details"]["causes"]) == MOST_CAUSES
    assert status["message"].endswith("; and 7 more")


def test_warnings_are_told_once_each_and_on_one_line() -> None:
    response = respond("u", Answer(warnings=("a", "b\nc\x00", "a", "")))["response"]
    assert response["warnings"] == ["a", "b c "]


@pytest.mark.parametrize(("length", "kept"), [(LONGEST_WARNING, "x"), (LONGEST_WARNING + 1, "…")])
def test_a_warning_has_at_most_256_characters(length: int, kept: str) -> None:
    (warning,) = respond("u", Answer(warnings=("x" * length,)))["response"]["warnings"]
    assert len(warning) == LONGEST_WARNING
    assert warning[-1] == kept


@pytest.mark.parametrize("width", [202, LONGEST_WARNING])
def test_warnings_that_do_not_fit_are_counted(width: int) -> None:
    many = tuple(f"{number:02d}".ljust(width, "x") for number in range(30))
    *kept, last = respond("u", Answer(warnings=many))["response"]["warnings"]
    assert tuple(kept) == many[: len(kept)]
    assert last == f"{30 - len(kept)} more warnings do not fit in here"
    assert ALL_WARNINGS - 2 * LONGEST_WARNING < sum(map(len, kept)) <= ALL_WARNINGS - len(last)


@given(st.lists(st.text(max_size=600), max_size=60).map(tuple))
def test_no_warnings_are_cut_or_dropped_by_the_api_server(texts: tuple[str, ...]) -> None:
    """It takes 4,096 characters in all, and none with a control character (``filters/warning.go``, ``net/http.go``)."""
    warnings = respond("u", Answer(warnings=texts))["response"].get("warnings", [])
    assert sum(map(len, warnings)) <= ALL_WARNINGS
    assert all(warning and warning.isprintable() and len(warning) <= LONGEST_WARNING for warning in warnings)
    assert bool(warnings) == any(texts)
