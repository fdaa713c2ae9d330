"""Tokens good and bad against a certificates' endpoint of our own: who is believed, and what is said of the others."""

from __future__ import annotations

import hashlib
import hmac
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from shared.identity.certificates import Certificates
from shared.identity.oidc import LEEWAY_SECONDS, Caller, CallerRefused, Trust, Verifier
from tests.support.google_identity import Google, encode, make_certificate, make_token

if TYPE_CHECKING:
    from collections.abc import Iterator

ACCOUNT = "scheduler@p.iam.gserviceaccount.com"
OLD, NEW = "https://tick-old.example", "https://tick.example"
TRUST = Trust(frozenset({OLD, NEW}), frozenset({ACCOUNT, "events@p.iam.gserviceaccount.com"}))


@pytest.fixture(scope="module")
def google() -> Iterator[Google]:
    with Google() as server:
        yield server


@pytest.fixture(scope="module")
def verifier(google: Google) -> Verifier:
    return Verifier(TRUST, Certificates(google.url))


def refusal(verifier: Verifier, authorization: str | None) -> str:
    """Why a header is refused."""
    with pytest.raises(CallerRefused) as caught:
        verifier.verify(authorization)
    return str(caught.value)


@pytest.mark.parametrize("audience", [OLD, NEW])
@pytest.mark.parametrize("issuer", ["https://accounts.google.com", "accounts.google.com"])
def test_a_good_token_names_its_caller(google: Google, verifier: Verifier, audience: str, issuer: str) -> None:
    token = google.sign(ACCOUNT, audience, {"iss": issuer})
    assert verifier.verify(f"Bearer {token}") == Caller(ACCOUNT, audience)
    assert verifier.verify(f"bearer {token} ") == Caller(ACCOUNT, audience)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"iss": "https://accounts.example"}, "its issuer is 'https://accounts.example'"),
        ({"iss": ["https://accounts.google.com"]}, "its issuer is ''"),
        ({"aud": "https://tick.example/"}, "it is for the audience 'https://tick.example/'"),
        ({"aud": [NEW]}, "it is for the audience ''"),
        ({"aud": None}, "it is for the audience ''"),
        ({"email": "other@p.iam.gserviceaccount.com"}, "its account 'other@p.iam.gserviceaccount.com' may not call"),
        ({"email": ACCOUNT.upper()}, "may not call"),
        ({"email": None}, "may not call"),
        ({"email_verified": False}, f"its address '{ACCOUNT}' is not verified"),
        ({"email_verified": "true"}, "is not verified"),
        ({"email_verified": None}, "is not verified"),
        ({"exp": None}, "its exp is not a time"),
        ({"exp": True}, "its exp is not a time"),
        ({"exp": 1e12}, "its exp is not a time"),
        ({"iat": "now"}, "its iat is not a time"),
        ({"nbf": {}}, "its nbf is not a time"),
    ],
)
def test_each_claim_has_to_be_right(
    google: Google, verifier: Verifier, changes: dict[str, object], reason: str
) -> None:
    assert reason in refusal(verifier, f"Bearer {google.sign(ACCOUNT, NEW, changes)}")


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [
        (-LEEWAY_SECONDS - 1, "it is not valid yet"),
        (-LEEWAY_SECONDS, ""),
        (3600 + LEEWAY_SECONDS - 1, ""),
        (3600 + LEEWAY_SECONDS, "it has expired"),
    ],
)
def test_its_time_has_a_little_leeway_on_both_sides(google: Google, seconds: int, reason: str) -> None:
    issued = int(time.time())
    token = google.sign(ACCOUNT, NEW, {"iat": issued, "exp": issued + 3600})
    verifier = Verifier(TRUST, Certificates(google.url), now=lambda: issued + seconds)
    if reason:
        assert reason in refusal(verifier, f"Bearer {token}")
    else:
        assert verifier.verify(f"Bearer {token}").email == ACCOUNT


def test_a_token_can_say_itself_that_it_is_not_valid_before_a_time(google: Google, verifier: Verifier) -> None:
    later = int(time.time()) + 300
    assert "it is not valid yet" in refusal(verifier, f"Bearer {google.sign(ACCOUNT, NEW, {'nbf': later})}")


