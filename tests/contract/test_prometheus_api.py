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
from hypothesis import strategies as st

from infra.local.metrics_server import MetricsServer
from infra.local.series import Store
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
def real(prometheus: Prometheus, base: float) -> Iterator[Api]:
    """A real Prometheus that has scraped the recording."""
    text = exposition(base)
    with WebServer(reply(200, text, {"Content-Type": "text/plain; version=0.0.4"})) as exporter:
        prometheus.add_target(exporter.url.removeprefix("http://"), TARGET)
        api = Api(prometheus.url, base)
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


_SHORT = {
    "BUCKETS": 'istio_request_duration_milliseconds_bucket{destination_workload_namespace="recorded"}',
    "REQUESTS": 'istio_requests_total{destination_workload_namespace="recorded"}',
}
"""Words of the list below, and the selectors that they stand for."""

QUERIES = """
rec_left
rec_left{place="b"}
rec_left{place!="b"}
rec_left{place=~"a|b"}
rec_left{place!~"a|b"}
rec_left{place=~"[ab]"}
rec_left{place=~"."}
rec_left{place=~"(?i)A"}
rec_left{nothing=""}
rec_left{nothing!=""}
rec_left{nothing=~".*"}
rec_left{nothing!~".+"}
{__name__="rec_left"}
{__name__=~"rec_(left|right)"}
{__name__=~"rec_.*", place="b"}
rec_text
rec_text{path="C:\\dir \"x\""}
rec_text{word="grün"}
rec_special
-rec_special
+rec_left
-1
rec_wave
rec_wave offset 1m
rec_wave offset -30s
rec_left[12s]
rec_wave[17s] offset 5s
"text"
1e300 * 10
2.5e-9
-0 * vector(1)
1 / 3
12345678901234567890
istio_requests_total{destination_workload="gone"}
istio_requests_total{destination_workload="gone"} offset 6m
rate(REQUESTS[1m])
rate(REQUESTS[17s])
rate(REQUESTS[6s])
rate(REQUESTS[10m])
rate(REQUESTS[1h])
rate(REQUESTS[1m] offset 4m)
increase(REQUESTS[1m])
increase(REQUESTS[10m])
irate(REQUESTS[1m])
irate(REQUESTS[8s])
rate(rec_wave[1m])
irate(rec_wave[1m])
rate(rec_special[1m])
increase({__name__=~"rec_(left|right)"}[1m])
sum(rec_left)
sum(rec_special)
sum(rec_special{kind!="nan"})
sum by (place) (rec_many)
sum(rec_many) by (row)
sum by (place, row) (rec_many)
sum by (nothing) (rec_many)
sum by () (rec_many)
sum without (row) (rec_many)
sum without () (rec_many)
sum without (place, row, job, instance) (rec_many)
sum by (__name__) ({__name__=~"rec_(left|right)"})
sum without (place) ({__name__=~"rec_(left|right)"})
avg(rec_left)
avg by (place) (rec_many)
avg(rec_special{kind!="nan"})
min(rec_left)
min(rec_special)
min(rec_special{kind="nan"})
max(rec_left)
max(rec_special)
max by (row) (rec_many)
count(rec_left)
count(rec_nothing)
count by (row) (rec_many)
sum(rec_nothing)
histogram_quantile(0.5, BUCKETS)
histogram_quantile(0.99, rate(BUCKETS[1m]))
histogram_quantile(0, rate(BUCKETS[1m]))
histogram_quantile(1, rate(BUCKETS[1m]))
histogram_quantile(-1, rate(BUCKETS[1m]))
histogram_quantile(1.5, rate(BUCKETS[1m]))
histogram_quantile(0.05, istio_request_duration_milliseconds_bucket{destination_workload="quick"})
histogram_quantile(0.3, istio_request_duration_milliseconds_bucket{destination_workload="quick"})
histogram_quantile(0.45, istio_request_duration_milliseconds_bucket{destination_workload="quick"})
histogram_quantile(0.9, rec_left)
histogram_quantile(0.9, sum by (le) (rate(BUCKETS[1m])))
rec_left + 1
1 - rec_left
rec_left * rec_right
rec_left - rec_right
rec_left / rec_right
rec_left % 2
-7 % 3
7 % -3
rec_special % 3
5 % rec_special
rec_left ^ 2
rec_left ^ 0.5
rec_special ^ 2
rec_special ^ -1
2 ^ rec_special
-2 ^ 2
2 ^ 3 ^ 2
rec_special / 0
0 / rec_special
rec_left > 0
0 < rec_left
0 > rec_left
rec_left == 7
rec_left != 7
rec_left >= bool 1
rec_left <= bool 1
1 > bool 2
1 == bool 1
rec_left > rec_right
rec_left < rec_right
rec_left < bool rec_right
rec_special == rec_special
rec_special != bool rec_special
rec_left + on(place) rec_right
rec_left == on(place) rec_left
rec_left > on(place) rec_right
rec_left + on() rec_right
rec_left + ignoring(place) rec_right
rec_left{place="a"} + ignoring(place) rec_right{place="d"}
rec_left{place="a"} > bool ignoring(place) rec_right{place="d"}
rec_left{place="a"} < ignoring(place) rec_right{place="d"}
rec_many * on(place) rec_left
rec_left * on(place) rec_many
rec_many * on(place) group_left rec_left
rec_many * ignoring(row) group_left rec_left
rec_left * on(place) group_right rec_many
rec_many * on(place) group_left(owner) rec_info
rec_many > on(place) group_left(owner) rec_info
rec_info * on(place) group_right(owner) rec_many
rec_many * on(place) group_left(row) rec_info
rec_many + on(job) group_left rec_many
sum by (place) (rec_many) + on(place) group_left rec_left
rec_left and rec_right
rec_left or rec_right
rec_left unless rec_right
rec_many and on(place) rec_left
rec_many unless on(place) rec_left
rec_many or on(place) rec_left
rec_left or on(place) rec_many
rec_left and ignoring(place) rec_right
rec_left or vector(0)
rec_nothing or vector(0)
rec_left and rec_right or rec_info
rec_left or rec_right and rec_info
vector(3)
vector(time())
time() - 1
scalar(rec_left)
scalar(rec_wave)
scalar(rec_nothing)
rec_left * scalar(rec_wave)
absent(rec_left)
absent(rec_nothing)
absent(rec_nothing{place="a",other=~"b.*",third!="c"})
absent(rec_nothing{place="a",place="b",owner="x"})
absent({__name__="rec_nothing",place="a"})
absent(sum(rec_nothing{place="a"}))
round(rec_left)
round(rec_left, 0.2)
round(rec_left, 4)
round(rec_left, -3)
round(rec_special)
round(rec_special, 0)
clamp_min(rec_left, 0)
clamp_max(rec_left, 0)
clamp_min(rec_special, 1)
clamp_max(rec_special, 1)
clamp_min(rec_left, NaN)
abs(rec_left)
abs(rec_special)
abs({__name__=~"rec_(left|right)"})
-{__name__=~"rec_(left|right)"}
rec_left @ 0
(rec_left + (2)) * (3)
sum(rate(istio_requests_total{destination_workload="healthy"}[1m] offset 2m)) > bool 5
""".strip().splitlines()

