"""Objects that nobody writes on purpose: reading one breaks nothing, and takes nothing that the schema does not."""

from __future__ import annotations

import copy
import re
from pathlib import Path
from typing import TYPE_CHECKING

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from infra.local.kubernetes.structural import check, normalise
from shared.canary import parse_canary, warnings
from shared.canary.model import Canary
from shared.errors import InvalidCanary, Problem
from tests.support.manifests import GOOD, good
from tests.support.paths import REMOVED, edit, paths_of

if TYPE_CHECKING:
    from shared.json_types import JsonObject

CRD = yaml.safe_load((Path(__file__).parents[2] / "charts/serin/crds/canary.yaml").read_text())
SCHEMA = CRD["spec"]["versions"][0]["schema"]["openAPIV3Schema"]

LEAVES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.sampled_from([10**400, -1, 0, 2**31, 2**63])
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(["1m", "1m\n", "rollout", "pre-rollout", "http://h", "\ud800", "request-duration", "a" * 64])
)
KEYS = st.sampled_from(["spec", "metadata", "analysis", "metrics", "name", "port", "labels"]) | st.text(max_size=3)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4), max_leaves=12
)


READ_WHOLE = tuple(name for name in GOOD if name != "both-spellings")
"""Manifests of which no part is ignored."""

PASSED_ON = re.compile(r"spec\.service\.(match|rewrite|retries|headers|corsPolicy|trafficPolicy|unmanagedMetadata)\b.*")
"""Fields whose insides the reader leaves to Istio, or to nobody."""


@st.composite
def damaged(draw: st.DrawFn, names: tuple[str, ...] = GOOD) -> JsonObject:
    """A good manifest in which a few parts are something else."""
    manifest = good(draw(st.sampled_from(names)))
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(paths_of(manifest)))
        manifest = edit(manifest, {path: draw(st.just(REMOVED) | JSON)})
    return manifest


@settings(max_examples=300, deadline=None)
@given(JSON | damaged())
@example({"metadata": {"name": "a\nb", "namespace": "test"}})
@example(edit(good("istio"), {"spec.service.apex.labels": {"\n": 10**400}}))
def test_whatever_the_object_holds_it_is_a_canary_or_has_problems(obj: JsonObject) -> None:
    before = copy.deepcopy(obj)
    read = canary_or_problems(obj)
    if isinstance(read, Canary):
        assert read.analysis.step_weight or read.analysis.step_weights
    else:
        assert read
        assert all(line.isprintable() and len(line) < 500 for line in map(str, read))
    assert all(str(warning).isprintable() for warning in warnings(obj))
    assert obj == before


@settings(max_examples=300, deadline=None)
@given(damaged(READ_WHOLE))
@example(edit(good("istio"), {"spec.provider": []}))
def test_what_is_a_canary_is_one_for_the_schema_too(obj: JsonObject) -> None:
    if isinstance(canary_or_problems(obj), Canary):
        problems = check(normalise(without_nulls(obj)), SCHEMA)
        assert [problem for problem in problems if not PASSED_ON.fullmatch(problem.field)] == []


def canary_or_problems(obj: JsonObject) -> Canary | tuple[Problem, ...]:
    try:
        return parse_canary(obj)
    except InvalidCanary as error:
        return error.problems


def without_nulls(value: object) -> object:
    """The API server drops nulls before it looks."""
    if isinstance(value, dict):
        return {key: without_nulls(item) for key, item in value.items() if item is not None}
    return [without_nulls(item) for item in value] if isinstance(value, list) else value
