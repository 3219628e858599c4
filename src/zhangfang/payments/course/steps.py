"""The steps of an intent. Each is safe to repeat; the driver runs them for every intent that was left unfinished."""

import asyncio
import time
from collections.abc import Awaitable, Coroutine
from dataclasses import replace
from typing import Any

import asyncpg
import structlog

from zhangfang.channels.port import (
    PAY_INS,
    Answer,
    Channels,
    NotWritten,
    Operation,
    Order,
    PartyAccount,
    Verdict,
)
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.driver import Job, LeaseLost, safe_until
from zhangfang.kernel.errors import Busy
from zhangfang.ledger import DURABLE
from zhangfang.merchants import MerchantState, get_merchant, is_awaited
from zhangfang.payments.course import own, posting
from zhangfang.payments.course.attempts import PARKED_LOOK, look_again, unsent
from zhangfang.payments.course.ending import Ending, conclude, end
from zhangfang.payments.course.evidence import weigh
from zhangfang.payments.course.rules import Decision
from zhangfang.payments.course.short import other_source
from zhangfang.payments.course.strays import origin_of
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import HeldBack, Intent, OperationStopped, State, StepKind
from zhangfang.payments.orders import rules_of
from zhangfang.payments.sealing import account_of
from zhangfang.payments.store import Change, Journal, Step, new_step, queries
from zhangfang.payments.telling import end_of
from zhangfang.routing import Choice
from zhangfang.vault import Vault

log = structlog.get_logger()

BACKGROUND = 2_048  # first steps of one process that may be under way behind their answers


def job(desk: Desk) -> Job:
    """Return the driver's job over the journal."""

    async def step(row: asyncpg.Record) -> None:
        await advance(desk, Intent.of(row))

    return Job("intent", ("id",), step)


async def advance(desk: Desk, intent: Intent) -> None:
    """Do the next step of an open intent: send it if nothing was sent; otherwise query, and re-send if that is permitted.

    If its account is not the one that was asked for, or it pays out a merchant that is not active, nothing is sent: it is
    parked, or looked at again later.
    """
    try:
        await _advance(desk, intent)
    except HeldBack as error:
        await _hold_back(desk.pool, desk.clock, intent, str(error))
    except OperationStopped:
        return  # it stays as it is; the driver takes it again when its lease ends


async def _advance(desk: Desk, intent: Intent) -> None:
    if intent.ending is not None:
        await conclude(desk, intent)
    elif intent.state not in (State.CREATED, State.PARKED):
        decision = await ask(desk, intent)
        if decision.resend and intent.batch is None:  # an item was sent in its batch
            await _resend(desk, intent)
        return
    account = account_of(desk.vault, intent)
    if intent.kind is Operation.PAYOUT and intent.merchant != posting.PLATFORM:
        await _check_paid_out(desk.pool, intent.merchant)
    if intent.template == own.WITHDRAWN:
        await own.check(desk, intent)
    ready = await prepare(desk, intent)
    if ready is None:
        return
    intent = ready
    to = await unsent(desk, intent)
    if to is not None:
        await _go_on(desk, intent, to)
    elif intent.state is State.CREATED:
        await send(desk, intent, account)
    else:
        await _stay_parked(desk.pool, desk.clock, intent)


async def _check_paid_out(pool: asyncpg.Pool, merchant: str) -> None:
    if (state := (await get_merchant(pool, merchant)).state) is not MerchantState.ACTIVE:
        raise HeldBack(f"merchant {merchant} is {state}: it is not paid out")
    if await is_awaited(pool, merchant):
        raise HeldBack(f"a freeze waits for money of merchant {merchant}: it is not paid out")


async def _hold_back(pool: asyncpg.Pool, clock: Clock, intent: Intent, why: str) -> None:
    log.error("a payment is held back: nothing is sent", intent=str(intent.id), why=why)
    now = clock.now()
    await pool.execute(queries.hold_back, intent.id, intent.fence, why, now, now + PARKED_LOOK)


async def _go_on(desk: Desk, intent: Intent, to: Choice) -> None:
    """Begin the next attempt of an intent that was not sent, if we still hold its lease and it has not moved."""
    if to.channel == intent.channel:  # its type is in the tables now
        await desk.pool.execute(queries.unpark, intent.id, to.version, desk.clock.now(), intent.fence)
        return
    await end(desk, intent, Ending(State.CREATED, (), message="the channel does not take it now", to=to))


