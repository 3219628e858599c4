"""Attempts: which channel an intent goes through, and when it may go through another one.

An intent gets new ids only if nothing was sent, or after a definite failure. The failed attempt is kept with its ids,
because its channel may contradict itself later.
"""

from dataclasses import dataclass, replace
from datetime import timedelta

import structlog

from zhangfang.channels.port import AccountType, Answer, Channels, Operation, Rules, Verdict
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import Result, void
from zhangfang.payments.course import posting
from zhangfang.payments.course.rules import PAYER_WAIT
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, OperationStopped, State, StepKind
from zhangfang.payments.orders import new_number
from zhangfang.payments.store import Connection, new_step, note, queries
from zhangfang.routing import Ask, Choice, Fate

log = structlog.get_logger()

LOOK_AGAIN = timedelta(seconds=10)  # longer than a channel's time-out: a step in progress is not disturbed
PARKED_LOOK = timedelta(minutes=1)
# A purchase stays at the cashier where its payer is, and a refund or void at the channel of its payment.
MOVABLE = frozenset({Operation.COLLECTION, Operation.PAYOUT})


def look_again(rules: Rules) -> timedelta:
    """Return the time to an attempt's first query: the channel's own interval, but at least `LOOK_AGAIN`."""
    return max(LOOK_AGAIN, rules.query_after[0])


def first_wait(channels: Channels, kind: Operation, channel: str, state: State) -> timedelta:
    """Return the time after which the driver takes a new intent, if nobody has continued it before."""
    if state is State.PARKED:
        return PARKED_LOOK
    if kind is Operation.PURCHASE:
        return PAYER_WAIT
    if kind is Operation.COLLECTION:  # its attempt is stored with it
        return look_again(channels[channel].rules[kind])
    return LOOK_AGAIN


def ask_of(clock: Clock, intent: Intent, fixed: str = "") -> Ask:
    """Return the question for the router. A payer's agreement is valid at one channel only, so that one is fixed."""
    return Ask(
        operation=intent.kind,
        amount=intent.amount,
        at=clock.now(),
        key=intent.id,
        product=intent.product,
        type=AccountType(*intent.account_type.split("/")) if intent.account_type else None,
        instalments=intent.instalments,
        fixed=fixed or (intent.channel if intent.agreement else ""),
        bound=intent.kind is Operation.COLLECTION,  # its account is the one that the mandate names
    )


@dataclass(frozen=True, slots=True)
class Move:
    """The next attempt: its channel, and why the last one ended. `sent`: the last one may have left, and has failed."""

    choice: Choice
    sent: bool
    code: str = ""
    message: str = ""


async def elsewhere(desk: Desk, intent: Intent, answer: Answer) -> Move | None:
    """Return where a definitely failed intent can be tried next. None if nowhere: the failure then ends the intent."""
    if not (
        answer.elsewhere and answer.verdict is Verdict.FAILED and intent.kind in MOVABLE and not intent.batch
    ):
        return None
    choice = await _another(desk, intent)
    if choice is None:  # the last resort: a channel that was in trouble before anything was sent to it
        back = await desk.pool.fetchval(queries.never_reached, intent.id, intent.channel)
        choice = Choice(Fate.GO, back, intent.table_version, "it was never sent there") if back else None
    return Move(choice, True, answer.code, answer.message) if choice else None


async def unsent(desk: Desk, intent: Intent) -> Move | None:
    """Return where an intent that was not sent goes next. None if it stays at its channel.

    It leaves its channel only if that cannot take it now. A refund or void always stays at the channel of its payment.
    Raises `OperationStopped` if no channel takes it now.
    """
    if intent.original is not None:
        return None
    try:
        here = await desk.gate.choose(replace(ask_of(desk.clock, intent), fixed=intent.channel))
    except OperationStopped:
        here = None
    if here is not None and here.fate is Fate.GO:
        return Move(here, False) if intent.state is State.PARKED else None
    choice = await _another(desk, intent) if intent.kind in MOVABLE else None
    if choice is None and intent.state is not State.PARKED:
        raise OperationStopped(f"{intent.kind} on {intent.channel} is not possible now; try again later")
    return Move(choice, False, message="the channel does not take it now") if choice else None


async def _another(desk: Desk, intent: Intent) -> Choice | None:
    tried = {intent.channel, *await desk.pool.fetchval(queries.tried, intent.id)}
    try:
        choice = await desk.gate.choose(ask_of(desk.clock, intent), tried)
    except OperationStopped:
        return None
    return choice if choice.fate is Fate.GO else None


async def move(desk: Desk, connection: Connection, intent: Intent, to: Move) -> Intent | None:
    """Begin the next attempt of an intent whose row the caller has locked; return it, or None if it cannot move.

    The money that the last attempt held is given back first, under the ids that were stored for that. The new attempt
    will hold it again, under new ids.
    """
    if to.choice.channel == intent.channel and not to.sent:
        await connection.execute(queries.unpark, intent.id, to.choice.version, desk.clock.now())
        return replace(intent, state=State.CREATED)
    if intent.kind is Operation.PAYOUT and not await _given_back(desk, intent, sent=to.sent):
        return None
    now = desk.clock.now()
    number = new_number(desk.channels, desk.clock, to.choice.channel, new_id(desk.clock))
    await connection.execute(queries.keep_attempt, intent.id, to.sent, to.code, to.message, now)
    await connection.execute(
        queries.next_attempt, intent.id, to.choice.channel, to.choice.version, number,
        new_id(desk.clock), new_id(desk.clock), now,
    )  # fmt: skip
    message = f"{intent.channel} → {to.choice.channel}: {number}"
    step = new_step(desk.clock, intent.id, StepKind.ROUTED, state=State.CREATED, message=message)
    await note(connection, [step])
    log.info(
        "a payment goes by another channel", intent=str(intent.id), was=intent.channel, now=to.choice.channel
    )
    row = await connection.fetchrow(queries.by_ids, [intent.id])
    return Intent.of(row)


async def _given_back(desk: Desk, intent: Intent, *, sent: bool) -> bool:
    """Undo the hold of the last attempt: by O6 if it may have been sent (O2 was posted then), else by voiding it."""
    held = posting.transfers(intent, desk.alias, intent.business_date)
    if not sent:
        booked = await posting.book(desk.pool, desk.ledger, void(held, business_date=intent.business_date))
        if posting.succeeded(booked.answers):
            return True
        if posting.refusal(booked.answers) is not Result.PENDING_ALREADY_POSTED:
            return False
    await posting.release(desk, intent)  # a crash may have come before it
    await posting.must_post(desk, intent, posting.undo(intent, desk.alias, china_day(desk.clock.now())))
    return True
