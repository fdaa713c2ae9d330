"""Session cookies (``analysis.sessionAffinity``): what a user is given, how it is recognised, how it is taken back.

A run has one cookie for all users of its canary, so that a browser that comes back with it can be told by the router
alone. Its value is made of the Canary's uid and the run's number: the same tick twice gives the same cookie, and no
other run recognises it.

It must never read a clock or draw a random number.
"""

from __future__ import annotations

import re
from dataclasses import replace
from hashlib import sha256
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from shared.canary.model import Canary, SessionAffinity
    from shared.json_types import Json
    from shared.plan import Route
    from shared.rollout import Rollout

_LENGTH = 10


def with_cookie(route: Route, canary: Canary, rollout: Rollout) -> Route:
    """``route`` with the cookie of this run, if it is one of weights for everybody and the Canary wants a cookie. What
    users of the canary have already, from Flagger perhaps, they keep.
    """
    affinity = canary.analysis.session_affinity
    if affinity is None or not route.canary or route.matching or canary.analysis.iterations:
        return route
    if rollout.weight and rollout.cookie.startswith(f"{affinity.cookie_name}="):
        return replace(route, cookie=rollout.cookie)
    return replace(route, cookie=f"{affinity.cookie_name}={_value(canary.uid, rollout.run)}")


def primary_cookie(affinity: SessionAffinity, route: Route) -> str:
    """The cookie of the primary's users (``name=value``); empty if there is none. Every weight has another one, so that
    a new step draws its users anew.
    """
    name = affinity.primary_cookie_name
    return f"{name}={_value(route.cookie, str(route.canary))}" if name else ""


def give(affinity: SessionAffinity, cookie: str, max_age: int) -> str:
    """The value of the Set-Cookie header (RFC 6265) that gives ``cookie`` for ``max_age`` seconds; -1 takes it back.

    A browser only forgets a cookie of the same domain and path, so that these stand in both.
    """
    given = (
        f"Domain={affinity.domain}" if affinity.domain else "",
        "HttpOnly" if affinity.http_only else "",
        "Partitioned" if affinity.partitioned else "",
        f"Path={affinity.path}" if affinity.path else "",
        f"SameSite={affinity.same_site}" if affinity.same_site else "",
        "Secure" if affinity.secure else "",
    )
    return "; ".join((cookie, f"Max-Age={max_age}", *filter(None, given)))


def shown_cookies(affinity: SessionAffinity, route: Route) -> dict[str, str]:
    """The cookies as a Canary's status shows them (Flagger): those in use, or the one that is being taken back."""
    current, previous = (route.cookie, "") if route.canary else ("", route.cookie)
    primary = primary_cookie(affinity, route) if current else ""
    return {
        "sessionAffinityCookie": current,
        "previousSessionAffinityCookie": previous,
        **({"primarySessionAffinityCookie": primary} if affinity.primary_cookie_name else {}),
    }


def known_cookie(status: Json) -> str:
    """The cookie of the canary that users still hold, by a Canary's status, Flagger's or our own."""
    return str(status.get("sessionAffinityCookie") or status.get("previousSessionAffinityCookie") or "")


def pattern(cookie: str) -> str:
    """The regular expression (RE2, of the whole text) of Cookie headers that hold ``cookie``."""
    return rf"(.*;)?\s*{re.escape(cookie)}\s*(;.*)?"


def _value(*parts: str) -> str:
    return sha256("/".join(parts).encode()).hexdigest()[:_LENGTH]
