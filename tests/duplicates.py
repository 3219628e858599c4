"""Double payments for tests: two that succeeded under one number of a merchant's, which no guarded platform makes."""

from dataclasses import replace
from itertools import count

from tests.clock import SetClock
from tests.treasury import ACCOUNT, DAY, Treasury
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.duplicates import job
from zhangfang.kernel.driver import run_due
from zhangfang.merchants import Merchant
from zhangfang.payments import Intent, Request, State, StepKind, draft, intent_job, weigh

_counted = count(1)


async def no_guard(house: Treasury) -> None:
    """Take away what makes a merchant's number unique: the platform of that week."""
    await house.pool.execute("DROP INDEX intent_order")
    await house.pool.execute("CREATE INDEX intent_order ON intent (merchant, kind, order_no)")


async def paid_as(
    house: Treasury, merchant: Merchant, number: str, amount: int, *, fee: int = 60, key: str = ""
) -> Intent:
    """Store a collection under a number, whether or not it is taken, and let it succeed on `DAY`."""
    house.clock.advance(milliseconds=1)
    n = next(_counted)
    request = Request(Operation.COLLECTION, number, amount, key or f"{number}/{n}", account=ACCOUNT)
    made = draft(house.desk.vault, house.desk.clock, merchant.id, request, f"{n}".encode(), fee)
    number_there = f"C{made.id.hex[1:]}"
    intent = replace(made, channel=house.acquirer.name, channel_order_no=number_there, state=State.SENDING)
    assert await house.desk.journal.insert(intent, [])
    answer = Answer(
        Verdict.SUCCESS, amount=amount, settle_date=DAY, channel_ref=f"Q{intent.channel_order_no[:20]}"
    )
    await weigh(house.desk, intent, StepKind.ANSWER, answer)
    return await house.now(intent)


async def twice(
    house: Treasury, merchant: Merchant, number: str, amount: int = 10_000
) -> tuple[Intent, Intent]:
    """Let a number be paid twice; return the payment that should stay and the one that should go."""
    return await paid_as(house, merchant, number, amount), await paid_as(house, merchant, number, amount)


async def heal(house: Treasury, clock: SetClock, rounds: int = 6) -> None:
    """Drive cases and intents, with half a minute between the rounds."""
    cases, intents = job(house.desk), intent_job(house.desk)
    for _ in range(rounds):
        for one in (cases, intents):
            await house.pool.execute("UPDATE intent SET lease_until = NULL")
            while await run_due(house.pool, clock.now(), one):
                await house.quiet()
                clock.advance(milliseconds=1)
        clock.advance(seconds=31)
