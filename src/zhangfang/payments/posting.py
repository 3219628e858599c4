"""Which template books which event of an intent. The templates themselves are the ledger's table."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import structlog

from zhangfang.channels.port import Operation
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger import Answered, Result, Transfer, mirror, post, voucher
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent, State

log = structlog.get_logger()

PLATFORM = "platform"
DONE = frozenset({Result.CREATED, Result.EXISTS})
HELD = "O1"
TEMPLATES = {
    Operation.PURCHASE: "P1",
    Operation.COLLECTION: "P2",
    Operation.VOID: "V1",
    Operation.PAYOUT: "O1",
}


class LedgerRefused(ZhangfangError):
    """The ledger refused a posting for a reason that is ours, not the merchant's: a person has to look."""


@dataclass(frozen=True, slots=True)
class Posted:
    """Where a voucher stands in the books: the ledger's sequence number and the business date."""

    seq: int
    business_date: date


def transfers(intent: Intent, alias: str, business_date: date) -> list[Transfer]:
    """Return the voucher that an intent's template makes of it."""
    return voucher(
        intent.template,
        intent.voucher,
        subjects=subjects(intent, alias),
        amounts=_amounts(intent),
        business_date=business_date,
        memo=intent.id,
    )


def subjects(intent: Intent, alias: str) -> dict[int, str]:
    """Return whose account each code of the chart means for this intent."""
    by_channel = dict.fromkeys((3011, 3012, 3013, 3014, 3015, 2351), intent.channel)
    by_merchant = dict.fromkeys((2321, 2322), intent.merchant)
    return by_channel | by_merchant | {2361: PLATFORM, 1003: alias, 2352: alias}


def _amounts(intent: Intent) -> dict[str, int]:
    return {"G": intent.amount, "N": intent.amount, "F": intent.fee, "f": intent.fee, "amount": intent.amount}


def undo(intent: Intent, alias: str, business_date: date) -> list[Transfer]:
    """Return the voucher that a proven failure makes: the money goes back to whose it was."""
    if intent.kind is Operation.PAYOUT and intent.template == HELD:
        return _later("O6", intent, alias, business_date)
    done = transfers(intent, alias, intent.business_date)
    return mirror(done, intent.undo_voucher, business_date=business_date, memo=intent.id)


def returned(intent: Intent, alias: str, business_date: date) -> list[Transfer]:
    """Return the voucher of a payout that the bank gave back after its success."""
    return _later("O7", intent, alias, business_date)


def _later(template: str, intent: Intent, alias: str, business_date: date) -> list[Transfer]:
    return voucher(
        template,
        intent.undo_voucher,
        subjects=subjects(intent, alias),
        amounts=_amounts(intent),
        business_date=business_date,
        memo=intent.id,
    )


async def release(desk: Desk, intent: Intent) -> Posted:
    """O2: post both pendings of the hold, so that the money is out of the merchant's account before the socket opens."""
    held = transfers(intent, desk.alias, intent.business_date)
    return await must_post(desk, intent, post(held, business_date=intent.business_date))


async def must_post(desk: Desk, intent: Intent, several: Sequence[Transfer]) -> Posted:
    """Post a voucher that evidence has proven, or find where it stands; any other refusal is an error."""
    answers = await desk.ledger.create_transfers(several)
    if succeeded(answers):
        return Posted(answers[-1].seq, several[-1].business_date)
    stands = await _standing(desk, several)
    if stands is None:
        log.error("the ledger refused a proven posting", intent=str(intent.id), results=_named(answers))
        raise LedgerRefused(f"intent {intent.id}: {_named(answers)}")
    return stands


async def _standing(desk: Desk, several: Sequence[Transfer]) -> Posted | None:
    """Find a voucher that was booked with another business date, before a crash hid that it was: the first one holds."""
    found = await desk.ledger.lookup_transfers([one.id for one in several])
    for one in several:
        entry = found.get(one.id)
        if entry is None or _moves(entry.transfer) != _moves(one):
            return None
    last = found[several[-1].id]
    return Posted(last.seq, last.transfer.business_date)


def _moves(one: Transfer) -> tuple[object, ...]:
    return one.debit, one.credit, one.amount, one.kind, one.voucher


async def take_back(desk: Desk, intent: Intent, business_date: date) -> None:
    """Reverse a pay-in that was booked while other evidence ended its intent without success; else do nothing."""
    made = transfers(intent, desk.alias, business_date)
    if await _standing(desk, made) is not None:
        await must_post(
            desk, intent, mirror(made, intent.undo_voucher, business_date=business_date, memo=intent.id)
        )


def succeeded(answers: Sequence[Answered]) -> bool:
    """Whether every line of a voucher is in the books."""
    return all(answer.result in DONE for answer in answers)


def refusal(answers: Sequence[Answered]) -> Result:
    """Return the result that says why: not that a companion failed, but what the companion met."""
    reasons = [a.result for a in answers if a.result not in DONE]
    return next((r for r in reasons if r is not Result.LINKED_FAILED), reasons[0])


def _named(answers: Sequence[Answered]) -> list[str]:
    return [answer.result.name for answer in answers]


OUTCOMES = {  # what a final state books, beside the templates that were booked before sending
    (Operation.PURCHASE, State.SUCCESS): transfers,
    (Operation.COLLECTION, State.SUCCESS): transfers,
    (Operation.REFUND, State.FAILED): undo,
    (Operation.VOID, State.FAILED): undo,
    (Operation.PAYOUT, State.FAILED): undo,
}
