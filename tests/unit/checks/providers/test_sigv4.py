"""Signatures, against the test suite that AWS published for Signature Version 4 and the example of its documents."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from shared.checks.providers.sigv4 import Keys, Signed, sign

KEYS = Keys("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
NOW = datetime(2015, 8, 30, 12, 36, tzinfo=UTC).timestamp()
HOST = "https://example.amazonaws.com"
FORM = {"Content-Type": "application/x-www-form-urlencoded"}


@pytest.mark.parametrize(
    ("request_", "signature"),
    [
        (Signed("GET", f"{HOST}/", {}), "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        (Signed("POST", f"{HOST}/", {}), "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
        (
            Signed("GET", f"{HOST}/?Param2=value2&Param1=value1", {}),
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500",
        ),
        (
            Signed("POST", f"{HOST}/", FORM, b"Param1=value1"),
            "ff11897932ad3f4e8b18135d722051e5ac45fc38421b1da7b9d196a0fe09473a",
        ),
        (
            Signed("GET", f"{HOST}/\u1234", {}),
            "8318018e0b0f223aa2bbf98705b62bb787dc9c0e678f255a891fd03141be5d85",
        ),
    ],
)
def test_a_request_of_the_published_suite_has_the_published_signature(request_: Signed, signature: str) -> None:
    headers = sign(request_, KEYS, ("us-east-1", "service"), NOW)
    assert headers["X-Amz-Date"] == "20150830T123600Z"
    assert headers["Authorization"].startswith(
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders="
    )
    assert headers["Authorization"].endswith(f"Signature={signature}")


def test_the_example_of_the_documents_has_its_signature() -> None:
    url = "https://iam.amazonaws.com/?Action=ListUsers&Version=2010-05-08"
    content = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    headers = sign(Signed("GET", url, content), KEYS, ("us-east-1", "iam"), NOW)
    assert headers["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
        "SignedHeaders=content-type;host;x-amz-date, "
        "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7"
    )


def test_the_token_of_temporary_keys_is_sent_and_signed() -> None:
    headers = sign(Signed("GET", HOST, {}), Keys("AKID", "s3cret", "t0ken"), ("us-east-1", "service"), NOW)
    assert headers["X-Amz-Security-Token"] == "t0ken"
    assert "SignedHeaders=host;x-amz-date;x-amz-security-token," in headers["Authorization"]
    assert "s3cret" not in repr(Keys("AKID", "s3cret", "t0ken"))
