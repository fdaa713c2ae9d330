"""The rows of ``docs/flagger.md``, and what the tests of this package share: each shows one row, under its words, and
:mod:`tests.unit.parity.test_page` knows which rows nobody shows.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeVar

import pytest
import yaml

from shared.canary import parse_canary
from shared.errors import InvalidCanary
from tests.support.paths import edit

if TYPE_CHECKING:
    from shared.canary.model import Canary
    from shared.json_types import JsonObject

Test = TypeVar("Test", bound=Callable[..., None])

SHOWN: list[tuple[str, str]] = []
"""Section and words of each row that has a test."""

MANIFEST = """
apiVersion: flagger.app/v1beta1
kind: Canary
metadata: {name: frontend, namespace: test}
spec:
  targetRef: {apiVersion: apps/v1, kind: Deployment, name: frontend}
  service: {port: 9898}
  analysis:
    interval: 10s
    threshold: 2
    metrics:
    - {name: request-success-rate, thresholdRange: {min: 99}}
"""


def row(section: str, words: str) -> Callable[[Test], Test]:
    """Marks the test that shows the row ``words`` of a section."""
    SHOWN.append((section, words))
    return lambda test: test


def rows(section: str, names: tuple[str, ...], table: Mapping[str, Any]) -> Callable[[Test], Test]:
    """Runs a test once for each row of a table, whose values go to its parameters ``names``."""
    SHOWN.extend((section, words) for words in table)
    return pytest.mark.parametrize(names, table.values(), ids=table.keys())


def manifest(changes: Mapping[str, object] = MappingProxyType({})) -> JsonObject:
    """A user's Canary with these paths below ``spec`` changed."""
    return edit(yaml.safe_load(MANIFEST), {f"spec.{path}": value for path, value in changes.items()})


def written(changes: Mapping[str, object] = MappingProxyType({})) -> Canary:
    """What Serin reads in it."""
    return parse_canary(manifest(changes))


def refusals(changes: Mapping[str, object]) -> list[str]:
    """The paths of what is refused in it."""
    with pytest.raises(InvalidCanary) as error:
        written(changes)
    return [problem.path for problem in error.value.problems]
