"""Every format in which lines reach us: the same lines, written as a channel or a bank writes them and brought as people do.

The words beside each say what it can tell beside payments, refunds and plain movements. A further format joins with a row.
"""

import csv
import hashlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from io import StringIO
from pathlib import Path

import xlsxwriter
from msgspec.structs import replace

from tests.bills import Move, Trade, alipay, camt, mt940, wechat
from tests.people import LIN
from tests.treasury import Treasury
from zhangfang.bills import SHIPPED, ColumnMap, read_file, read_statements
from zhangfang.bills.model import Column, Word
from zhangfang.channels.port import FileLine, Operation
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.reconciliation import bring_file, bring_statements

Bring = Callable[[Treasury, Path, date, Sequence[FileLine]], Awaitable[None]]
Read = Callable[[Treasury, Path], Awaitable[None]]
Write = Callable[[date, Sequence[FileLine], Path], object]
Table = Sequence[Sequence[str]]

OPERATIONS: Mapping[str, str] = {
    "purchase": "消费", "collection": "代收", "refund": "退款", "void": "撤销", "payout": "代付", "return": "退票",
    "adjustment": "调账",
}  # fmt: skip
FILE_MAP = ColumnMap(
    name="bank-file",
    foot="合计",
    columns=tuple(
        Column(field, field)
        for field in (
            "order_no", "channel_ref", "operation", "direction", "amount", "fee", "time", "original_order_no", "note",
        )
    ),
    words=(
        *(Word("operation", word, means) for means, word in OPERATIONS.items()),
        Word("direction", "贷", "in"), Word("direction", "借", "out"),
    ),
    totals=("合计,{count},{sum}",),
)  # fmt: skip
STATEMENT_MAP = ColumnMap(
    name="bank-statement",
    kind="statement",
    columns=tuple(
        Column(field, field)
        for field in ("sequence", "time", "amount_in", "amount_out", "balance", "reference", "text")
    ),
)


def file_table(day: date, lines: Sequence[FileLine]) -> Table:
    """Write lines as a bank's table of a day; one that nobody can read has another day's time."""
    head = [column.name for column in FILE_MAP.columns]
    net = sum(one.amount if one.credit else -one.amount for one in lines)
    return [head, *(_file_row(day, one) for one in lines), ["合计", str(len(lines)), fen_to_yuan(net)]]


def _file_row(day: date, one: FileLine) -> list[str]:
    means = one.operation.value if one.operation else "adjustment"
    if back := one.adjustment and one.operation is Operation.PAYOUT:
        means = "return"  # by the number of what it returns
    return [
        one.original_order_no if back else one.order_no, one.channel_ref, OPERATIONS[means], "贷" if one.credit else "借",
        fen_to_yuan(one.amount), fen_to_yuan(one.fee), _time(day, one), "" if back else one.original_order_no, one.note,
    ]  # fmt: skip


def _time(day: date, one: FileLine) -> str:
    return f"{day - timedelta(days=bool(one.unread))} 10:00:00"


def statement_table(moves: Sequence[Move]) -> Table:
    """Write all movements of an account as a bank's table, with the balance behind each."""
    rows, balance = [[column.name for column in STATEMENT_MAP.columns]], 0
    for one in moves:
        balance += one.signed
        ins, outs = (fen_to_yuan(max(one.signed * way, 0)) for way in (1, -1))
        rows.append(
            [one.ref, f"{one.day} 10:00:00", ins, outs, fen_to_yuan(balance), one.reference, one.text]
        )
    return rows


def as_csv(table: Table, path: Path) -> None:
    """Write a table as CSV."""
    made = StringIO()
    csv.writer(made, lineterminator="\r\n").writerows(table)
    path.write_text(made.getvalue(), "utf-8")


def as_xlsx(table: Table, path: Path) -> None:
    """Write a table as XLSX, its cells as text."""
    with xlsxwriter.Workbook(path) as book:
        book.set_properties({"created": datetime(2026, 9, 1)})  # the same table is the same bytes
        page = book.add_worksheet()
        for at, row in enumerate(table):
            page.write_row(at, 0, row)