_NUMBER = st.sampled_from(["0", "1", "-2.5", "0.5", "3", "2", "NaN", "+Inf", "-Inf"])
_SELECTOR = st.sampled_from(
    [
        "rec_left",
        "rec_right",
        "rec_many",
        "rec_info",
        "rec_special",
        'rec_many{row="1"}',
        'rec_left{place!="a"}',
        '{__name__=~"rec_(left|right|many)"}',
    ]
)
_COUNTER = st.sampled_from(
    [
        'istio_requests_total{destination_workload_namespace="recorded"}',
        'istio_requests_total{destination_workload=~"restarted|young"}',
        'istio_requests_total{response_code=~"5.."}',
        "rec_wave",
    ]
)
_LABELS = st.lists(st.sampled_from(["place", "row", "owner", "response_code", "destination_workload"]), max_size=2)
_OPERATOR = st.sampled_from(["+", "-", "*", "/", "%", "^", ">", "<", "==", "!=", ">=", "<=", "> bool", "== bool"])


@st.composite
def rates(draw: st.DrawFn) -> str:
    """A function of a counter over some window of the recording."""
    function = draw(st.sampled_from(["rate", "increase", "irate"]))
    window, offset = draw(st.integers(1, 700)), draw(st.integers(0, 700))
    return f"{function}({draw(_COUNTER)}[{window}s] offset {offset}s)"


@st.composite
def matches(draw: st.DrawFn, vectors: st.SearchStrategy[str]) -> str:
    """An operator between two vectors."""
    labels = ",".join(draw(_LABELS))
    matching = draw(st.sampled_from(["", f"on({labels})", f"ignoring({labels})"]))
    group = draw(st.sampled_from(["", "group_left", "group_right", "group_left(owner)"])) if matching else ""
    symbol = draw(st.one_of(_OPERATOR, st.sampled_from(["and", "or", "unless"])))
    group = "" if symbol in {"and", "or", "unless"} else group
    return f"({draw(vectors)}) {symbol} {matching} {group} ({draw(vectors)})"


def larger(vectors: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Expressions made of smaller ones."""
    aggregation = st.sampled_from(["sum", "avg", "min", "max", "count"])
    function = st.sampled_from(
        ["abs({})", "round({})", "-({})", "clamp_min({}, 1)", "vector(scalar({}))", "absent({})"]
    )
    return st.one_of(
        st.builds(
            "{} {} ({}) ({})".format, aggregation, st.sampled_from(["by", "without"]), _LABELS.map(",".join), vectors
        ),
        st.builds(str.format, function, vectors),
        st.builds("({}) {} ({})".format, vectors, _OPERATOR, _NUMBER),
        st.builds("({}) {} ({})".format, _NUMBER, _OPERATOR, vectors),
        matches(vectors),
    )


EXPRESSIONS = st.recursive(st.one_of(_SELECTOR, rates()), larger, max_leaves=4)


class TestComparison:
    """Whatever is understood has the value that Prometheus gives it."""

    @pytest.mark.parametrize("query", QUERIES)
    def test_a_query_has_the_answer_of_prometheus(self, embedded: Api, real: Api, query: str) -> None:
        for word, selector in _SHORT.items():
            query = query.replace(word, selector)
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
