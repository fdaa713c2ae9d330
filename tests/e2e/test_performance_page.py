"""The counts in docs/performance.md are what a fresh count finds. Times are not looked at here."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.bench import requests
from tests.bench.__main__ import PAGE
from tests.bench.coldstart import FUNCTIONS, Function, load_function, unused_clients
from tests.bench.serving import environment_for
from tests.bench.workload import count_costs
from tests.support.figures import as_markdown

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.real_cluster import RealCluster


def test_the_page_says_what_serin_asks_for(real_cluster: RealCluster) -> None:
    section = requests.section_of(count_costs(real_cluster), real_cluster.kind)
    assert not section.broken
    assert as_markdown(section) in PAGE.file.read_text(encoding="utf-8"), "`make bench ARGS='requests --write'` says it"


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.name)
def test_a_function_imports_no_client_that_it_does_not_use(
    function: Function, real_cluster: RealCluster, tmp_path: Path
) -> None:
    environment = environment_for(real_cluster, tmp_path, f"sqlite:///{tmp_path}/serin.db")
    assert unused_clients(function, load_function(function, environment).modules) == ()
