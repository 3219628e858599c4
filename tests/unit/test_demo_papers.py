"""The demo ends with the papers of its day: a statement of each merchant, and the week."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pypdf

from tests.clock import SetClock
from tests.treasury import DAY, treasury
from zhangfang import weekly
from zhangfang.statements import release
from zhangfang_demo import papers


async def test_each_merchant_has_its_statement_and_the_week_is_told(
    database_url: str, clock: SetClock, tmp_path: Path
) -> None:
    async with treasury(database_url, clock) as house:
        merchant = await house.merchant(external_ref="M1")
        await house.paid(merchant, 10_000)
        house.clock.advance(minutes=1)
        await release(house.pool, house.clock, DAY)
        settings = SimpleNamespace(database=database_url, clock=lambda: house.clock)
        day: Any = SimpleNamespace(settings=settings, first=DAY)
        week = await papers.write(day, tmp_path)
    assert [path.name for path in (tmp_path / "statements").iterdir()] == [f"M1-{DAY}-combined-v1.pdf"]
    told = "\n".join(weekly.text(week))
    assert "入金有效成功率 Pay-in success：100.00 %, 1 of 1" in told
    pages = pypdf.PdfReader(io.BytesIO((tmp_path / "week.pdf").read_bytes())).pages
    assert "100.00 %, 1 of 1" in pages[0].extract_text()
