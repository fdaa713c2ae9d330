"""Requests of people who mean harm, as the bytes that go over the wire: those of strangers, and those of somebody who
holds the secret of a function and sends it whatever they like.

A new way to attack is a row of ``STRANGERS`` or ``INSIDERS``.
"""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from tests.proof.payloads import WORDS, bomb, damage, scramble
from tests.support.google_identity import make_token
from tests.support.reviews import RECORDED, review
from tests.support.slack_people import Somebody, sign

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from random import Random

    from shared.json_types import JsonObject
    from tests.support.google_identity import Google
    from tests.support.slack_people import Signed

FUNCTIONS = ("webhook", "event", "tick", "slack", "metrics")
PATH_SECRET = "the-path-secret-of-this-proof"
SCRAPE_TOKEN = "the-scrape-token-of-this-proof"
AUDIENCE = "https://serin.example/tick"
CALLER = "caller@proof.iam.gserviceaccount.com"
_JSON = {"Content-Type": "application/json"}
_TYPES = (
    *("application/json", "application/json; charset=utf-16", "application/JSON ;charset=UTF-8", "text/plain", ""),
    *("application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/cloudevents+json", "\xff"),
)
_METHODS = ("GET", "HEAD", "PUT", "DELETE", "OPTIONS", "PATCH", "TRACE", "CONNECT", "BREW", "post")


