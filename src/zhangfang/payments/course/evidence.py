"""The one place where evidence changes a state: weigh it, book what it proves, then move the intent."""

from collections.abc import Mapping
from dataclasses import replace

import structlog

from zhangfang.channels.port import MOVED, PAY_INS, AcquiringChannel, Answer, Channels, Verdict
from zhangfang.kernel.calendar import china_day, settlement_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.payments import store
from zhangfang.payments.course import posting
from zhangfang.payments.course.attempts import elsewhere
from zhangfang.payments.course.ending import Ending, conclude, end
from zhangfang.payments.course.proof import whole
from zhangfang.payments.course.rules import LATE, Decision, decide
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import FINAL, Intent, State, StepKind
from zhangfang.payments.orders import rules_of
from zhangfang.payments.store import Change, Step, new_step
from zhangfang.payments.telling import end_of, event_of
from zhangfang.routing import Choice

log = structlog.get_logger()
ASKING = frozenset({StepKind.QUERY})
STEPPING = frozenset({StepKind.QUERY, StepKind.ANSWER})  # evidence that comes from the holder of the lease


async def weigh(desk: Desk, intent: Intent, kind: StepKind, answer: Answer) -> Decision:
    """Apply `answer` to `intent`: ledger first, then one commit for state, evidence and the merchant's webhook.

    Safe to repeat, and to run twice at once: the voucher's ids are stored in the intent, and only an open intent moves.
    """
    answer = whole(intent, answer, desk.clock.now())
    decision = _decide(desk.channels, desk.acquirers, desk.clock, intent, kind, answer)
    if intent.state in FINAL:
        await _after_the_end(desk, intent, kind, answer, decision)
        return decision
    if intent.ending is not None:
        return await _again(desk, intent, kind, answer, keep=True)
    if decision.final and decision.state is not State.SUCCESS:
        return await _fail(desk, intent, kind, answer, decision, await elsewhere(desk, intent, answer))
    change = await _booked(desk, intent, kind, answer, decision)
    moved = await desk.journal.apply(change)
    if decision.final and not moved:
        return await _again(desk, intent, kind, answer)
    if answer.verdict is Verdict.RETURNED and decision.final:
        await give_back(desk, replace(intent, state=decision.state))
    if decision.amount_differs and answer.verdict in MOVED:
        await _contradiction(desk, intent, answer, decision)
    return decision


def _decide(
    channels: Channels,
    acquirers: Mapping[str, AcquiringChannel],
    clock: Clock,
    intent: Intent,
    kind: StepKind,
    answer: Answer,
) -> Decision:
    now = clock.now()
    return decide(
        intent,
        answer.verdict,
        answer.amount,
        rules_of(channels, intent),
        asked=kind in ASKING,
        now=now,
        same_day=intent.channel not in acquirers  # it has no daily file that could miss the order
        or settlement_day(now + LATE) == settlement_day(intent.requested_at),
    )


async def _fail(
    desk: Desk, intent: Intent, kind: StepKind, answer: Answer, decision: Decision, to: Choice | None
) -> Decision:
    """Apply an ending without success. With `to`, the intent does not end: its next attempt begins."""
    step = evidence(desk.clock, intent, kind, answer, "" if to else decision.state)
    ending = Ending(decision.state, [step], answer.code, answer.message, answer.channel_ref, to)
    if not await end(desk, intent, ending):
        return await _again(desk, intent, kind, answer, keep=True)
    return Decision(State.CREATED) if to else decision


async def _again(
    desk: Desk, intent: Intent, kind: StepKind, answer: Answer, *, keep: bool = False
) -> Decision:
    """Weigh evidence against an intent that has moved since it was read. With `keep` the evidence is not stored yet."""
    now = await desk.journal.reload(intent.id)
    if now.ending is not None:
        now = await conclude(desk, now)
    if now.attempt != intent.attempt:
        if keep:
            await desk.journal.note(evidence(desk.clock, intent, kind, answer, ""))
        if answer.verdict in MOVED:
            await _of_earlier(desk, intent)
        return Decision(now.state)
    assert now.state in FINAL, f"intent {intent.id} did not move and is not final"
    decision = _decide(desk.channels, desk.acquirers, desk.clock, now, kind, answer)
    await _after_the_end(desk, now, kind, answer, decision, keep=keep)
    return decision


