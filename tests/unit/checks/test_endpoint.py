"""A URL is called in full and shown without what may be secret in it."""

from __future__ import annotations

import pytest

from shared.checks.endpoint import Endpoint, read_endpoint, secrets_in, show_url
from shared.errors import CheckUnavailable


def test_credentials_leave_the_url_and_become_a_header() -> None:
    endpoint = read_endpoint("https://us%40er:p%3Ass@Gate.test:8443/check?token=abc#top")
    assert endpoint == Endpoint(
        url="https://gate.test:8443/check?token=abc",
        shown="https://gate.test:8443/check",
        headers={"Authorization": "Basic dXNAZXI6cDpzcw=="},  # us@er:p:ss
    )
    assert secrets_in(endpoint.headers) == ("dXNAZXI6cDpzcw==", "p:ss")
    assert "abc" not in repr(endpoint)
    assert "dXN" not in repr(endpoint)


@pytest.mark.parametrize(
    ("url", "called", "shown"),
    [
        ("http://prometheus:9090", "http://prometheus:9090", "http://prometheus:9090"),
        (" http://[::1]:9090/x/ ", "http://[::1]:9090/x/", "http://[::1]:9090/x/"),
        # Parsers disagree about the host of these two; what is called is what this one understood.
        (r"http://good.test\@evil.test/", "http://evil.test/", "http://evil.test/"),
        ("http://evil.test#@good.test/", "http://evil.test", "http://evil.test"),
    ],
)
def test_an_address_keeps_its_parts(url: str, called: str, shown: str) -> None:
    endpoint = read_endpoint(url)
    assert (endpoint.url, endpoint.shown) == (called, shown)


@pytest.mark.parametrize(
    "url", ["", "prometheus:9090", "file:///etc/passwd", "http://", "http://h:port/", "http://[::/"]
)
def test_what_is_no_http_address_is_refused_without_being_repeated(url: str) -> None:
    with pytest.raises(CheckUnavailable, match=r"^the address ") as refusal:
        read_endpoint(url)
    assert "passwd" not in str(refusal.value)
    assert show_url(url) == "(not a URL)"


def test_a_user_alone_is_taken_for_a_token() -> None:
    headers = read_endpoint("http://t0ken@gate.test/").headers
    assert secrets_in(headers) == ("dDBrZW46", "t0ken")
