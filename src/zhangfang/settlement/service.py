"""Settlement: what was collected becomes available, by evidence, in one batch a merchant and run."""

from datetime import date
from typing import Any

from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.kernel.calendar import add_working_days
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.sql import load
from zhangfang.ledger import Result, voucher
from zhangfang.merchants import FeeKind, fee, get_merchant, rule_on, settlement_account_of
from zhangfang.payments import Desk, Request, accept

queries = load(__package__, "store.sql")


async def settle(desk: Desk, run_date: date) -> list[tuple[date, int]]:
    """Settle everything that is eligible on `run_date`; return dates whose lines are due and still wait, with counts.

    Safe to repeat: batches are stored with their ledger ids before they are booked, and what is in a batch is in no
    other.
    """
    terms = await _terms(desk, run_date)
    await _make_batches(desk, run_date, terms)
    for batch in await desk.pool.fetch(queries.unposted, run_date):
        await _book(desk, batch)
        if batch["auto_payout"]:
            await _pay_out(desk, batch)
    return [(row["settle_date"], row["lines"]) for row in await desk.pool.fetch(queries.waiting, *terms)]


async def _terms(desk: Desk, run_date: date) -> tuple[list[int], list[date]]:
    """Return, for each T+n in use, the latest settlement date that is due on `run_date`."""
    days = [row["settlement_days"] for row in await desk.pool.fetch(queries.terms)]
    return days, [_latest(run_date, n) for n in days]


def _latest(run_date: date, n: int) -> date:
    """Return the latest date d for which d plus n working days has come by `run_date`."""
    day = run_date
    while add_working_days(day, n) > run_date:
        day = date.fromordinal(day.toordinal() - 1)
    return day


async def _make_batches(desk: Desk, run_date: date, terms: tuple[list[int], list[date]]) -> None:
    now = desk.clock.now()
    async with desk.pool.acquire() as connection, connection.transaction():
        payments = [row["id"] for row in await connection.fetch(queries.lock_eligible, *terms)]
        batches = [
            (new_id(desk.clock), row["merchant"], row["net"], row["lines"])
            for row in await connection.fetch(queries.sums, payments)
        ]
        for id_, merchant, net, lines in batches:
            await connection.execute(
                queries.add_settlement, id_, merchant, run_date, new_id(desk.clock), net, lines, now
            )
        ids, merchants = [b[0] for b in batches], [b[1] for b in batches]
        await connection.execute(queries.mark_undos, ids, merchants)
        await connection.execute(queries.mark_refunds, ids, merchants, payments)
        await connection.execute(queries.mark_payments, ids, merchants, payments)
        steps = [new_id(desk.clock) for _ in payments]
        await connection.execute(queries.note_settled, steps, payments, f"settled on {run_date}", now)


async def _book(desk: Desk, batch: Any) -> None:
    if batch["posted_at"] is not None:
        return
    seq = None
    if batch["amount"]:
        made = voucher(
            "T1",
            batch["voucher"],
            subjects={2321: batch["merchant"], 2322: batch["merchant"]},
            amounts={"amount": batch["amount"]},
            business_date=batch["run_date"],
            memo=batch["id"],
        )
        answers = await desk.ledger.create_transfers(made)
        assert all(a.result in (Result.CREATED, Result.EXISTS) for a in answers), (
            f"T1 {batch['id']}: {answers}"
        )
        seq = answers[-1].seq
    await desk.pool.execute(queries.posted, batch["id"], desk.clock.now(), seq)


async def _pay_out(desk: Desk, batch: Any) -> None:
    """Ask for the payout of a batch as the merchant would: the batch's id makes it once."""
    merchant = await get_merchant(desk.pool, batch["merchant"])
    amount = _net_of_fee(merchant.fee_rules, batch["amount"], batch["run_date"])
    if amount <= 0:
        return
    name = f"{batch['code']}-STL-{batch['run_date']:%y%m%d}-{batch['number']}"
    to = await settlement_account_of(desk.pool, desk.vault, merchant.id)
    request = Request(
        kind=Operation.PAYOUT,
        order_no=name,
        amount=amount,
        idempotency_key=name,
        description=f"settlement {batch['run_date']}",
        account=PartyAccount(to.number, to.name, to.medium, to.bank),
    )
    intent, _ = await accept(desk, merchant, request)
    await desk.pool.execute(queries.paid_out, batch["id"], intent.id)


def _net_of_fee(rules: Any, amount: int, day: date) -> int:
    """Return what can be paid out of `amount` so that payout and fee together take all of it, or as near as it goes."""
    rule = rule_on(rules, FeeKind.PAYOUT, day)
    net = amount - fee(rule, amount)
    while net + fee(rule, net) < amount and net + 1 + fee(rule, net + 1) <= amount:
        net += 1
    return net
