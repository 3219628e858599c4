"""Attempts: by which channel an intent goes, and what has to be true before it may go by another.

New identifiers are made only where nothing was sent, or after a definite failure. The attempt that came to nothing is
kept with the ids it used, for a channel may still contradict itself.
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
from zhangfang.payments.orders import new_number, rules_of
from zhangfang.payments.store import Connection, new_step, note, queries
from zhangfang.routing import Ask, Choice, Fate

log = structlog.get_logger()

LOOK_AGAIN = timedelta(seconds=10)  # longer than a channel's time-out: a step in progress is not disturbed
PARKED_LOOK = timedelta(minutes=1)
MOVABLE = frozenset(
    {Operation.COLLECTION, Operation.PAYOUT}
)  # a payer at a cashier, or a refund, is where it is


def look_again(rules: Rules) -> timedelta:
    """Return when an attempt is looked at again: on the channel's own schedule, but not while it may be in progress."""
    return max(LOOK_AGAIN, rules.query_after[0])


def due(channels: Channels, intent: Intent) -> Intent:
    """Return a new intent with the time at which the driver looks at it if nobody has gone on with it."""
    wait = LOOK_AGAIN
    if intent.state is State.PARKED:
        wait = PARKED_LOOK
    elif intent.kind is Operation.PURCHASE:
        wait = PAYER_WAIT
    elif intent.kind is Operation.COLLECTION:  # its attempt is stored with it
        wait = look_again(rules_of(channels, intent))
    return replace(intent, next_action_at=intent.created_at + wait)


def ask_of(clock: Clock, intent: Intent, fixed: str = "") -> Ask:
    """Return what the router is asked. A payer's agreement is kept by one channel: no other can use it."""
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
    """Another attempt: where it goes, and why the one before it came to nothing. `sent`: it may have left, and failed."""

    choice: Choice
    sent: bool
    code: str = ""
    message: str = ""


async def elsewhere(desk: Desk, intent: Intent, answer: Answer) -> Move | None:
    """Return where else a definite failure can be tried, None if nowhere: the failure then ends the intent."""
    if not (
        answer.elsewhere and answer.verdict is Verdict.FAILED and intent.kind in MOVABLE and not intent.batch
    ):
        return None
    choice = await _another(desk, intent)
    if choice is None:  # a channel that it left because of a trouble that will pass is waited for after all
        back = await desk.pool.fetchval(queries.never_reached, intent.id, intent.channel)
        choice = Choice(Fate.GO, back, intent.table_version, "it was never sent there") if back else None
    return Move(choice, True, answer.code, answer.message) if choice else None


async def unsent(desk: Desk, intent: Intent) -> Move | None:
    """Return where a payment of which nothing has left goes on, None if it stays where it is.

    It leaves its channel only if the channel cannot take it now. Raises `OperationStopped` if it can go nowhere. What
    undoes a payment is where the payment is: no table routes it.
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

    The money that the last attempt held goes back first, under the ids that were stored for that; the new one holds
    it again, under new ids, when its turn comes.
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
    step = new_step(
        desk.clock,
        intent.id,
        StepKind.ROUTED,
        state=State.CREATED,
        message=f"{intent.channel} → {to.choice.channel}: {number}",
    )
    await note(connection, [step])
    log.info(
        "a payment goes by another channel", intent=str(intent.id), was=intent.channel, now=to.choice.channel
    )
    row = await connection.fetchrow(queries.by_ids, [intent.id])
    return Intent.of(row)


async def _given_back(desk: Desk, intent: Intent, *, sent: bool) -> bool:
    """Give back what the last attempt held. What came as far as the socket had left through O2, and comes back by O6."""
    held = posting.transfers(intent, desk.alias, intent.business_date)
    if not sent:
        booked = await posting.book(desk.pool, desk.ledger, void(held, business_date=intent.business_date))
        if posting.succeeded(booked.answers):
            return True
        if posting.refusal(booked.answers) is not Result.PENDING_ALREADY_POSTED:
            return False
    await posting.release(desk, intent)  # where a crash has cut it off
    await posting.must_post(desk, intent, posting.undo(intent, desk.alias, china_day(desk.clock.now())))
    return True
