"""Who may ask for what, and where: reads ``SERIN_SLACK_ROLES``, and names every problem in it at once.

Everybody may look; whoever wants more needs a line. It is a JSON object of people, of verbs, of places. ::

    {"U012ABCDEF": {"abort": ["*"], "promote": ["shop", "prod-eu/pay"]},   a person
     "S0SREGROUP": {"*": ["*"]},                                          a user group
     "C0SHOPTEAM": {"pause": ["prod-*/shop"], "resume": ["prod-*/shop"]}, whoever writes in a channel
     "*":          {"abort": ["staging/*"]}}                              everybody in the workspace

A place is ``namespace``, in every cluster, or ``cluster/namespace``; ``*`` stands for any part of a name. Whoever may
ask for anything in a place may abort there: stopping a release is never the dangerous side.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from shared.errors import InvalidSettings, Problem
from shared.json_setting import load_setting
from shared.rollout import Verb

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from shared.canary.fields import Field
    from shared.rollout import RolloutKey

VARIABLE = "SERIN_SLACK_ROLES"
EVERYBODY = "*"

_WHO = re.compile(r"[UWSCGD][A-Z0-9]{2,}")
_PLACE = re.compile(r"[^/:\s]+(/[^/:\s]+)?")


@dataclass(frozen=True, slots=True)
class Grant:
    """``who`` (a Slack id, or ``*``) may ask for ``verb`` where cluster and namespace match."""

    who: str
    verb: Verb
    cluster: str
    namespace: str

    def covers(self, verb: Verb, key: RolloutKey) -> bool:
        """Whether it allows ``verb`` for ``key``."""
        return verb in (self.verb, Verb.ABORT) and (
            fnmatchcase(key.cluster, self.cluster) and fnmatchcase(key.namespace, self.namespace)
        )


@dataclass(frozen=True, slots=True)
class Roles:
    """All grants. Without any, everybody may only look."""

    grants: tuple[Grant, ...] = ()

    def allowed(self, verb: Verb, key: RolloutKey) -> tuple[str, ...]:
        """Who may ask for ``verb`` there: ids of people, user groups and channels, or ``*``; each once."""
        return tuple(dict.fromkeys(grant.who for grant in self.grants if grant.covers(verb, key)))

    @property
    def groups(self) -> frozenset[str]:
        """The user groups that are named."""
        return frozenset(grant.who for grant in self.grants if is_group(grant.who))


def is_group(who: str) -> bool:
    """Whether an id is that of a user group."""
    return who.startswith("S")


def parse_roles(text: str) -> Roles:
    """The roles of a JSON text. InvalidSettings with every problem found."""
    problems: list[Problem] = []
    grants = tuple(_read(load_setting(text, VARIABLE, problems)))
    if problems:
        raise InvalidSettings("environment", tuple(problems))
    return Roles(grants)


def find_role_gaps(values: Mapping[str, object]) -> list[Problem]:
    """What the roles need of the other settings, by the names of their fields."""
    roles = values.get("slack_roles")
    if not isinstance(roles, Roles) or not roles.groups or values.get("slack_token"):
        return []
    return [Problem(VARIABLE, f"names user groups ({', '.join(sorted(roles.groups))}): give SERIN_SLACK_TOKEN, too")]


def _read(root: Field) -> Iterator[Grant]:
    if not isinstance(root.value, dict):
        root.report('must be an object, {"U012ABCDEF": {"abort": ["*"]}}')
        return
    for who in root.value:
        entry = root.at(who)
        if who != EVERYBODY and not _WHO.fullmatch(who):
            entry.report("must be the id of a person (U...), a user group (S...) or a channel (C...), or *")
        if not isinstance(entry.value, dict):
            entry.report('must be an object of verbs, {"abort": ["*"]}')
            continue
        for verb in entry.value:
            yield from _read_verb(who, verb, entry.at(verb))


def _read_verb(who: str, verb: str, places: Field) -> Iterator[Grant]:
    verbs = tuple(Verb) if verb == "*" else tuple(known for known in Verb if known == verb)
    if not verbs:
        places.report(f"is no verb: there are {', '.join(Verb)}, and * for all of them")
    if not isinstance(places.value, list) or not places.value:
        places.report('must be a list of places, ["NAMESPACE", "CLUSTER/NAMESPACE"], or ["*"]')
    for place in places.entries():
        if not isinstance(place.value, str) or not _PLACE.fullmatch(place.value):
            place.report("must be NAMESPACE or CLUSTER/NAMESPACE; * stands for any part of a name")
            continue
        cluster, slash, namespace = place.value.rpartition("/")
        yield from (Grant(who, each, cluster if slash else "*", namespace) for each in verbs)