def test_what_signs_is_google_and_never_what_the_token_asks_for(google: Google, verifier: Verifier) -> None:
    good = google.sign(ACCOUNT, NEW)
    header, claims, signature = good.split(".")
    by_secret = f"{encode(json.dumps({'alg': 'HS256', 'kid': 'first'}))}.{claims}"
    mac = hmac.new(make_certificate("first").encode(), by_secret.encode(), hashlib.sha256).digest()
    unsigned = encode(json.dumps({"alg": "none", "kid": "first"}))
    forged = make_token({"alg": "RS256", "kid": "first"}, json.loads(b'{"aud": "x"}'), "somebody")
    other = encode(json.dumps({"email": ACCOUNT}))
    reasons = {
        f"{unsigned}.{claims}.": "it is not signed by RS256",
        f"{unsigned}.{claims}.{signature}": "it is not signed by RS256",
        f"{by_secret}.{encode(mac)}": "it is not signed by RS256",
        f"{encode(json.dumps({'alg': 'RS256'}))}.{claims}.{signature}": "with a named key",
        f"{header}.{claims}.": "its signature is wrong",
        f"{header}.{other}.{signature}": "its signature is wrong",
        forged: "its signature is wrong",
        make_token({"alg": "RS256", "kid": "made-up"}, {}, "first"): "a key that Google does not have",
        f"{header}.{claims}.SIGNATURE_REMOVED_BY_GOOGLE": "Cloud Run removed its signature",
        f"{header}.{claims}": "it is not a JSON web token",
        f"{good}.{signature}": "it is not a JSON web token",
        f"{header}.{encode('[' * 3000)}.{signature}": "it cannot be read",
        f"{header}.{encode('[]')}.{signature}": "it is not made of JSON objects",
        f"{header}.{claims}.{signature}!": "it cannot be read",
        good + "x" * 9000: "it is not a JSON web token",
    }
    for token, reason in reasons.items():
        assert reason in refusal(verifier, f"Bearer {token}")
    assert verifier.verify(f"Bearer {good}").email == ACCOUNT


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "a.b.c", "Bearer\ta.b.c"])
def test_without_a_token_nobody_is_believed(verifier: Verifier, header: str | None) -> None:
    refusal(verifier, header)


def test_a_reason_never_holds_the_token(google: Google, verifier: Verifier) -> None:
    token = google.sign(ACCOUNT, "https://elsewhere.example")
    reason = refusal(verifier, f"Bearer {token}")
    assert not any(part in reason for part in token.split("."))


parts = st.one_of(st.text(max_size=40), st.binary(max_size=60).map(encode), st.just("SIGNATURE_REMOVED_BY_GOOGLE"))
json_values = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=10)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=6), inner, max_size=3)),
    max_leaves=6,
)
claim_names = st.sampled_from(["iss", "aud", "email", "email_verified", "iat", "exp", "nbf"])
hostile = settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


@hostile
@given(
    st.one_of(
        st.none(), st.text(), st.lists(parts, min_size=1, max_size=4).map(lambda some: "Bearer " + ".".join(some))
    )
)
def test_no_header_raises_anything_else(verifier: Verifier, header: str | None) -> None:
    refusal(verifier, header)


@hostile
@given(json_values, json_values)
def test_no_signed_token_raises_anything_else(verifier: Verifier, header: object, claims: object) -> None:
    refusal(verifier, f"Bearer {make_token(header, claims, 'first')}")
    refusal(verifier, f"Bearer {make_token({'alg': 'RS256', 'kid': 'first'}, claims, 'first')}")


@hostile
@given(claim_names, json_values.filter(lambda value: value is not None))
def test_no_claim_that_google_signed_raises_anything_else(
    google: Google, verifier: Verifier, name: str, value: object
) -> None:
    try:
        caller = verifier.verify(f"Bearer {google.sign(ACCOUNT, NEW, {name: value})}")
    except CallerRefused:
        return
    assert caller == Caller(ACCOUNT, NEW)


def test_importing_it_loads_no_library() -> None:
    """The webhook function imports its neighbour; the tick function pays when it verifies."""
    code = "import sys; from shared.identity import certificates, oidc, path_secret; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert not {"google.auth", "cryptography", "requests", "grpc"} & set(loaded)
