"""The exact PromQL that is asked."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.canary.model import Metric, ObjectRef, Provider, TemplateRef
from shared.canary.template import MetricsProvider, MetricTemplate
from shared.checks.queries import select, write_query, write_template_query
from shared.errors import InvalidInput
from tests.support.canaries import CUSTOM, LATENCY, OLD_LATENCY, OLD_SUCCESS_RATE, SUCCESS_RATE, canary

STRING = r'"(?:\\[^\n]|[^"\\\n])*"'
NAMES = st.text(st.characters(codec="utf-8") | st.sampled_from('"\\{}`\n#'))

WORKLOAD = 'reporter="destination",destination_workload_namespace="test",destination_workload="backend"'


@pytest.mark.parametrize("metric", [SUCCESS_RATE, OLD_SUCCESS_RATE])
def test_the_success_rate_is_zero_when_all_requests_failed_and_nothing_when_there_were_none(metric: Metric) -> None:
    assert write_query(canary(), metric) == (
        '(sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="test",'
        'destination_workload="backend",response_code!~"5.*"}[1m])) or vector(0)) / '
        'sum(rate(istio_requests_total{reporter="destination",destination_workload_namespace="test",'
        'destination_workload="backend"}[1m])) * 100'
    )


def test_latency_is_the_99th_percentile_in_milliseconds() -> None:
    assert write_query(canary(), LATENCY) == (
        'histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket{reporter="destination",'
        'destination_workload_namespace="test",destination_workload="backend"}[30s])) by (le))'
    )


def test_latency_by_its_old_name_also_reads_what_old_istio_reports() -> None:
    assert write_query(canary(), OLD_LATENCY) == (
        f"{write_query(canary(), LATENCY)} or "
        f"histogram_quantile(0.99, sum(rate(istio_request_duration_seconds_bucket{{{WORKLOAD}}}[30s])) by (le)) * 1000"
    )


@pytest.mark.parametrize("provider", [Provider.KUBERNETES, Provider.GATEWAY_API_V1])
def test_without_a_mesh_the_app_itself_is_asked_about(provider: Provider) -> None:
    bare = replace(canary(), provider=provider)
    pods = r'kubernetes_namespace="test",kubernetes_pod_name=~"backend-[0-9a-zA-Z]+(-[0-9a-zA-Z]+)"'
    assert write_query(bare, SUCCESS_RATE) == (
        f'(sum(rate(http_request_duration_seconds_count{{{pods},status!~"5.*"}}[1m])) or vector(0)) / '
        f"sum(rate(http_request_duration_seconds_count{{{pods}}}[1m])) * 100"
    )
    for latency in (LATENCY, OLD_LATENCY):
        assert write_query(bare, latency) == (
            f"histogram_quantile(0.99, sum(rate(http_request_duration_seconds_bucket{{{pods}}}[30s])) by (le)) * 1000"
        )


def test_the_callers_of_a_service_count_what_its_copies_answer() -> None:
    released = replace(canary(), target=ObjectRef("v1", "Service", "backend"))
    copy = 'reporter="source",destination_service_namespace="test",destination_service_name="api-{}"'
    assert write_query(released, LATENCY) == (
        "histogram_quantile(0.99, sum(rate(istio_request_duration_milliseconds_bucket"
        f"{{{copy.format('canary')}}}[30s])) by (le))"
    )
    assert [select(released, name) for name in ("backend", "backend-primary")] == [
        copy.format("canary"),
        copy.format("primary"),
    ]


def test_names_cannot_leave_their_quotes() -> None:
    hostile = replace(canary(), namespace='a"b\\c\nd', target=ObjectRef("apps/v1", "Deployment", "x.y"))
    query = write_query(hostile, SUCCESS_RATE)
    assert query.count(r'destination_workload_namespace="a\"b\\c\nd",destination_workload="x.y"') == 2


@given(namespace=NAMES, target=NAMES)
def test_whatever_a_name_holds_the_query_around_it_is_the_same(namespace: str, target: str) -> None:
    """PromQL's strings are Go's: a backslash takes the next character with it."""
    named = replace(canary(), namespace=namespace, target=ObjectRef("apps/v1", "Deployment", target))
    for provider, metric in product((Provider.ISTIO, Provider.KUBERNETES), (SUCCESS_RATE, LATENCY)):
        query = write_query(replace(named, provider=provider), metric)
        ordinary = write_query(replace(canary(), provider=provider), metric)
        assert re.sub(STRING, "", query) == re.sub(STRING, "", ordinary)
        asked = {label: json.loads(text) for label, text in re.findall(rf"(\w+)=~?({STRING})", query)}
        if provider is Provider.ISTIO:
            assert (asked["destination_workload_namespace"], asked["destination_workload"]) == (namespace, target)
        else:
            assert asked["kubernetes_namespace"] == namespace
            assert re.fullmatch(asked["kubernetes_pod_name"], f"{target}-5d9c7-x2x4z")


@given(name=NAMES, value=st.text())
def test_what_is_filled_in_is_not_read_again(name: str, value: str) -> None:
    """As in Flagger, a variable goes into the query as it is: its author writes the query's text, too."""
    hostile = replace(canary(), name=name)
    metric = replace(CUSTOM, query='a{b="{{ name }}"} [{{ variables.v }}]', variables={"v": value})
    assert write_query(hostile, metric) == f'a{{b="{name}"}} [{value}]'


def test_a_query_of_its_own_knows_the_functions_of_flagger() -> None:
    everything = (
        'f{a="{{ name }}",b="{{namespace}}",c="{{ target }}",d="{{ service }}",e="{{ ingress }}",f="{{ route }}",'
        'g="{{ variables.status }}"}[{{\tinterval }}]\n'
    )
    metric = replace(CUSTOM, query=everything, variables={"status": "4.."})
    assert write_query(canary(), metric) == (
        'f{a="podinfo",b="test",c="backend",d="api",e="backend",f="backend",g="4.."}[2m]'
    )


def test_a_templates_interval_is_the_metrics() -> None:
    template = MetricTemplate(TemplateRef("flagger", "errors"), MetricsProvider(), "rate(x[{{ interval }}])")
    assert write_template_query(canary(), CUSTOM, template) == "rate(x[2m])"
    with pytest.raises(
        InvalidInput, match=r"^MetricTemplate errors.flagger is not valid: query: unknown .* {{ args }}"
    ):
        write_template_query(canary(), CUSTOM, replace(template, query="{{ args }}"))
