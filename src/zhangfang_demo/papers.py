"""The papers of the day: each merchant's statement, and the week, as PDF."""

from pathlib import Path

from zhangfang import papers, weekly
from zhangfang.assembly.parts import open_pool
from zhangfang.statements.batch import write_all
from zhangfang_demo.business_day import BusinessDay


async def write(day: BusinessDay, home: Path) -> weekly.Report:
    """Write the merchants' statements of the day below `home/statements`, and the week; return the week."""
    clock = day.settings.clock()
    async with open_pool(day.settings, 2) as pool:
        folder = home / "statements"
        folder.mkdir(exist_ok=True)
        await write_all(pool, day.first, "combined", "pdf", folder)
        week = await weekly.report(pool, clock, weekly.week_of(day.first))
    (home / "week.pdf").write_bytes(papers.as_bytes("pdf", weekly.paper(week)))
    return week
