"""Every provider: what it asks, what it makes of its store's answers, and each way in which it gets none."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from shared.checks.deadline import Deadline
from shared.checks.identity import Google
from shared.checks.providers import stackdriver
from shared.checks.providers.catalog import PROVIDERS, find_provider
from shared.checks.providers.provider import Line, Question, Source
from shared.errors import CheckUnavailable, ClusterUnavailable, Refused, SerinError
from tests.support.providers import NOW, STORES, Detour, Store, ask, vector
from tests.support.web import WebServer, closed_port, hang, make_certificate, reply, reset

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from shared.json_types import Json

BY_TYPE = {store.type: store for store in STORES}
every_store = pytest.mark.parametrize("store", STORES, ids=list(BY_TYPE))


@pytest.fixture(autouse=True)
def google(monkeypatch: pytest.MonkeyPatch) -> None:
    """Google gives a token at once: how it does is tested with its identity."""
    monkeypatch.setattr(Google, "headers", lambda *_: {"authorization": "Bearer s3cret-google"})


@pytest.fixture
def http() -> Iterator[Detour]:
    client = Detour()
    yield client
    client.close()


def put(http: Detour, store: Store, answer: str) -> tuple[tuple[float, ...], WebServer]:
    """The values of an answer, and the server that was asked."""
    with WebServer(reply(200, answer)) as server:
        http.url = server.url
        return ask(store.source(server.url), http), server


def fail(http: Detour, source: Source, server: WebServer, seconds: float = 5.0) -> str:
    """What is said when that server is asked and gives no answer."""
    http.url = server.url
    with server, pytest.raises(CheckUnavailable) as error:
        ask(source, http, seconds)
    return str(error.value)


def test_the_table_of_stores_has_every_provider() -> None:
    assert set(BY_TYPE) == set(PROVIDERS)
    with pytest.raises(
        CheckUnavailable, match="keptn is not a provider that Serin knows: there is cloudwatch, datadog"
    ):
        find_provider("keptn")


@every_store
def test_an_answer_as_the_api_documents_it_gives_one_value_for_each_series(store: Store, http: Detour) -> None:
    values, server = put(http, store, store.answer)
    assert values == pytest.approx(store.values)
    (request,) = server.requests
    assert request.path == store.path
    assert request.headers["user-agent"] == "serin"


@every_store
def test_an_answer_without_values_is_no_data(store: Store, http: Detour) -> None:
    assert put(http, store, store.nothing)[0] == ()


@every_store
@pytest.mark.parametrize(
    ("status", "body", "words"),
    [
        (400, {"message": "bad thing"}, "it refused the query "),
        (401, {"errors": ["who are you"]}, "HTTP 401: it does not let us in, look at "),
        (403, {"error": {"message": "not for you"}}, "HTTP 403: it does not let us in, look at "),
        (404, "<html>", "HTTP 404"),
        (302, "", "HTTP 302: redirects are not followed, give the address that they lead to"),
        (200, "<html>", "is this the address of "),
        (200, "{}", ""),
        (200, "[[]]", ""),
        (200, '{"result": {}, "series": 1, "items": "x", "results": 2, "MetricDataResults": 0, "data": []}', ""),
    ],
)
def test_every_other_answer_is_told_as_what_it_is(
    store: Store, http: Detour, status: int, body: object, words: str
) -> None:
    text = body if isinstance(body, str) else json.dumps(body)
    server = WebServer(reply(status, text))
    said = fail(http, store.source(server.url), server)
    if store.type not in ("influxdb", "splunk") or status != 200:  # theirs is not JSON
        assert words in said
    assert "s3cret" not in said


@every_store
def test_a_store_that_is_busy_is_asked_again(store: Store, http: Detour) -> None:
    with WebServer(reply(503), reply(200, store.answer)) as server:
        http.url = server.url
        assert ask(store.source(server.url), http) == pytest.approx(store.values)


@pytest.mark.parametrize(
    ("status", "words"),
    [(503, "^HTTP 503: overload$"), (429, "^HTTP 429: it is asked more often than it allows: over")],
)
def test_a_store_that_stays_busy_is_told_of(status: int, words: str, http: Detour) -> None:
    with WebServer(reply(status, '{"message": "overload"}')) as server, pytest.raises(CheckUnavailable, match=words):
        ask(BY_TYPE["graphite"].source(server.url), http)


@every_store
def test_a_store_that_does_not_answer_costs_no_more_than_the_limit(store: Store, http: Detour) -> None:
    began = time.monotonic()
    server = WebServer(hang)
    assert "no answer within" in fail(http, store.source(server.url), server, seconds=0.3)
    assert time.monotonic() - began < 2


@every_store
def test_a_broken_connection_is_told_in_our_own_words(store: Store, http: Detour) -> None:
    server = WebServer(reset)
    assert fail(http, store.source(server.url), server, seconds=0.3).startswith("the connection was closed")
    http.url = f"http://127.0.0.1:{closed_port()}"
    with pytest.raises(CheckUnavailable, match=r"^connection refused$"):
        ask(store.source(http.url), http, seconds=0.3)


@pytest.mark.parametrize("store", [store for store in STORES if store.type != "externalmetrics"])
def test_a_secret_that_lacks_a_key_is_named_with_the_key(store: Store, http: Detour) -> None:
    for key in store.credentials:
        source = store.source("http://127.0.0.1:1")
        partly = replace(source, credentials={name: text for name, text in source.credentials.items() if name != key})
        with pytest.raises(CheckUnavailable, match=r"^Secret keys\.flagger has no key \w+$"):
            ask(partly, http)
    assert http.hosts == []


@pytest.mark.parametrize("store", [store for store in STORES if not store.fixed])
def test_an_address_that_is_no_url_or_missing_is_named(store: Store, http: Detour) -> None:
    with pytest.raises(CheckUnavailable, match="has to be an http or https URL"):
        ask(store.source("prometheus:9090"), http)
    if store.type not in ("datadog", "newrelic", "cloudwatch", "externalmetrics"):
        with pytest.raises(CheckUnavailable, match=r"^it needs spec\.provider\.address$"):
            ask(store.source(""), http)


@every_store
def test_what_a_store_repeats_of_a_secret_is_not_told(store: Store, http: Detour) -> None:
    words = " ".join(store.credentials.values())
    headers = {} if store.fixed else {"X-Scope-OrgID": "s3cret-tenant"}
    server = WebServer(reply(400, json.dumps({"error": " ".join(("no", words, *headers.values()))})))
    source = store.source(server.url, headers=headers)
    assert "s3cret" not in fail(http, source, server) + repr(source)


@pytest.mark.parametrize(
    ("type_", "headers"),
    [
        ("prometheus", {"authorization": "Bearer s3cret-token"}),
        ("stackdriver", {"authorization": "Bearer s3cret-google"}),
        ("datadog", {"dd-api-key": "s3cret-api", "dd-application-key": "s3cret-app"}),
        ("cloudwatch", {"x-amz-target": "GraniteServiceVersion20100801.GetMetricData"}),
        ("newrelic", {"api-key": "s3cret-nrak", "content-type": "application/json"}),
        ("graphite", {"authorization": "Basic bWU6czNjcmV0LXdvcmQ="}),
        ("influxdb", {"authorization": "Token s3cret-token", "accept": "application/csv"}),
        ("dynatrace", {"authorization": "Api-Token s3cret-dt0c01"}),
        ("splunk", {"x-sf-token": "s3cret-sf", "content-type": "text/plain"}),
        ("externalmetrics", {"authorization": "Bearer s3cret-token"}),
    ],
)
def test_each_store_is_shown_its_own_kind_of_credential(type_: str, headers: Mapping[str, str], http: Detour) -> None:
    store = BY_TYPE[type_]
    _, server = put(http, store, store.answer)
    assert headers.items() <= server.requests[0].headers.items()


@pytest.mark.parametrize("store", [store for store in STORES if not store.fixed])
def test_headers_of_the_template_are_sent(store: Store, http: Detour) -> None:
    with WebServer(reply(200, store.answer)) as server:
        ask(store.source(server.url, headers={"X-Scope-OrgID": "shop"}), http)
    assert server.requests[0].headers["x-scope-orgid"] == "shop"


@pytest.mark.parametrize("type_", ["prometheus", "graphite"])
def test_a_certificate_is_taken_unchecked_only_if_the_template_says_so(
    type_: str, http: Detour, tmp_path: Path
) -> None:
    store = BY_TYPE[type_]
    with WebServer(reply(200, store.answer), pem=make_certificate(tmp_path / "pem")) as server:
        with pytest.raises(CheckUnavailable, match="certificate cannot be trusted"):
            ask(store.source(server.url), http)
        assert ask(store.source(server.url, insecure=True), http) == pytest.approx(store.values)


class TestPrometheus:
    def test_a_user_with_a_password_is_one_and_no_secret_is_nobody(self, http: Detour) -> None:
        store = replace(BY_TYPE["prometheus"], credentials={"username": "me", "password": "s3cret-word"})
        assert put(http, store, vector())[1].requests[0].headers["authorization"] == "Basic bWU6czNjcmV0LXdvcmQ="
        assert "authorization" not in put(http, replace(store, credentials={}), vector())[1].requests[0].headers

    def test_a_query_over_several_lines_is_one_line(self, http: Detour) -> None:
        _, server = put(http, replace(BY_TYPE["prometheus"], query="a\n  +\n b"), vector())
        assert server.requests[0].path.endswith("query=a+%2B+b")


class TestStackdriver:
    def test_google_is_asked_whatever_address_a_template_gives(self, http: Detour) -> None:
        with WebServer(reply(200, vector("1"))) as server:
            http.url = server.url
            ask(BY_TYPE["stackdriver"].source("", address="https://collector.example"), http)
        assert http.hosts == ["monitoring.googleapis.com"]

    @pytest.mark.parametrize("query", ["fetch k8s_container | metric 'x'", "{ fetch a ; fetch b } | ratio"])
    def test_mql_is_refused_by_name(self, query: str, http: Detour) -> None:
        with pytest.raises(CheckUnavailable, match="the query is MQL"):
            ask(replace(BY_TYPE["stackdriver"], query=query).source(""), http)

    def test_a_key_of_its_own_asks_instead_and_is_read_once(self) -> None:
        assert stackdriver._account("{}") is stackdriver._account("{}")
        assert stackdriver._account("{}") is not stackdriver._account("")


class TestNewRelic:
    def test_the_interval_is_the_period_of_the_query(self, http: Detour) -> None:
        store = BY_TYPE["newrelic"]
        _, server = put(http, store, store.answer)
        sent = json.loads(server.requests[0].body)
        assert sent["variables"] == {"account": 1234567, "nrql": f"{store.query} SINCE 60 seconds ago"}

    def test_an_insights_key_asks_the_older_api(self, http: Detour) -> None:
        keys = {"newrelic_account_id": "12", "newrelic_query_key": "s3cret-key"}
        store = replace(BY_TYPE["newrelic"], credentials=keys, query="SELECT 1")
        values, server = put(http, store, '{"results": [{"result": 1.5}]}')
        assert values == (1.5,)
        assert server.requests[0].path == "/v1/accounts/12/query?nrql=SELECT+1+SINCE+60+seconds+ago"
        assert server.requests[0].headers["x-query-key"] == "s3cret-key"

    def test_an_error_with_status_200_is_an_error(self, http: Detour) -> None:
        with pytest.raises(CheckUnavailable, match=r"^it refused the query: NRQL Syntax Error$"):
            put(http, BY_TYPE["newrelic"], '{"data": null, "errors": [{"message": "NRQL Syntax Error"}]}')

    def test_an_account_that_is_no_number_is_named(self, http: Detour) -> None:
        store = replace(BY_TYPE["newrelic"], credentials={"newrelic_account_id": "x/../y", "newrelic_api_key": "k"})
        with pytest.raises(CheckUnavailable, match="has a newrelic_account_id that is not a number"):
            ask(store.source("http://127.0.0.1:1"), http)


class TestCloudWatch:
    def test_the_regions_own_endpoint_is_asked_for_a_period_of_ten_intervals(self, http: Detour) -> None:
        with WebServer(reply(200, BY_TYPE["cloudwatch"].answer)) as server:
            http.url = server.url
            ask(BY_TYPE["cloudwatch"].source(""), http)
        assert http.hosts == ["monitoring.eu-west-1.amazonaws.com"]
        sent = json.loads(server.requests[0].body)
        assert (sent["StartTime"], sent["EndTime"], sent["MaxDatapoints"]) == (NOW - 600, NOW, 20)
        assert sent["MetricDataQueries"][0]["Id"] == "e1"
        assert "/20261123/eu-west-1/monitoring/aws4_request" in server.requests[0].headers["authorization"]

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"region": ""}, r"it needs spec\.provider\.region"),
            ({"query": "SELECT 1"}, "the query has to be a list of MetricDataQueries in JSON"),
            ({"query": "{}"}, "the query has to be a list of MetricDataQueries in JSON"),
            ({"credentials": {}}, "there are no AWS keys: name a Secret"),
        ],
    )
    def test_what_is_missing_is_named(
        self, changes: dict[str, str], words: str, http: Detour, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for name in ("AWS_ACCESS_KEY_ID", "AWS_ROLE_ARN"):
            monkeypatch.delenv(name, raising=False)
        with pytest.raises(CheckUnavailable, match=words):
            ask(replace(BY_TYPE["cloudwatch"], **changes).source(""), http)  # type: ignore[arg-type]  # each fits its field

    def test_without_a_secret_the_processs_own_keys_sign(self, http: Detour, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDPROCESS")
        monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-own")
        monkeypatch.setenv("AWS_SESSION_TOKEN", "t0ken")
        store = replace(BY_TYPE["cloudwatch"], credentials={})
        _, server = put(http, store, store.answer)
        assert "Credential=AKIDPROCESS/" in server.requests[0].headers["authorization"]
        assert server.requests[0].headers["x-amz-security-token"] == "t0ken"

    def test_a_metric_that_could_not_be_read_is_no_answer(self, http: Detour) -> None:
        answer = '{"MetricDataResults": [{"Id": "m1", "StatusCode": "InternalError", "Values": []}]}'
        with pytest.raises(CheckUnavailable, match=r"could not read one of the metrics \(InternalError\)"):
            put(http, BY_TYPE["cloudwatch"], answer)


class TestInfluxDB:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            ("error,reference\r\nfailed to plan: s3cret-token,897\r\n", r"it answered with an error: failed .* \*\*\*"),
            (",result,table,_value\r\n,_result,0,north\r\n", "something that is not a number"),
            (",result,table,mean\r\n,_result,0,1\r\n", "the query gives no column _value"),
            (",result,table,_value\r\n,_result,0\r\n", "does not look like one of influxdb"),
        ],
    )
    def test_a_table_that_holds_no_numbers_is_told_as_what_it_is(self, answer: str, words: str, http: Detour) -> None:
        with pytest.raises(CheckUnavailable, match=words):
            put(http, BY_TYPE["influxdb"], answer)


class TestSplunk:
    @pytest.mark.parametrize(
        ("answer", "words"),
        [
            (
                'event: error\ndata: {"errors": [{"code": "ANALYTICS_PROGRAM_NAME_ERROR"}]}\n\n',
                "ANALYTICS_PROGRAM_NAME_",
            ),
            ('event: control-message\ndata: {"event": "CHANNEL_ABORT"}\n\n', "the computation was broken off"),
            (
                'event: data\ndata: {"data": [{"tsId": "A", "value": 1}]}\n\n',
                "its answer ended before the computation did",
            ),
            ("event: data\ndata: x\n\n", "does not look like one of splunk"),
        ],
    )
    def test_a_computation_that_did_not_end_well_is_no_answer(self, answer: str, words: str, http: Detour) -> None:
        with pytest.raises(CheckUnavailable, match=words):
            put(http, BY_TYPE["splunk"], answer)

    @pytest.mark.parametrize("address", ["https://api.us1.signalfx.com", "wss://stream.us1.signalfx.com"])
    def test_addresses_written_for_flagger_lead_to_the_stream(self, address: str, http: Detour) -> None:
        with WebServer(reply(200, BY_TYPE["splunk"].answer)) as server:
            http.url = server.url
            ask(BY_TYPE["splunk"].source(address), http)
        assert http.hosts == ["stream.us1.signalfx.com"]


class FakeCluster:
    """A cluster that answers ``found``, or fails with it."""

    def __init__(self, found: Json | SerinError | None) -> None:
        self.found = found
        self.asked: list[tuple[str, str, str]] = []

    def external_metric(self, namespace: str, name: str, selector: str) -> Json | None:
        self.asked.append((namespace, name, selector))
        if isinstance(self.found, SerinError):
            raise self.found
        return self.found


class TestExternalMetrics:
    @staticmethod
    def put(query: str, cluster: FakeCluster, http: Detour) -> tuple[float, ...]:
        source = replace(BY_TYPE["externalmetrics"], query=query).source("")
        return find_provider("externalmetrics")(
            Question(source, query, 60.0, NOW), Line(http, Deadline.after(1), cluster)
        )

    def test_without_an_address_it_is_the_canarys_own_cluster(self, http: Detour) -> None:
        cluster = FakeCluster({"items": [{"value": "3"}]})
        assert self.put("shop/queue?labelSelector=app%3Dx", cluster, http) == (3.0,)
        assert self.put("queue", cluster, http) == self.put("/queue", cluster, http) == (3.0,)
        assert cluster.asked == [("shop", "queue", "app=x"), ("default", "queue", ""), ("default", "queue", "")]

    @pytest.mark.parametrize(
        ("found", "words"),
        [
            (None, "the cluster serves no external metric queue: is there a metrics adapter"),
            (ClusterUnavailable("no answer"), "^no answer$"),
            (Refused("forbidden"), "^forbidden$"),
        ],
    )
    def test_a_cluster_that_gives_none_is_told_of(self, found: SerinError | None, words: str, http: Detour) -> None:
        with pytest.raises(CheckUnavailable, match=words):
            self.put("queue", FakeCluster(found), http)

    @pytest.mark.parametrize("query", ["", "a/b/c", "a b", "../x/y", "A/b"])
    def test_a_query_that_is_no_metric_is_refused(self, query: str, http: Detour) -> None:
        with pytest.raises(CheckUnavailable, match="the query has to be NAMESPACE/METRIC"):
            self.put(query, FakeCluster(None), http)

    @pytest.mark.parametrize(
        ("text", "value"), [("100", 100), ("1500m", 1.5), ("2Ki", 2048), ("1e3", 1000), ("-.5", -0.5), ("3G", 3e9)]
    )
    def test_quantities_are_kubernetess(self, text: str, value: float, http: Detour) -> None:
        assert self.put("m", FakeCluster({"items": [{"value": text}]}), http) == pytest.approx((value,))
