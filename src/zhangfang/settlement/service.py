"""Settlement: moves proven pending money to available, in one batch per merchant and run."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg
import structlog

from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.fees import Ask, fee, rule_for
from zhangfang.kernel.calendar import add_working_days, china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.database import repeated
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.ledger import LedgerClient, Result, voucher
from zhangfang.merchants import FeeKind, FeeRule, get_merchant, settlement_account_of
from zhangfang.payments import Desk, Request, accept, book

queries = load(__package__, "store.sql")
log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Line:
    """A line of a settlement: `part` is payment, refund or undo; `net` is in fen, negative for a refund."""

    id: UUID
    merchant: str
    part: str
    net: int


async def settle(desk: Desk, run_date: date) -> list[str]:
    """Settle everything that is eligible on `run_date`; return a text for each thing that is due and still waits.

    Safe to repeat: batches are stored with their ledger ids before they are booked, and a line is in one batch only.
    """
    terms = await _terms(desk.pool, run_date)
    await _in_batches(desk.pool, desk.clock, run_date, terms)
    for batch in await desk.pool.fetch(queries.unposted, run_date):
        await _book(desk.pool, desk.ledger, desk.clock, batch)
    unpaid = await pay_out(desk)
    waiting = await desk.pool.fetch(queries.waiting, *terms)
    late = [f"{row['lines']} lines of {row['settle_date']} wait for file or money" for row in waiting]
    return late + unpaid


async def pay_out(desk: Desk) -> list[str]:
    """Request every automatic payout that is not requested yet; return a text for each that has to wait.

    Safe to repeat. A batch of an earlier date whose payout could not be requested then (the channel was stopped, say) is
    among them; those of a frozen merchant wait until it is active again.
    """
    texts = [await _pay_out(desk, batch) for batch in await desk.pool.fetch(queries.unpaid)]
    return [text for text in texts if text]


async def _terms(pool: asyncpg.Pool, run_date: date) -> tuple[list[int], list[date]]:
    """Return, for each T+n in use, the latest settlement date that is due on `run_date`."""
    days = [row["settlement_days"] for row in await pool.fetch(queries.terms)]
    return days, [latest(run_date, n) for n in days]


def latest(run_date: date, n: int) -> date:
    """Return the latest date to which `n` working days can be added without passing `run_date`."""
    day = run_date
    while add_working_days(day, n) > run_date:
        day = date.fromordinal(day.toordinal() - 1)
    return day


async def _in_batches(
    pool: asyncpg.Pool, clock: Clock, run_date: date, terms: tuple[list[int], list[date]]
) -> None:
    """Put every eligible line into a batch. Payments are locked first and then refunds, as everywhere."""

    async def once() -> None:
        async with pool.acquire() as connection, connection.transaction():
            await _make_batches(clock, connection, run_date, terms)

    await repeated(once)


async def _make_batches(
    clock: Clock, connection: Any, run_date: date, terms: tuple[list[int], list[date]]
) -> None:
    payments = await connection.fetch(queries.lock_eligible, *terms)
    refunds = await connection.fetch(queries.lock_refunds, [row["id"] for row in payments])
    by_merchant: dict[str, list[Line]] = defaultdict(list)
    for row in (*payments, *refunds):
        by_merchant[row["merchant"]].append(Line(**row))
    for merchant, lines in sorted(by_merchant.items()):
        await _make_batch(clock, connection, merchant, run_date, lines)


async def _make_batch(
    clock: Clock, connection: Any, merchant: str, run_date: date, lines: Sequence[Line]
) -> None:
    """Store one merchant's batch. If it is negative (fees are kept on refunds), its lines wait for the next run."""
    net = sum(line.net for line in lines)
    if net < 0:
        return
    id_, now = new_id(clock), clock.now()
    await connection.execute(
        queries.add_settlement, id_, merchant, run_date, new_id(clock), net, len(lines), now
    )
    await connection.execute(queries.mark_undos, id_, [line.id for line in lines if line.part == "undo"])
    marked = [line.id for line in lines if line.part != "undo"]
    await connection.execute(queries.mark_lines, id_, marked)
    payments = [line.id for line in lines if line.part == "payment"]
    await _note(clock, connection, payments, f"in the settlement of {run_date}")


