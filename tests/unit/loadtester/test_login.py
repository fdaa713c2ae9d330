"""Who may use the load tester."""

from __future__ import annotations

import pytest
from urllib3 import make_headers

from shared.loadtester.login import Login

TOKEN = "a-token-of-the-tests-alone"
LOGIN = Login(("an-old-token-of-the-tests", TOKEN))


def basic(password: str) -> str:
    return make_headers(basic_auth=f"serin:{password}")["authorization"]


@pytest.mark.parametrize(
    "header", [f"Bearer {TOKEN}", f"bearer  {TOKEN}", basic(TOKEN), basic("an-old-token-of-the-tests")]
)
def test_a_token_comes_as_bearer_or_as_the_password_of_a_hooks_url(header: str) -> None:
    assert LOGIN.admits({"authorization": header}, "10.0.0.7")


@pytest.mark.parametrize(
    "header",
    ["", TOKEN, "Bearer", "Bearer ", "Bearer x", f"Bearer {TOKEN}x", "Bearer é", basic(""), basic("wrong"), "Basic ?",
     "Basic YQ==", f"Digest {TOKEN}", "Bearer \ud800"],
)  # fmt: skip
def test_everything_else_is_turned_away_also_from_this_machine(header: str) -> None:
    assert not LOGIN.admits({"authorization": header}, "127.0.0.1")
    assert not Login((TOKEN,)).admits({"authorization": header}, "127.0.0.1")


def test_without_a_token_only_neighbours_on_loopback_come_in() -> None:
    nobody = Login(())
    assert nobody.admits({}, "127.0.0.1")
    assert nobody.admits({}, "::1")
    for address in ("10.0.0.7", "", "localhost", "::ffff:10.0.0.7"):
        assert not nobody.admits({"authorization": "Bearer "}, address)


def test_a_call_that_a_proxy_passed_on_is_no_neighbours() -> None:
    assert not Login(()).admits({}, "127.0.0.6"), "Istio's sidecar calls from there for anybody"
    assert not Login(()).admits({"x-forwarded-for": "10.0.0.7"}, "127.0.0.1")
    assert not Login(()).admits({"x-request-id": "1"}, "127.0.0.1")
