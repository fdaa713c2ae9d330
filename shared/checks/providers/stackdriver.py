"""Google Cloud Monitoring, by its PromQL endpoint, as the service account that Google finds for this process.

The Secret holds ``project``; with ``serviceAccountKey`` that account asks instead. The address is always Google's own:
an access token must never be sent to where a MetricTemplate says. MQL, which Flagger asks with, is refused by name:
Google has put PromQL in its place.
Source: Cloud Monitoring API v1, ``projects.location.prometheus.api.v1.query``.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import quote

from shared.checks import prometheus
from shared.checks.identity import Google
from shared.checks.prometheus import MetricsServer
from shared.errors import CheckUnavailable

if TYPE_CHECKING:
    from shared.checks.providers.provider import Line, Question

_ADDRESS = "https://monitoring.googleapis.com/v1/projects/{project}/location/global/prometheus"
_MQL = re.compile(r"(fetch|metric|with_groups|def)\s|\{\s*fetch\s")


def ask(question: Question, line: Line) -> tuple[float, ...]:
    """See ``Provider``."""
    if _MQL.match(question.query):
        raise CheckUnavailable("the query is MQL, and Google Cloud Monitoring is asked in PromQL: write it anew")
    source = question.source
    project = source.credential("project")
    server = MetricsServer(
        url=_ADDRESS.format(project=quote(project.strip(), safe=":")),
        identity=_account(source.credentials.get("serviceAccountKey", "")),
        credentials=f"the role roles/monitoring.viewer in project {project}",
    )
    return prometheus.ask(server, question.query, line.http, line.deadline)


@lru_cache(maxsize=32)
def _account(key: str) -> Google:
    """Kept, because its access token is good for an hour."""
    return Google(key)