@dataclass(frozen=True, slots=True)
class Means:
    """What an attacker has: luck, tokens that are wrong and one that is right, and a server that waits for a visit."""

    rng: Random
    trap: str
    right: str = field(repr=False)
    wrong: tuple[str, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Attack:
    """A kind of request to a function; ``last`` if nothing can follow it on its connection."""

    function: str
    kind: str
    make: Callable[[Means], bytes]
    last: bool = False


def forge_tokens(google: Google) -> tuple[str, ...]:
    """Identity tokens that are each wrong in one place."""
    good = {
        "iss": "https://accounts.google.com",
        "aud": AUDIENCE,
        "email": CALLER,
        "email_verified": True,
        "exp": 2**40,
    }
    head = {"alg": "RS256", "kid": google.keys[-1], "typ": "JWT"}
    unsigned = make_token({**head, "alg": "none"}, good, "stranger").rpartition(".")[0]
    changes: tuple[Mapping[str, object], ...] = (
        *({"exp": 1}, {"iat": 2**40}, {"iss": "https://evil.example"}, {"email_verified": False}, {"exp": None}),
        *({"aud": [AUDIENCE, "x"]}, {"exp": "1e400"}, {"email": [CALLER]}, {"email": None}, {"iss": {}}),
    )
    return (
        *(google.sign(CALLER, AUDIENCE, each) for each in changes),
        google.sign("stranger@proof.iam.gserviceaccount.com", AUDIENCE),
        google.sign(CALLER, "https://other.example"),
        *(
            make_token({**head, **each}, good, "stranger")
            for each in ({}, {"kid": "../x"}, {"kid": 1}, {"alg": "HS256"})
        ),
        *(f"{unsigned}.", unsigned, "a.b.c", "." * 5000, "A" * 6000, "\xff", "", SCRAPE_TOKEN, PATH_SECRET),
    )


def write(method: str, path: str, headers: Mapping[str, str], body: bytes = b"") -> bytes:
    """A request of HTTP/1.1."""
    lines = {"Host": "serin", "Content-Length": str(len(body)), **headers}
    head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
    return f"{method} {path} HTTP/1.1\r\n{head}\r\n".encode("latin-1") + body


def _anywhere(means: Means) -> str:
    name = means.rng.choice(FUNCTIONS)
    ends = ("", "/", "/x", "/%00", "/..%2f..%2fetc", "?cluster=other", "/\xff", f"/{means.rng.getrandbits(64):x}", "//")
    return f"/{name}{means.rng.choice(ends)}"


def _other_method(means: Means) -> bytes:
    return write(means.rng.choice(_METHODS), _anywhere(means), _JSON, means.rng.choice((b"", b"{}")))


def _malformed(means: Means) -> bytes:
    """What is hardly HTTP, or HTTP in two meanings: every way in which one request is smuggled in another."""
    post = f"POST {_anywhere(means)} HTTP/1.1\r\nHost: serin\r\n".encode("latin-1")
    inner = b"POST /tick HTTP/1.1\r\nHost: serin\r\nContent-Length: 0\r\n\r\n"
    return means.rng.choice(
        (
            *(
                means.rng.randbytes(50) + b"\r\n\r\n",
                b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
                b"PRI * HTTP/2.0\r\n\r\n",
            ),
            *(
                b"GET\r\n\r\n",
                b"GET /tick HTTP/9.9\r\n\r\n",
                b"GET tick HTTP/1.1\r\n\r\n",
                b"GET http://[ HTTP/1.1\r\n\r\n",
            ),
            post + b"Content-Length: -1\r\n\r\n",
            post + b"Content-Length: 1e3\r\n\r\n",
            post + b"Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello",
            post + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + inner,
            post + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n",
            post + b"Transfer-Encoding: chunked\r\n\r\n-1\r\n\r\n",
            post + b"Transfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\nx",
            post + b"Transfer-Encoding: chunked, x\r\n\r\n0\r\n\r\n" + inner,
            post + b"A: b\r\n" * 200 + b"\r\n",
            post + b"A: " + b"b" * 20_000 + b"\r\n\r\n",
            post + b"A\x00: b\r\nContent-Length: 0\r\n\r\n",
            post + b"A : b\r\n c: d\r\n\r\n",
            post + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n{}",
            post + b"Expect: nonsense\r\nContent-Length: 0\r\n\r\n",
            post + b"Content-Length: 1000\r\n\r\nhalf",
            b"GET /" + b"a" * 10_000 + b" HTTP/1.1\r\n\r\n",
        )
    )


def _webhook_without_secret(means: Means) -> bytes:
    tries = (
        PATH_SECRET[:-1],
        f"{PATH_SECRET}x",
        PATH_SECRET.upper(),
        "",
        "%00",
        "../webhook",
        f"x{PATH_SECRET}",
        "\xff",
    )
    body = damage(means.rng, review(means.rng.choice(RECORDED))) if means.rng.random() < 0.5 else _update()
    return write("POST", f"/webhook/{means.rng.choice(tries)}", _JSON, body)


def _call_without_token(means: Means) -> bytes:
    return _with_token(means, means.rng.choice(("", *means.wrong)))


def _with_token(means: Means, token: str) -> bytes:
    scheme = means.rng.choice(("Bearer ", "bearer ", "Basic ", "", "Bearer"))
    sent = {**_JSON, "Authorization": f"{scheme}{token}", "X-Forwarded-For": "127.0.0.1", "X-Real-Ip": "::1"}
    if means.rng.random() < 0.5:
        return write("POST", "/tick", sent, b'{"job": "%s"}' % means.rng.choice((b"sweep", b"heartbeat")))
    return write("POST", "/event", {**sent, **_binary(means)}, _update())


def _slack_without_signature(means: Means) -> bytes:
    request = Somebody().type("abort test/podinfo")
    aged = (sign(request.body, time.time() + shift) for shift in (-301, -86400, 400, 1e9))
    foreign = sign(request.body, secret="another")
    names = ("X-Slack-Signature", "X-Slack-Request-Timestamp")
    values = ("", "v0=", f"v0={'0' * 64}", "v1=x", "\xb2", "nan", "1e99", "-1", "9" * 5000)
    broken = {**request.headers, means.rng.choice(names): means.rng.choice(values)}
    sent = means.rng.choice((*(each.headers for each in (*aged, foreign)), broken, {}))
    return write("POST", "/slack", sent, request.body)


def _metrics_without_token(means: Means) -> bytes:
    token = means.rng.choice((*means.wrong[:-2], SCRAPE_TOKEN[:-1], f"{SCRAPE_TOKEN}x", PATH_SECRET))
    path = means.rng.choice(("/metrics", "/metrics/default", "/metrics/x", "/metrics/../tick"))
    return write("GET", path, {"Authorization": f"Bearer {token}", "X-Forwarded-For": "127.0.0.1"})


def _review(make: Callable[[Means], bytes]) -> Callable[[Means], bytes]:
    return lambda means: write("POST", f"/webhook/{PATH_SECRET}", _typed(means), make(means))


def _typed(means: Means) -> Mapping[str, str]:
    return _JSON if means.rng.random() < 0.9 else {"Content-Type": means.rng.choice(_TYPES)}


def _update() -> bytes:
    """A change of an object that a rollout watches: from somebody who may, it leaves a hint in the store."""
    return json.dumps(review("deployment_update")).encode()


def _damaged_review(means: Means) -> bytes:
    return damage(means.rng, review(means.rng.choice(RECORDED)))


def _scrambled_review(means: Means) -> bytes:
    return scramble(means.rng, _damaged_review(means))


def _binary(means: Means) -> dict[str, str]:
    odd = ("", "1.0", "0.3", "dev.knative.apiserver.resource.update", "x" * 2000, "\xff", "[]", "%00")
    return {f"Ce-{name}": means.rng.choice(odd) for name in ("Specversion", "Id", "Source", "Type")}


def _binary_event(means: Means) -> bytes:
    known = {
        "Ce-Specversion": "1.0",
        "Ce-Id": "1",
        "Ce-Source": "x",
        "Ce-Type": "dev.knative.apiserver.resource.update",
    }
    some = known if means.rng.random() < 0.7 else _binary(means)
    body = means.rng.choice((bomb, lambda m: damage(m, _deployment())))(means.rng)
    return write("POST", "/event", {**_bearer(means), **_typed(means), **some}, body)


def _structured_event(means: Means) -> bytes:
    event = {"specversion": "1.0", "id": "1", "source": "x", "type": "dev.knative.apiserver.resource.update"}
    body = damage(means.rng, {**event, "datacontenttype": "application/json", "data": _deployment()})
    if means.rng.random() < 0.3:
        body = scramble(means.rng, body)
    return write("POST", "/event", {**_bearer(means), "Content-Type": "application/cloudevents+json"}, body)


def _batch(means: Means) -> bytes:
    kind = {"Content-Type": "application/cloudevents-batch+json"}
    return write(
        "POST", f"/event{means.rng.choice(('', '/default', '/x', '/%2e%2e'))}", {**_bearer(means), **kind}, b"[{}]"
    )


def _deployment() -> JsonObject:
    found: JsonObject = review("deployment_update")["request"]["object"]
    found["metadata"]["name"] = "nobodys"  # a real change has it ticked, which is no attack
    return found


def _bearer(means: Means) -> dict[str, str]:
    return {"Authorization": f"Bearer {means.right}"}


def _odd_job(means: Means) -> bytes:
    odd = (b'{"job": ["sweep"]}', b'{"job": {}}', b'{"cluster": []}', b'{"cluster": {"a": 1}}', b'{"job": null}')
    body = means.rng.choice(odd) if means.rng.random() < 0.5 else bomb(means.rng)
    return write("POST", "/tick", {**_bearer(means), **_typed(means)}, body)


def _posted(request: Signed) -> bytes:
    return write("POST", "/slack", request.headers, request.body)


def _hooks(means: Means) -> str:
    place = means.trap.removeprefix("http://")
    tricks = (
        f"https://hooks.slack.com@{place}/",
        f"http://{place}/#https://hooks.slack.com/",
        f"//{place}",
        "file:///etc",
    )
    return means.rng.choice(
        (means.trap, *tricks, "http://169.254.169.254/latest/", "https://hooks.slack.com.evil.test/")
    )


def _command(means: Means) -> bytes:
    text = " ".join(means.rng.choices(WORDS, k=means.rng.randint(0, 5)))
    return _posted(Somebody(user=means.rng.choice(("U0ADA", "U0EVE", "*", "")), hooks=_hooks(means)).type(text))


def _press(means: Means) -> bytes:
    somebody = Somebody(user=means.rng.choice(("U0ADA", "U0EVE")), hooks=_hooks(means))
    value = {name: means.rng.choice(WORDS) for name in ("rollout", "run", "revision", "gate")}
    value["rollout"] = means.rng.choice(("default:test:podinfo", "a:b", ":::", "default:test:podinfo:x"))
    return _posted(somebody.press(means.rng.choice(("abort", "approve", "promote", "open")), value))


def _payload(means: Means) -> bytes:
    """A form whose payload is not what Slack sends."""
    body = bomb(means.rng)[:200_000]
    form = urlencode({"payload": body}).encode() if means.rng.random() < 0.7 else body
    return _posted(sign(form))


def _scrape(means: Means) -> bytes:
    ends = ("", "/default", "/x", "/default/x", "/%00", "/\xff", "?a=" + "b" * 3000, "/..", "//")
    return write("GET", f"/metrics{means.rng.choice(ends)}", {"Authorization": f"Bearer {SCRAPE_TOKEN}"})


STRANGERS = (
    Attack("webhook", "no secret in the path", _webhook_without_secret),
    Attack("tick, event", "no token, or a wrong one", _call_without_token),
    Attack("slack", "no signature, or a wrong or old one", _slack_without_signature),
    Attack("metrics", "no token, or a wrong one", _metrics_without_token),
    Attack("all", "other methods and paths", _other_method),
    Attack("all", "malformed HTTP, smuggling", _malformed, last=True),
)
INSIDERS = (
    Attack("webhook", "bombs", _review(lambda means: bomb(means.rng))),
    Attack("webhook", "damaged reviews", _review(_damaged_review)),
    Attack("webhook", "no JSON, no UTF-8", _review(_scrambled_review)),
    Attack("event", "binary mode, bombs", _binary_event),
    Attack("event", "structured mode, damaged", _structured_event),
    Attack("event", "batches", _batch),
    Attack("tick", "jobs that there are not", _odd_job),
    Attack("slack", "strange commands", _command),
    Attack("slack", "strange presses", _press),
    Attack("slack", "strange payloads", _payload),
    Attack("metrics", "strange paths", _scrape),
)
CHANGING = Attack("webhook", "a change", _review(lambda _: _update()))
"""Not hostile at all: shows that the store would be seen to change."""
