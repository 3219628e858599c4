"""What was proven here and never was: a pay-in (B6), a refund (R5), a payout (O6). The merchant's side is put right.

The payment keeps its final state; two people say where the proof is. A later line that lists it after all is a duplicate,
because the payment counts as listed.
"""

from datetime import date

from zhangfang.channels.port import PAY_INS
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load
from zhangfang.ledger import Transfer, joined
from zhangfang.payments import PLATFORM, Desk, Intent, State, StepKind
from zhangfang.payments.store import new_step, note
from zhangfang.reconciliation import books
from zhangfang.reconciliation.cures.model import Case
from zhangfang.reconciliation.cures.offs import counts_as_listed

queries = load(__package__, "cures.sql")


async def check(case: Case) -> None:
    """Raise `InvalidInput` unless the payment succeeded, and nothing has been built on it."""
    intent = await _payment(case)
    if intent.state is not State.SUCCESS or intent.returned_at is not None or intent.voided:
        raise InvalidInput("payment", "one that is undone already", "one that counts as done")
    if intent.kind in PAY_INS and (intent.refunded or intent.settlement is not None):
        raise InvalidInput(
            "payment", "one that was refunded or settled", "one that still lies in pending money"
        )
    if intent.splitting is not None:
        raise InvalidInput("payment", "one that is just being split", "the same a little later")


async def vouchers(case: Case, day: date) -> list[list[Transfer]]:
    """Return the voucher that takes a pay-in back from its merchant, and each part of it from the receiver that got it; or
    gives a refund or payout back.
    """
    intent = await _payment(case)
    names = books.subjects(case.alias, intent.channel, intent.merchant)
    template = case.said.cure
    if (
        template == "R5"
    ):  # out of what the channel is owed: to the merchant, or into the long item that it was
        template = f"{intent.template}-" if intent.merchant == PLATFORM else "R2-"
    amounts = {
        "G": intent.amount,
        "N": intent.amount,
        "F": 0
        if intent.fee_taken
        else intent.fee,  # a pay-in that is not settled: what is taken later never was
        "f": intent.fee,
        "amount": intent.amount,
    }
    made = books.lines(template, case.voucher, names, day, memo=intent.id, **amounts)
    if template != "B6":
        return [made]
    parts = [
        books.lines(
            "P9-",
            case.voucher,
            {2321: intent.merchant, -2321: one["receiver"]},
            day,
            memo=intent.id,
            share=one["amount"],
        )
        for one in await case.journal.pool.fetch(queries.parts, intent.id)
    ]
    return [joined(*parts, made)]


async def after(desk: Desk, case: Case, both: str) -> None:
    """Store with the payment what two people have said; free what it had used up."""
    intent, now = await _payment(case), desk.clock.now()
    await said(desk, intent, f"never done, {both}: {case.said.proof}")
    if intent.kind in PAY_INS:
        await desk.pool.execute(queries.false_success, intent.id, case.row["settle_date"], now)
        return
    if intent.merchant == PLATFORM and intent.original is not None:
        await desk.pool.execute(queries.return_undone, intent.original, intent.id)
    elif intent.original is not None:
        await desk.pool.execute(
            queries.refund_undone, intent.original, intent.id, case.row["settle_date"], now
        )
    await counts_as_listed(desk, case, both)


async def said(desk: Desk, intent: Intent, message: str) -> None:
    """Store once, as evidence beside the payment, what two people have said of it."""
    if all(step.message != message for step in await desk.journal.steps(intent.id)):
        await note(desk.pool, [new_step(desk.clock, intent.id, StepKind.PERSON, message=message)])


async def _payment(case: Case) -> Intent:
    return await case.journal.reload(case.row["intent"])
