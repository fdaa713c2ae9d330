"""Whether a cluster answers, as whom it knows who asks, and what time it is there."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING

from shared.errors import ClusterUnavailable, Refused

if TYPE_CHECKING:
    from collections.abc import Iterator

    from shared.doctor.finding import Area, Finding
    from shared.doctor.ground import Ground

WHO_AM_I = "/apis/authentication.k8s.io/v1/selfsubjectreviews"

SKEW_SECONDS, WORST_SECONDS = 5.0, 60.0
"""Clocks further apart than this are worth a word; signatures and tokens are refused at some minutes."""

_SET_CLOCK = "let the machine of this process set its clock by NTP; tokens and Slack's signatures depend on it"


def examine_reach(ground: Ground) -> Iterator[Finding]:
    """Its answer, who asked, and its clock."""
    area, gateway = ground.area("cluster"), ground.gateway
    try:
        version = gateway.look("/version") or {}
        now = ground.clock()
        who = _name(ground)
    except ClusterUnavailable as error:
        yield area.bad("API server", str(error), _where(ground))
        return
    except Refused as error:
        yield area.bad("API server", str(error), f"it does not know who asks: renew what {_credentials(ground)} gives")
        return
    yield area.ok("API server", f"answers, Kubernetes {version.get('gitVersion', 'of an unknown version')}")
    yield area.ok("caller", f"is known as {who}" + (f"; rights are those of {ground.user}" if ground.user else ""))
    if gateway.date:
        skew = (now - parsedate_to_datetime(gateway.date)).total_seconds()
        yield judge_clock(area, "clock", skew, accuracy=1.0)


def is_reached(findings: tuple[Finding, ...]) -> bool:
    """Whether the rest of the cluster can be examined."""
    return any(each.subject == "caller" for each in findings)


def judge_clock(area: Area, subject: str, skew: float, accuracy: float = 0.0) -> Finding:
    """``skew`` is by how many seconds this process is ahead of the other, which tells its time only so accurately."""
    beyond = max(0.0, abs(skew) - accuracy)
    seen = f"this process is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}"
    if beyond > WORST_SECONDS:
        return area.bad(subject, seen, _SET_CLOCK)
    if beyond > SKEW_SECONDS:
        return area.warning(subject, seen, _SET_CLOCK)
    return area.ok(subject, "agrees with this process")


def _name(ground: Ground) -> str:
    review = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}
    answer = ground.gateway.review(WHO_AM_I, review) or {}
    return str(answer.get("status", {}).get("userInfo", {}).get("username", "nobody"))


def _where(ground: Ground) -> str:
    return f"see that it runs and can be reached from here; its address and credentials are in {_credentials(ground)}"


def _credentials(ground: Ground) -> str:
    if ground.settings.clusters:
        return f"SERIN_CLUSTERS.{ground.cluster.name}"
    return "SERIN_KUBECONFIG" if ground.settings.kubeconfig else "the pod's service account"
