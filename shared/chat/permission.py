"""Whether a person may ask for something, by the roles of the settings and the user groups of Slack."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from shared.chat.roles import EVERYBODY, is_group
from shared.errors import Unknown
from shared.mrkdwn import escape, mention

if TYPE_CHECKING:
    from collections.abc import Sequence

    from shared.chat.groups import Groups
    from shared.chat.request import Person
    from shared.chat.roles import Roles
    from shared.rollout import RolloutKey, Verb


@dataclass(frozen=True, slots=True)
class Rules:
    """The roles, and who knows the members of the user groups that they name."""

    roles: Roles
    groups: Groups


def may(rules: Rules, person: Person, verb: Verb, key: RolloutKey) -> str:
    """Why not, for the person; empty if they may. A guest of another workspace needs to be named, or be in a group."""
    allowed = rules.roles.allowed(verb, key)
    shared = () if person.guest else (EVERYBODY, person.channel)
    if any(who in allowed for who in (person.user, *shared)):
        return ""
    try:
        member = _is_member(rules.groups, person, allowed)
    except Unknown as error:
        return f"{escape(str(error))}: try again, or ask somebody who is named in the roles."
    return "" if member else _explain(allowed)


def _is_member(groups: Groups, person: Person, allowed: Sequence[str]) -> bool:
    return any(person.user in groups.members(who) for who in allowed if is_group(who))


def _explain(allowed: Sequence[str]) -> str:
    if not allowed:
        return "The roles of this installation (SERIN_SLACK_ROLES) allow it to nobody."
    return f"These may: {', '.join(map(mention, allowed[:20]))}."
