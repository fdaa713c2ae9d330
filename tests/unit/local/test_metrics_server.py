"""The embedded metrics server as a server: where it listens, when it ends, and how it says what it cannot do."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from infra.local.metrics_server import MetricsServer
from infra.local.series import Store


def ask(url: str, query: str) -> requests.Response:
    return requests.get(f"{url}/api/v1/query", params={"query": query}, timeout=5)


def test_it_listens_on_loopback_while_its_block_lasts() -> None:
    with MetricsServer(Store()) as server:
        assert server.url.startswith("http://127.0.0.1:")
        assert requests.get(f"{server.url}/-/ready", timeout=5).status_code == 200
    with pytest.raises(requests.ConnectionError):
        requests.get(f"{server.url}/-/ready", timeout=5)


def test_a_query_without_an_instant_is_of_now() -> None:
    store = Store()
    store.add("up", {"app": "a"}, 1, at=1000.25)
    with MetricsServer(store, clock=lambda: 1060.5) as server:
        (sample,) = ask(server.url, "up").json()["data"]["result"]
    assert sample == {"metric": {"__name__": "up", "app": "a"}, "value": [1060.5, "1"]}


def test_what_it_does_not_know_is_a_bad_request_that_names_it() -> None:
    with MetricsServer(Store()) as server:
        response = ask(server.url, "avg_over_time(up[1m])")
    assert response.status_code == 400
    body = response.json()
    assert (body["status"], body["errorType"]) == ("error", "bad_data")
    assert "avg_over_time()" in body["error"]


def test_other_methods_and_large_bodies_are_refused() -> None:
    with MetricsServer(Store()) as server:
        url = f"{server.url}/api/v1/query"
        assert requests.delete(url, timeout=5).status_code == 405
        assert requests.post(url, data={"query": "1" * 100_000}, timeout=5).status_code == 413


def test_many_can_ask_at_once() -> None:
    store = Store()
    for second in range(1, 500):
        store.add("hits", {}, second * 3, at=second)
    with MetricsServer(store, clock=lambda: 499) as server, ThreadPoolExecutor(8) as clients:
        answers = clients.map(lambda _: ask(server.url, "rate(hits[1m])").json()["data"]["result"], range(200))
        assert {answer[0]["value"][1] for answer in answers} == {"3"}
