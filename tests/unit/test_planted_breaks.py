"""Each class of break, planted in one channel's file and in the bank's statement: exactly these are found, classed and
cured, in whatever format the file came; and nothing else moves, as the bank's own book shows.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.bills import Trade, alipay, wechat
from tests.clock import SetClock
from tests.people import LIN, WANG
from tests.people import approve_newest as approve
from tests.treasury import ALIAS, DAY, Treasury, listed, open_channel, stray, treasury
from zhangfang.bills import SHIPPED, read_file
from zhangfang.channels.port import Answer, FileLine, Verdict
from zhangfang.payments import Intent, StepKind, weigh
from zhangfang.reconciliation import Cure, propose, reconcile, take_file

Bring = Callable[[Treasury, Sequence[FileLine], Path], Awaitable[None]]
SUSPENSE = (2351, 2352, 1242, 1243, 3011, 3012, 3013)
CURES = {  # one of those that end each planted break without a bank's help
    ("missing_here", "B1"): "B8",
    ("missing_there", "B4"): "B6",
    ("missing_there", ""): "R5",
    ("amount_differs", "B1"): "B8",
    ("amount_differs", "B5-"): "B7",
    ("duplicate", "B1"): "B8",
    ("unknown_receipt", "X1"): "B8.receipt",
    ("unknown_debit", "X2"): "B7.debit",
    ("contradiction", ""): "seen",
    ("unread", ""): "seen",
}


async def by_connector(house: Treasury, lines: Sequence[FileLine], _: Path) -> None:
    await house.filed(DAY, lines)


def by_bill(name: str, write: Callable[[Sequence[Trade]], str], encoding: str) -> Bring:
    async def bring(house: Treasury, lines: Sequence[FileLine], folder: Path) -> None:
        trades = [
            Trade(one.order_no, one.amount, one.fee, ref=one.channel_ref, note=one.note) for one in lines
        ]
        source = folder / "bill.csv"
        source.write_bytes(write(trades).encode(encoding))
        bill = read_file(source, SHIPPED[name], DAY, folder / "lines.csv")
        for _ in range(2):  # the same bytes again change nothing
            await take_file(house.desk, "unionpay", DAY, bill.path, "bill.csv", bill.digest)

    return bring


FORMATS: dict[str, Bring] = {  # a further format joins with a row
    "the channel's own": by_connector,
    "alipay": by_bill("alipay", alipay, "gb18030"),
    "wechat": by_bill("wechat", wechat, "utf-8"),
}


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        await open_channel(made.desk.ledger, ALIAS)
        yield made


@pytest.mark.parametrize("name", FORMATS)
async def test_exactly_the_planted_breaks_are_found_classed_and_cured(
    house: Treasury, name: str, tmp_path: Path
) -> None:
    merchant, other = await house.merchant(), await house.merchant()
    good, differs, twice, lost, old = [
        await house.paid(merchant, fen) for fen in (1000, 2000, 3000, 4000, 5000)
    ]
    untouched = await house.paid(other, 6000)
    refund = await house.undo(merchant, old, 5000)
    against = await contradicted(house, merchant)
    lines = [
        listed(1, good, fee=6),
        listed(2, differs, 2007),
        listed(3, twice),
        listed(4, twice),
        listed(5, old),
        listed(6, untouched),
        stray(7, 8800, note="STATIC-1"),
    ]
    unread = [FileLine(8, "", "", None, 0, True, 0, raw="?", unread="the amount")] * (
        name == "the channel's own"
    )
    await FORMATS[name](house, [*lines, *unread], tmp_path)
    net = sum(line.amount - line.fee for line in lines)
    house.on_bank(net - 9, text=f"unionpay settles {DAY}")
    house.on_bank(500, text="汇错款")
    house.on_bank(-35, text="账户管理费")
    assert await house.read() == 0
    rows = await house.breaks()
    assert sorted((row["class"], row["difference"]) for row in rows) == sorted([
        ("missing_here", 8800), ("missing_there", -lost.amount), ("missing_there", refund.amount),
        ("amount_differs", 7), ("amount_differs", -9), ("duplicate", 3000), ("unknown_receipt", 500),
        ("unknown_debit", -35), ("contradiction", 0), *(("unread", 0) for _ in unread),
    ])  # fmt: skip
    before = house.bank.balance
    assert await house.balance(1003) == before
    for row in rows:
        await cured(house, row)
    assert all(row["cleared_at"] for row in await house.breaks())
    assert await house.balances(*SUSPENSE) == (0,) * len(SUSPENSE)
    assert (await house.balance(1003), house.bank.balance) == (before, before)
    await nothing_else_has_moved(house, merchant.id, other.id, [good, differs, twice, old], untouched)
    assert (await house.now(against)).state.value == "FAILED"


async def contradicted(house: Treasury, merchant: Any) -> Intent:
    """Return a payment that the channel first refused and then confirmed, and that no file lists."""
    intent = await house.asked(merchant, 700)
    await weigh(house.desk, intent, StepKind.QUERY, Answer(Verdict.FAILED))
    await weigh(house.desk, await house.now(intent), StepKind.QUERY, Answer(Verdict.SUCCESS, amount=700))
    return intent


async def cured(house: Treasury, row: Any) -> None:
    cure = CURES[row["class"], row["template"]]
    proof = "letter 113" if cure in ("B6", "R5") else ""
    await propose(house.pool, house.clock, house.desk.journal, row["id"], Cure(cure, proof=proof), LIN)
    await approve(house.desk, row["id"], WANG)


async def nothing_else_has_moved(
    house: Treasury, merchant: str, other: str, stay: Sequence[Intent], untouched: Intent
) -> None:
    """Count in plain sums what the merchants have: what was proven and listed, less fee; the refund was given back."""
    pending = sum(one.amount - one.fee for one in stay) - 5000 + stay[-1].fee
    given_back = 5000 - stay[-1].fee
    assert await house.balance(2321, merchant) == -pending
    assert await house.balance(2322, merchant) == -given_back
    assert await house.balance(2321, other) == -(untouched.amount - untouched.fee)
    entries = await house.last_entry()
    await reconcile(house.desk, house.acquirer, DAY)
    await house.read()
    assert await house.last_entry() == entries, "once more, in any order, changes nothing"


def test_every_class_that_a_file_or_a_statement_can_show_is_planted() -> None:
    from zhangfang.reconciliation import CURES as TABLE

    assert {kind for kind, _ in CURES} == {kind.value for kind, _ in TABLE}
