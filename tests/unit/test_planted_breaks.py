"""Each class of break with each of its cures, planted in each format: exactly these are found, classed and cured.

The file of one day and the statement behind it have them all (`tests.planted`); the next file and statement bring what ends
some by itself, and the settlements that differ or do not say what they are. In the end the suspense is empty, the cash is
what the bank's own book says, and the merchants and we have what each plant says in plain numbers.
"""

from collections import Counter
from collections.abc import AsyncIterator, Callable, Container, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clock import SetClock
from tests.formats import FILES, STATEMENTS, Bring, Read
from tests.people import LIN, WANG
from tests.people import approve_newest as approve
from tests.planted import PLANTS, Found, Move, Plant, net, of_day
from tests.treasury import DAY, NEXT, Treasury, at, listed, treasury
from tests.unit.test_cures_carried_out import audit, driven
from zhangfang.channels.port import Answer, FileLine, Verdict
from zhangfang.merchants import Merchant
from zhangfang.payments import PLATFORM, Intent
from zhangfang.reconciliation import (
    AUTOMATIC,
    CURES,
    Cure,
    finish_returns,
    propose,
    return_late_payments,
)

BEFORE, UNNAMED, BELOW, LAST = (DAY + timedelta(days=days) for days in (-1, 2, 3, 4))
SUSPENSE = (2351, 2352, 1242, 1243, 3011, 3012, 3013, 3014, 3015)
FUNDS = 1_000_000
SETTLED = (  # what the bank's settlement lines of these days do not say rightly
    Plant((Found("amount_differs", "B5-", -11, "mirror"),)),
    Plant((), then=(Found("amount_differs", "B1", 13, "B8"),), ours=(13,)),
    Plant(
        (), then=(Found("unknown_receipt", "X1", 6980, "X3.3012"),), said=of_day(UNNAMED), merchants=net(7001)
    ),
    Plant(
        (),
        then=(Found("unknown_debit", "X2", -7001, "X3.debit.3012"),),
        said=of_day(BELOW),
        merchants=-net(7001),
    ),
)
EVERY = {
    (*at, cure) for table in (CURES, AUTOMATIC) for at, cures in table.items() for cure in cures
}  # each class of break with each cure of it
UNTOLD = {  # what a format cannot have that does not tell this
    "payout": {("missing_here", "B1", "B2.return"), ("missing_there", "", "O6"), ("missing_there", "", "S3")},
    "adjustment": {("amount_differs", "B1", "mirror")},
    "reversal": {("unknown_receipt", "X1", "mirror"), ("unknown_debit", "X2", "mirror")},
}


def untold(holds: Container[str]) -> set[tuple[str, str, str]]:
    """Return what formats that hold this cannot have."""
    return set().union(*(rows for what, rows in UNTOLD.items() if what not in holds))


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock, "cmb") as made:
        vars(made.bank)["order_number"] = lambda id_, _: id_.hex[-16:]  # more does not fit into MT940
        yield made


@dataclass
class Field:
    """A platform, the formats in which its files and its statement come, and what is planted in it."""

    house: Treasury
    folder: Path
    bring: Bring
    read: Read
    merchant: Merchant
    plants: list[Plant] = field(default_factory=list)
    files: dict[date, Sequence[FileLine]] = field(default_factory=dict)

    async def file(self, day: date, lines: Sequence[FileLine]) -> None:
        """Bring a day's file, or bring it again."""
        self.files[day] = [replace(one, line_no=n) for n, one in enumerate(lines, 1)]
        await self.bring(self.house, self.folder, day, self.files[day])

    async def statement(self) -> None:
        """Bring the statement as far as it goes."""
        await self.read(self.house, self.folder)

    def on_bank(self, *moves: Move, day: date) -> None:
        """Write movements on the statement."""
        for one in moves:
            self.house.on_bank(
                one.signed, day=day, reference=one.reference, reversal=one.reversal, text=one.text
            )

    async def settles(self, day: date, more: int = 0) -> Move:
        """Return the bank's line for a day's file, of the right amount or another one."""
        query = "SELECT net_fen FROM channel_file WHERE settle_date = $1"
        return Move(await self.house.pool.fetchval(query, day) + more, text=f"unionpay settles {day}")


@pytest.mark.parametrize(("file", "statement"), list(zip(FILES, STATEMENTS, strict=True)))
async def test_exactly_the_planted_breaks_are_found_classed_and_cured(
    house: Treasury, file: str, statement: str, tmp_path: Path
) -> None:
    (bring, of_file), (read, of_statement) = FILES[file], STATEMENTS[statement]
    field_ = Field(house, tmp_path, bring, read, await house.merchant())
    await funds(field_)
    holds = of_file | of_statement | {""}
    plants = [await make(house, field_.merchant) for make, needs in PLANTS if needs in holds]
    field_.plants = [*SETTLED, *plants]
    untouched = await house.paid(await house.merchant(), 60_000)
    await first_day(field_, plants, listed(0, untouched, fee=33))
    await cured(field_)
    await later_days(field_)
    await cured(field_)
    found = Counter(one for plant in field_.plants for one in (*plant.found, *plant.then))
    assert EVERY - {(one.kind, one.template, one.cure) for one in found} == untold(holds)
    assert await ended(house) == found
    await everything_has_its_place(field_, untouched.merchant)
    entries = await house.last_entry()
    for day in reversed(field_.files):
        await field_.file(day, field_.files[day])
    await field_.statement()
    assert await house.last_entry() == entries, "once more, in any order, changes nothing"