async def _stay_parked(pool: asyncpg.Pool, clock: Clock, intent: Intent) -> None:
    """Log it again: people have to add this account type to a routing table, or end the payout."""
    log.error("a payout is parked", intent=str(intent.id), type=intent.account_type, channel=intent.channel)
    await pool.execute(queries.look_at_parked, intent.id, clock.now() + PARKED_LOOK)


async def prepare(desk: Desk, intent: Intent) -> Intent | None:
    """Take the money out of the merchant's account before anything is sent; return the intent as it was booked.

    None if there is not enough of it: then the intent has ended.
    """
    if intent.kind in PAY_INS:
        return intent
    made = posting.transfers(intent, desk.alias, intent.business_date)
    answers = (await posting.book(desk.pool, desk.ledger, made)).answers
    if posting.succeeded(answers):
        return intent
    reason = posting.refusal(answers)
    if reason not in DURABLE:  # the same request may succeed later, so the intent must not end
        raise posting.LedgerRefused(f"intent {intent.id}: {reason.name}")
    if await other_source(desk, intent, reason):
        return await prepare(desk, await desk.journal.reload(intent.id))
    step = new_step(
        desk.clock, intent.id, StepKind.LEDGER, verdict="refused", state=State.REFUSED, code=reason.name
    )
    message = "the ledger refused it: nothing was sent"
    await desk.journal.apply(refused(desk.clock, intent, step, reason.name.lower(), message))
    return None


def refused(clock: Clock, intent: Intent, step: Step, code: str, message: str) -> Change:
    """Return the change that ends as REFUSED an intent of which nothing was sent."""
    now = clock.now()
    return Change(
        intent.id, intent.attempt, intent.state, State.REFUSED, now, [step], decisive=True, code=code, message=message,
        told=end_of(clock, intent, State.REFUSED, now),
    )  # fmt: skip


async def send(desk: Desk, intent: Intent, account: PartyAccount | None = None) -> Decision | None:
    """Store the attempt, then send it, then weigh the answer. None if it could not be stored: nothing was sent.

    Nothing was ever sent of a CREATED intent, so the attempt's time is now. It decides which days' files could list the
    order. Raises `OperationStopped`, `WrongAccount`.
    """
    await desk.gate.check_open(intent.channel, intent.kind)
    account = account or account_of(desk.vault, intent)
    began = time.monotonic()
    requested_at = desk.clock.now().replace(microsecond=0)
    step = new_step(
        desk.clock, intent.id, StepKind.SENT, state=State.SENDING, message=intent.channel_order_no
    )
    change = _attempt(desk.channels, desk.clock, intent, State.SENDING, step)
    if not await desk.journal.apply(replace(change, requested_at=requested_at)):
        return None
    sending = replace(intent, state=State.SENDING, requested_at=requested_at)
    return await transmit(desk, sending, account, until=safe_until(began))


def _attempt(channels: Channels, clock: Clock, intent: Intent, state: State, step: Step) -> Change:
    """Return the change that stores an attempt. Only the holder of the lease may store it; the lease starts again."""
    now = clock.now()
    return Change(
        intent.id, intent.attempt, intent.state, state, now, [step],
        next_action_at=now + look_again(rules_of(channels, intent)), fence=intent.fence,
    )  # fmt: skip


async def transmit(
    desk: Desk, intent: Intent, account: PartyAccount | None = None, *, until: float
) -> Decision:
    """Send an attempt that is stored, and weigh the answer.

    `until`, in seconds of `time.monotonic`, is shortly before the attempt's lease ends. After it nothing is sent, because
    another process may be querying already. Raises `LeaseLost`; the driver then queries the channel.
    """
    order = await order_of(desk.pool, desk.vault, desk.journal, intent, account)
    if intent.template == posting.HELD:
        await posting.release(desk, intent)
    answer = await _in_time(desk.channels, intent, order, until)
    desk.gate.router.report(intent.channel, intent.kind, answer.verdict)
    if answer.verdict is Verdict.ACCEPTED and intent.state is State.SENDING:
        return await _accepted(desk.clock, desk.journal, intent, answer)
    return await weigh(desk, intent, StepKind.ANSWER, answer)


