"""Who may call the tick and event functions, and who may read the metrics."""

from __future__ import annotations

import io

import pytest

from shared.caller import Gatekeeper, make_gatekeeper, make_scrape_gatekeeper
from shared.errors import Unknown
from shared.identity.oidc import CallerRefused, Verifier
from shared.logs import Log
from shared.settings import Settings


class Says:
    """A verifier with one answer."""

    def __init__(self, error: Exception | None) -> None:
        self._error = error

    def verify(self, authorization: str | None) -> str | None:
        if self._error is not None:
            raise self._error
        return authorization


def judged_by(error: Exception | None, log: io.StringIO) -> Gatekeeper:
    return Gatekeeper(Says(error), Log(log))


@pytest.mark.parametrize(
    ("address", "status"), [("127.0.0.1", None), ("::1", None), ("127.0.0.6", 401), ("10.0.0.7", 401), ("", 401)]
)
def test_without_callers_only_loopback_may(address: str, status: int | None) -> None:
    reply = make_gatekeeper(Settings(), Log(io.StringIO())).turn_away(None, address)
    assert (reply.status if reply else None) == status


def test_with_callers_a_token_is_needed_even_on_loopback() -> None:
    settings = Settings(callers=("scheduler@p.iam.gserviceaccount.com",), audiences=("https://tick",))
    gatekeeper = make_gatekeeper(settings, Log(io.StringIO()))
    assert isinstance(gatekeeper.verifier, Verifier)
    reply = gatekeeper.turn_away(None, "127.0.0.1")
    assert reply is not None
    assert reply.status == 401


def test_the_reason_is_for_the_log_alone() -> None:
    log = io.StringIO()
    reply = judged_by(CallerRefused("its audience is not ours"), log).turn_away("Bearer x", "10.0.0.7")
    assert reply is not None
    assert (reply.status, reply.body) == (401, {"error": "unauthorized"})
    assert "its audience is not ours" in log.getvalue()


def test_who_cannot_be_verified_now_may_try_again() -> None:
    reply = judged_by(Unknown("Google's certificates cannot be had"), io.StringIO()).turn_away("Bearer x", "10.0.0.7")
    assert reply is not None
    assert reply.status == 503


TOKENS = ("the-new-token-of-the-scraper", "the-old-token-of-the-scraper")


@pytest.mark.parametrize(
    ("authorization", "status"),
    [
        (f"Bearer {TOKENS[0]}", None),
        (f"bearer {TOKENS[1]} ", None),
        (f"Basic {TOKENS[0]}", 401),
        ("Bearer the-new-token-of-the-scrape", 401),
        ("Bearer \udcff", 401),
        ("Bearer", 401),
        (None, 401),
    ],
)
def test_metrics_are_for_who_knows_a_token_wherever_they_call_from(
    authorization: str | None, status: int | None
) -> None:
    log = io.StringIO()
    reply = make_scrape_gatekeeper(Settings(scrape_tokens=TOKENS), Log(log)).turn_away(authorization, "127.0.0.1")
    assert (reply.status if reply else None) == status
    assert not any(token in log.getvalue() for token in TOKENS)


def test_without_tokens_metrics_are_for_loopback_and_the_log_names_the_setting() -> None:
    log = io.StringIO()
    gatekeeper = make_scrape_gatekeeper(Settings(), Log(log))
    assert gatekeeper.turn_away(None, "127.0.0.1") is None
    assert gatekeeper.turn_away(f"Bearer {TOKENS[0]}", "10.0.0.7") is not None
    assert "SERIN_SCRAPE_TOKENS" in log.getvalue()
