"""Attempts: which channel an intent goes through, and when it may go through another one.

An intent gets new ids only if nothing was sent, or after a definite failure. The failed attempt is kept with its ids,
because its channel may contradict itself later.
"""

from dataclasses import replace
from datetime import timedelta

from zhangfang.channels.port import AccountType, Answer, Channels, Operation, Rules, Verdict
from zhangfang.kernel.clock import Clock
from zhangfang.payments.course.rules import PAYER_WAIT
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, OperationStopped, State
from zhangfang.payments.store import queries
from zhangfang.routing import Ask, Choice, Fate

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


async def elsewhere(desk: Desk, intent: Intent, answer: Answer) -> Choice | None:
    """Return where a definitely failed intent can be tried next. None if nowhere: the failure then ends the intent."""
    if not (
        answer.elsewhere
        and answer.verdict is Verdict.FAILED
        and intent.kind in MOVABLE
        and not intent.batch
        and intent.original is None  # what is sent back stays where it came
    ):
        return None
    choice = await _another(desk, intent)
    if choice is None:  # the last resort: a channel that was in trouble before anything was sent to it
        back = await desk.pool.fetchval(queries.never_reached, intent.id, intent.channel)
        choice = Choice(Fate.GO, back, intent.table_version, "it was never sent there") if back else None
    return choice


async def unsent(desk: Desk, intent: Intent) -> Choice | None:
    """Return where an intent that was not sent goes next. None if it stays at its channel.

    It leaves its channel only if that cannot take it now. A refund or void always stays at the channel of its payment, a
    payout of the platform at its bank. Raises `OperationStopped` if no channel takes it now.
    """
    if intent.original is not None:
        stays = Choice(Fate.GO, intent.channel, intent.table_version, "")
        return stays if intent.state is State.PARKED else None
    try:
        here = await desk.gate.choose(replace(ask_of(desk.clock, intent), fixed=intent.channel))
    except OperationStopped:
        here = None
    if here is not None and here.fate is Fate.GO:
        return here if intent.state is State.PARKED else None
    choice = await _another(desk, intent) if intent.kind in MOVABLE else None
    if choice is None and intent.state is not State.PARKED:
        raise OperationStopped(f"{intent.kind} on {intent.channel} is not possible now; try again later")
    return choice


async def _another(desk: Desk, intent: Intent) -> Choice | None:
    tried = {intent.channel, *await desk.pool.fetchval(queries.tried, intent.id)}
    try:
        choice = await desk.gate.choose(ask_of(desk.clock, intent), tried)
    except OperationStopped:
        return None
    return choice if choice.fate is Fate.GO else None
