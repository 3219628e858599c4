"""The demo's report: one screen in the terms of a payment department's week, and the same as JSON.

Figures of the platform come from its database; `books`, `double_debits` and `amount` are the auditor's, who shares no
code with the platform; the banks count the faults that they really had.
"""

import asyncio
import os
from collections import Counter
from pathlib import Path
from typing import Any

import asyncpg
from rich import box
from rich.console import Console
from rich.table import Table

from zhangfang.assembly.sandbox.control import ask
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.sql import load
from zhangfang_demo.business_day import BusinessDay

queries = load(__package__, "report.sql")
KINDS = {"pay_in": ("purchase", "collection"), "refund": ("refund", "void"), "payout": ("payout",)}


def report_of(day: BusinessDay, audit: dict[str, Any]) -> dict[str, Any]:
    """Return the report of a day that has been played."""
    made = asyncio.run(_figures(day)) | {key: audit[key] for key in ("double_debits", "books", "amount")}
    made["faults"] = _faults(day)
    made["api"] = {"asked": day.tally.asked, "unanswered": day.tally.unanswered}
    made["ok"] = _is_ok(made)
    return made


async def _figures(day: BusinessDay) -> dict[str, Any]:
    connection = await asyncpg.connect(day.settings.database)
    try:
        made: dict[str, Any] = {"business_date": str(day.first)}
        for name, kinds in KINDS.items():
            made[name] = dict(await connection.fetchrow(queries.outcomes, list(kinds)))
        made["unknown_open"] = await connection.fetchval(queries.unknown_open)
        found = dict(await connection.fetchrow(queries.reconciliation))
        made["reconciliation"] = found | {"breaks_planted": day.planted}
        made["statements"] = await connection.fetchval(queries.statements, day.first)
        made["restarts"] = {name: process.starts - 1 for name, process in day.house.processes.items()}
        return made
    finally:
        await connection.close()


def _faults(day: BusinessDay) -> dict[str, int]:
    met: Counter[str] = Counter()
    for bank in day.house.banks:
        met.update(ask("GET", day.house.control(bank) + "/faults")["met"])
    return dict(sorted(met.items()))


def _is_ok(made: dict[str, Any]) -> bool:
    found = made["reconciliation"]
    zero = [made["unknown_open"], made["double_debits"], found["breaks_open"], *made["books"].values()]
    return (
        not any(zero) and found["breaks_found"] == found["breaks_planted"] and identity(made["amount"]) == 0
    )


def identity(amount: dict[str, Any]) -> int:
    """Return what is missing, in fen, between what was taken in and where it is now; 0 is right."""
    taken = amount["collected_fen"] - amount["refunded_fen"] - amount["fees_fen"]
    held = ("pending_fen", "available_fen", "in_transit_fen", "paid_out_fen")
    return int(taken - sum(amount[name] for name in held))


def print_report(made: dict[str, Any], seconds: float, statements: Path) -> None:
    """Print the report on one screen."""
    console = Console()
    table = Table(
        title=f"营业日 Business day {made['business_date']} (沙箱 sandbox, 模拟资金 simulated money)",
        show_header=False,
        box=box.HORIZONTALS,
        padding=(0, 1, 0, 0),
        pad_edge=False,
    )
    for justify in ("left", "right", "left", "right"):
        table.add_column(justify=justify, no_wrap=True)
    for row in _rows(made):
        table.add_row(*row)
    console.print(table)
    declined = ", ".join(f"{made[name]['declined']} {name}" for name in KINDS)
    console.print(f"Rates leave out what payer or balance declined: {declined}.")
    met = ", ".join(f"{name} {count}" for name, count in made["faults"].items())
    console.print(f"故障 Faults met at the banks: {met or 'none'}")
    console.print(f"对账单 Statements: {os.path.relpath(statements)}    played in {seconds:.0f} s")
    verdict = (
        "[bold green]账平 The books balance.[/]"
        if made["ok"]
        else "[bold red]账不平 The books do not balance.[/]"
    )
    console.print(verdict)


def _rows(made: dict[str, Any]) -> list[tuple[str, str, str, str]]:
    books, amount, found = made["books"], made["amount"], made["reconciliation"]
    yuan = {name: fen_to_yuan(fen) for name, fen in amount.items() if isinstance(fen, int)}
    left = [
        ("入金 Pay-in", _rate(made["pay_in"])),
        ("退款 Refund", _rate(made["refund"])),
        ("出金 Payout", _rate(made["payout"])),
        (
            "可用性 Availability",
            _percent(made["api"]["asked"] - made["api"]["unanswered"], made["api"]["asked"]),
        ),
        ("待查明 Unknown", str(made["unknown_open"])),
        ("重复扣款 Doubled", str(made["double_debits"])),
        ("对账一致 Matched", f"{found['matched']} of {found['lines']}"),
        ("差错 Breaks", f"{found['breaks_found']} of {found['breaks_planted']}, open {found['breaks_open']}"),
        ("对账单 Statements", str(made["statements"])),
    ]
    right = [
        ("收款 Collected", yuan["collected_fen"]),
        ("退款 Refunded", yuan["refunded_fen"]),
        ("手续费 Fees, net", yuan["fees_fen"]),
        ("待结算 Pending", yuan["pending_fen"]),
        ("可用 Available", yuan["available_fen"]),
        ("在途 In transit", yuan["in_transit_fen"]),
        ("已出金 Paid out", yuan["paid_out_fen"]),
        ("挂账 In suspense", fen_to_yuan(sum(abs(fen) for fen in amount["suspense_fen"].values()))),
        ("账实差 Gaps", fen_to_yuan(sum(books.values()))),
    ]
    return [(*one, *other) for one, other in zip(left, right, strict=True)]


def _rate(counts: dict[str, int]) -> str:
    """Return succeeded of those that could: a payer without money, or who leaves, is no failure of ours."""
    able = counts["attempted"] - counts["declined"]
    return f"{_percent(counts['succeeded'], able)}, {counts['succeeded']} of {counts['attempted']}"


def _percent(part: int, whole: int) -> str:
    """Return a share in percent with two decimals, never rounded up: 99.99 is not 100."""
    if not whole:
        return "—"
    hundredths = part * 10_000 // whole
    return f"{hundredths // 100}.{hundredths % 100:02d} %"