async def _in_time(channels: Channels, intent: Intent, order: Order, until: float) -> Answer:
    left = until - time.monotonic()
    if left <= 0:
        raise LeaseLost(f"intent {intent.id}: nothing was sent, its lease is too short")
    unwritten = Verdict.FAILED if intent.state is State.SENDING else Verdict.UNKNOWN
    try:
        async with asyncio.timeout(left):
            return await _heard(intent, channels[intent.channel].send(order), unwritten)
    except TimeoutError:
        raise LeaseLost(f"intent {intent.id}: no answer while its lease lasted") from None


async def _heard(
    intent: Intent, answering: Awaitable[Answer], unwritten: Verdict = Verdict.UNKNOWN
) -> Answer:
    """Return the connector's answer: `unwritten` if its format cannot hold the order, so that nothing was sent.

    After any other error of a connector something may have been sent, so that is UNKNOWN.
    """
    try:
        return await answering
    except NotWritten as error:
        return Answer(unwritten, message=str(error), elsewhere=unwritten is Verdict.FAILED)
    except Exception as error:
        log.exception("a connector could not read an answer", intent=str(intent.id))
        # Only its kind is stored: its words may quote the message.
        return Answer(Verdict.UNKNOWN, message=f"unproven: {type(error).__name__}")


async def _accepted(clock: Clock, journal: Journal, intent: Intent, answer: Answer) -> Decision:
    """Store the usual answer as a step only: it proves nothing yet, and the driver queries again in any case."""
    await journal.note(
        new_step(
            clock, intent.id, StepKind.ANSWER, verdict=answer.verdict.value, code=answer.code, raw=answer.raw
        )
    )
    return Decision(intent.state)


async def ask(desk: Desk, intent: Intent) -> Decision:
    """Query the channel and weigh its answer."""
    order = await order_of(desk.pool, desk.vault, desk.journal, intent)
    answer = await _heard(intent, desk.channels[intent.channel].query(order))
    return await weigh(desk, intent, StepKind.QUERY, answer)


async def _resend(desk: Desk, intent: Intent) -> None:
    """Send the identical bytes again: the channel's rules permit it, and it recognises the order number."""
    account = account_of(desk.vault, intent)
    unknown = replace(intent, state=State.UNKNOWN, not_found=0)
    began = time.monotonic()
    step = new_step(desk.clock, intent.id, StepKind.SENT, message="the same message again")
    if await desk.journal.apply(_attempt(desk.channels, desk.clock, unknown, State.UNKNOWN, step)):
        await transmit(desk, unknown, account, until=safe_until(began))


async def order_of(
    pool: asyncpg.Pool, vault: Vault, journal: Journal, intent: Intent, account: PartyAccount | None = None
) -> Order:
    """Return the order for the channel, made only of stored values, so that a repeat is identical."""
    origin = await origin_of(pool, journal, intent)
    return Order(
        operation=intent.kind,
        order_no=intent.channel_order_no,
        requested_at=intent.requested_at,
        amount=intent.amount,
        key=intent.order_no,
        description=intent.description,
        account=account or account_of(vault, intent),
        original_order_no=origin.order_no if origin else "",
        original_requested_at=origin.requested_at if origin else None,
        original_ref=origin.ref if origin else "",
        original_operation=origin.operation if origin else None,
        original_amount=origin.amount if origin else 0,
        instalments=intent.instalments,
        fee_by=intent.fee_by,
        agreement=intent.agreement,
    )


def check_room() -> None:
    """Raise `Busy` if `BACKGROUND` first steps are under way: what is not stored yet is better asked for again later."""
    if len(_running) >= BACKGROUND:
        raise Busy(f"payments: {BACKGROUND} are being sent; try again later")


def in_background(work: Coroutine[Any, Any, object]) -> None:
    """Do a first step behind the answer. If it fails, or too many are under way, the driver does it later."""
    if len(_running) >= BACKGROUND:
        work.close()
        return
    task = asyncio.create_task(work)
    _running.add(task)
    task.add_done_callback(_ended)


def _ended(work: "asyncio.Task[object]") -> None:
    _running.discard(work)
    if not work.cancelled() and work.exception() is not None:
        log.warning("a first step failed; the driver will repeat it", error=repr(work.exception()))


_running: "set[asyncio.Task[object]]" = set()
