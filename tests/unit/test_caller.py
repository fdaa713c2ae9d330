"""Who may call the tick and event functions."""

from __future__ import annotations

import io

import pytest

from shared.caller import Gatekeeper, make_gatekeeper
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
    return Gatekeeper(Says(error), Log(log))  # type: ignore[arg-type]  # all that a gatekeeper asks of a verifier


@pytest.mark.parametrize(("address", "status"), [("127.0.0.1", None), ("::1", None), ("10.0.0.7", 401), ("", 401)])
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
