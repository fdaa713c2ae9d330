"""Keys of an AWS role for a token: what is asked, where, how long they are kept, and why there may be none."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from urllib.parse import parse_qs

import pytest

from shared.checks.providers import web_identity
from shared.errors import CheckUnavailable
from tests.support.providers import NOW, STORES, Detour, ask
from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

(STORE,) = (replace(store, credentials={}) for store in STORES if store.type == "cloudwatch")
ARN = "arn:aws:iam::123456789012:role/serin"
TOKEN = "eyJhbGciOi.s3cret.token"
ANSWER = """<AssumeRoleWithWebIdentityResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <AssumeRoleWithWebIdentityResult>
    <SubjectFromWebIdentityToken>system:serviceaccount:serin:serin</SubjectFromWebIdentityToken>
    <AssumedRoleUser><Arn>arn:aws:sts::123456789012:assumed-role/serin/serin</Arn></AssumedRoleUser>
    <Credentials>
      <AccessKeyId>ASIAROLE</AccessKeyId>
      <SecretAccessKey>s3cret-of-the-role</SecretAccessKey>
      <SessionToken>session-of-the-role</SessionToken>
      <Expiration>{until}</Expiration>
    </Credentials>
  </AssumeRoleWithWebIdentityResult>
  <ResponseMetadata><RequestId>7f1c2a</RequestId></ResponseMetadata>
</AssumeRoleWithWebIdentityResponse>"""
REFUSAL = f"""<ErrorResponse xmlns="https://sts.amazonaws.com/doc/2011-06-15/">
  <Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized, {TOKEN}</Message></Error>
</ErrorResponse>"""


def given(seconds: float) -> str:
    """STS's answer with keys that are good for so long."""
    return ANSWER.format(until=datetime.fromtimestamp(NOW + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"))


@pytest.fixture(autouse=True)
def token(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """The file of the token, of a process with a role and without keys of its own."""
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_ROLE_SESSION_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_ROLE_ARN", ARN)
    monkeypatch.setenv("AWS_WEB_IDENTITY_TOKEN_FILE", str(file))
    web_identity.assumed.cache_clear()
    return file


@pytest.fixture
def http() -> Iterator[Detour]:
    client = Detour()
    yield client
    client.close()


def refused(http: Detour, *answers: tuple[int, str]) -> str:
    with WebServer(*(reply(status, body) for status, body in answers)) as server:
        http.url = server.url
        with pytest.raises(CheckUnavailable) as error:
            ask(STORE.source(""), http)
    return str(error.value)


def test_the_roles_keys_sign_and_are_asked_of_the_regions_own_token_service(http: Detour) -> None:
    with WebServer(reply(200, given(3600)), reply(200, STORE.answer)) as server:
        http.url = server.url
        assert ask(STORE.source("https://metrics.example.com"), http) == STORE.values
    assert http.hosts == ["sts.eu-west-1.amazonaws.com", "metrics.example.com"]
    asked, metrics = server.requests
    assert parse_qs(asked.body.decode()) == {
        "Action": ["AssumeRoleWithWebIdentity"],
        "Version": ["2011-06-15"],
        "RoleArn": [ARN],
        "RoleSessionName": ["serin"],
        "WebIdentityToken": [TOKEN],
    }
    assert "authorization" not in asked.headers
    assert "Credential=ASIAROLE/" in metrics.headers["authorization"]
    assert metrics.headers["x-amz-security-token"] == "session-of-the-role"


@pytest.mark.parametrize(("good_for", "asked_again"), [(3600, False), (200, True)])
def test_keys_are_kept_until_shortly_before_they_expire(http: Detour, good_for: float, *, asked_again: bool) -> None:
    sts, metrics = reply(200, given(good_for)), reply(200, STORE.answer)
    with WebServer(sts, metrics, *([sts, metrics] if asked_again else [metrics])) as server:
        http.url = server.url
        for _ in range(2):
            assert ask(STORE.source(""), http) == STORE.values
    assert http.hosts.count("sts.eu-west-1.amazonaws.com") == 1 + asked_again


def test_the_processs_own_keys_come_first(http: Detour, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIDPROCESS")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret-own")
    with WebServer(reply(200, STORE.answer)) as server:
        http.url = server.url
        ask(STORE.source(""), http)
    assert http.hosts == ["monitoring.eu-west-1.amazonaws.com"]


def test_a_refusal_is_told_without_the_token(http: Detour) -> None:
    assert refused(http, (403, REFUSAL)) == (
        f"AWS does not give the keys of {ARN}: AccessDenied: Not authorized, ***; look at the role's trust policy"
    )


@pytest.mark.parametrize("answer", ["", "{}", "<a/>", given(3600).replace("AccessKeyId", "Other"), "<html>hello"])
def test_what_is_no_answer_is_none(http: Detour, answer: str) -> None:
    assert refused(http, (200, answer)).startswith("the answer of AWS's token service does not look like")


def test_a_token_that_cannot_be_read_is_named(http: Detour, token: Path) -> None:
    token.unlink()
    assert refused(http, (200, given(3600))).startswith(f"AWS_WEB_IDENTITY_TOKEN_FILE names {token}, which cannot")


@pytest.mark.parametrize("region", ["evil.example/#", "eu.evil.example", "eu-west-1@evil.example:443/"])
def test_a_template_cannot_lead_the_token_elsewhere(http: Detour, region: str) -> None:
    with pytest.raises(CheckUnavailable, match=r"spec\.provider\.region is no region"):
        ask(replace(STORE, region=region).source(""), http)
    assert http.hosts == []