async def _booked(desk: Desk, intent: Intent, kind: StepKind, answer: Answer, decision: Decision) -> Change:
    now = desk.clock.now()
    step = evidence(
        desk.clock, intent, kind, answer, decision.state if decision.state is not intent.state else ""
    )
    change = Change(
        intent.id, intent.attempt, intent.state, decision.state, now, [step], decisive=decision.final,
        channel_ref=answer.channel_ref, code=answer.code, message=answer.message,
        queried=int(kind in ASKING and answer.verdict is not Verdict.NOT_SENT),
        not_found=intent.not_found + 1 if answer.verdict is Verdict.NOT_FOUND else 0,
        next_action_at=now + decision.wait if decision.wait is not None else None,
        release=kind in STEPPING and not decision.resend,
    )  # fmt: skip
    if not decision.final:
        return change
    # The merchant is told about a batch once, when it ends.
    told = None if intent.batch else end_of(desk.clock, intent, decision.state, now)
    if intent.template == posting.HELD:  # any outcome comes after O2; a crash may have come before it
        await posting.release(desk, intent)
    if intent.kind not in PAY_INS:  # its money was booked before the sending
        return replace(change, settle_date=answer.settle_date, told=told)
    business_date = answer.settle_date or intent.business_date
    posted = await posting.must_post(desk, intent, posting.transfers(intent, desk.alias, business_date))
    booked = new_step(desk.clock, intent.id, StepKind.LEDGER, message=f"seq {posted.seq}")
    # If the posting moved to the first open date, the settlement date is still that of the channel's file.
    proven = business_date if posted.moved else posted.business_date
    return replace(change, settle_date=proven, seq=posted.seq, steps=[step, booked], told=told)


def evidence(clock: Clock, intent: Intent, kind: StepKind, answer: Answer, state: str) -> Step:
    """Return the step that stores an answer."""
    return new_step(
        clock,
        intent.id,
        kind,
        verdict=answer.verdict.value,
        state=state,
        code=answer.code,
        message=answer.message,
        raw=answer.raw,
    )


async def _after_the_end(
    desk: Desk, intent: Intent, kind: StepKind, answer: Answer, decision: Decision, *, keep: bool = True
) -> None:
    """Store evidence about a final intent. Its state does not change; a contradiction opens a break."""
    if keep:
        await desk.journal.note(evidence(desk.clock, intent, kind, answer, ""))
    if decision.contradiction:
        await _contradiction(desk, intent, answer, decision)
    elif answer.verdict is Verdict.RETURNED and intent.state is State.SUCCESS:
        await give_back(desk, intent)


async def _of_earlier(desk: Desk, earlier: Intent) -> None:
    """A channel refused an attempt, and now says that it moved money. The later attempt counts: whatever is booked for
    the earlier one is reversed, and the channel's file will open a break for its money.
    """
    log.error("a channel contradicts its own refusal", intent=str(earlier.id), order=earlier.channel_order_no)
    if earlier.kind in PAY_INS:
        await posting.take_back(desk, earlier, settlement_day(desk.clock.now()))


async def give_back(desk: Desk, intent: Intent) -> None:
    """Book a payout that came back after its success (退票). Its state stays SUCCESS."""
    if intent.returned_at is not None:
        return
    now = desk.clock.now()
    posted = await posting.must_post(desk, intent, posting.returned(intent, desk.alias, china_day(now)))
    async with desk.pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(store.queries.mark_returned, intent.id, now, posted.seq):
            told = event_of(desk.clock, intent, "payout.returned", intent.state, now)
            await connection.execute(
                store.queries.tell, told.id, intent.merchant, intent.id, told.event, told.payload, now
            )


async def _contradiction(desk: Desk, intent: Intent, answer: Answer, decision: Decision) -> None:
    """Open a break: evidence contradicts a final state, or names another amount, in any state."""
    odd = decision.amount_differs
    log.error(
        "evidence contradicts what stands",
        intent=str(intent.id),
        state=intent.state,
        verdict=answer.verdict,
        amount_differs=odd,
    )
    ended_unpaid = intent.state in FINAL and intent.state is not State.SUCCESS
    if ended_unpaid and intent.kind in PAY_INS:
        await posting.take_back(desk, intent, settlement_day(desk.clock.now()))
    note = f"{intent.state}, then {answer.verdict} ({answer.code})" + f" of {answer.amount} fen" * odd
    moved = intent.amount if intent.state is State.SUCCESS else 0
    theirs = (answer.amount if odd else intent.amount) if answer.verdict is Verdict.SUCCESS or odd else 0
    key = intent.channel_order_no + f"/{answer.verdict}/{answer.amount}" * odd
    await desk.pool.execute(
        store.queries.open_contradiction, new_id(desk.clock), intent.channel, intent.settle_date or intent.business_date,
        key, intent.id, moved, theirs, note, new_id(desk.clock), desk.clock.now(),
        new_id(desk.clock),
    )  # fmt: skip
