"""Automatic payouts: what a settlement made available is paid out to the merchant's settlement account, once a batch."""

from typing import Any
from uuid import UUID

import structlog

from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.fees import Ask, fee, rule_for
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.merchants import FeeKind, FeeRule, get_merchant, settlement_account_of
from zhangfang.payments import Desk, Request, accept

queries = load(__package__, "store.sql")
log = structlog.get_logger()


async def pay_out(desk: Desk) -> list[str]:
    """Request every automatic payout that is not requested yet; return a text for each that has to wait.

    Safe to repeat. A batch of an earlier date whose payout could not be requested then (the channel was stopped, say) is
    among them; those of a frozen merchant wait until it is active again.
    """
    texts = [await _pay_out(desk, batch) for batch in await desk.pool.fetch(queries.unpaid)]
    return [text for text in texts if text]


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
