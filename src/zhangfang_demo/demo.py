"""`zhangfang demo`: one business day, from the first order to the last statement, on real processes.

Merchants and payers act over HTTP; the banks' faults are chosen by the merchant's order number, so that the same day
can be played again; the clock is virtual and moves from hour to hour. What is done once a day (files, settlement,
closing, statements) the platform does by itself when its clock says so: the demo only moves the clock and watches.
"""

import asyncio
import json
import os
import time
from pathlib import Path
from typing import Any

from rich.console import Console

from zhangfang import weekly
from zhangfang.assembly.home import holds_anything
from zhangfang.assembly.house import House
from zhangfang.assembly.program import log_to
from zhangfang.assembly.start import start
from zhangfang.kernel.errors import InvalidInput
from zhangfang_demo import papers
from zhangfang_demo.business_day import BusinessDay, Plan
from zhangfang_demo.csv_rows import OrdersInvalid
from zhangfang_demo.orders import ORDERS, read_merchants, read_orders
from zhangfang_demo.report import print_report, report_of

console = Console(stderr=True, soft_wrap=True)
DEFAULT_HOME = Path("var/demo")


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
    began = time.monotonic()
    house = empty_house(home)
    log_to(house.log_file("demo").open("a", buffering=1))
    try:
        made, password, week = play(house, plan)
    finally:
        house.stop()
    print_report(made, time.monotonic() - began, house.home / "statements")
    console.print("\n".join(weekly.text(week)), markup=False, highlight=False)
    console.print(f"本周 The week: {os.path.relpath(house.home / 'week.pdf')}")
    console.print(
        f"Next, look around in this day: zhangfang up --home {os.path.relpath(house.home)}\n"
        f"and log in as operator with the password {password}"
    )
    if out is not None:
        out.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n", "utf-8")
    return 0 if made["ok"] else 1


def empty_house(home: Path | None) -> House:
    """Return a house in an empty home: the demo's own is emptied each time, one that a user names never is."""
    if home is not None and holds_anything(home):
        raise InvalidInput("--home", f"{home}, which is not empty", "a folder that is empty or new")
    return House(home or DEFAULT_HOME, fresh=home is None)


def play(house: House, plan: Plan) -> tuple[dict[str, Any], str | None, weekly.Report]:
    """Start the house, play the plan in it, and return the report, the operator's password and the week."""
    day = BusinessDay(house, plan)
    house.start_database()
    day.set_first_moment()
    password = start(house)
    audit = asyncio.run(day.play())
    return report_of(day, audit), password, asyncio.run(papers.write(day, house.home))
