"""Roles: everybody may look, whoever wants more needs a line, and a wrong line stops the start."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import pytest

from shared.chat.permission import Rules, may
from shared.chat.request import Person
from shared.chat.roles import Roles, find_role_gaps, parse_roles
from shared.errors import InvalidSettings, Unknown
from shared.rollout import RolloutKey, Verb
from shared.settings import read_settings

SHOP = RolloutKey("prod-eu", "shop", "cart")
ROLES = {
    "U0ADA": {"abort": ["*"], "promote": ["shop", "prod-eu/pay"]},
    "S0SRE": {"*": ["*"]},
    "C0SHOP": {"pause": ["prod-*/shop"]},
    "*": {"retry": ["staging/*"]},
}


@dataclass
class Known:
    """User groups as given; asking for one that is not raises."""

    groups: dict[str, frozenset[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    def members(self, group: str) -> frozenset[str]:
        self.asked.append(group)
        if group not in self.groups:
            raise Unknown("Slack did not say")
        return self.groups[group]


def person(user: str = "U0BOB", channel: str = "C0RANDOM", *, guest: bool = False) -> Person:
    return Person(user, "bob", channel, guest=guest)


def allows(who: Person, verb: Verb, key: RolloutKey = SHOP, groups: Known | None = None) -> bool:
    rules = Rules(parse_roles(json.dumps(ROLES)), groups or Known({"S0SRE": frozenset({"U0SRE"})}))
    return not may(rules, who, verb, key)


def test_without_roles_nobody_may_do_anything() -> None:
    for verb in Verb:
        assert may(Rules(Roles(), Known()), person(), verb, SHOP)


@pytest.mark.parametrize(
    ("who", "verb", "key", "allowed"),
    [
        (person("U0ADA"), Verb.PROMOTE, SHOP, True),
        (person("U0ADA"), Verb.PROMOTE, RolloutKey("prod-eu", "pay", "x"), True),
        (person("U0ADA"), Verb.PROMOTE, RolloutKey("prod-us", "pay", "x"), False),
        (person("U0ADA"), Verb.APPROVE, SHOP, False),
        (person("U0SRE"), Verb.APPROVE, RolloutKey("any", "where", "x"), True),
        (person(channel="C0SHOP"), Verb.PAUSE, SHOP, True),
        (person(channel="C0SHOP"), Verb.PAUSE, RolloutKey("staging", "shop", "x"), False),
        (person(channel="C0SHOP"), Verb.PROMOTE, SHOP, False),
        (person(), Verb.RETRY, RolloutKey("staging", "any", "x"), True),
        (person(), Verb.RETRY, SHOP, False),
    ],
)
def test_a_grant_holds_for_its_verb_and_its_places(who: Person, verb: Verb, key: RolloutKey, allowed: bool) -> None:
    assert allows(who, verb, key) is allowed


@pytest.mark.parametrize("verb", [verb for verb in Verb if verb is not Verb.ABORT])
def test_whoever_may_do_anything_in_a_place_may_abort_there(verb: Verb) -> None:
    rules = Rules(parse_roles(json.dumps({"U0BOB": {verb: ["shop"]}})), Known())
    assert not may(rules, person(), Verb.ABORT, SHOP)
    assert may(rules, person(), Verb.ABORT, RolloutKey("prod-eu", "pay", "x"))


def test_who_may_abort_may_not_promote_for_that() -> None:
    rules = Rules(parse_roles('{"*": {"abort": ["*"]}}'), Known())
    assert not may(rules, person(), Verb.ABORT, SHOP)
    assert may(rules, person(), Verb.PROMOTE, SHOP)


def test_a_guest_of_another_workspace_is_not_everybody_and_not_the_channel() -> None:
    roles = parse_roles('{"*": {"abort": ["*"]}, "C0SHOP": {"promote": ["*"]}, "U0EVE": {"pause": ["*"]}}')
    rules = Rules(roles, Known())
    guest = person("U0EVE", "C0SHOP", guest=True)
    assert may(rules, guest, Verb.PROMOTE, SHOP)
    assert not may(rules, guest, Verb.PAUSE, SHOP)
    assert may(rules, person("U0MAL", "C0SHOP", guest=True), Verb.ABORT, SHOP)


def test_slack_is_asked_for_a_group_only_when_it_matters() -> None:
    groups = Known({"S0SRE": frozenset()})
    assert allows(person("U0ADA"), Verb.ABORT, groups=groups)
    assert groups.asked == []
    assert not allows(person(), Verb.ABORT, groups=groups)
    assert groups.asked == ["S0SRE"]


def test_a_group_that_slack_does_not_tell_allows_nothing() -> None:
    rules = Rules(parse_roles(json.dumps(ROLES)), Known())
    assert "Slack did not say" in may(rules, person(), Verb.APPROVE, SHOP)


def test_a_refusal_names_who_may() -> None:
    rules = Rules(parse_roles(json.dumps(ROLES)), Known({"S0SRE": frozenset()}))
    assert may(rules, person(), Verb.PROMOTE, SHOP) == "These may: <@U0ADA>, <!subteam^S0SRE>."


@pytest.mark.parametrize(
    ("roles", "problem"),
    [
        ("{", "SERIN_SLACK_ROLES: is not JSON"),
        ('{"ada": {"abort": ["*"]}}', "SERIN_SLACK_ROLES.ada: must be the id of a person (U...)"),
        ('{"U0ADA": "abort"}', "SERIN_SLACK_ROLES.U0ADA: must be an object of verbs"),
        ('{"U0ADA": {"abrot": ["*"]}}', "SERIN_SLACK_ROLES.U0ADA.abrot: is no verb: there are abort, promote"),
        ('{"U0ADA": {"abort": "*"}}', "SERIN_SLACK_ROLES.U0ADA.abort: must be a list of places"),
        ('{"U0ADA": {"abort": []}}', "SERIN_SLACK_ROLES.U0ADA.abort: must be a list of places"),
        (
            '{"U0ADA": {"abort": ["*", "a/b/c"]}}',
            "SERIN_SLACK_ROLES.U0ADA.abort[1]: must be NAMESPACE or CLUSTER/NAMESPACE",
        ),
        ('{"U0ADA": {"abort": ["*"]}, "U0ADA": {}}', 'SERIN_SLACK_ROLES: gives "U0ADA" twice'),
    ],
)
def test_a_wrong_entry_stops_the_start_and_is_named(roles: str, problem: str) -> None:
    with pytest.raises(InvalidSettings) as error:
        read_settings({"SERIN_SLACK_ROLES": roles})
    assert str(error.value.problems[0]).startswith(problem)


def test_every_wrong_entry_is_named_at_once() -> None:
    with pytest.raises(InvalidSettings) as error:
        read_settings({"SERIN_SLACK_ROLES": '{"ada": {"abort": ["*"]}, "U1X": {"fly": ["a b"]}}'})
    assert len(error.value.problems) == 3


def test_user_groups_need_a_token_to_be_looked_up() -> None:
    roles = parse_roles('{"S0SRE": {"*": ["*"]}}')
    assert "SERIN_SLACK_TOKEN" in str(find_role_gaps({"slack_roles": roles})[0])
    assert find_role_gaps({"slack_roles": roles, "slack_token": "xoxb-1"}) == []
