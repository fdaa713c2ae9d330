"""Google's real library against a token server and a key of our own: scope, cache, time limit, and what people read."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import threading
import time
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from shared.checks.deadline import Deadline
from shared.checks.identity import ANONYMOUS, Basic, Bearer, Google
from shared.errors import CheckUnavailable
from tests.support.waiting import eventually
from tests.support.web import WebServer, hang, reply

if TYPE_CHECKING:
    from pathlib import Path

    from tests.support.web import Behaviour


def token(name: str, expires_in: int) -> Behaviour:
    return reply(
        200, json.dumps({"access_token": name, "expires_in": expires_in}), {"Content-Type": "application/json"}
    )


@pytest.fixture(scope="module")
def private_key() -> str:
    key = rsa.generate_private_key(65537, 2048)
    encoding = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(*encoding).decode()


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, private_key: str) -> WebServer:
    """A server that stands for Google's token endpoint, not started yet, named by the default credentials."""
    server = WebServer(token("unused", 3600))
    key = {
        "type": "service_account",
        "project_id": "p",
        "private_key_id": "k",
        "private_key": private_key,
        "client_email": "serin@p.iam.gserviceaccount.com",
        "client_id": "1",
        "token_uri": server.url,
    }
    (tmp_path / "key.json").write_text(json.dumps(key))
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "key.json"))
    return server


def test_a_token_to_read_monitoring_is_fetched_once_and_kept(account: WebServer) -> None:
    account.script = [token("first", 3600), token("second", 3600)]
    google = Google()
    with account:
        headers = [google.headers(Deadline.after(5)) for _ in range(3)]
    assert headers == [{"authorization": "Bearer first"}] * 3
    (request,) = account.requests
    (assertion,) = parse_qs(request.body)[b"assertion"]
    claims = json.loads(base64.urlsafe_b64decode(assertion.split(b".")[1] + b"=="))
    assert claims["scope"] == "https://www.googleapis.com/auth/monitoring.read"


def test_a_token_that_is_about_to_expire_is_replaced(account: WebServer) -> None:
    account.script = [token("first", 10), token("second", 3600)]
    google = Google()
    with account:
        headers = [google.headers(Deadline.after(5))["authorization"] for _ in range(3)]
    assert headers == ["Bearer first", "Bearer second", "Bearer second"]


def test_a_silent_google_costs_no_more_than_the_deadline(account: WebServer) -> None:
    account.script = [hang]
    began = time.monotonic()
    with account, pytest.raises(CheckUnavailable, match=r"^Google gave no access token in time$"):
        Google().headers(Deadline.after(0.3))
    assert time.monotonic() - began < 1.5


def test_those_who_wait_for_a_silent_google_do_not_pile_up(account: WebServer) -> None:
    account.script = [hang]
    google = Google()
    with account:
        for _ in range(5):
            with pytest.raises(CheckUnavailable):
                google.headers(Deadline.after(0.2))
        eventually("at most one thread still waits", lambda: waiting_threads() <= 1, seconds=2)


def waiting_threads() -> int:
    return sum(thread.name == "call within" for thread in threading.enumerate())


def test_a_refusal_is_told_without_googles_answer(account: WebServer) -> None:
    account.script = [reply(401, '{"error":"invalid_grant s3cret"}', {"Content-Type": "application/json"})]
    with account, pytest.raises(CheckUnavailable, match=r"\(RefreshError\): look at the service account") as refusal:
        Google().headers(Deadline.after(5))
    assert "s3cret" not in str(refusal.value)


def test_googles_library_is_not_loaded_for_others() -> None:
    program = "import sys, shared.checks.analyse; sys.exit('google.auth' in sys.modules)"
    assert subprocess.run((sys.executable, "-c", program), check=False).returncode == 0


def test_secrets_are_not_part_of_how_an_identity_reads() -> None:
    assert "s3cret" not in repr((Bearer("s3cret"), Basic("me", "s3cret")))
    assert ANONYMOUS.headers(Deadline.after(1)) == {}
