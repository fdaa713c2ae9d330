"""Whether an ending is as it must be: what was seen in, sentences about what is wrong out.

It must never be lenient: a demo that exits with 0 has shown what it promised.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from infra.local.errors import DemoError

if TYPE_CHECKING:
    from infra.local.callers import Counts
    from infra.local.picture import Picture

ENDS = frozenset({"Succeeded", "Failed"})
"""The phases in which a run ends."""


def settled(picture: Picture) -> bool:
    """Whether nothing moves any more: the canary has no pods, and the primary is ready and of one template."""
    primary = picture.primary
    return picture.canary.pods == 0 and primary.pods > 0 and primary.ready == primary.updated == primary.pods


def promotion_problems(picture: Picture, version: str) -> tuple[str, ...]:
    """What contradicts that ``version`` was promoted."""
    return _problems(picture, "Succeeded", version)


def rollback_problems(picture: Picture, version: str) -> tuple[str, ...]:
    """What contradicts that a release was rolled back while the primary stayed on ``version``."""
    return _problems(picture, "Failed", version)


def traffic_problems(before: Counts, after: Counts) -> tuple[str, ...]:
    """What went wrong with requests: until ``before``, when a rollback was over, and from then to ``after``."""
    late = after.canary.requests - before.canary.requests
    found = {
        f"lost requests: {after.lost}": after.lost > 0,
        f"requests that failed at the primary: {after.primary.errors}": after.primary.errors > 0,
        f"requests that reached the canary after the rollback: {late}": late > 0,
        "no request ever reached the canary": after.canary.requests == 0,
        "no bad answer came from the canary": after.canary.errors == 0,
        "no request reached the primary after the rollback": after.primary.requests == before.primary.requests,
    }
    return tuple(sentence for sentence, holds in found.items() if holds)


def demand(what: str, problems: tuple[str, ...]) -> None:
    """DemoError with all ``problems``, if there are any."""
    if problems:
        raise DemoError(f"{what} did not end as it must: {'; '.join(problems)}")


def describe(picture: Picture) -> str:
    """Where things stand, in one sentence part."""
    route = "without a route" if picture.weight is None else f"at weight {picture.weight}"
    primary, canary = picture.primary, picture.canary
    return (
        f"{picture.phase or 'not started'} {route}, with {primary.ready} of {primary.pods} primary pods ready "
        f"(version {primary.version or 'none'}) and {canary.ready} of {canary.pods} canary pods"
    )


def _problems(picture: Picture, phase: str, version: str) -> tuple[str, ...]:
    primary = picture.primary
    found = {
        f"the phase is {picture.phase or 'empty'}, not {phase}": picture.phase != phase,
        f"the primary's image is {primary.version or 'none'}, not {version}": primary.version != version,
        f"only {primary.updated} of {primary.pods} primary pods run it": not 0 < primary.pods == primary.updated,
        f"only {primary.ready} of {primary.pods} primary pods are ready": not 0 < primary.pods == primary.ready,
        f"the canary still gets {picture.weight} % of the traffic": picture.weight not in (None, 0),
        "the router has no clear route": picture.weight is None,
        f"lost requests: {picture.lost}": picture.lost > 0,
    }
    return tuple(sentence for sentence, holds in found.items() if holds)
