"""What people type: tolerant where nothing can go wrong, and never a guess at a word that does something."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from shared.chat.order import WORDS, Order, Question, Unclear, plain, read_order
from shared.rollout import Verb


@pytest.mark.parametrize(
    ("text", "order"),
    [
        ("", Order(Question.HELP)),
        ("help", Order(Question.HELP)),
        ("status", Order(Question.STATUS)),
        ("STATUS *", Order(Question.STATUS, "*")),
        ("status shop/*", Order(Question.STATUS, "shop/*")),
        ("  Status   Test/Shop ", Order(Question.STATUS, "test/shop")),
        ("why `shop.test`", Order(Question.WHY, "shop.test")),
        ("history \u201cshop.test\u201d,", Order(Question.HISTORY, "shop.test")),
        ("<@U012SERIN|serin> status shop", Order(Question.STATUS, "shop")),
        ("status <http://shop.test|shop.test>", Order(Question.STATUS, "shop.test")),
        ("status <https://shop.test>", Order(Question.STATUS, "shop.test")),
        ("abort shop.test", Order(Verb.ABORT, "shop.test")),
        ("abort shop.test p99 is &gt; 2 s", Order(Verb.ABORT, "shop.test", "p99 is > 2 s")),
        ("abort shop.test ask <@U1|ada> in <#C1|ops>", Order(Verb.ABORT, "shop.test", "ask @ada in #ops")),
        ('abort shop.test "It" Hurts', Order(Verb.ABORT, "shop.test", '"It" Hurts')),
        ("rollback shop", Order(Verb.ABORT, "shop")),
        ("approve EU:Test/Shop", Order(Verb.APPROVE, "eu:test/shop")),
    ],
)
def test_people_are_understood(text: str, order: Order) -> None:
    assert read_order(text) == order


@pytest.mark.parametrize(
    ("text", "unclear"),
    [
        ("abrot shop", Unclear("abrot", "abort")),
        ("promte shop", Unclear("promte", "promote")),
        ("statsu", Unclear("statsu", "status")),
        ("shop.test abort", Unclear("shop.test")),
        ("ab shop", Unclear("ab")),
    ],
)
def test_a_word_that_is_not_known_is_not_guessed_at(text: str, unclear: Unclear) -> None:
    assert read_order(text) == unclear


@given(st.text())
@example("<|>")
@example("<<a|b>|c>")
def test_nothing_that_is_typed_breaks_it_and_only_known_words_do_anything(text: str) -> None:
    order = read_order(text)
    if isinstance(order, Order) and order.word in list(Verb):
        first = plain(text).lower()
        assert any(word in first for word in (*WORDS, "stop", "cancel", "rollback", "unpause"))


def test_a_reason_is_cut_to_what_an_event_can_hold() -> None:
    order = read_order("abort shop.test " + "x" * 4000)
    assert isinstance(order, Order)
    assert len(order.reason) == 500
