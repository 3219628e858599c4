"""`zhangfang bench channels`: the cost of messages, resolving unknown outcomes, loading a batch file.

It runs on a platform of its own in a temporary folder, with sandbox banks as processes. Their throttles are off,
except in the run about CMB's throttle. The business clock stands still.
"""

import asyncio
import json
import shutil
import signal
import sys
import tempfile
from datetime import datetime, time, timedelta
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zhangfang.api import admit
from zhangfang.assembly.house import House
from zhangfang.assembly.parts import open_desk
from zhangfang.assembly.sandbox.counter import provision, set_time
from zhangfang.channels import open_channels
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import FeeKind, FeeRule, NewMerchant
from zhangfang.schema import migrate
from zhangfang_bench.channels.batch import batch_file
from zhangfang_bench.channels.healing import healing, paced
from zhangfang_bench.channels.report import print_report
from zhangfang_bench.channels.wire import Tick, exchanges
from zhangfang_bench.machine import machine

MOST_ITEMS = 100_000


def run(out: Path | None, orders: int, items: int, count: int, payouts: int) -> None:
    """Measure, print a table, and write the figures to `out` as JSON."""
    check(out, orders, items, count, payouts)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # no process is left running
    folder = Path(tempfile.mkdtemp(prefix="zf-bench-"))
    house = House(folder)
    house.database_url = ""  # never on a database that somebody uses
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    made: dict[str, Any] = {"machine": machine()}
    try:
        with Progress(*columns, console=Console(stderr=True), refresh_per_second=2) as progress:
            made |= Bench(house, progress).run(orders, items, count, payouts)
    finally:
        house.stop()
        shutil.rmtree(folder, ignore_errors=True)
    if out is not None:
        out.write_text(json.dumps(made, indent=2) + "\n", "utf-8")
    print_report(made)


def check(out: Path | None, orders: int, items: int, count: int, payouts: int) -> None:
    """Raise `InvalidInput` for numbers with which nothing can be measured, and for a file that cannot be written."""
    asked = {"--orders": orders, "--items": items, "--exchanges": count, "--paced": payouts}
    for option, given in asked.items():
        if given < 1:
            raise InvalidInput(option, str(given), "1 or more")
    if items > MOST_ITEMS:
        raise InvalidInput("--items", str(items), f"at most {MOST_ITEMS}, the most of one file")
    if out is not None and not out.absolute().parent.is_dir():
        raise InvalidInput("--json", f"{out}, whose folder is not there", "a file in a folder that is")


class Bench:
    """One run on one platform."""

    def __init__(self, house: House, progress: Progress) -> None:
        """Nothing is started yet."""
        self.house, self.progress = house, progress

    def run(self, orders: int, items: int, count: int, payouts: int) -> dict[str, Any]:
        """Start everything, and take the measurements one after another."""
        url = self.house.start_database()
        asyncio.run(migrate(url))
        self.house.start_banks()
        provision(self.house)
        # Tomorrow, so that every certificate is valid; noon, so that no cut-off is near.
        noon = datetime.combine(datetime.now(CHINA).date() + timedelta(days=1), time(12), CHINA)
        set_time(self.house, noon, 0)
        self.house.start_platform()
        self.house.processes["work"].stop()  # started again when there are unknown outcomes
        settings = Settings(home=self.house.home, database_url=url)
        return asyncio.run(self._measure(settings, noon, orders, items, count, payouts))

    async def _measure(
        self, settings: Settings, noon: datetime, orders: int, items: int, count: int, payouts: int
    ) -> dict[str, Any]:
        clock = settings.clock()
        channels = open_channels(settings, clock)
        bar = self._bar("exchanges", count * len(channels))
        made: dict[str, Any] = {"messages": await exchanges(self.house, channels, clock, count, bar)}
        for channel in channels.values():
            await channel.close()
        made["healing"] = await healing(self.house, settings, orders, noon, self._bar)
        made["paced"] = await paced(self.house, settings, clock, payouts, self._bar("CMB's pace", payouts))
        async with open_desk(settings) as desk:
            merchant = await admit(
                desk, NewMerchant("批量商户", fee_rules=(FeeRule(FeeKind.COLLECTION, 6_000),))
            )
            made["batch_file"] = await batch_file(
                desk.pool, desk.vault, desk.clock, merchant, items, self._bar("batch file", items)
            )
        return made

    def _bar(self, title: str, total: int) -> Tick:
        task = self.progress.add_task(title, total=total)
        return lambda done: self.progress.update(task, advance=done)
