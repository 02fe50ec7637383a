"""The law itself, case by case; the same laws over both kinds are in tests/properties/test_ledger_laws.py."""

from __future__ import annotations

import pytest

from ghmodels_async.limits.ledger import Block, Busy, Learned, Reserved, SlotWant, Want
from ghmodels_async.limits.ledger.book import Book

MINUTE = Want("m|minute", 1, 2, 60.0, 0.5)
NOW = 1_000_000.0


def reserve(book: Book, id: str, *wants: Want, slots: tuple[SlotWant, ...] = (), now: float = NOW) -> Reserved | Busy:
    return book.reserve(id, wants, slots, holder="me", now=now, lease=30.0)


def test_a_full_window_opens_when_the_oldest_grant_leaves_it() -> None:
    book = Book()
    for n, at in enumerate((NOW, NOW + 10)):
        assert reserve(book, f"r{n}", MINUTE, now=at) == Reserved(f"r{n}", {"m|minute": n + 1})
        book.sent(f"r{n}", at + 1)

    assert reserve(book, "r2", MINUTE, now=NOW + 20) == Busy("m|minute", NOW + 61.5)
    assert reserve(book, "r2", MINUTE, now=NOW + 61.5) == Reserved("r2", {"m|minute": 2})


def test_an_open_grant_counts_to_the_end_of_its_lease() -> None:
    book = Book()
    reserve(book, "r1", Want("m", 1, 1, 60.0))

    assert reserve(book, "r2", Want("m", 1, 1, 60.0), now=NOW + 61) == Busy("m", NOW + 90.0), "30 s of lease, then 60"


def test_an_open_grant_is_expected_to_leave_at_once() -> None:
    book = Book()
    reserve(book, "r1", Want("m", 1, 1, 60.0))

    assert reserve(book, "r2", Want("m", 1, 1, 60.0), now=NOW + 5) == Busy("m", NOW + 60.0, firm=False)


def test_all_or_nothing_is_taken() -> None:
    book = Book()
    reserve(book, "r1", Want("day", 1, 1, 86400.0))

    assert isinstance(reserve(book, "r2", MINUTE, Want("day", 1, 1, 86400.0), slots=(SlotWant("s", 1),)), Busy)
    assert reserve(book, "r3", MINUTE, slots=(SlotWant("s", 1),)) == Reserved("r3", {"m|minute": 1})


def test_the_limit_that_opens_last_is_named() -> None:
    book = Book()
    reserve(book, "r1", Want("minute", 1, 1, 60.0), Want("day", 1, 1, 86400.0))
    book.sent("r1", NOW)

    assert reserve(book, "r2", Want("minute", 1, 1, 60.0), Want("day", 1, 1, 86400.0)) == Busy("day", NOW + 86400.0)


def test_a_refund_gives_everything_back() -> None:
    book = Book()
    reserve(book, "r1", Want("m", 1, 1, 60.0), slots=(SlotWant("s", 1),))
    book.refund("r1")

    assert isinstance(reserve(book, "r2", Want("m", 1, 1, 60.0), slots=(SlotWant("s", 1),)), Reserved)
    book.refund("never heard of")


def test_a_fixed_day_opens_at_its_end_and_the_margin() -> None:
    day = (NOW - 100.0, NOW + 900.0)
    book = Book()
    reserve(book, "r1", Want("d", 1, 1, 1000.0, 2.0, day))
    book.sent("r1", NOW + 1)

    assert reserve(book, "r2", Want("d", 1, 1, 1000.0, 2.0, day)) == Busy("d", NOW + 902.0)
    tomorrow = (NOW + 900.0, NOW + 1900.0)
    assert isinstance(reserve(book, "r2", Want("d", 1, 1, 1000.0, 2.0, tomorrow), now=NOW + 902.0), Reserved)


