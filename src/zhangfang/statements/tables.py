"""The tables of statements: payments, movements with the balance after each, fees, and what a version has changed."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from uuid import UUID

from zhangfang.kernel.money import fen_to_yuan
from zhangfang.ledger import account_name, kind_name
from zhangfang.papers import Cell, Column, Fen, Table
from zhangfang.statements.changes import Change, Changes
from zhangfang.statements.model import Entry, Payment, Statement

KINDS: Mapping[str, str] = {
    "purchase": "支付 Purchase",
    "collection": "代收 Collection",
    "refund": "退款 Refund",
    "void": "撤销 Void",
    "payout": "出金 Payout",
}
STATES: Mapping[str, str] = {
    "SUCCESS": "成功 Succeeded",
    "FAILED": "失败 Failed",
    "REFUSED": "未发送 Not sent",
    "CLOSED": "已关闭 Closed",
}
OWN_FEES = 2361  # the other side of a fee
OUT = ("refund", "void", "payout")

PAYMENTS = (
    Column("序号 No.", 10), Column("时间 Time", 34), Column("交易 Payment", 50), Column("单号 Order", 40),
    Column("类型 Kind", 24), Column("原单号 Undoes", 30), Column("通道 Channel", 18), Column("状态 State", 24),
    Column("毛额 Gross", 22, right=True), Column("手续费 Fee", 18, right=True), Column("净额 Net", 22, right=True),
)  # fmt: skip
ENTRIES = (
    Column("流水号 Seq.", 14), Column("时间 Time", 34), Column("科目 Account", 34), Column("摘要 Movement", 40),
    Column("单号 Order", 36), Column("交易 Payment", 46), Column("凭证 Voucher", 40), Column("支出 Out", 22, right=True),
    Column("收入 In", 22, right=True), Column("余额 Balance", 24, right=True),
)  # fmt: skip
FEES = (
    Column("流水号 Seq.", 14), Column("时间 Time", 34), Column("交易 Payment", 50), Column("单号 Order", 40),
    Column("摘要 Movement", 44), Column("凭证 Voucher", 44), Column("规则 Rule", 14, right=True),
    Column("交易额 Amount", 22, right=True), Column("收取 Charged", 20, right=True),
    Column("退还 Given back", 22, right=True),
)  # fmt: skip
RULES = (
    Column("规则 Rule", 14, right=True), Column("编号 Id", 66), Column("费率", 100), Column("What it says", 100),
)  # fmt: skip
CHANGES = (Column("变更 Change", 22), Column("原为 Was", 110), Column("现为 Is", 110))
_WHAT = {"added": "新增 Added", "removed": "删除 Removed", "changed": "更改 Changed"}


def payments(said: Statement) -> Table:
    """Return the payments of the date: gross and fee by their sign for the merchant, net as it was booked."""
    rows = [_payment(n, one) for n, one in enumerate(said.payments, 1)]
    sums = [Fen(sum(row[at] for row in rows)) for at in (8, 9, 10)]
    return Table("交易 Payments", PAYMENTS, rows, [(*_label(8, "合计 Total"), *sums)])


def _payment(n: int, one: Payment) -> Sequence[Cell]:
    sign = (-1 if one.kind in OUT else 1) if one.state == "SUCCESS" else 0
    fee = one.fee if one.kind in ("refund", "void") else -one.fee
    return (
        n, one.at, one.id, one.order_no, KINDS[one.kind], one.original, one.channel, STATES.get(one.state, one.state),
        Fen(sign * one.amount), Fen(fee), Fen(one.moved),
    )  # fmt: skip


def entries(said: Statement) -> Table:
    """Return the movements: opening, each with the balance after it, closing."""
    opening = (*_label(9, "期初余额 Opening"), Fen(said.opening))
    out, come = sum(one.debit for one in said.entries), sum(one.credit for one in said.entries)
    closing = (*_label(7, "期末余额 Closing"), Fen(out), Fen(come), Fen(said.closing))
    return Table("账户 Account", ENTRIES, chain([opening], _balances(said)), [closing])


def _balances(said: Statement) -> Iterator[Sequence[Cell]]:
    balance = said.opening
    for one in said.entries:
        balance += one.credit - one.debit
        yield (
            one.seq, one.at, account_name(one.code), kind_name(one.kind), one.order_no, one.payment, one.voucher,
            Fen(one.debit) if one.debit else None, Fen(one.credit) if one.credit else None, Fen(balance),
        )  # fmt: skip


def fees(said: Statement) -> Table:
    """Return the fees of the date: what was taken out of the merchant's money, and what was given back."""
    known = {one.id: one for one in said.payments}
    number = {one.id: n for n, one in enumerate(said.rules, 1)}
    lines = [one for one in said.entries if one.other == OWN_FEES]
    rows = [_fee(one, known.get(one.payment), number) for one in lines]
    sums = Fen(sum(one.debit for one in lines)), Fen(sum(one.credit for one in lines))
    return Table("手续费 Fees", FEES, rows, [(*_label(8, "合计 Total"), *sums)])


def _fee(one: Entry, of: Payment | None, number: Mapping[UUID, int]) -> Sequence[Cell]:
    return (
        one.seq, one.at, one.payment, one.order_no, kind_name(one.kind), one.voucher,
        number.get(of.rule) if of and of.rule else None, Fen(of.amount) if of else None,
        Fen(one.debit) if one.debit else None, Fen(one.credit) if one.credit else None,
    )  # fmt: skip


def rules(said: Statement) -> Table:
    """Return the rules that charged the fees of the date, each with its number in the table of fees."""
    rows = [(n, one.id, one.zh, one.en) for n, one in enumerate(said.rules, 1)]
    return Table("费率 Rules", RULES, rows)


def tied(said: Statement) -> Table:
    """Return the movements, the number of their payment in the table of payments before each."""
    numbers = {one.id: n for n, one in enumerate(said.payments, 1)}
    plain = entries(said)
    places = (None, *(numbers.get(one.payment) for one in said.entries))
    rows = ((number, *row) for number, row in zip(places, plain.rows, strict=True))
    return Table(
        plain.title, (Column("交易序号 No.", 14), *ENTRIES), rows, [(None, *row) for row in plain.totals]
    )


def changed(changes: Changes) -> Table:
    """Return what a version says otherwise than the one before it."""
    return Table("本版变更 Changes of this version", CHANGES, [_change(one) for one in _all(changes)])


def _all(changes: Changes) -> Iterator[Change]:
    yield from changes.payments
    yield from changes.entries


def _change(one: Change) -> Sequence[Cell]:
    return (_WHAT[one.what], _told(one.before), _told(one.after))


def _told(one: Payment | Entry | None) -> str:
    if one is None:
        return "—"
    if isinstance(one, Payment):
        state = STATES.get(one.state, one.state)
        return f"{KINDS[one.kind]} {one.id} {one.order_no} {state} {fen_to_yuan(one.amount)}"
    amount = fen_to_yuan(one.credit - one.debit)
    return f"{one.seq} {kind_name(one.kind)} {account_name(one.code)} {one.order_no} {amount} {one.voucher}"


def _label(width: int, text: str) -> Sequence[Cell]:
    """Return cells up to the amounts, the text in the fourth."""
    return tuple(text if n == 3 else None for n in range(width))
