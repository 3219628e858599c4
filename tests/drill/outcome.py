"""What a day came to, in terms that do not depend on ids or moments, and the comparison of two days."""

from collections import Counter
from dataclasses import dataclass, fields
from typing import Any

import asyncpg

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.cmb import CLIENT_MONEY
from zhangfang.assembly.sandbox.control import ask
from zhangfang.kernel.settings import Settings
from zhangfang.kernel.sql import load

queries = load(__package__, "outcome.sql")
SHOWN = 5  # of each table

Table = dict[tuple[Any, ...], tuple[Any, ...]]


class Differs(AssertionError):
    """Two days that should have come to the same did not; the text shows the first differences."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tables from a business key to what stands there. Amounts in fen."""

    orders: Table  # (merchant, kind, order number)
    accounts: Table  # (book, code, subject, business date)
    breaks: Table
    statements: Table
    bank_debits: Table  # the channel's own book, by the merchant's order number
    bank_payments: Table  # the bank's own list, by the merchant's order number
    bank_lines: Table  # the bank's own account


async def read_outcome(house: House) -> Outcome:
    """Read a day that was played to its end, from our database and from the banks' own books."""
    connection = await asyncpg.connect(Settings(home=house.home).database)
    try:
        ours = {
            name: _table(await connection.fetch(queries[name]))
            for name in ("orders", "accounts", "breaks", "statements")
        }
    finally:
        await connection.close()
    channel = ask("GET", house.control("unionpay") + "/book")
    payments = ask("GET", house.control("cmb") + "/payments")
    return Outcome(
        **ours,
        bank_debits=_counted(
            (row["key"], row["txnType"], row["amount"], row["state"], row["settleDate"], row["listed_in"])
            for row in channel
            if row["state"] != "FAILED"
        ),
        bank_payments=_counted(
            (row["key"], row["amount_fen"], row["reqSts"], row["rtnFlg"]) for row in payments
        ),
        bank_lines=_counted(_lines(house)),
    )


def _lines(house: House) -> list[tuple[Any, ...]]:
    book = ask("GET", house.control("cmb") + f"/book?account={CLIENT_MONEY}")
    return [
        (line["at"][:10], line["direction"], line["amount_fen"], line["text"], line["reversal"])
        for line in book["lines"]
    ]


def check_same(day: Outcome, undisturbed: Outcome) -> None:
    """Raise `Differs` unless both came to the same."""
    found = {
        one.name: _differences(getattr(day, one.name), getattr(undisturbed, one.name))
        for one in fields(Outcome)
    }
    lines = [f"{name} {line}" for name, several in found.items() for line in several[:SHOWN]]
    if lines:
        counts = ", ".join(f"{name} {len(several)}" for name, several in found.items() if several)
        raise Differs("\n".join([f"differences in {counts}", *lines]))


def check_books(audit: dict[str, Any]) -> None:
    """Raise `Differs` unless the auditor found every figure to be zero."""
    wrong = {name: fen for name, fen in audit["books"].items() if fen}
    if audit["double_debits"]:
        wrong["double_debits"] = audit["double_debits"]
    if wrong or not audit["ok"]:
        raise Differs(f"the auditor found {wrong or audit}")


def _differences(day: Table, undisturbed: Table) -> list[str]:
    return [
        f"{key}: {day.get(key)}, undisturbed {undisturbed.get(key)}"
        for key in sorted(day.keys() | undisturbed.keys(), key=str)
        if day.get(key) != undisturbed.get(key)
    ]


def _table(rows: Any) -> Table:
    """Return rows by their columns that begin with `by_`."""
    return {
        tuple(value for name, value in row.items() if name.startswith("by_")): tuple(
            value for name, value in row.items() if not name.startswith("by_")
        )
        for row in rows
    }


def _counted(rows: Any) -> Table:
    return {row: (count,) for row, count in Counter(rows).items()}
