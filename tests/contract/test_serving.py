"""`python -m functions.serve`: one process, plain on one port and by TLS on another."""

from __future__ import annotations

import ssl
from typing import TYPE_CHECKING

import pytest
import urllib3

from tests.support.functions import Functions
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
