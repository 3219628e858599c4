"""Closing a merchant for good: only when nothing of it is open and its accounts hold nothing."""

from datetime import timedelta

from zhangfang import merchants
from zhangfang.approvals import Person
from zhangfang.kernel.sql import load
from zhangfang.ledger import Book, account_id
from zhangfang.merchants import NotFromHere
from zhangfang.payments.desk import Desk

queries = load(__package__, "merchants.sql")

CODES = (2321, 2322, 2323, 2324)  # what belongs to a merchant
COME_BACK = timedelta(days=10)  # a bank returns a payout within about seven working days
_SAYS = {
    "intents": "payments without an outcome",
    "returnable": f"payouts of the last {COME_BACK.days} days, which may come back",
    "batches": "batches that are not finished",
    "cases": "double payments that are not decided",
    "breaks": "open breaks of its payments",
}


async def close_merchant(desk: Desk, merchant: str, by: Person, reason: str) -> None:
    """Close a frozen merchant. Raises `InvalidInput`, `UnknownMerchant`; `NotFromHere` names what is in the way."""
    if found := await in_the_way(desk, merchant):
        raise NotFromHere(f"merchant {merchant} cannot be closed: {'; '.join(found)}")
    await merchants.close(desk.pool, desk.clock, merchant, by, reason)


async def in_the_way(desk: Desk, merchant: str) -> list[str]:
    """Return a text for each thing of a merchant that is not over, and for each account that is not empty."""
    row = await desk.pool.fetchrow(queries.open, merchant, desk.clock.now() - COME_BACK)
    found = [f"{row[name]} {says}" for name, says in _SAYS.items() if row[name]]
    accounts = {account_id(Book.CUSTOMERS, code, merchant): code for code in CODES}
    for id_, held in (await desk.ledger.account_balances(accounts)).items():
        if fen := held.credits - held.debits:
            found.append(f"account {accounts[id_]} holds {fen} fen")
        if held.debits_pending or held.credits_pending:
            found.append(
                f"account {accounts[id_]} has {held.debits_pending + held.credits_pending} fen pending"
            )
    return found
