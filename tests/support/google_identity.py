"""Google's identity tokens on loopback: keys of our own, their certificates behind HTTP, and tokens signed with them.

The certificates come as https://www.googleapis.com/oauth2/v1/certs gives them: names of keys and self-signed PEM
certificates as one JSON object, with a ``Cache-Control`` header.
"""

from __future__ import annotations

import base64
import datetime
import functools
import json
import time
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.support.web import WebServer, reply

if TYPE_CHECKING:
    from collections.abc import Mapping

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from tests.support.web import Behaviour, Received

MAX_AGE = 600


class Google(WebServer):
    """The certificates' endpoint while its block lasts, and the holder of the private keys; the last one signs."""

    def __init__(self, *names: str) -> None:
        self.keys = list(names or ("first",))
        self.broken: Behaviour | None = None
        """Answers instead of it."""
        super().__init__(reply())

    def __enter__(self) -> Self:
        super().__enter__()
        return self

    def take(self, request: Received) -> Behaviour:
        """Remember it; answer with the certificates of now."""
        super().take(request)
        if self.broken is not None:
            return self.broken
        body = json.dumps({name: make_certificate(name) for name in self.keys})
        headers = {"Cache-Control": f"public, max-age={MAX_AGE}, must-revalidate", "Content-Type": "application/json"}
        return reply(200, body, headers)

    def sign(self, email: str, audience: str, changes: Mapping[str, object] | None = None) -> str:
        """A token as Google gives it to a service account, good for an hour.

        ``changes`` replace claims; None takes one away.
        """
        now = int(time.time())
        claims: dict[str, object] = {
            "iss": "https://accounts.google.com",
            "aud": audience,
            "azp": "113774264463038321964",
            "sub": "113774264463038321964",
            "email": email,
            "email_verified": True,
            "iat": now,
            "exp": now + 3600,
        } | dict(changes or {})
        present = {name: value for name, value in claims.items() if value is not None}
        return make_token({"alg": "RS256", "kid": self.keys[-1], "typ": "JWT"}, present, self.keys[-1])


@functools.cache
def make_key(name: str) -> RSAPrivateKey:
    """The private key of that name; making one takes a while, so each is made once."""
    return rsa.generate_private_key(65537, 2048)


@functools.cache
def make_certificate(name: str) -> str:
    """A self-signed certificate of the key of that name, in PEM."""
    key = make_key(name)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "federated-signon.system.gserviceaccount.com")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + datetime.timedelta(days=16))
        .sign(key, hashes.SHA256())
    )
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def make_token(header: object, claims: object, key: str) -> str:
    """A token of any header and claims, properly signed by RS256 with the key of that name."""
    signed = f"{encode(json.dumps(header))}.{encode(json.dumps(claims))}"
    signature = make_key(key).sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256())
    return f"{signed}.{encode(signature)}"


def encode(content: str | bytes) -> str:
    """One part of a token (RFC 7515: base64url without padding)."""
    data = content.encode() if isinstance(content, str) else content
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
