"""``analysis.sessionAffinity``: the cookies that keep a user on one side.

What is given here goes into a response header as it is, so that nothing is taken that could end the cookie early or
begin another header.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from shared.canary.fields import INT32_MAX, show
from shared.canary.model import SessionAffinity

if TYPE_CHECKING:
    from shared.canary.fields import Field

SAME_SITE = ("Strict", "Lax", "None")

_DAY = 86400
_TOKEN = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_VALUE = re.compile(r"[!-:<-~]+")


def read_affinity(field: Field) -> SessionAffinity | None:
    """The affinity at ``field``; None if none is wanted."""
    if field.section().value is None:
        return None
    name, primary = field.at("cookieName").required(), field.at("primaryCookieName")
    if not name.absent and name.value == primary.value:
        primary.report("must differ from cookieName: a user is on one side")
    return SessionAffinity(
        cookie_name=name.text(_check_name),
        primary_cookie_name=primary.text(_check_name),
        max_age=field.at("maxAge").integer(0, INT32_MAX, 0) or _DAY,
        domain=field.at("domain").text(_check_attribute),
        http_only=field.at("httpOnly").flag(),
        partitioned=field.at("partitioned").flag(),
        path=field.at("path").text(_check_attribute),
        same_site=field.at("sameSite").choice(SAME_SITE, ""),
        secure=field.at("secure").flag(),
    )


def _check_name(text: str) -> str | None:
    """A cookie's name is a token of HTTP (RFC 6265, 4.1.1)."""
    if _TOKEN.fullmatch(text):
        return None
    return f"must be letters, digits and !#$%&'*+-.^_`|~, not {show(text)}"


def _check_attribute(text: str) -> str | None:
    return None if _VALUE.fullmatch(text) else f"must hold neither ';' nor spaces, as {show(text)} does"
