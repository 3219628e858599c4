"""The company's own money as tests make it: fees that have come to the bank and are booked, and an account for them."""

from datetime import timedelta
from uuid import UUID

from tests.people import LIN, WANG, approve_newest
from tests.treasury import ALIAS, DAY, Treasury, at, listed
from zhangfang import payments
from zhangfang.channels.port import PartyAccount
from zhangfang.closing.dayend import close_day
from zhangfang.kernel.ids import new_id

OURS = PartyAccount("6222000000000059", "某支付公司", "corporate", "某银行")


async def closed(house: Treasury) -> None:
    """End the business date: its fees are income then (D1), less what is due (D2)."""
    house.clock.set(at(DAY + timedelta(days=1), 10))
    await house.read()
    ids = new_id(house.clock), new_id(house.clock)
    await close_day(house.pool, house.desk.ledger, DAY, ("unionpay",), (ALIAS,), ids)
    task = "INSERT INTO task (kind, key, state, ids, done_at) VALUES ('close', $1, 'DONE', $2, now())"
    await house.pool.execute(task, str(DAY), list(ids))


async def earned(house: Treasury, paid: int = 100_000, fee: int = 100) -> None:
    """Collect `paid` fen, of which 0.6 % are the company's fees and the channel keeps `fee` fen; end the day."""
    merchant = await house.merchant()
    one = await house.paid(merchant, paid)
    await house.filed(DAY, [listed(1, one, fee=fee)])
    await house.settled(DAY)
    await closed(house)


async def named(house: Treasury) -> None:
    """Let two people name the company's own account."""
    await payments.propose_own_account(
        house.pool, house.desk.vault, house.clock, OURS, LIN, "our bank's letter"
    )
    await approve_newest(house.desk, "own money", WANG)


async def proposed(house: Treasury, fen: int) -> UUID:
    """Propose that so much leaves the reserve."""
    return await payments.propose_withdrawal(house.desk, fen, LIN, "the fees of August")
