"""`python -m functions.serve`: one process, plain on one port and by TLS on another."""

from __future__ import annotations

import socket
import ssl
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING

import pytest
import urllib3

from functions.serve import STALL_SECONDS, THREADS
from tests.support.functions import Functions
from tests.support.raw_wire import Wire
from tests.support.web import make_certificate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def functions(tmp_path: Path) -> Iterator[Functions]:
    with Functions(tmp_path, {"SERIN_STORE": "sqlite://"}, "--sweep", "3600") as running:
        yield running


def ask(url: str, certificate: bytes | None = None) -> urllib3.BaseHTTPResponse:
    """GET on a connection of its own; a server of another certificate is not believed."""
    trust = ssl.create_default_context(cadata=certificate.decode()) if certificate else None
    with urllib3.PoolManager(retries=False, timeout=5, ssl_context=trust) as pool:
        return pool.request("GET", url)


def test_every_function_is_on_both_ports(functions: Functions) -> None:
    tls = f"https://127.0.0.1:{functions.tls_port}"
    for root, certificate in ((functions.url, None), (tls, functions.certificate)):
        assert ask(f"{root}/healthz", certificate).data == b"ok\n"
        assert ask(f"{root}/readyz", certificate).data == b"ok\n"
        assert ask(f"{root}/tick", certificate).status == 405
        assert ask(f"{root}/nothing", certificate).status == 404


def test_who_cannot_open_the_store_is_alive_and_not_ready(tmp_path: Path) -> None:
    """Another start would not help; whoever looks at the pod reads why."""
    with Functions(tmp_path, {"SERIN_STORE": f"sqlite:///{tmp_path}/nowhere/serin.db"}, "--sweep", "3600") as running:
        assert ask(f"{running.url}/healthz").status == 200
        answer = ask(f"{running.url}/readyz")
    assert answer.status == 503
    assert b"see that its folder exists" in answer.data


def test_the_tls_port_is_not_for_plain_requests(functions: Functions) -> None:
    with pytest.raises(urllib3.exceptions.HTTPError):
        ask(f"http://127.0.0.1:{functions.tls_port}/healthz")


def test_a_new_certificate_needs_no_restart(functions: Functions, tmp_path: Path) -> None:
    url = f"https://127.0.0.1:{functions.tls_port}/healthz"
    fresh = make_certificate(tmp_path / "webhook.pem").read_bytes()
    with pytest.raises(urllib3.exceptions.SSLError):
        ask(url, functions.certificate)
    assert ask(url, fresh[fresh.index(b"-----BEGIN CERTIFICATE") :]).status == 200


def test_a_broken_body_is_the_clients_fault_and_no_crash(functions: Functions) -> None:
    with closing(Wire(functions.port)) as wire:
        deep = b"[" * 100_000
        job = b"POST /tick HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(deep), deep)
        assert wire.send(job).status == 413
        job = b"POST /tick HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n" + deep[:60_000]
        assert wire.send(job).status == 400
        for chunks in (b"zz\r\n", b"-1\r\n\r\n", b"ffffffffffffffff\r\nx"):
            job = b"POST /tick HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + chunks
            assert wire.send_last(job).status == 400, chunks


def test_of_a_strangers_body_nothing_is_kept(functions: Functions) -> None:
    body = b"x" * 64 * 2**20
    with closing(Wire(functions.port)) as wire:
        before = functions.process.resident_mib()
        sent = b"POST /webhook/wrong HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(body), body)
        assert wire.send(sent).status == 404
        assert wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n").status == 200  # all of it has been skipped
        assert functions.process.resident_mib() < before + 16


def test_whoever_stops_in_the_middle_holds_no_thread_for_long(functions: Functions) -> None:
    begun = b"POST /webhook/x HTTP/1.1\r\nHost: x\r\n"
    with ExitStack() as open_connections:
        for _ in range(THREADS + 4):
            stalled = open_connections.enter_context(socket.create_connection(("127.0.0.1", functions.port)))
            stalled.sendall(begun)
        with closing(Wire(functions.port)) as wire:
            outcome = wire.send(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
    assert outcome.status == 200
    assert outcome.seconds < 2 * STALL_SECONDS
