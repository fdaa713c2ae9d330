"""The dict form of a rollout loses nothing, and two releases of Serin can keep the same document."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from typing import TYPE_CHECKING

import pytest
from hypothesis import given

from shared.rollout import Command, Rollout, Verb, moment
from shared.schema import SCHEMA, from_dict, to_dict
from tests.support.releases import FIRST_FIELDS, RECORDED
from tests.support.rollouts import AT, rollouts

if TYPE_CHECKING:
    from shared.json_types import Json

RELEASES = sorted(RECORDED.glob("*.json"))


def documents() -> list[tuple[str, Json]]:
    """What each release wrote, by its name and the document's."""
    return [
        (f"{file.stem} {name}", document)
        for file in RELEASES
        for name, document in json.loads(file.read_text(encoding="utf-8")).items()
    ]


@given(rollouts)
def test_a_rollout_survives_its_dict_form(rollout: Rollout) -> None:
    assert from_dict(to_dict(rollout)) == rollout


@given(rollouts)
def test_a_rollout_survives_json(rollout: Rollout) -> None:
    assert from_dict(json.loads(json.dumps(to_dict(rollout)))) == rollout


def test_fields_that_an_earlier_release_did_not_write_take_their_defaults() -> None:
    assert from_dict({"schema": 0, "version": 7}) == Rollout(version=7)


@given(rollouts)
def test_fields_of_another_release_are_written_back_as_they_were(rollout: Rollout) -> None:
    document = {**to_dict(rollout), "pace": {"of": ["another", "release"]}}
    assert to_dict(from_dict(document)) == document


def test_what_this_release_knows_it_writes_itself_whatever_was_kept() -> None:
    assert to_dict(Rollout(weight=10, kept={"weight": 90, "schema": 0}))["weight"] == 10
    assert to_dict(Rollout(kept={"schema": 0}))["schema"] == SCHEMA


def test_a_field_inside_a_part_that_this_release_does_not_know_is_read_over() -> None:
    kept = {"id": "c1", "verb": "abort", "by": "ada", "at": moment(AT), "pace": 1}
    assert from_dict({"commands": [kept]}).commands == (Command("c1", Verb.ABORT, "ada", AT),)
    full = dict(documents())["0.1.0 with everything"]
    assert from_dict(_grown(full)) == from_dict(full)


def _grown(value: Json) -> Json:
    """A document whose parts all have one field more; what is keyed by names of the user's has no fields."""
    named = {"configs", "checks", "endings"}

    def grow(name: str, part: object) -> object:
        match part:
            case dict() if name in named:
                return part
            case dict():
                return {**{key: grow(key, inner) for key, inner in part.items()}, "pace": 1}
            case list():
                return [grow(name, inner) for inner in part]
            case _:
                return part

    return {name: grow(name, part) for name, part in value.items()}


def test_a_document_that_this_release_cannot_read_is_refused_and_says_what_to_do() -> None:
    with pytest.raises(ValueError, match=f"schema {SCHEMA + 1} .* reads up to {SCHEMA}: deploy the release that wrote"):
        from_dict({"schema": SCHEMA + 1, "version": 7})


@pytest.mark.parametrize(("name", "document"), documents(), ids=[name for name, _ in documents()])
def test_every_field_that_a_release_ever_wrote_is_still_read(name: str, document: Json) -> None:
    """A field that is renamed, or means something else, would be a loss for whoever upgrades, or goes back."""
    read = from_dict(document)
    assert read.kept == {}, name
    written = to_dict(read)
    assert {field: written[field] for field in document} == {**document, "schema": SCHEMA}


def test_the_full_document_of_this_release_has_every_field_with_something_in_it() -> None:
    full = from_dict(dict(documents())["0.1.0 with everything"])
    bare = {each.name for each in fields(Rollout)} - {"kept"}
    assert {name for name in bare if getattr(full, name) == getattr(Rollout(), name)} == {"born"}


def test_the_first_documents_are_a_part_of_todays() -> None:
    assert set(FIRST_FIELDS) < {*asdict(Rollout()), "schema"}
