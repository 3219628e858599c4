"""Adjustments as tests make them."""

from uuid import UUID

from tests.people import LIN
from tests.treasury import Treasury
from zhangfang import adjustments
from zhangfang.adjustments import Adjustment
from zhangfang.approvals import Person

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
