"""Adjustments as tests make them."""

from datetime import date
from uuid import UUID

from tests.people import LIN, WANG
from tests.treasury import DAY, Treasury
from zhangfang import adjustments, approvals
from zhangfang.adjustments import Adjustment, Freeze
from zhangfang.approvals import Person
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Result, adjustment

LETTER = b"%PDF-1.7 the merchant's letter"


async def written(
    house: Treasury, debit: str, credit: str, amount: int, by: Person = LIN, code: str = "goodwill"
) -> Adjustment:
    """Return M1 between two accounts, with a letter as its evidence."""
    file = await adjustments.keep(house.pool, house.clock, "letter.pdf", LETTER, by)
    return Adjustment(
        "M1", amount, {"debit": debit, "credit": credit}, code, "the merchant asked", "letter 114", (file,)
    )


async def proposed(house: Treasury, debit: str, credit: str, amount: int, by: Person = LIN) -> UUID:
    """Propose M1 between two accounts."""
    said = await written(house, debit, credit, amount, by)
    return await adjustments.propose(house.pool, house.clock, said, by)


async def carried(house: Treasury, id_: UUID, by: Person) -> str:
    """Approve an adjustment as it is, and return what became of it."""
    seen = (await adjustments.get(house.pool, id_)).proposal.seen
    return await adjustments.approve(house.pool, house.desk.ledger, house.clock, id_, seen, by)


async def funded(house: Treasury, fen: int, merchant: str | None = None) -> str:
    """Return a merchant (a new one, unless told) who has `fen` more of available money, out of a channel's position."""
    whose = merchant or (await house.merchant()).id
    id_ = new_id(house.clock)
    moved = adjustment(
        id_, debit=(3012, "unionpay"), credit=(2322, whose), amount=fen, business_date=DAY, memo=id_
    )
    (answer,) = await house.desk.ledger.create_transfers(moved)
    assert answer.result is Result.CREATED
    return whose


async def frozen(
    house: Treasury, merchant: str, amount: int, expires_on: date | None = None, kind: str = "court"
) -> Freeze:
    """Freeze a merchant's money for an order of a court."""
    return await adjustments.freeze(
        house.pool, house.desk.ledger, house.clock, merchant,
        kind=kind, reference="(2026) 114", amount=amount, reason="an order", expires_on=expires_on, by=LIN,
    )  # fmt: skip


async def thawed(house: Treasury, freeze: Freeze, amount: int | None, by: Person = WANG) -> str:
    """Propose to give up part of a freeze, and let another person approve it."""
    id_ = await adjustments.propose_thaw(house.pool, house.clock, freeze.id, amount, "it was lifted", LIN)
    seen = (await approvals.get(house.pool, id_)).seen
    return await adjustments.approve_thaw(house.pool, house.desk.ledger, house.clock, id_, seen, by)