def test_a_grant_on_the_edge_of_a_day_counts_on_both_sides() -> None:
    midnight = NOW
    book = Book()
    reserve(book, "r1", Want("d", 1, 1, 86400.0, 2.0, (NOW - 86400.0, midnight)), now=NOW - 1.5)
    book.sent("r1", NOW - 1.5)

    refused = reserve(book, "r2", Want("d", 1, 1, 86400.0, 2.0, (midnight, NOW + 86400.0)), now=NOW + 2.0)
    assert refused == Busy("d", NOW + 86402.0)


def test_tokens_settle_to_what_was_used() -> None:
    book = Book()
    reserve(book, "r1", Want("t", 80, 100, 60.0))
    book.sent("r1", NOW)
    assert reserve(book, "r2", Want("t", 50, 100, 60.0)) == Busy("t", NOW + 60.0)
    book.settle("r1", {"t": 50}, None, now=NOW + 5)

    assert reserve(book, "r2", Want("t", 50, 100, 60.0)) == Reserved("r2", {"t": 100})


def test_enough_old_grants_must_go_for_a_large_one() -> None:
    book = Book()
    for n, amount in enumerate((30, 30, 40)):
        reserve(book, f"r{n}", Want("t", amount, 100, 60.0), now=NOW + n)
        book.sent(f"r{n}", NOW + n)

    assert reserve(book, "r3", Want("t", 50, 100, 60.0), now=NOW + 3) == Busy("t", NOW + 61.0)
    with pytest.raises(ValueError, match="can never be had"):
        reserve(book, "r3", Want("t", 101, 100, 60.0), now=NOW + 3)


def test_a_settled_slot_is_free_at_once_or_after_its_linger() -> None:
    book, slot = Book(), (SlotWant("s", 1),)
    reserve(book, "r1", slots=slot)
    assert reserve(book, "r2", slots=slot, now=NOW + 1) == Busy("s", NOW + 30.0, firm=False)
    book.settle("r1", {}, NOW + 4, now=NOW + 2)
    assert reserve(book, "r2", slots=slot, now=NOW + 3) == Busy("s", NOW + 4, firm=False)
    assert isinstance(reserve(book, "r2", slots=slot, now=NOW + 4), Reserved)
    book.settle("r2", {}, None, now=NOW + 5)
    assert isinstance(reserve(book, "r3", slots=slot, now=NOW + 5), Reserved)


def test_heartbeats_keep_leases_and_do_not_raise_the_dead() -> None:
    book, slot = Book(), (SlotWant("s", 1),)
    reserve(book, "r1", MINUTE, slots=slot)
    assert book.heartbeat("me", now=NOW + 20, lease=30.0) == 2
    assert isinstance(reserve(book, "r2", slots=slot, now=NOW + 49), Busy)
    assert isinstance(reserve(book, "r2", slots=slot, now=NOW + 50), Reserved)
    assert book.heartbeat("me", now=NOW + 51, lease=30.0) == 1, "only the new one"
    assert book.heartbeat("somebody else", now=NOW + 51, lease=30.0) == 0


def test_a_lingering_slot_is_not_renewed() -> None:
    book, slot = Book(), (SlotWant("s", 1),)
    reserve(book, "r1", slots=slot)
    book.settle("r1", {}, NOW + 2, now=NOW)
    assert book.heartbeat("me", now=NOW + 1, lease=30.0) == 0
    assert isinstance(reserve(book, "r2", slots=slot, now=NOW + 2), Reserved)


def test_who_leaves_in_good_order_frees_slots_and_counts_as_sent() -> None:
    book = Book()
    reserve(book, "r1", Want("m", 1, 1, 60.0), slots=(SlotWant("s", 1),))
    book.leave("me", now=NOW + 7)

    assert isinstance(reserve(book, "r2", slots=(SlotWant("s", 1),), now=NOW + 7), Reserved)
    assert reserve(book, "r3", Want("m", 1, 1, 60.0), now=NOW + 7) == Busy("m", NOW + 67.0)


