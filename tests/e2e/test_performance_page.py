"""The counts in docs/performance.md are what a fresh count finds. Times are not looked at here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.bench import requests
from tests.bench.__main__ import PAGE
from tests.bench.workload import count_costs
from tests.support.figures import as_markdown

if TYPE_CHECKING:
    from tests.support.real_cluster import RealCluster


def test_the_page_says_what_serin_asks_for(real_cluster: RealCluster) -> None:
    section = requests.section_of(count_costs(real_cluster), real_cluster.kind)
    assert not section.broken
    assert as_markdown(section) in PAGE.file.read_text(encoding="utf-8"), "`make bench ARGS='requests --write'` says it"
