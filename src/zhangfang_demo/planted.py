"""The breaks of a day: up to three in the channel's file, two on the bank's statement, each of its class; and their cures.

Each call can be repeated: the banks know every planted transaction by its number.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from zhangfang.approvals import Person, proposals
from zhangfang.assembly.sandbox.cmb import CLIENT_MONEY
from zhangfang.assembly.sandbox.unionpay import MER_ID
from zhangfang.payments import Desk
from zhangfang.reconciliation import CURE, approve, propose
from zhangfang_demo.orders import DemoOrder
from zhangfang_demo.spectator import Spectator

STRANGER = {
    "account": CLIENT_MONEY,
    "counterparty_name": "误入账户",
    "counterparty_account": "7559000009999999",
}
STATIC_CODE = "M001-STATIC-CODE-1"  # what the payer's bank passes on of M001's printed code
MISTAKES = (("credit", 66600, "汇错款"), ("debit", 3500, "账户管理费"))


async def plant_in_file(bank: Spectator, orders: Sequence[DemoOrder], day: date) -> int:
    """Plant breaks in UnionPay's file of the day; return how many.

    A line is left out and a line is one fen off, where the day has payments for that; a line that nobody asked for can
    stand in any file.
    """
    lines = chosen(_plain(orders, await bank.ask("GET", "unionpay", "/book"), day))
    extra = {"settleDate": str(day), "amount": 8800, "key": STATIC_CODE, "account": "6222000000000018"}
    await bank.ask("PUT", "unionpay", "/plant", {"merId": MER_ID, **lines, "extra": [extra]})
    return 1 + sum(map(len, lines.values()))


def chosen(plain: Sequence[str]) -> dict[str, Sequence[str]]:
    """Return which of the lines that may be touched are left out, and which are one fen off: at most one of each."""
    return {"missing": plain[:1], "off_by_one": plain[1:2]}


def _plain(orders: Sequence[DemoOrder], book: Sequence[dict[str, Any]], day: date) -> list[str]:
    """Return numbers of collections of the day that nothing gives back: their lines can be late and hold nobody up."""
    refunded = {order.original for order in orders if order.kind == "refund"}
    undone = {row["origQryId"] for row in book}
    return sorted(
        row["key"]
        for row in book
        if row["txnType"] == "11" and row["state"] == "SUCCESS" and row["settleDate"] == str(day)
        and row["queryId"] not in undone and row["key"] not in refunded
    )  # fmt: skip


async def plant_on_statement(bank: Spectator) -> int:
    """Plant breaks on the bank's statement: money from nowhere, and a charge that is not ours. Return how many."""
    for kind, fen, text in MISTAKES:
        line = {"id": f"planted-{kind}", "amount_fen": fen, "text": text, "reversal": False}
        await bank.ask("POST", "cmb", f"/{kind}", STRANGER | line)
    return len(MISTAKES)


async def take_back(bank: Spectator) -> None:
    """The bank takes both mistakes back, each by a reversal line."""
    for kind, fen, text in MISTAKES:
        other = "debit" if kind == "credit" else "credit"
        line = {"id": f"corrected-{other}", "amount_fen": fen, "text": f"冲正 {text}", "reversal": True}
        await bank.ask("POST", "cmb", f"/{other}", STRANGER | line)


async def fill_in(desk: Desk, people: Sequence[Person], found: Mapping[str, Any]) -> None:
    """Two people agree that the line nobody asked for is a payment to a merchant."""
    one, other = people
    if not found["proposed"]:
        args = UUID(found["break"]), "B2", one, found["merchant"]
        await propose(desk.pool, desk.clock, desk.journal, *args)
    (proposal,) = await proposals(desk.pool, kind=CURE, target=found["break"])
    await approve(desk, proposal.id, proposal.seen, other)
