"""The embedded server itself: its life, its users, its faults, and HTTP at its edges. The API is in tests/contract."""

from __future__ import annotations

import json
import socket
import threading
import time
from typing import TYPE_CHECKING

import pytest
import requests

from infra.local.kubernetes.server import AuditEntry, LocalKubernetes

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MAPS = "/api/v1/namespaces/default/configmaps"


@pytest.fixture(scope="module")
def server() -> Iterator[LocalKubernetes]:
    with LocalKubernetes(tokens={"secret": "serin"}) as running:
        yield running


def talk(server: LocalKubernetes, request: bytes) -> bytes:
    """What the server answers to bytes until it closes the connection, or falls silent."""
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port)), timeout=1) as connection:
        connection.sendall(request)
        answer = b""
        try:
            while part := connection.recv(65536):
                answer += part
        except TimeoutError:
            return answer
    return answer


def test_it_starts_and_stops_at_once_and_leaves_its_port() -> None:
    began = time.monotonic()
    with LocalKubernetes() as first:
        assert requests.get(f"{first.url}/readyz", timeout=5).text == "ok"
        port = int(first.url.rpartition(":")[2])
    with LocalKubernetes(port=port) as second:
        assert requests.get(f"{second.url}{MAPS}", timeout=5).json()["items"] == []
    assert time.monotonic() - began < 2
    with pytest.raises(requests.ConnectionError):
        requests.get(f"http://127.0.0.1:{port}/readyz", timeout=5)


def test_stopping_ends_watches_and_open_connections() -> None:
    lines: list[bytes] = []
    with LocalKubernetes() as server, requests.Session() as session:
        session.get(f"{server.url}/readyz", timeout=5)
        response = session.get(f"{server.url}{MAPS}?watch=1", stream=True, timeout=30)
        reader = threading.Thread(target=lambda: lines.extend(response.iter_lines()), daemon=True)
        reader.start()
    reader.join(timeout=5)
    assert (reader.is_alive(), lines) == (False, [])


def test_a_bearer_token_names_the_user_and_everybody_else_is_admin(server: LocalKubernetes) -> None:
    begin = len(server.audit)
    for token in ("secret", "other", None):
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        requests.get(f"{server.url}{MAPS}/none", headers=headers, timeout=5)
    assert server.audit[begin:] == [
        AuditEntry(user, "get", "configmaps", "", "default", "none", 404) for user in ("serin", "admin", "admin")
    ]


@pytest.mark.parametrize(
    ("code", "reason"),
    [(500, "InternalError"), (503, "ServiceUnavailable"), (429, "TooManyRequests"), (403, "Forbidden"), (418, None)],
)
def test_faults_are_answered_as_a_status_and_counted(server: LocalKubernetes, code: int, reason: str | None) -> None:
    server.fail_with = lambda entry: code if entry.resource == "configmaps" else None
    try:
        answer = requests.get(f"{server.url}{MAPS}", timeout=5)
        untouched = requests.get(f"{server.url}/api/v1/namespaces/default/secrets", timeout=5)
    finally:
        server.fail_with = None
    assert (answer.status_code, answer.json()["code"], untouched.status_code) == (code, code, 200)
    assert reason in {None, answer.json()["reason"]}
    assert (server.audit[-2].code, "Retry-After" in answer.headers) == (code, code == 429)
    assert requests.get(f"{server.url}{MAPS}", timeout=5).status_code == 200


def test_the_kubeconfig_leads_here(server: LocalKubernetes, tmp_path: Path) -> None:
    server.write_kubeconfig(tmp_path / "config")
    config = json.loads((tmp_path / "config").read_text())
    assert config["clusters"][0]["cluster"] == {"server": server.url}
    assert config["current-context"] == config["contexts"][0]["name"]


def test_a_bookmark_ends_what_is_there(server: LocalKubernetes) -> None:
    body = {"metadata": {"name": "seen"}}
    requests.post(f"{server.url}/api/v1/namespaces/default/secrets", json=body, timeout=5)
    query = "watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true&timeoutSeconds=1"
    answer = requests.get(f"{server.url}/api/v1/namespaces/default/secrets?{query}", timeout=5)
    events = [json.loads(line) for line in answer.text.splitlines()]
    assert [event["type"] for event in events] == ["ADDED", "BOOKMARK"]
    assert events[1]["object"]["metadata"]["annotations"] == {"k8s.io/initial-events-end": "true"}


class TestHttp:
    def test_requests_follow_each_other_on_one_connection(self, server: LocalKubernetes) -> None:
        one = b"GET /readyz HTTP/1.1\r\nHost: x\r\n\r\n"
        last = b"GET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"
        assert talk(server, one + one + last).count(b"HTTP/1.1 200 OK") == 3

    @pytest.mark.parametrize(
        ("request_text", "status"),
        [
            (b"nonsense\r\n\r\n", b"400"),
            (b"GET / SPDY/3\r\n\r\n", b"400"),
            (b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n", b"400"),
            (b"POST / HTTP/1.1\r\nContent-Length: 99999999\r\n\r\n", b"413"),
            (b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", b"400"),
            (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n", b"431"),
        ],
    )
    def test_what_is_not_http_is_refused_and_the_connection_closed(
        self, server: LocalKubernetes, request_text: bytes, status: bytes
    ) -> None:
        assert talk(server, request_text).split()[:2] == [b"HTTP/1.1", status]

    def test_chunks_and_continuations_are_read(self, server: LocalKubernetes) -> None:
        head = (
            f"POST {MAPS} HTTP/1.1\r\nConnection: close\r\nExpect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n"
        )
        body = b'10\r\n{"metadata":{"na\r\n11\r\nme":"chunked"}}  \r\n0\r\n\r\n'
        answer = talk(server, head.encode() + body)
        assert answer.startswith(b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created")

    def test_a_head_has_no_body(self, server: LocalKubernetes) -> None:
        answer = talk(server, b"HEAD /version HTTP/1.1\r\nConnection: close\r\n\r\n")
        assert answer.endswith(b"\r\n\r\n")
        assert b"Content-Length: " in answer
