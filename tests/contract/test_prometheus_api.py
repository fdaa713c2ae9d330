"""The query API of a metrics server: the embedded one and a real Prometheus, over the same samples, say the same.

The cases of canary analysis are told one by one, with what Prometheus says; the rest is a comparison: a list of queries
that leaves nothing out that is understood, and queries that hypothesis puts together.
"""

from __future__ import annotations

import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import requests
from hypothesis import given, settings

from infra.local.metrics_server import MetricsServer
from infra.local.series import Store
from tests.support.queries import EXPRESSIONS, QUERIES
from tests.support.recording import SECONDS, TARGET, exposition, record_into
from tests.support.waiting import eventually
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.support.prometheus import Prometheus

Json: TypeAlias = "dict[str, Any]"


@dataclass(frozen=True, slots=True)
class Api:
    """One server, and the instant to which the recording's second 0 was put."""

    url: str
    base: float

    def ask(self, query: str, second: float = SECONDS + 0.5, method: str = "GET") -> Json:
        """The answer to a query at a second of the recording, with its HTTP status."""
        return self.send(method, {"query": query, "time": f"{self.base + second:.3f}"})

    def send(self, method: str, fields: dict[str, str]) -> Json:
        """The answer to any fields, with its HTTP status."""
        url = f"{self.url}/api/v1/query"
        if method == "POST":
            response = requests.post(url, data=fields, timeout=5)
        else:
            response = requests.get(url, params=fields, timeout=5)
        return {"code": response.status_code, **response.json()}

    def get(self, path: str) -> requests.Response:
        """What a path answers."""
        return requests.get(self.url + path, timeout=5)

    def value(self, query: str) -> str:
        """The value of the only sample."""
        (sample,) = self.ask(query)["data"]["result"]
        return str(sample["value"][1])


@pytest.fixture(scope="module")
def base() -> float:
    """Second 0 of the recording: all of it is past, and recent enough to be scraped."""
    return float(int(time.time()) - SECONDS - 10)


@pytest.fixture(scope="module")
def embedded(base: float) -> Iterator[Api]:
    """The embedded server."""
    store = Store(retention=2 * SECONDS)
    record_into(store, base)
    with MetricsServer(store) as server:
        yield Api(server.url, base)


@pytest.fixture(scope="module")
def real(own_prometheus: Prometheus, base: float) -> Iterator[Api]:
    """A real Prometheus that has scraped the recording."""
    text = exposition(base)
    with (
        WebServer(reply(200, text, {"Content-Type": "text/plain; version=0.0.4"})) as exporter,
        own_prometheus.scraping(exporter.url.removeprefix("http://"), TARGET),
    ):
        api = Api(own_prometheus.url, base)
        eventually("the recording has been scraped", lambda: api.ask("rec_text")["data"]["result"], seconds=30)
        yield api


@pytest.fixture(scope="module", params=["embedded", pytest.param("real", marks=pytest.mark.real)])
def api(request: pytest.FixtureRequest) -> Api:
    """Each server in turn."""
    found = request.getfixturevalue(request.param)
    assert isinstance(found, Api)
    return found


def request_rate(workload: str, code: str = "") -> str:
    """The rate of a workload's requests, as the built-in success rate asks for it."""
    labels = f'reporter="destination",destination_workload_namespace="recorded",destination_workload=~"{workload}"'
    return f"sum(rate(istio_requests_total{{{labels}{code}}}[1m]))"


def success_rate(workload: str) -> str:
    """The predecessor's query: nothing tells a broken workload from one without traffic."""
    good = request_rate(workload, ',response_code!~"5.*"')
    return f"{good} / {request_rate(workload)} * 100"


def honest_success_rate(workload: str) -> str:
    """The query that does."""
    good = request_rate(workload, ',response_code!~"5.*"')
    return f"({good} or vector(0)) / {request_rate(workload)} * 100"