def test_a_block_holds_until_its_end_and_is_never_shortened() -> None:
    book = Book()
    book.block(Block("m|minute", NOW + 46, "429"))
    book.block(Block("m|minute", NOW + 10))

    assert reserve(book, "r1", MINUTE) == Busy("m|minute", NOW + 46, reason="429")
    assert isinstance(reserve(book, "r1", MINUTE, now=NOW + 46), Reserved)
    book.block(Block("s", NOW + 100))
    assert reserve(book, "r2", slots=(SlotWant("s", 1),)) == Busy("s", NOW + 100)


def test_a_block_that_ends_before_the_window_opens_is_not_the_answer() -> None:
    book = Book()
    reserve(book, "r1", Want("m", 1, 1, 60.0))
    book.sent("r1", NOW)
    book.block(Block("m", NOW + 5))

    assert reserve(book, "r2", Want("m", 1, 1, 60.0), now=NOW + 1) == Busy("m", NOW + 60.0)


def test_two_requests_may_hold_slots_of_two_limits() -> None:
    book = Book()
    for id, limit in (("r1", "a"), ("r2", "b")):
        assert isinstance(reserve(book, id, slots=(SlotWant(limit, 1),)), Reserved)
    book.settle("r1", {}, None, now=NOW)
    assert isinstance(reserve(book, "r3", slots=(SlotWant("a", 1),)), Reserved)
    assert isinstance(reserve(book, "r4", slots=(SlotWant("b", 1),)), Busy)


def test_what_is_over_is_pruned() -> None:
    book = Book()
    reserve(book, "r1", Want("m", 1, 9, 60.0), Want("d", 1, 9, 86400.0), slots=(SlotWant("s", 1),))
    book.settle("r1", {}, NOW + 5, now=NOW)
    reserve(book, "r2", slots=(SlotWant("s", 2),))
    book.prune(NOW + 200)
    assert [grant.limit for grant in book.contents(NOW + 200).grants] == ["d"]
    assert book.heartbeat("me", now=NOW + 1, lease=30.0) == 0


def test_leaving_is_ones_own_affair() -> None:
    book = Book()
    reserve(book, "r1", Want("m", 1, 1, 60.0), slots=(SlotWant("s", 1),))
    book.settle("r1", {}, NOW + 20, now=NOW)
    book.leave("me", now=NOW + 7)
    assert isinstance(reserve(book, "r2", slots=(SlotWant("s", 1),), now=NOW + 8), Busy), "a linger goes on"
    book.leave("somebody else", now=NOW + 7)
    assert reserve(book, "r3", Want("m", 1, 1, 60.0), now=NOW + 7) == Busy("m", NOW + 60.0)


def test_a_recorded_request_counts_like_a_reserved_one() -> None:
    book = Book()
    book.record("r1", [Want("m", 1, 1, 60.0)], at=NOW - 10, holder="me", now=NOW)

    assert reserve(book, "r2", Want("m", 1, 1, 60.0)) == Busy("m", NOW + 50.0)


def test_contents_are_what_may_still_count() -> None:
    book = Book()
    reserve(book, "old", Want("m", 1, 9, 60.0), now=NOW - 1000)
    book.sent("old", NOW - 1000)
    reserve(book, "new", Want("m", 1, 9, 60.0), Want("d", 1, 9, 86400.0))
    book.block(Block("over", NOW - 1))
    book.block(Block("m", NOW + 5))
    book.learn(Learned("m", 9, 60.0, NOW))

    opened = book.contents(NOW)
    assert [(grant.id, grant.limit) for grant in opened.grants] == [("new", "d"), ("new", "m")]
    assert [block.limit for block in opened.blocks] == ["m"]
    assert opened.learned == (Learned("m", 9, 60.0, NOW),)


def test_old_rows_do_not_pile_up() -> None:
    book = Book()
    for n in range(2000):
        book.record(f"r{n}", [MINUTE], at=NOW + n, holder="me", now=NOW + n)
    assert len(book._rows) < 1000
    assert len(book.contents(NOW + 2000).grants) < 200
