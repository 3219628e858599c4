"""`zhangfang demo`: one business day, from the first order to the last statement, on real processes.

Merchants and payers act over HTTP; the banks' faults are chosen by the merchant's order number, so that the same day
can be played again; the clock is virtual and moves from hour to hour. What is done once a day (files, settlement,
closing, statements) the platform does by itself when its clock says so: the demo only moves the clock and watches.
"""

import asyncio
import json
import shutil
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from rich.console import Console

from zhangfang.cli.business_day import BusinessDay, Plan
from zhangfang.cli.house import House
from zhangfang.cli.orders import ORDERS, OrdersInvalid, read_merchants, read_orders
from zhangfang.cli.report import print_report, report_of
from zhangfang.cli.up import start

console = Console(stderr=True)


def demo(orders: Path | None, out: Path | None, home: Path | None, *, check_only: bool = False) -> int:
    """Play the day of `orders`; write the report to `out` as JSON; return the exit code."""
    try:
        plan = Plan(read_orders(orders or ORDERS), read_merchants())
    except OrdersInvalid as error:
        console.print(
            f"[bold red]The orders were not accepted; nothing was started or collected.[/]\n{error}"
        )
        return 2
    if check_only:
        console.print(f"{len(plan.orders)} orders of {len(plan.merchants)} merchants are in order.")
        return 0
    folder = home or Path(tempfile.mkdtemp(prefix="zhangfang-demo-"))
    began = time.monotonic()
    house = House(folder)
    try:
        made = play(house, plan)
    finally:
        house.stop()
    statements = _keep_statements(folder, home)
    print_report(made, time.monotonic() - began, statements)
    if out is not None:
        out.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0 if made["ok"] else 1


def play(house: House, plan: Plan) -> dict[str, Any]:
    """Start the house, play the plan in it, and return the report."""
    day = BusinessDay(house, plan)
    house.start_database()
    day.set_first_moment()
    start(house)
    audit = asyncio.run(day.play())
    return report_of(day, audit)


def _keep_statements(folder: Path, home: Path | None) -> Path:
    """Statements outlive the demo; the rest of a temporary home does not."""
    if home is not None:
        return home / "statements"
    kept = Path("var/demo/statements")
    with suppress(FileNotFoundError):
        shutil.rmtree(kept)
    shutil.copytree(folder / "statements", kept)
    shutil.rmtree(folder, ignore_errors=True)
    return kept
