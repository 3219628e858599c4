"""The steps that reverse a confirmed case. Each is stored before it is done, and safe to repeat.

The money goes back by an intent, which ends by evidence like any other: while it is UNKNOWN the case waits. A new attempt
is made only after a definite failure, or if nothing was sent.
"""

from datetime import timedelta
from uuid import UUID

import asyncpg

from zhangfang.channels.port import Operation
from zhangfang.duplicates import masking, store
from zhangfang.duplicates.model import Case, CaseState
from zhangfang.duplicates.rules import unfit, way
from zhangfang.duplicates.store import queries
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.driver import Job
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.ledger import Book, LedgerClient, account_id
from zhangfang.merchants import get_merchant
from zhangfang.payments import FINAL, Desk, Intent, NotAllowed, OperationStopped, Request, State, accept
from zhangfang.payments.store import Journal
from zhangfang.reconciliation import finish_returns, return_line

LOOK = timedelta(seconds=10)
LOOK_FOR_MONEY = timedelta(minutes=10)
CLAIM = {"U1": 2321, "U2": 2322}  # the merchant's account that has the money: pending, or available


def job(desk: Desk) -> Job:
    """Return the driver's job over the cases."""

    async def step(row: asyncpg.Record) -> None:
        await advance(desk, Case.of(row))

    return Job("duplicate", ("id",), step, most=16)


async def advance(desk: Desk, case: Case) -> None:
    """Do the next step of a confirmed case; nothing for any other. Raises the errors of the ledger and the database."""
    if case.state is not CaseState.REVERSING:
        return
    if case.reversal is not None:
        await _follow(desk.pool, desk.clock, case, await desk.journal.reload(case.reversal))
    elif case.break_ is not None:
        await _return(desk, case, case.break_)
    else:
        await _reverse(desk, case)


async def _return(desk: Desk, case: Case, break_: UUID) -> None:
    """B3: return a line of the channel that is no payment of ours, so no merchant's account is touched."""
    try:
        made = await return_line(
            desk.pool, desk.channels, desk.clock, break_, f"{store.PREFIX} {case.id}, {case.confirmed_by}"
        )
    except InvalidInput as error:
        await _leave(desk.pool, desk.clock, case, str(error))
        return
    await _began(desk.pool, desk.clock, case, await desk.journal.reload(made))


async def _reverse(desk: Desk, case: Case) -> None:
    """U1 or U2: choose void or refund and store the choice, then request it under the ids of the attempt."""
    assert case.intent is not None, "a case is about a payment or a line"
    goes, keep = await desk.journal.reload(case.intent), await desk.journal.reload(case.keep)
    if not case.way:
        template = "U1" if goes.settlement is None else "U2"
        obstacle = unfit(goes, keep)
        if obstacle or (template == "U2" and case.approved_by is None):
            await _leave(desk.pool, desk.clock, case, obstacle)
            return
        if short := await _short(desk.ledger, goes, CLAIM[template]):
            note = f"the merchant has too little money; it is tried again later: {fen_to_yuan(short)}"
            await _wait(desk.pool, desk.clock, case, note, LOOK_FOR_MONEY)
            return
        today = settlement_day(desk.clock.now())
        chosen = way(goes, desk.channels[goes.channel].rules, today, first=not case.attempt)
        row = await desk.pool.fetchrow(queries.choose, case.id, chosen, case.attempt)
        if row is None:
            return
        case = Case.of(row)
    await _ask(desk, case, goes)


async def _short(ledger: LedgerClient, goes: Intent, code: int) -> int:
    """Return how much the merchant lacks for the reversal, in fen, after getting the fee back; 0 if it has enough."""
    account = account_id(Book.CUSTOMERS, code, goes.merchant)
    held = (await ledger.account_balances([account]))[account]
    there = held.credits - held.debits - held.debits_pending
    return max(goes.amount - (goes.fee - goes.fee_refunded) - there, 0)


async def _ask(desk: Desk, case: Case, goes: Intent) -> None:
    request = Request(
        kind=Operation(case.way),
        order_no=case.number,
        amount=goes.amount,
        idempotency_key=case.key,
        description="reversal of a double payment",
        original=goes.id,
        template="U2" if case.approved_by and goes.settlement else "U1",
    )
    try:
        made, _ = await accept(desk, await get_merchant(desk.pool, goes.merchant), request)
    except OperationStopped as error:
        await _wait(desk.pool, desk.clock, case, str(error), LOOK)
    except NotAllowed as error:
        await _not_taken(desk.pool, desk.clock, desk.journal, case, goes, str(error))
    else:
        await _began(desk.pool, desk.clock, case, made)


async def _not_taken(
    pool: asyncpg.Pool, clock: Clock, journal: Journal, case: Case, goes: Intent, why: str
) -> None:
    """Handle a refused request, of which nothing was stored: the cut-off or a settlement came first, or a refund."""
    now = await journal.reload(goes.id)
    overtaken = now.settlement is not None and case.approved_by is None
    if case.way == Operation.VOID or overtaken:
        await pool.execute(queries.again, case.id, why, clock.now())
    else:
        await _leave(pool, clock, case, why)


async def _began(pool: asyncpg.Pool, clock: Clock, case: Case, made: Intent) -> None:
    async with pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.began, case.id, made.id)
        text = f"{made.template} by {made.kind}: {made.channel_order_no}"
        await store.note(clock, connection, case.id, "reverse", text, voucher=made.voucher)
        await connection.execute(queries.wait, case.id, "", clock.now())


async def _follow(pool: asyncpg.Pool, clock: Clock, case: Case, reversal: Intent) -> None:
    """Wait for the evidence. Then mask the pair and end the case, or make another attempt if one is left."""
    if reversal.state not in FINAL:
        text = f"the reversal has no outcome yet: {reversal.state}"
        await _wait(pool, clock, case, text, LOOK)
    elif reversal.state is State.SUCCESS:
        await masking.mask_and_end(pool, clock, case, reversal)
    elif reversal.state is State.REFUSED or reversal.kind is Operation.VOID:
        await _failed(pool, clock, case, reversal)
        span = LOOK_FOR_MONEY if reversal.state is State.REFUSED else timedelta()
        await pool.execute(queries.again, case.id, _why(reversal), clock.now() + span)
    else:
        await _failed(pool, clock, case, reversal)
        await _leave(pool, clock, case, f"the channel refused the refund: {_why(reversal)}")


async def _failed(pool: asyncpg.Pool, clock: Clock, case: Case, reversal: Intent) -> None:
    if case.break_ is not None:
        await finish_returns(pool, clock)
    text = f"{reversal.kind} {reversal.state}: {_why(reversal)}"
    await store.note(clock, pool, case.id, "failed", text, voucher=reversal.undo_voucher)


def _why(reversal: Intent) -> str:
    return " ".join(filter(None, (reversal.code, reversal.message))) or "no reason was given"


async def _wait(pool: asyncpg.Pool, clock: Clock, case: Case, text: str, span: timedelta) -> None:
    await pool.execute(queries.wait, case.id, text, clock.now() + span)


async def _leave(pool: asyncpg.Pool, clock: Clock, case: Case, obstacle: str) -> None:
    """Leave the case to people: to decide about the obstacle, or (if there is none) to approve the settled money."""
    state = CaseState.PERSON if obstacle else CaseState.APPROVAL
    text = obstacle or "settled to the merchant meanwhile: a second person has to approve"
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.leave, case.id, state, text, case.attempt) is not None:
            await store.note(clock, connection, case.id, "leave", text)
