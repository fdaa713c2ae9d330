"""Bodies that were made to do harm: bombs, damage, and JSON that only some parsers take for it.

All of it comes from a ``Random``, so that a seed brings the same bytes again.
"""

from __future__ import annotations

import gzip
import json
from functools import cache
from typing import TYPE_CHECKING

from tests.support.paths import REMOVED, edit, paths_of
from tests.support.reviews import review

if TYPE_CHECKING:
    from random import Random

    from shared.json_types import JsonObject

_VALUES: tuple[object, ...] = (
    *(None, True, False, 0, -1, 2**63, 10**400, 1e308, 0.1, "", "x" * 300, "\x00", "\ud800", "../../etc/passwd"),
    *("{{ name }}", '"} or vector(1) #', "${jndi:ldap://x}", "'; DROP TABLE rollouts; --", "$(reboot)", "<script>"),
    *("test:podinfo", "*", "CREATE", "Canary", [], {}, [[]], {"": {}}, [None] * 50, {"__proto__": {"a": 1}}),
)
WORDS = (
    *("abort", "approve", "promote", "pause", "resume", "retry", "status", "list", "help", "history", "why"),
    *("test/podinfo", "podinfo", "*", "default/test/podinfo", "../..", "--force", '"', "`id`", "<!channel>", "\u202e"),
    *("<@U0ADA>", "<https://x|y>", "\x00", "\ud800".encode("utf-8", "surrogatepass").decode("utf-8", "replace")),
    *("A" * 3000, "\U0001f600" * 50, "{{ name }}", "%s%n", "null", "-1", "1e999"),
)
MIB = 1024 * 1024


def damage(rng: Random, sound: JsonObject) -> bytes:
    """JSON of ``sound`` with up to three parts gone or replaced."""
    for _ in range(rng.randint(1, 3)):
        if paths := paths_of(sound):
            sound = edit(sound, {rng.choice(paths): rng.choice((REMOVED, *_VALUES))})
    return json.dumps(sound).encode()


def scramble(rng: Random, body: bytes) -> bytes:
    """``body`` with a part cut out and bytes put in that no text has."""
    start = rng.randrange(len(body) + 1)
    inserted = rng.choice((b"", b"\xff\xfe", b"\x00", b"\xed\xa0\x80", rng.randbytes(8), b'"', b"}", b"\\u"))
    return body[:start] + inserted + body[start + rng.randint(0, 40) :]


def bomb(rng: Random) -> bytes:
    """A small body that is expensive or ambiguous to read; one in 200 has 10 MiB."""
    if rng.random() < 1 / 200:
        return rng.choice((b"[" * 10 * MIB, b" " * 10 * MIB, b'{"a":"' + b"x" * 10 * MIB + b'"}'))
    return rng.choice(_bombs())


@cache
def _bombs() -> tuple[bytes, ...]:
    sound = review("deployment_update")
    nested = (edit(sound, {"request.object.spec": _nest(levels)}) for levels in (99, 150, 500))
    long = edit(sound, {"request.object.spec.template.spec.containers": [{"name": "a"}] * 20_000})
    wide = edit(sound, {"request.object.metadata.annotations": {f"a{number}": "" for number in range(20_000)}})
    text = json.dumps(sound)
    return (
        *(json.dumps(each).encode() for each in (*nested, long, wide)),
        *(b"[" * 100_000, b'{"a":' * 100_000, b'{"a":' * 900 + b"1" + b"}" * 900, b"[" + b"1," * 200_000 + b"1]"),
        *(b"1" * 5000, b'{"a":' + b"9" * 5000 + b"}", b'{"a":1e999999}', b'{"a":NaN}', b'{"a":-Infinity}'),
        *(b'{"kind":"AdmissionReview","kind":"List"}', b'{"request":1,"request":{"uid":"a"}}', b'{"a":"\\ud800"}'),
        *(b"", b"null", b"[]", b'"a"', b"\x00", b"\xef\xbb\xbf{}", b"{}{}", b"{'a':1}", b'{"a":1,}', b"<a/>"),
        *(text.encode("utf-16"), text.encode("utf-32"), gzip.compress(b"\0" * 10 * MIB), b"a=1&" * 50_000),
        text.replace('"uid"', '"\\u0075id"').encode(),
    )


def _nest(levels: int) -> JsonObject:
    value: JsonObject = {}
    for _ in range(levels):
        value = {"a": value}
    return value
