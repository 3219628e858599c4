"""Adjustments: what may be proposed, by whom, up to how much; that one is booked once, and undone once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from tests.adjusting import LETTER, carried, frozen, funded, proposed, thawed, written
from tests.clock import SetClock
from tests.people import LIN, WANG
from tests.treasury import Cut, Treasury, cut_off, treasury
from zhangfang import adjustments, approvals
from zhangfang.adjustments import NoAdjustment
from zhangfang.adjustments.allowed import ALLOWED, preview
from zhangfang.adjustments.evidence import MOST, media_of
from zhangfang.adjustments.model import Adjustment, Line, Making
from zhangfang.approvals import AboveLimit, add_operator, set_limit
from zhangfang.kernel.errors import InvalidInput
from zhangfang.ledger import CHART, TEMPLATES
from zhangfang_audit.ledger import snapshot


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def stock(house: Treasury, fen: int) -> None:
    """Let long items of a channel hold money."""
    assert (
        await carried(house, await proposed(house, "3012/unionpay", "2351/unionpay", fen), WANG) == "posted"
    )


def test_every_allowed_template_books_what_its_lines_say() -> None:
    named = {"debit": "2322/mer_1", "credit": "2361/platform", "merchant": "mer_1", "channel": "unionpay"}
    for template, one in ALLOWED.items():
        assert template in TEMPLATES
        lines = preview(Making(template, 1200, {name: named[name] for name in one.whose}))
        assert lines
        assert {line.fen for line in lines} == {1200}
    assert preview(Making("A2", 5, {"merchant": "mer_1", "channel": "unionpay"})) == (
        Line("拒付扣款 Chargeback", "2322/mer_1", "3012/unionpay", 5),
    )


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"template": "T1"}, "template"),
        ({"amount": 0}, "amount"),
        ({"code": "because"}, "code"),
        ({"refers": "x"}, "refers"),
        ({"reason": " "}, "reason"),
        ({"files": ()}, "files"),
        ({"files": ("00" * 32,)}, "files"),
        ({"subjects": {"debit": "2322/mer_1"}}, "subjects"),
        ({"subjects": {"debit": "2324/platform", "credit": "2361/platform"}}, "accounts"),
        ({"subjects": {"debit": "1003/reserve", "credit": "2361/platform"}}, "accounts"),
        ({"subjects": {"debit": "2322/mer_1", "credit": "6001/platform"}}, "accounts"),
        ({"subjects": {"debit": "2322/mer_1", "credit": "2361/platform"}}, "accounts"),
        ({"subjects": {"debit": "9999/mer_1", "credit": "2361/platform"}}, "debit"),
        ({"subjects": {"debit": "2322", "credit": "2361/platform"}}, "debit"),
    ],
)
async def test_what_is_wrong_is_named_and_nothing_is_stored(
    house: Treasury, change: dict[str, Any], named: str
) -> None:
    said = await written(house, "2351/unionpay", "2361/platform", 100)
    with pytest.raises(InvalidInput, match=f"^{named}: got"):
        await adjustments.propose(house.pool, house.clock, msgspec.structs.replace(said, **change), LIN)
    assert await house.pool.fetchval("SELECT count(*) FROM proposal") == 0


async def test_an_adjustment_is_booked_once_as_it_was_seen_and_undone_once(house: Treasury) -> None:
    merchant = await funded(house, 50_000)
    id_ = await proposed(house, f"2322/{merchant}", "2361/platform", 700)
    entries = await house.last_entry()
    assert await carried(house, id_, WANG) == "posted"
    assert await carried(house, id_, WANG) == "posted"
    assert await house.last_entry() == entries + 1
    assert await house.balances(2322, 2361) == (-49_300, -700)
    back = await adjustments.propose_reversal(house.pool, house.clock, id_, "a slip", WANG)
    with pytest.raises(approvals.NoProposal, match="proposed one already"):
        await adjustments.propose_reversal(house.pool, house.clock, id_, "a slip", LIN)
    with pytest.raises(approvals.SecondPerson):
        await carried(house, back, WANG)
    assert await carried(house, back, LIN) == "posted"
    assert await house.balances(2322, 2361) == (-50_000, 0)
    case = await adjustments.get(house.pool, id_)
    assert case.undone is not None
    assert case.made is not None
    last = await house.pool.fetchval("SELECT reverses FROM transfer ORDER BY seq DESC LIMIT 1")
    assert last == case.made.id
    for again in (id_, back):
        with pytest.raises(NoAdjustment, match="cannot be reversed"):
            await adjustments.propose_reversal(house.pool, house.clock, again, "once more", LIN)


async def test_what_the_ledger_refuses_is_shown_and_is_over(house: Treasury) -> None:
    merchant = await funded(house, 500)
    id_ = await proposed(house, f"2322/{merchant}", "2361/platform", 501)
    assert await carried(house, id_, WANG) == "exceeds_credits"
    assert await carried(house, id_, WANG) == "exceeds_credits"
    assert await house.balance(2322) == -500
    with pytest.raises(NoAdjustment, match="cannot be reversed"):
        await adjustments.propose_reversal(house.pool, house.clock, id_, "a slip", LIN)


async def test_a_reversal_that_was_refused_can_be_tried_again(house: Treasury) -> None:
    merchant = await funded(house, 500)
    given = await proposed(house, "2361/platform", f"2322/{merchant}", 300)
    taken = await proposed(house, f"2322/{merchant}", "2361/platform", 700)
    assert [await carried(house, one, WANG) for one in (given, taken)] == ["posted", "posted"]
    first = await adjustments.propose_reversal(house.pool, house.clock, given, "a slip", LIN)
    assert await carried(house, first, WANG) == "exceeds_credits"
    assert await carried(
        house, await adjustments.propose_reversal(house.pool, house.clock, taken, "a slip", LIN), WANG
    )
    again = await adjustments.propose_reversal(house.pool, house.clock, given, "a slip", LIN)
    assert await carried(house, again, WANG) == "posted"


async def test_a_process_that_ends_anywhere_goes_on_with_the_same_voucher(house: Treasury) -> None:
    merchant = await funded(house, 50_000)
    id_ = await proposed(house, f"2322/{merchant}", "2361/platform", 700)
    seen, entries = (await adjustments.get(house.pool, id_)).proposal.seen, await house.last_entry()
    for steps in range(12):
        desk = cut_off(house.desk, steps)
        try:
            done = await adjustments.approve(desk.pool, desk.ledger, desk.clock, id_, seen, WANG)
            break
        except Cut:
            assert await house.last_entry() <= entries + 1
    assert steps > 4
    assert done == "posted"
    assert await house.last_entry() == entries + 1


async def test_above_the_limit_it_is_refused_with_who_may_and_many_small_ones_are_one(
    house: Treasury,
) -> None:
    said = await written(house, "3012/unionpay", "2351/unionpay", 6_000_000)
    await adjustments.propose(house.pool, house.clock, said, LIN)
    with pytest.raises(AboveLimit, match=r"within 24 hours; allowed: 100000\.00 .*who may: no role"):
        await adjustments.propose(house.pool, house.clock, said, LIN)
    with pytest.raises(AboveLimit, match="who may: no role"):
        await adjustments.propose(
            house.pool, house.clock, msgspec.structs.replace(said, amount=99_999_999_999), WANG
        )
    second, _ = await add_operator(house.pool, house.clock, "lin night", "lin")
    with pytest.raises(AboveLimit):  # another log-in of the same person has no limit of its own
        await adjustments.propose(house.pool, house.clock, said, second)
    await adjustments.propose(house.pool, house.clock, said, WANG)
    house.clock.advance(hours=25)
    await adjustments.propose(house.pool, house.clock, said, LIN)
    await set_limit(house.pool, house.clock, "finance_maker", "adjustment", 12_000_000)
    await adjustments.propose(house.pool, house.clock, said, LIN)


async def test_a_template_that_changed_since_it_was_proposed_is_not_booked(
    house: Treasury, monkeypatch: pytest.MonkeyPatch
) -> None:
    await stock(house, 900)
    id_ = await proposed(house, "2351/unionpay", "2361/platform", 700)
    other = (replace(TEMPLATES["M1"][0], kind=11), *TEMPLATES["M1"][1:])
    monkeypatch.setitem(TEMPLATES, "M1", other)
    with pytest.raises(NoAdjustment, match="have changed"):
        await carried(house, id_, WANG)


@pytest.mark.parametrize(
    ("content", "media"),
    [
        (LETTER, "application/pdf"),
        (b"\x89PNG\r\n\x1a\n..", "image/png"),
        (b"PK\x03\x04..", "application/zip"),
        ("银行来函".encode(), "text/plain; charset=utf-8"),
        (b"MZ\x90\x00", None),
        ("银行来函".encode("gbk"), None),
        (b"a\0b", None),
        (b"", None),
        (b"a" * (MOST + 1), None),
    ],
)
def test_evidence_is_known_by_its_bytes_and_bounded(content: bytes, media: str | None) -> None:
    if media is not None:
        assert media_of(content) == media
    else:
        with pytest.raises(InvalidInput, match=r"^file: got"):
            media_of(content)


async def test_the_same_evidence_is_kept_once_and_never_changes(house: Treasury) -> None:
    first = await adjustments.keep(house.pool, house.clock, "C:\\letters\\a.pdf", LETTER, LIN)
    assert await adjustments.keep(house.pool, house.clock, "b.pdf", LETTER, WANG) == first
    assert await adjustments.names(house.pool, [first]) == {first: "a.pdf"}
    with pytest.raises(asyncpg.CheckViolationError):
        await house.pool.execute("UPDATE evidence_file SET content = 'other'")


def test_accounts_that_no_person_moves_are_in_the_chart() -> None:
    assert {1002, 1003, 1004, 2324} <= {code for code, _ in CHART}


def test_a_struct_and_what_is_stored_agree() -> None:
    said = Adjustment(
        "M1", 1, {"debit": "x"}, "other", "why", "x", ("f",), (Line("a", "b", "c", 1),), UUID(int=5)
    )
    assert msgspec.json.decode(msgspec.json.encode(said), type=Adjustment) == said


async def test_the_auditor_knows_each_voucher_of_people_and_finds_one_that_books_otherwise(
    house: Treasury, database_url: str
) -> None:
    merchant = (await house.merchant()).id
    for debit, credit in (
        ("3012/unionpay", "2351/unionpay"),
        ("2351/unionpay", f"2322/{merchant}"),
        (f"2322/{merchant}", "2361/platform"),
    ):
        assert await carried(house, await proposed(house, debit, credit, 700), WANG) == "posted"
    assert (
        await carried(house, await proposed(house, f"2322/{merchant}", "2361/platform", 1), WANG) != "posted"
    )
    assert (
        await carried(house, await proposed(house, "2361/platform", f"2322/{merchant}", 500), WANG)
        == "posted"
    )
    await thawed(house, await frozen(house, merchant, 900), 600)
    async with snapshot(database_url) as books:
        assert await books.read("unowned") == []
        assert await books.read("subledger_breaks") == []
    await house.pool.execute("UPDATE adjustment SET legs = '[[1, 2322, \"x\", 5]]' WHERE purpose = 'thaw'")
    async with snapshot(database_url) as books:
        wrong = {(row["code"], row["subject"]) for row in await books.read("subledger_breaks")}
    assert wrong == {(2322, "x"), (2322, merchant), (2324, merchant)}
