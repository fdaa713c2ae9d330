"""Secrets in webhook paths: whose they are, and which cannot be used."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.identity.path_secret import SHORTEST, cluster_of, find_problems

EAST, EAST_NEW, WEST = "e" * SHORTEST, "n" * (SHORTEST + 8), "west-" + "w" * SHORTEST
SECRETS = {"east": (EAST, EAST_NEW), "west": (WEST,)}


@pytest.mark.parametrize(
    ("path", "cluster"),
    [
        (f"/{EAST}", "east"),
        (f"/{EAST_NEW}", "east"),
        (f"/{WEST}", "west"),
        (f"/webhook/{WEST}/", "west"),
        (WEST, "west"),
        (f"/{WEST}/x", None),
        (f"/{WEST}x", None),
        (f"/{WEST[:-1]}", None),
        (f"/{WEST.upper()}", None),
        (f"/{EAST}{WEST}", None),
        ("/", None),
        ("", None),
        ("/east", None),
        ("/\udcff\udcfe", None),
        ("/" + "ö" * SHORTEST, None),
    ],
)
def test_the_last_part_of_the_path_tells_the_cluster(path: str, cluster: str | None) -> None:
    assert cluster_of(path, SECRETS) == cluster


def test_a_secret_that_is_too_short_opens_nothing() -> None:
    short = "s" * (SHORTEST - 1)
    assert cluster_of(f"/{short}", {"east": (short,)}) is None
    assert cluster_of("/", {"east": ("",)}) is None


def test_every_secret_is_compared_whatever_matched_before(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(offered: bytes, secret: bytes) -> bool:
        compared.append(secret)
        return offered == secret

    monkeypatch.setattr("hmac.compare_digest", compare)
    assert cluster_of(f"/{EAST}", SECRETS) == "east"
    assert compared == [EAST.encode(), EAST_NEW.encode(), WEST.encode()]


@given(st.text(), st.dictionaries(st.text(max_size=4), st.lists(st.text(max_size=30)).map(tuple), max_size=3))
def test_it_never_raises_and_gives_only_what_matches(path: str, secrets: dict[str, tuple[str, ...]]) -> None:
    cluster = cluster_of(path, secrets)
    assert cluster is None or path.rstrip("/").split("/")[-1] in secrets[cluster]


@pytest.mark.parametrize(
    ("secrets", "problem"),
    [
        ({"east": ()}, "east: has no webhook secret"),
        ({"east": ("short",)}, "less than 24 characters"),
        ({"east": ("a/b" * 10,)}, "other characters"),
        ({"east": ("ö" * 30,)}, "other characters"),
        ({"east": (EAST,), "west": (EAST,)}, "west: has a webhook secret that is there twice"),
        ({"east": (EAST, EAST)}, "there twice"),
    ],
)
def test_what_cannot_be_used_is_named_without_the_secret(secrets: dict[str, tuple[str, ...]], problem: str) -> None:
    found = [str(each) for each in find_problems(secrets)]
    assert any(problem in text for text in found)
    assert not any(secret in text for text in found for secret in (EAST, "a/b", "short,"))


def test_good_secrets_have_no_problem() -> None:
    assert find_problems(SECRETS) == ()
