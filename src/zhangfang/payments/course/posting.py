"""Which template books which event of an intent, and how a voucher is posted. The ledger defines the templates."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from uuid import UUID

import asyncpg
import structlog

from zhangfang.channels.port import PAY_INS, Operation
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger import (
    Answered,
    LedgerClient,
    Result,
    Transfer,
    TransferFlag,
    exchanged,
    joined,
    mirror,
    post,
    voucher,
)
from zhangfang.payments.desk import Desk
from zhangfang.payments.model import Intent
from zhangfang.payments.shares import of_payment, of_refund
from zhangfang.payments.store import queries

log = structlog.get_logger()

PLATFORM = "platform"
DONE = frozenset({Result.CREATED, Result.EXISTS})
HELD = "O1"
_PENDING = frozenset({"R1", "V1", "U1"})  # out of the merchant's pending money
_RESOLVES = TransferFlag.POST | TransferFlag.VOID
_TRIES = 3  # a period may be closed between two tries
TEMPLATES = {
    Operation.PURCHASE: "P1",
    Operation.COLLECTION: "P2",
    Operation.VOID: "V1",
    Operation.PAYOUT: "O1",
}


class LedgerRefused(ZhangfangError):
    """The ledger refused a posting for a fault that is ours, not the merchant's: a person has to look."""


@dataclass(frozen=True, slots=True)
class Booked:
    """The ledger's answer for each line of a voucher, and the business date with which it is in the books.

    `moved` says that this date is later than the date of the evidence, because that one is closed.
    """

    answers: Sequence[Answered]
    business_date: date
    moved: bool = False

    @property
    def seq(self) -> int:
        """The ledger's sequence number of the last line."""
        return self.answers[-1].seq


def transfers(intent: Intent, alias: str, business_date: date) -> list[Transfer]:
    """Return the voucher that an intent's template makes, with the parts that other merchants get or give back."""
    made = _voucher(intent.template, intent.voucher, intent, alias, business_date)
    if not intent.shares:
        return made
    if intent.kind in PAY_INS:
        return joined(made, *_given(intent, business_date))
    return joined(*_taken_back(intent, business_date), made)


def _given(intent: Intent, business_date: date) -> Iterator[list[Transfer]]:
    """P9: from the seller's pending money to each receiver's."""
    for receiver, fen in of_payment(intent.shares):
        yield part(
            "P9", intent.voucher, {2321: intent.merchant, -2321: receiver}, fen, business_date, intent.id
        )


def _taken_back(intent: Intent, business_date: date) -> Iterator[list[Transfer]]:
    """P9 the other way round. Money that is available already becomes pending before it (T1 the other way round), and what
    a receiver lacks of it is advanced before that (A1). If the refund comes out of the seller's available money, it becomes
    available there after it.
    """
    id_, day, memo = intent.voucher, business_date, intent.id
    shares = of_refund(intent.shares)
    for receiver, fen, available, advanced in shares:
        if advanced:
            who, lent = {2322: receiver, 1223: receiver}, {"amount": advanced}
            yield voucher("A1", id_, subjects=who, amounts=lent, business_date=day, memo=memo)
        if available:
            yield exchanged(part("T1", id_, {2321: receiver, 2322: receiver}, fen, day, memo))
        yield part("P9", id_, {2321: receiver, -2321: intent.merchant}, fen, day, memo)
    if intent.template not in _PENDING:
        whole = sum(one.fen for one in shares)
        yield part("T1", id_, {2321: intent.merchant, 2322: intent.merchant}, whole, day, memo)


def part(
    template: str, id_: UUID, subjects: Mapping[int, str], fen: int, business_date: date, memo: UUID
) -> list[Transfer]:
    """Return one line of P9 or T1."""
    amounts = {"share": fen, "amount": fen}
    return voucher(template, id_, subjects=subjects, amounts=amounts, business_date=business_date, memo=memo)


def _voucher(template: str, id_: UUID, intent: Intent, alias: str, business_date: date) -> list[Transfer]:
    who, fen = subjects(intent, alias), _amounts(intent)
    return voucher(template, id_, subjects=who, amounts=fen, business_date=business_date, memo=intent.id)


def subjects(intent: Intent, alias: str) -> dict[int, str]:
    """Return the subject of each account code for this intent."""
    by_channel = dict.fromkeys((3011, 3012, 3013, 3014, 3015, 2351), intent.channel)
    by_merchant = dict.fromkeys((2321, 2322, 2323, 1223), intent.merchant)
    own = dict.fromkeys((2361, 1222, 1225), PLATFORM)
    return by_channel | by_merchant | own | {1003: alias, 2352: alias}


def _amounts(intent: Intent) -> dict[str, int]:
    fee = 0 if intent.fee_taken else intent.fee  # taken later: at settlement
    there = intent.amount - intent.advanced
    return dict.fromkeys(("G", "N", "amount"), intent.amount) | dict.fromkeys(("F", "f"), fee) | {
        "there": there, "rest": intent.advanced,
    }  # fmt: skip