def duration(workload: str, quantile: str = "0.99") -> str:
    """The built-in duration."""
    labels = f'reporter="destination",destination_workload_namespace="recorded",destination_workload=~"{workload}"'
    buckets = f"rate(istio_request_duration_milliseconds_bucket{{{labels}}}[1m])"
    return f"histogram_quantile({quantile}, sum({buckets}) by (le))"


class TestAnalysis:
    """What the checks of an analysis can meet."""

    def test_one_sample_whose_value_is_text(self, api: Api) -> None:
        answer = api.ask(success_rate("healthy"))
        assert (answer["code"], answer["status"], answer["data"]["resultType"]) == (200, "success", "vector")
        (sample,) = answer["data"]["result"]
        assert sample["metric"] == {}
        assert sample["value"][0] == pytest.approx(api.base + SECONDS + 0.5, abs=0.001)
        assert isinstance(sample["value"][1], str)
        assert float(sample["value"][1]) == pytest.approx(94, rel=0.01)

    def test_a_duration_is_interpolated_in_its_bucket(self, api: Api) -> None:
        assert float(api.value(duration("healthy"))) == pytest.approx(250, rel=0.02)
        assert float(api.value(duration("healthy", "0.5"))) == pytest.approx(25 + 25 * 3 / 4, rel=0.02)

    def test_nobody_there_is_an_empty_vector(self, api: Api) -> None:
        for query in (success_rate("nobody"), duration("nobody"), success_rate("newborn")):
            assert api.ask(query)["data"] == {"resultType": "vector", "result": []}

    def test_the_future_is_empty(self, api: Api) -> None:
        assert api.ask(success_rate("healthy"), second=SECONDS + 3600)["data"]["result"] == []

    def test_no_traffic_in_the_window_is_nan(self, api: Api) -> None:
        assert api.value(success_rate("idle")) == "NaN"
        assert api.value(duration("idle")) == "NaN"

    def test_nothing_but_errors_ever_is_empty_and_with_or_vector_zero_it_is_zero(self, api: Api) -> None:
        assert api.ask(success_rate("broken"))["data"]["result"] == []
        assert api.value(honest_success_rate("broken")) == "0"

    def test_nothing_but_errors_lately_is_zero(self, api: Api) -> None:
        assert api.value(success_rate("breaking")) == "0"

    def test_no_traffic_is_not_zero_even_with_or_vector_zero(self, api: Api) -> None:
        assert api.ask(honest_success_rate("nobody"))["data"]["result"] == []
        assert api.value(honest_success_rate("idle")) == "NaN"

    def test_a_division_by_zero_is_infinite(self, api: Api) -> None:
        assert api.value("vector(1) / 0") == "+Inf"
        assert api.value("-vector(1) / 0") == "-Inf"

    def test_a_scalar_has_no_list_of_samples(self, api: Api) -> None:
        data = api.ask("1")["data"]
        assert (data["resultType"], data["result"][1]) == ("scalar", "1")

    def test_a_vector_that_nobody_summed_has_several_samples(self, api: Api) -> None:
        query = 'rate(istio_requests_total{destination_workload="healthy"}[1m])'
        found = {sample["metric"]["response_code"] for sample in api.ask(query)["data"]["result"]}
        assert found == {"200", "500"}

    def test_what_is_not_promql_is_refused(self, api: Api) -> None:
        answer = api.ask("sum(rate(")
        assert (answer["code"], answer["status"], answer["errorType"]) == (400, "error", "bad_data")
        assert answer["error"].startswith('invalid parameter "query": ')
        assert "parse error" in answer["error"]

    def test_samples_that_cannot_be_matched_are_an_execution_error(self, api: Api) -> None:
        answer = api.ask("rec_many / on(place) rec_many")
        assert (answer["code"], answer["status"], answer["errorType"]) == (422, "error", "execution")
        assert "many-to-many matching not allowed" in answer["error"]

    def test_post_asks_as_get_does(self, api: Api) -> None:
        assert api.ask(success_rate("healthy"), method="POST") == api.ask(success_rate("healthy"))


