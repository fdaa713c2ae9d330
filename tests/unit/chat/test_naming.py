"""Names: every full form names one rollout, a shorter one is good while it fits only one, a part of one is a guess."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.chat.naming import Found, find, full_keys, nearest, show
from shared.rollout import RolloutKey

SHOP = RolloutKey("eu", "test", "shop")
SHOP_US = RolloutKey("us", "test", "shop")
CART = RolloutKey("eu", "test", "cart-worker")
DOTTED = RolloutKey("us", "prod", "shop.v2")
KEYS = (SHOP, SHOP_US, CART, DOTTED)

_names = st.from_regex(r"[a-z]([a-z0-9-]{0,8}[a-z0-9])?", fullmatch=True)
_keys = st.builds(RolloutKey, _names, _names, st.lists(_names, min_size=1, max_size=2).map(".".join))


@pytest.mark.parametrize(
    ("subject", "found"),
    [
        ("eu:test/shop", Found((SHOP,))),
        ("eu/test/shop", Found((SHOP,))),
        ("eu:test:shop", Found((SHOP,))),
        ("eu:shop.test", Found((SHOP,))),
        ("test/shop", Found((SHOP, SHOP_US))),
        ("shop.test", Found((SHOP, SHOP_US))),
        ("shop", Found((SHOP, SHOP_US))),
        ("cart-worker", Found((CART,))),
        ("prod/shop.v2", Found((DOTTED,))),
        ("shop.v2.prod", Found((DOTTED,))),
        ("shop.v2", Found((DOTTED,))),
        ("cart", Found((CART,), guessed=True)),
        ("nothing", Found((), guessed=True)),
        ("*", Found(KEYS)),
        ("eu:*", Found((SHOP, CART))),
        ("prod/*", Found((DOTTED,))),
    ],
)
def test_a_name_finds_what_it_fits(subject: str, found: Found) -> None:
    assert find(subject, KEYS) == found


@given(_keys, st.lists(_keys, max_size=4))
def test_the_name_that_people_read_is_one_that_finds_it_again(key: RolloutKey, others: list[RolloutKey]) -> None:
    keys = tuple(dict.fromkeys([key, *others]))
    clusters = tuple(dict.fromkeys(each.cluster for each in keys))
    found = find(show(key, clusters), keys)
    assert key in found.keys
    assert not found.guessed
    assert key in full_keys(show(key, clusters), clusters)


@pytest.mark.parametrize(
    ("subject", "keys"),
    [
        ("test/shop", (SHOP, SHOP_US)),
        ("us:test/shop", (SHOP_US,)),
        ("us/test/shop", (SHOP_US,)),
        ("US:test:shop".lower(), (SHOP_US,)),
        ("shop", ()),
        ("mars:test/shop", ()),
        ("a/b/c/d", ()),
    ],
)
def test_a_full_name_is_a_key_without_asking_anybody(subject: str, keys: tuple[RolloutKey, ...]) -> None:
    assert full_keys(subject, ("eu", "us")) == keys


def test_a_slip_is_met_with_what_is_near() -> None:
    assert nearest("shp.test", KEYS) == (SHOP_US,) or SHOP in nearest("shp.test", KEYS)
    assert nearest("zzz", KEYS) == ()


def test_the_cluster_is_named_where_there_are_several() -> None:
    assert (show(SHOP, ("eu",)), show(SHOP, ("eu", "us"))) == ("shop.test", "eu:test/shop")