def undo(intent: Intent, alias: str, business_date: date) -> list[Transfer]:
    """Return the voucher of a proven failure: the money goes back to its owner."""
    if intent.kind is Operation.PAYOUT and intent.template == HELD:
        return _voucher("O6", intent.undo_voucher, intent, alias, business_date)
    done = transfers(intent, alias, intent.business_date)
    return mirror(done, intent.undo_voucher, business_date=business_date, memo=intent.id)


def returned(intent: Intent, alias: str, business_date: date) -> list[Transfer]:
    """Return the voucher of a payout that the bank returned after its success; of what was sent back, into suspense."""
    template = "O7" if intent.template == HELD else f"{intent.template}.back"
    return _voucher(template, intent.undo_voucher, intent, alias, business_date)


async def release(desk: Desk, intent: Intent) -> Booked:
    """O2: post both pending lines of the hold, so that the money has left the merchant's account before we send."""
    held = transfers(intent, desk.alias, intent.business_date)
    return await must_post(desk, intent, post(held, business_date=intent.business_date))


async def must_post(desk: Desk, intent: Intent, several: Sequence[Transfer]) -> Booked:
    """Post a voucher that evidence has proven, or find it in the books. Raises `LedgerRefused`."""
    booked = await book(desk.pool, desk.ledger, several)
    if not succeeded(booked.answers):
        log.error(
            "the ledger refused a proven posting", intent=str(intent.id), results=_named(booked.answers)
        )
        raise LedgerRefused(f"intent {intent.id}: {_named(booked.answers)}")
    return booked


async def book(pool: asyncpg.Pool, ledger: LedgerClient, several: Sequence[Transfer]) -> Booked:
    """Ask the ledger to post a voucher. Everything that posts calls this function.

    If the business date is closed, the first open one is used, under the same ids: the ledger does not store this kind of
    refusal. So a repeat may find the voucher with another date than it asks for. It is the same voucher.
    """
    asked, closed = several, None
    for _ in range(_TRIES):
        answers = await ledger.create_transfers(asked)
        if all(answer.result is not Result.PERIOD_CLOSED for answer in answers):
            break
        closed = await closed_through(pool)
        asked = dated(several, closed)
    if any(answer.result is Result.EXISTS_DIFFERENT for answer in answers):
        return await _standing(pool, ledger, several) or Booked(answers, several[-1].business_date)
    day = asked[-1].business_date
    return Booked(answers, day, moved=day != several[-1].business_date)


async def closed_through(pool: asyncpg.Pool) -> date | None:
    """Return the last closed business date, None if none is closed."""
    return await pool.fetchval(queries.closed_through)  # type: ignore[no-any-return]


def first_open(day: date, closed: date | None) -> date:
    """Return the first business date from `day` on that still takes postings."""
    return day if closed is None or day > closed else closed + timedelta(days=1)


def dated(several: Sequence[Transfer], closed: date | None) -> list[Transfer]:
    """Return a voucher with its first open business date; nothing else changes."""
    return [replace(one, business_date=first_open(one.business_date, closed)) for one in several]


async def _standing(pool: asyncpg.Pool, ledger: LedgerClient, several: Sequence[Transfer]) -> Booked | None:
    """Find a voucher that was booked with another business date before a crash. That first date is kept.

    If it is later than the date asked for, and that one is closed, then the close has moved it and not other evidence.
    """
    found = await ledger.lookup_transfers([one.id for one in several])
    for one in several:
        entry = found.get(one.id)
        if entry is None or not _same(entry.transfer, one):
            return None
    wanted, stands = several[-1].business_date, found[several[-1].id].transfer.business_date
    closed = await closed_through(pool)
    moved = closed is not None and wanted <= closed and stands > wanted
    return Booked([Answered(Result.EXISTS, found[one.id].seq) for one in several], stands, moved)


def _same(stands: Transfer, asked: Transfer) -> bool:
    """Whether an entry is what was asked for, apart from its date. A line that ends a hold has no accounts or amount."""
    if asked.flags & _RESOLVES:
        return (stands.voucher, stands.flags & _RESOLVES) == (asked.voucher, asked.flags & _RESOLVES)
    return _moves(stands) == _moves(asked)


def _moves(one: Transfer) -> tuple[object, ...]:
    return one.debit, one.credit, one.amount, one.kind, one.voucher


async def take_back(desk: Desk, intent: Intent, business_date: date) -> Booked | None:
    """Reverse a pay-in that was booked as a success, although its intent has none; None if it was not booked."""
    made = transfers(intent, desk.alias, business_date)
    if await _standing(desk.pool, desk.ledger, made) is None:
        return None
    undone = mirror(made, intent.undo_voucher, business_date=business_date, memo=intent.id)
    return await must_post(desk, intent, undone)


def succeeded(answers: Sequence[Answered]) -> bool:
    """Whether every line of a voucher is in the books."""
    return all(answer.result in DONE for answer in answers)


def refusal(answers: Sequence[Answered]) -> Result:
    """Return why a voucher was refused: the result of the line that failed, not `LINKED_FAILED` of the others."""
    reasons = [a.result for a in answers if a.result not in DONE]
    return next((r for r in reasons if r is not Result.LINKED_FAILED), reasons[0])


def _named(answers: Sequence[Answered]) -> list[str]:
    return [answer.result.name for answer in answers]
