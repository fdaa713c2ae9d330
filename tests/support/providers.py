"""Metrics stores as the providers see them: an answer of each API, as its documents show it, and questions to ask.

``Detour`` sends what goes to a fixed host, such as ``api.datadoghq.com``, to a server of the test.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit, urlunsplit

from shared.canary.model import TemplateRef
from shared.canary.template import MetricsProvider, MetricTemplate
from shared.checks.allowlist import Egress
from shared.checks.deadline import Deadline
from shared.checks.providers.catalog import find_provider
from shared.checks.providers.provider import Line, Question, Source
from shared.checks.subject import NoCluster
from shared.checks.transport import Http

if TYPE_CHECKING:
    from collections.abc import Mapping

    from shared.checks.transport import Answer, Call, Patience

NOW = 1_795_446_000.0
"""Of every question, in seconds since 1970."""


@dataclass(frozen=True, slots=True)
class Store:
    """One kind of metrics store: what it answers to ``query``, and which values that are.

    ``fixed`` says that it is asked at an address of its own, whatever the template says.
    """

    type: str
    query: str
    answer: str
    values: tuple[float, ...]
    nothing: str
    path: str
    credentials: Mapping[str, str] = field(default_factory=dict)
    region: str = ""
    fixed: bool = False

    def source(self, url: str, **provider: object) -> Source:
        """The store at ``url``."""
        wanted = MetricsProvider(self.type, "" if self.fixed else url, self.region, "keys" if self.credentials else "")
        template = MetricTemplate(TemplateRef("flagger", "errors"), replace(wanted, **provider), self.query)  # type: ignore[arg-type]  # tests give what is there
        return Source(template, self.credentials)


def _json(value: object) -> str:
    return json.dumps(value)


def vector(*values: str) -> str:
    """What a Prometheus answers."""
    result = [{"metric": {"n": str(n)}, "value": [NOW, value]} for n, value in enumerate(values)]
    return _json({"status": "success", "data": {"resultType": "vector", "result": result}})


def _points(*points: tuple[float, float | None]) -> list[list[float | None]]:
    return [[(NOW - age) * 1000, value] for age, value in points]


def _event(kind: str, content: object) -> str:
    lines = "\n".join(f"data: {line}" for line in json.dumps(content, indent=1).splitlines())
    return f"event: {kind}\n{lines}\n\n"


_STARTED = _event("control-message", {"event": "STREAM_START", "timestampMs": 1})
_ENDED = _event("control-message", {"event": "END_OF_CHANNEL", "timestampMs": 9})
SIGNALFLOW = (
    ": keep-alive\n\n"
    + _STARTED
    + _event("metadata", {"tsId": "AAAA", "properties": {"sf_metric": "errors"}})
    + _event("data", {"data": [{"tsId": "AAAA", "value": 1.0}], "logicalTimestampMs": 1})
    + _event("data", {"data": [{"tsId": "AAAA", "value": 2.5}, {"tsId": "BBBB", "value": 7}], "logicalTimestampMs": 2})
    + _event("data", {"data": [{"tsId": "BBBB", "value": None}], "logicalTimestampMs": 3})
    + _ENDED
)

FLUX = (
    "#datatype,string,long,dateTime:RFC3339,double,string\r\n"
    ",result,table,_time,_value,host\r\n"
    ",_result,0,2026-11-23T12:00:00Z,1.5,a\r\n"
    ",_result,0,2026-11-23T12:01:00Z,2.5,a\r\n"
    ",_result,1,2026-11-23T12:01:00Z,4,b\r\n"
    "\r\n"
    ",result,table,_value\r\n"
    ",other,0,9\r\n"
)

STORES = (
    Store(
        type="prometheus",
        query='sum(rate(errors{app="backend"}[1m]))',
        answer=vector("1.5", "2.5"),
        values=(1.5, 2.5),
        nothing=vector(),
        path="/api/v1/query?query=sum%28rate%28errors%7Bapp%3D%22backend%22%7D%5B1m%5D%29%29",
        credentials={"token": "s3cret-token"},
    ),
    Store(
        type="stackdriver",
        query="sum(rate(errors[1m]))",
        answer=vector("1.5"),
        values=(1.5,),
        nothing=vector(),
        path="/v1/projects/my-project/location/global/prometheus/api/v1/query?query=sum%28rate%28errors%5B1m%5D%29%29",
        credentials={"project": "my-project"},
        fixed=True,
    ),
    Store(
        type="datadog",
        query="sum:errors{*}.as_count()",
        answer=_json(
            {
                "status": "ok",
                "series": [
                    {"interval": 20, "pointlist": _points((80, 1.0), (60, 2.0), (40, 3.0), (10, 0.5))},
                    {"interval": 20, "pointlist": _points((60, 4.0), (40, None))},
                    {"interval": 60, "pointlist": _points((10, 9.0))},
                ],
            }
        ),
        values=(3.0, 4.0),
        nothing=_json({"status": "ok", "series": []}),
        path="/api/v1/query?query=sum%3Aerrors%7B%2A%7D.as_count%28%29&from=1795445400&to=1795446000",
        credentials={"datadog_api_key": "s3cret-api", "datadog_application_key": "s3cret-app"},
    ),
    Store(
        type="cloudwatch",
        query='[{"Id": "e1", "Expression": "m1 / m2", "Label": "ErrorRate"}]',
        answer=_json(
            {
                "Messages": [],
                "MetricDataResults": [
                    {"Id": "e1", "Label": "ErrorRate", "StatusCode": "Complete", "Timestamps": [2, 1], "Values": [3, 1]}
                ],
            }
        ),
        values=(3.0,),
        nothing=_json({"MetricDataResults": [{"Id": "e1", "StatusCode": "Complete", "Timestamps": [], "Values": []}]}),
        path="/",
        credentials={"aws_access_key_id": "AKIDEXAMPLE", "aws_secret_access_key": "s3cret-aws"},
        region="eu-west-1",
    ),
    Store(
        type="newrelic",
        query="SELECT percentage(count(*), WHERE error) FROM Transaction",
        answer=_json({"data": {"actor": {"account": {"nrql": {"results": [{"percentage": 1.25}]}}}}}),
        values=(1.25,),
        nothing=_json({"data": {"actor": {"account": {"nrql": {"results": [{"percentage": None}]}}}}}),
        path="/",
        credentials={"newrelic_account_id": "1234567", "newrelic_api_key": "s3cret-nrak"},
    ),
    Store(
        type="graphite",
        query="target=summarize(\n  app.backend.errors,\n  '1min'\n)&from=-5min",
        answer=_json(
            [
                {"target": "a", "datapoints": [[1.0, 1], [2.0, 2], [None, 3]]},
                {"target": "b", "datapoints": [[None, 1]]},
                {"target": "c", "datapoints": [[7, 1]]},
            ]
        ),
        values=(2.0, 7.0),
        nothing="[]",
        path="/render?target=summarize%28+app.backend.errors%2C+%271min%27+%29&from=-5min&format=json",
        credentials={"username": "me", "password": "s3cret-word"},
    ),
    Store(
        type="influxdb",
        query='from(bucket: "default") |> range(start: -2h) |> count()',
        answer=FLUX,
        values=(2.5, 4.0, 9.0),
        nothing="\r\n",
        path="/api/v2/query?org=shop",
        credentials={"token": "s3cret-token", "org": "shop"},
    ),
    Store(
        type="dynatrace",
        query="builtin:service.response.time:percentile(95)",
        answer=_json(
            {
                "totalCount": 1,
                "resolution": "Inf",
                "result": [
                    {
                        "metricId": "builtin:service.response.time:percentile(95)",
                        "data": [
                            {"dimensions": ["SERVICE-1"], "timestamps": [1], "values": [812.5]},
                            {"dimensions": ["SERVICE-2"], "timestamps": [1], "values": [None]},
                        ],
                    }
                ],
            }
        ),
        values=(812.5,),
        nothing=_json({"totalCount": 0, "resolution": "Inf", "result": [{"metricId": "x", "data": []}]}),
        path=(
            "/api/v2/metrics/query?metricSelector=builtin%3Aservice.response.time%3Apercentile%2895%29"
            "&resolution=Inf&from=1795445400000&to=1795446000000"
        ),
        credentials={"dynatrace_token": "s3cret-dt0c01"},
    ),
    Store(
        type="splunk",
        query="data('errors').sum().publish()",
        answer=SIGNALFLOW,
        values=(2.5, 7.0),
        nothing=_STARTED + _ENDED,
        path="/v2/signalflow/execute?start=1795445400000&stop=1795446000000&immediate=true",
        credentials={"sf_token_key": "s3cret-sf"},
    ),
    Store(
        type="externalmetrics",
        query="shop/queue-length?labelSelector=app%3Dbackend",
        answer=_json(
            {
                "kind": "ExternalMetricValueList",
                "apiVersion": "external.metrics.k8s.io/v1beta1",
                "metadata": {},
                "items": [
                    {"metricName": "queue-length", "metricLabels": {}, "timestamp": "", "value": "1500m"},
                    {"metricName": "queue-length", "metricLabels": {}, "timestamp": "", "value": "2Ki"},
                ],
            }
        ),
        values=(1.5, 2048.0),
        nothing=_json({"items": []}),
        path="/apis/external.metrics.k8s.io/v1beta1/namespaces/shop/queue-length?labelSelector=app%3Dbackend",
        credentials={"token": "s3cret-token"},
    ),
)


class Detour(Http):
    """Sends everything to the server at ``url``, and remembers for which host it was."""

    def __init__(self, url: str = "") -> None:
        super().__init__(Egress(("*",)))
        self.url = url
        self.hosts: list[str] = []

    def send(self, call: Call, patience: Patience) -> Answer:
        """As ``Http``, elsewhere."""
        parts = urlsplit(call.url)
        self.hosts.append(parts.netloc)
        if self.url:
            there = urlsplit(self.url)
            call = replace(call, url=urlunsplit((there.scheme, there.netloc, parts.path, parts.query, "")))
        return super().send(call, patience)


def ask(source: Source, http: Http, seconds: float = 5.0) -> tuple[float, ...]:
    """What the provider of ``source`` gives for its query, with an interval of a minute."""
    question = Question(source, source.template.query, window=60.0, now=NOW)
    line = Line(http, Deadline.after(seconds), NoCluster())
    return find_provider(source.template.provider.type)(question, line)