async def _note(clock: Clock, connection: Any, intents: Sequence[UUID], message: str) -> None:
    steps = [new_id(clock) for _ in intents]
    await connection.execute(queries.note_settled, steps, intents, message, clock.now())


async def _book(pool: asyncpg.Pool, ledger: LedgerClient, clock: Clock, batch: Any) -> None:
    """T1. If the merchant's pending money does not cover the batch, the ledger refuses it for good: dissolve it."""
    seq = None
    if batch["amount"]:
        who, fen = dict.fromkeys((2321, 2322), batch["merchant"]), {"amount": batch["amount"]}
        day, memo = batch["run_date"], batch["id"]
        made = voucher("T1", batch["voucher"], subjects=who, amounts=fen, business_date=day, memo=memo)
        answers = (await book(pool, ledger, made)).answers
        if any(answer.result not in (Result.CREATED, Result.EXISTS) for answer in answers):
            await _dissolve(pool, clock, batch, answers[0].result.name)
            return
        seq = answers[-1].seq
    await pool.execute(queries.posted, batch["id"], clock.now(), seq)


async def _dissolve(pool: asyncpg.Pool, clock: Clock, batch: Any, reason: str) -> None:
    log.error(
        "the ledger refused a settlement",
        settlement=str(batch["id"]),
        merchant=batch["merchant"],
        reason=reason,
    )
    async with pool.acquire() as connection, connection.transaction():
        if await connection.fetchval(queries.drop_settlement, batch["id"]) is None:
            return
        rows = await connection.fetch(queries.unmark_lines, batch["id"])
        await connection.execute(queries.unmark_undos, batch["id"])
        payments = [row["id"] for row in rows if row["kind"] in ("purchase", "collection")]
        await _note(
            clock, connection, payments, f"taken out of the settlement of {batch['run_date']}: {reason}"
        )


async def _pay_out(desk: Desk, batch: Any) -> str:
    """Request a batch's payout for the merchant, once: its name is the key. Return why it waits, or nothing."""
    name = f"{batch['code']}-STL-{batch['run_date']:%y%m%d}-{batch['number']}"
    try:
        intent = await desk.pool.fetchval(queries.payout_named, batch["merchant"], name)
        intent = intent or await _ask_for_payout(desk, batch, name)
    except ZhangfangError as error:
        log.warning("an automatic payout waits", payout=name, error=str(error))
        return f"payout {name} waits: {error}"
    if intent is None:
        await desk.pool.execute(queries.too_small, batch["id"])
    else:
        await desk.pool.execute(queries.paid_out, batch["id"], intent)
    return ""


async def _ask_for_payout(desk: Desk, batch: Any, name: str) -> UUID | None:
    """Return the payout's id; None if the fee leaves nothing to pay out."""
    merchant = await get_merchant(desk.pool, batch["merchant"])
    held = await settlement_account_of(desk.pool, desk.vault, merchant.id)
    to = PartyAccount(held.number, held.name, held.medium, held.bank)
    ask = Ask(FeeKind.PAYOUT, account_type=str(to.type))
    rule = rule_for(merchant.fee_rules, ask, china_day(desk.clock.now()))
    amount = net_of_fee(rule, batch["amount"])
    if amount <= 0:
        return None
    request = Request(
        kind=Operation.PAYOUT,
        order_no=name,
        amount=amount,
        idempotency_key=name,
        description=f"settlement {batch['run_date']}",
        account=to,
    )
    intent, _ = await accept(desk, merchant, request)
    return intent.id


def net_of_fee(rule: FeeRule, amount: int) -> int:
    """Return the largest payout that `amount` covers together with its fee, in fen; 0 if it does not cover the fee.

    The fee never falls when the payout grows, so the largest is found by bisection.
    """
    low, high = 0, amount
    while low < high:
        middle = (low + high + 1) // 2
        if middle + fee(rule, middle) <= amount:
            low = middle
        else:
            high = middle - 1
    return low