def trades(day: date, lines: Sequence[FileLine]) -> list[Trade]:
    """Return lines as what a wallet's bill tells: payments, and refunds by their own number."""
    return [
        Trade(
            one.order_no if one.credit or one.unread else f"of-{one.order_no}", one.amount, one.fee,
            "" if one.credit or one.unread else one.order_no, one.channel_ref, one.note, _time(day, one),
        )
        for one in lines
    ]  # fmt: skip


def _wallet(write: Callable[[Sequence[Trade]], str], encoding: str) -> Write:
    return lambda day, lines, to: to.write_text(write(trades(day, lines)), encoding)


def by_map(one: ColumnMap, write: Write) -> Bring:
    """Return what brings a file, twice: the same bytes again change nothing."""

    async def bring(house: Treasury, folder: Path, day: date, lines: Sequence[FileLine]) -> None:
        source = folder / f"bill-{day}.{one.format}"
        write(day, lines, source)
        bill = read_file(source, one, day, folder / "lines.csv")
        for _ in range(2):
            await bring_file(house.desk, "unionpay", day, bill, source.name, LIN)

    return bring


async def by_connector(house: Treasury, _: Path, day: date, lines: Sequence[FileLine]) -> None:
    """Let the channel have the file, as its connector reads it."""
    await house.filed(day, lines)


def by_file(form: str, write: Callable[[Sequence[Move], Path], object], one: ColumnMap | None = None) -> Read:
    """Return what brings the whole statement so far, so that each time it overlaps with what was brought before."""

    async def read(house: Treasury, folder: Path) -> None:
        source = folder / "statement"
        moves = [
            Move(
                line.amount if line.credit else -line.amount, line.sequence, line.reference, line.text,
                line.reversal, line.booked_at.astimezone(CHINA).date(),
            )
            for line in house.bank.lines
        ]  # fmt: skip
        write(moves, source)
        found, digest = read_statements(source, form, one), hashlib.sha256(source.read_bytes()).hexdigest()
        said = await bring_statements(house.desk, house.desk.alias, found, source.name, digest, LIN)
        assert said.endswith("; 0 wait for a channel's file")

    return read


async def by_bank(house: Treasury, _: Path) -> None:
    """Read the statement as the bank's connector does."""
    assert await house.read() == 0


_ALL = frozenset({"payout", "adjustment"})
FILES: Mapping[str, tuple[Bring, frozenset[str]]] = {
    "the channel's own": (by_connector, _ALL),
    "alipay": (by_map(SHIPPED["alipay"], _wallet(alipay, "gb18030")), frozenset()),
    "wechat": (by_map(SHIPPED["wechat"], _wallet(wechat, "utf-8")), frozenset()),
    "CSV by a map": (by_map(FILE_MAP, lambda day, lines, to: as_csv(file_table(day, lines), to)), _ALL),
    "XLSX by a map": (
        by_map(replace(FILE_MAP, format="xlsx"), lambda day, lines, to: as_xlsx(file_table(day, lines), to)),
        _ALL,
    ),
}
_REVERSAL = frozenset({"reversal"})
STATEMENTS: Mapping[str, tuple[Read, frozenset[str]]] = {
    "the bank's own": (by_bank, _REVERSAL),
    "camt.053": (by_file("camt053", lambda moves, to: to.write_text(camt(0, moves), "utf-8")), _REVERSAL),
    "MT940": (by_file("mt940", lambda moves, to: to.write_text(mt940(0, moves), "utf-8")), _REVERSAL),
    "CSV by a map": (
        by_file("map", lambda moves, to: as_csv(statement_table(moves), to), STATEMENT_MAP),
        frozenset(),
    ),
    "XLSX by a map": (
        by_file(
            "map",
            lambda moves, to: as_xlsx(statement_table(moves), to),
            replace(STATEMENT_MAP, format="xlsx"),
        ),
        frozenset(),
    ),
}