class TestProtocol:
    """The rest of the HTTP interface."""

    def test_ready(self, api: Api) -> None:
        assert api.get("/-/ready").status_code == 200

    def test_build_information(self, api: Api) -> None:
        answer = api.get("/api/v1/status/buildinfo").json()
        assert answer["status"] == "success"
        assert answer["data"].keys() >= {"version", "revision", "branch", "buildUser", "buildDate", "goVersion"}
        assert answer["data"]["version"][0] == "2"

    def test_other_paths_are_not_found(self, api: Api) -> None:
        assert api.get("/api/v2/query?query=1").status_code == 404

    @pytest.mark.parametrize("given", ["", "yesterday", "2026-13-01T00:00:00Z", "2026-11-23T12:00:00"])
    def test_an_instant_that_is_none_is_refused(self, api: Api, given: str) -> None:
        answer = api.send("GET", {"query": "time()", "time": given})
        if given:
            assert (answer["code"], answer["errorType"]) == (400, "bad_data")
            assert 'invalid parameter "time"' in answer["error"]
        else:
            assert float(answer["data"]["result"][1]) == pytest.approx(time.time(), abs=5)

    @pytest.mark.parametrize("given", ["1795435200.25", "2026-11-23T12:00:00.25Z", "2026-11-23T14:00:00.25+02:00"])
    def test_an_instant_is_a_number_or_rfc_3339(self, api: Api, given: str) -> None:
        data = api.send("GET", {"query": "time()", "time": given})["data"]
        assert data == {"resultType": "scalar", "result": [1795435200.25, "1795435200.25"]}

    def test_a_query_is_needed(self, api: Api) -> None:
        answer = api.send("GET", {})
        assert (answer["code"], answer["errorType"]) == (400, "bad_data")


class TestComparison:
    """Whatever is understood has the value that Prometheus gives it."""

    @pytest.mark.parametrize("query", QUERIES)
    def test_a_query_has_the_answer_of_prometheus(self, embedded: Api, real: Api, query: str) -> None:
        assert_same(embedded, real, query)

    @given(query=EXPRESSIONS)
    @settings(max_examples=150, deadline=None, derandomize=True)
    def test_any_query_has_the_answer_of_prometheus(self, embedded: Api, real: Api, query: str) -> None:
        assert_same(embedded, real, query)


def assert_same(embedded: Api, real: Api, query: str) -> None:
    ours, theirs = embedded.ask(query), real.ask(query)
    assert ours["code"] == theirs["code"], (query, ours, theirs)
    if theirs["code"] != 200:
        assert ours["errorType"] == theirs["errorType"]
        return
    assert ours["data"]["resultType"] == theirs["data"]["resultType"]
    mine, others = by_labels(ours), by_labels(theirs)
    assert mine.keys() == others.keys(), query
    different = {labels: (mine[labels], others[labels]) for labels in mine if not same(mine[labels], others[labels])}
    assert not different, query


def by_labels(answer: Json) -> dict[str, list[str | float]]:
    """Instants and values of each series; a scalar or a string is a series without labels."""
    data = answer["data"]
    if data["resultType"] in {"scalar", "string"}:
        return {"": data["result"]}
    found = {str(sorted(s["metric"].items())): flat(s.get("values") or [s["value"]]) for s in data["result"]}
    assert len(found) == len(data["result"]), "two samples have the same labels"
    return found


def flat(pairs: list[list[str | float]]) -> list[str | float]:
    return [part for pair in pairs for part in pair]


def same(mine: list[str | float], others: list[str | float]) -> bool:
    """Instants are the same to the millisecond, values to the millionth part (sums may be added in another order)."""
    return len(mine) == len(others) and all(map(alike, mine, others))


def alike(mine: str | float, other: str | float) -> bool:
    if mine == other:
        return True
    try:
        return math.isclose(float(mine), float(other), rel_tol=1e-6, abs_tol=1e-9)
    except ValueError:
        return False