async def funds(field_: Field) -> None:
    """Let the merchant have money that was settled to it, from the day before."""
    house = field_.house
    await field_.file(BEFORE, [listed(0, await house.paid(field_.merchant, FUNDS, BEFORE))])
    field_.on_bank(await field_.settles(BEFORE), day=DAY)
    await field_.statement()
    await house.settle(DAY)


async def first_day(field_: Field, plants: Sequence[Plant], good: FileLine) -> None:
    """Bring the file and the statement with all that is planted: exactly that is found."""
    await field_.file(DAY, [good, *(line for plant in plants for line in plant.file)])
    field_.on_bank(
        await field_.settles(DAY, -11), *(move for plant in plants for move in plant.bank), day=NEXT
    )
    await field_.statement()
    planted = [(one.kind, one.template, one.fen) for plant in field_.plants for one in plant.found]
    found = [(row["class"], row["template"], row["difference"]) for row in await field_.house.breaks()]
    assert Counter(found) == Counter(planted)


async def later_days(field_: Field) -> None:
    """Bring the files and the statement that end some breaks by themselves, and lines of settlements that are wrong."""
    house = field_.house
    house.clock.set(at(UNNAMED, 12))
    paid = await house.paid(field_.merchant, 7001, UNNAMED)
    house.clock.set(at(BELOW, 12))
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=BELOW)
    refund = await house.undo(field_.merchant, paid, 7001)
    house.clock.set(at(LAST, 12))
    went_back = [listed(0, one) for one in await by_platform(house, "unionpay")]
    await field_.file(NEXT, [*went_back, *(line for plant in field_.plants for line in plant.later)])
    await field_.file(UNNAMED, [listed(0, paid, fee=21)])
    await field_.file(BELOW, [listed(0, refund)])
    sent = [Move(-one.amount, one.channel_order_no) for one in await by_platform(house, "cmb")]
    field_.on_bank(
        replace(await field_.settles(DAY), signed=11), await field_.settles(NEXT, 13), Move(6980), Move(-7001), *sent,
        *(move for plant in field_.plants for move in plant.after), day=LAST,
    )  # fmt: skip
    await field_.statement()


async def by_platform(house: Treasury, channel: str) -> list[Intent]:
    """Return what went back to payers through a channel."""
    rows = await house.pool.fetch(
        "SELECT * FROM intent WHERE merchant = $1 AND channel = $2 ORDER BY id", PLATFORM, channel
    )
    return [Intent.of(row) for row in rows]


async def cured(field_: Field) -> None:
    """Let two people cure each break that does not end by itself, as its plant says; and wait for what goes back."""
    house = field_.house
    for row in await house.breaks():
        if row["cure"] is None and (way := by_people(field_.plants, row)):
            said = Cure(way[0], **way[1](row))
            await propose(house.pool, house.clock, house.desk.journal, row["id"], said, LIN)
            await approve(house.desk, row["id"], WANG)
    house.acquirer.answer = Answer(Verdict.SUCCESS, settle_date=NEXT)
    await return_late_payments(house.pool, house.desk.channels, house.clock)
    await driven(house)
    await finish_returns(house.pool, house.clock)


def by_people(plants: Sequence[Plant], row: Any) -> tuple[str, Callable[[Any], dict[str, Any]]] | None:
    """Return which cure two people choose for a break, and what they say; None if it ends without them."""
    at = row["class"], row["template"]
    for plant in plants:
        for one in (*plant.found, *plant.then):
            if (one.kind, one.template, one.fen) == (*at, row["difference"]) and one.cure in CURES[at]:
                return one.cure, plant.said
    return None


async def ended(house: Treasury) -> Counter[Found]:
    """Return how many breaks of each kind have ended, and how. All have to."""
    rows = await house.breaks()
    assert all(row["cleared_at"] for row in rows)
    return Counter(Found(row["class"], row["template"], row["difference"], row["cure"]) for row in rows)


async def everything_has_its_place(field_: Field, other: str) -> None:
    """Compare the books with plain sums: of the bank, of what the merchants have of each plant, and of what we have."""
    house, plants = field_.house, field_.plants
    assert await house.balances(*SUSPENSE) == (0,) * len(SUSPENSE)
    assert await house.balance(1003) == house.bank.balance
    for merchant, fen in (
        (field_.merchant.id, net(FUNDS) + sum(one.merchants for one in plants)), (other, net(60_000)),
    ):  # fmt: skip
        assert sum([await house.balance(code, merchant) for code in (2321, 2322)]) == -fen
    gains = [fen for plant in plants for fen in plant.ours]
    assert await house.balance(6301) == -sum(fen for fen in gains if fen > 0)
    assert await house.balance(6711) == -sum(fen for fen in gains if fen < 0)
    assert await house.balance(6011) == -5007, "interest is income of its own"
    for query in ("subledger_breaks", "unowned"):
        rows = await house.pool.fetch(f"{audit['shared']}\n{audit[query]}")
        assert [dict(row) for row in rows] == [], "so the auditor counts too"
