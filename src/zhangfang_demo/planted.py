"""The five breaks of a day, of five classes: three in the channel's file, two on the bank's statement; and their cures.

Each call can be repeated: the banks know every planted transaction by its number.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any
from uuid import UUID

from zhangfang.assembly.sandbox.cmb import CLIENT_MONEY
from zhangfang.assembly.sandbox.unionpay import MER_ID
from zhangfang.payments import Desk
from zhangfang.reconciliation import approve, propose
from zhangfang_demo.orders import DemoOrder
from zhangfang_demo.spectator import Spectator

STRANGER = {
    "account": CLIENT_MONEY,
    "counterparty_name": "误入账户",
    "counterparty_account": "7559000009999999",
}
STATIC_CODE = "M001-STATIC-CODE-1"  # what the payer's bank passes on of M001's printed code
MISTAKES = (("credit", 66600, "汇错款"), ("debit", 3500, "账户管理费"))
IN_FILE, ON_STATEMENT = 3, len(MISTAKES)


async def plant_in_file(bank: Spectator, orders: Sequence[DemoOrder], day: date) -> None:
    """Plant three breaks in the file: a line left out, a line one fen off, and a line that nobody asked for."""
    late, off = _plain(orders, await bank.ask("GET", "unionpay", "/book"), day)[:2]
    extra = {"settleDate": str(day), "amount": 8800, "key": STATIC_CODE, "account": "6222000000000018"}
    body = {"merId": MER_ID, "missing": [late], "off_by_one": [off], "extra": [extra]}
    await bank.ask("PUT", "unionpay", "/plant", body)


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


async def plant_on_statement(bank: Spectator) -> None:
    """Plant two breaks on the bank's statement: money from nowhere, and a charge that is not ours."""
    for kind, fen, text in MISTAKES:
        line = {"id": f"planted-{kind}", "amount_fen": fen, "text": text, "reversal": False}
        await bank.ask("POST", "cmb", f"/{kind}", STRANGER | line)


async def take_back(bank: Spectator) -> None:
    """The bank takes both mistakes back, each by a reversal line."""
    for kind, fen, text in MISTAKES:
        other = "debit" if kind == "credit" else "credit"
        line = {"id": f"corrected-{other}", "amount_fen": fen, "text": f"冲正 {text}", "reversal": True}
        await bank.ask("POST", "cmb", f"/{other}", STRANGER | line)


async def fill_in(desk: Desk, found: Mapping[str, Any]) -> None:
    """Two people agree that the line nobody asked for is a payment to a merchant."""
    if not found["proposed"]:
        await propose(desk.pool, desk.journal, UUID(found["break"]), "B2", "lin", merchant=found["merchant"])
    await approve(desk, UUID(found["break"]), "wang")
