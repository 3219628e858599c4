"""What the auditor found, on one screen. Amounts in yuan, with the Chinese terms beside the English ones."""

from datetime import datetime

from rich.console import Console
from rich.table import Table

from zhangfang_audit.books.audit import Audit
from zhangfang_audit.inputs import CHINA

TITLES = {
    "bank_gap_fen": "银企余额差 Cash against the bank's book",
    "channel_gap_fen": "渠道往来差 Channels against their own books",
    "subledger_gap_fen": "商户明细差 Sub-ledgers against their lines",
    "transit_overdue_fen": "在途超期 In transit beyond its limit",
    "mirror_gap_fen": "客户与自有对应差 Customers' against own ledger",
    "double_debits": "重复扣款 Double debits",
    "wrong_payees": "收款人不符 Payees that differ",
    "ledger_sequence_errors": "流水断号 Breaks in the ledger's sequence",
    "ledger_balance_gap_fen": "余额重算差 Balances against their entries",
    "ledger_unowned_fen": "无主凭证 Vouchers that nobody holds",
    "acts_broken": "操作记录断链 Breaks in the chain of acts",
    "identity_gap_fen": "收付恒等差 Money in against where it is",
}
AMOUNTS = {
    "collected_fen": "收款 Collected",
    "refunded_fen": "退款 Refunded",
    "fees_fen": "手续费净额 Fees, net",
    "pending_fen": "待结算 Pending",
    "available_fen": "可用 Available",
    "in_transit_fen": "在途 In transit",
    "paid_out_fen": "已出金 Paid out",
}
SUSPENSE = {"1242": "短款待查", "1243": "不明付款", "2351": "长款待查", "2352": "不明来款"}
SHOWN = 12  # lines on the screen; the JSON has all


def show(found: Audit, now: datetime, console: Console) -> None:
    """Print the figures, and below them the first lines of those that are not zero."""
    table = Table(title=f"账务审计 Audit of the books, {now.astimezone(CHINA):%Y-%m-%d %H:%M:%S} China time")
    for heading in ("必须为零 Must be zero", "资金去向 Where the money is (yuan)"):
        table.add_column(heading)
        table.add_column("", justify="right")
    left = [(TITLES[name], _figure(name, figure)) for name, figure in found.figures().items()]
    right = [(AMOUNTS[name], yuan(found.amount[name])) for name in AMOUNTS]
    right += [("未决 Without an outcome", str(len(found.unknown))), ("挂账 In suspense", _suspense(found))]
    right += [("", "")] * (len(left) - len(right))
    for one, other in zip(left, right, strict=True):
        table.add_row(*one, *other)
    console.print(table)
    _lines(found, console)
    end = f"操作记录链尾 End of the acts' chain: {found.acts[0]} {found.acts[1]}"
    console.print(end, markup=False, highlight=False)
    console.print("账平 The books agree." if found.ok else "账不平 The books do not agree.")


def yuan(fen: int) -> str:
    """Write fen as yuan with two decimals."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100:,}.{abs(fen) % 100:02d}"


def _figure(name: str, figure: int) -> str:
    return yuan(figure) if name.endswith("_fen") else str(figure)


def _suspense(found: Audit) -> str:
    held = [
        f"{SUSPENSE[code]} {code}: {yuan(fen)}" for code, fen in found.amount["suspense_fen"].items() if fen
    ]
    return ", ".join(held) or "0.00"


def _lines(found: Audit, console: Console) -> None:
    lines = [(TITLES[name], line) for name, one in found.findings.items() for line in one.lines]
    for title, line in lines[:SHOWN]:
        difference = f"{line.books} ≠ {line.due} ({line.difference:+d})"
        console.print(
            f"{title.split()[0]}  {line.where}  {line.what}  {difference}", markup=False, highlight=False
        )
    if len(lines) > SHOWN:
        console.print(f"… {len(lines) - SHOWN} more lines; --json has all of them")
    for note in found.notes():
        console.print(note, markup=False, highlight=False)
