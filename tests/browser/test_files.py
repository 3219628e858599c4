"""Somebody who has never seen it maps a bank's workbook in a browser, and another person approves the map."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import pytest
import uvicorn
import xlsxwriter
from playwright.async_api import Browser, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.browser.layout import faults
from tests.clock import SetClock
from tests.console import KEY
from tests.treasury import DAY, Treasury, treasury
from zhangfang.assembly.console import OperatorActs
from zhangfang.console import Console, console_app
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.web import auth

pytestmark = pytest.mark.browser


@dataclass
class Site:
    """The console of a treasury in a real browser."""

    url: str
    house: Treasury
    browser: Browser

    async def visitor(self, name: str, lang: str) -> Page:
        """Open a page as an operator who is signed in."""
        token = name * 20
        await self.house.pool.execute(auth.queries.close_session, auth._hash(token))
        await self.house.pool.execute(auth.queries.open_session, auth._hash(token), name, timedelta(hours=1))
        context = await self.browser.new_context(viewport={"width": 1440, "height": 900})
        cookies = {"zf_session": auth.sign(KEY, token), "zf_lang": lang}
        await context.add_cookies(
            [{"name": name, "value": value, "url": self.url} for name, value in cookies.items()]
        )
        return await context.new_page()


@pytest.fixture
async def site(database_url: str, clock: SetClock, chromium: str) -> AsyncIterator[Site]:
    async with treasury(database_url, clock) as house:
        acts = OperatorActs(house.desk)
        inner = console_app(
            Console(
                pool=house.pool, clock=clock, key=KEY, channels={"unionpay": ("collection",)}, actions=acts
            )
        )
        app = Starlette(routes=[Mount("/console", inner)])
        server = uvicorn.Server(uvicorn.Config(app, host="127.0.0.1", port=0, log_level="error"))
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn says it by this flag alone
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with async_playwright() as player:
            browser = await player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            yield Site(f"http://127.0.0.1:{port}/console", house, browser)
            await browser.close()
        server.should_exit = True
        await running


def workbook(path: Path, rows: list[tuple[str, int]]) -> Path:
    """Write a bank's sheet: a title, headings, rows, and a row of totals."""
    with xlsxwriter.Workbook(path) as book:
        moment, page = book.add_format({"num_format": "yyyy-mm-dd hh:mm:ss"}), book.add_worksheet()
        page.write_row(0, 0, ["某银行收单明细"])
        page.write_row(1, 0, ["记账时间", "订单号", "摘要", "金额", "手续费", "客户姓名"])
        for at, (number, fen) in enumerate(rows, start=2):
            page.write_datetime(at, 0, datetime(2026, 9, 1, 9, at), moment)
            page.write_row(at, 1, [number, "收款", float(fen_to_yuan(fen)), 0.01, "张三丰"])
        total = sum(fen for _, fen in rows)
        page.write_row(
            len(rows) + 2,
            0,
            ["合计", len(rows), "", float(fen_to_yuan(total)), float(fen_to_yuan(len(rows)))],
        )
    return path


async def test_a_workbook_is_mapped_by_one_person_approved_by_another_and_taken(
    site: Site, tmp_path: Path
) -> None:
    merchant = await site.house.merchant()
    paid = [await site.house.paid(merchant, amount) for amount in (10_000, 4_250, 1)]
    source = workbook(
        tmp_path / "bank.xlsx", [(one.channel_order_no, one.amount) for one in paid] + [("20260901-7", 300)]
    )
    page = await site.visitor("lin", "en")
    await page.goto(f"{site.url}/files")
    assert await faults(page) == {}
    await page.set_input_files("#look-file", source)
    await page.get_by_role("button", name="Look at it").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text(
        "3 of 4 lines would have a payment of ours"
    )
    await expect(page.locator("#totals")).to_have_value("合计,{count},,{in_sum},{fee_sum}")
    await page.select_option("#field-note", "客户姓名")
    await expect(page.locator("#preview")).to_contain_text("张三丰")
    await page.select_option("#field-note", "")
    await expect(page.locator("#preview")).not_to_contain_text("张三丰")
    assert await faults(page) == {}
    await page.fill("#name", "some-bank")
    await page.get_by_role("button", name="Save it for later").click()
    await expect(page.locator("#drafts")).to_contain_text("some-bank")
    assert await faults(page) == {}
    await page.set_input_files("#look-file", source)
    await page.select_option("#look-draft", "some-bank")
    await page.get_by_role("button", name="Look at it").click()
    await expect(page.locator("#name")).to_have_value("some-bank")
    await expect(page.locator("#totals")).to_have_value("合计,{count},,{in_sum},{fee_sum}")
    await page.fill("#reason", "the contract of September")
    await page.get_by_role("button", name="Propose this map").click()
    await expect(page.get_by_role("button", name="Approve: you proposed this yourself")).to_be_disabled()
    other = await site.visitor("wang", "zh")
    await other.goto(page.url)
    await other.get_by_role("button", name="复核同意", exact=True).click()
    await other.goto(f"{site.url}/files")
    assert await faults(other) == {}
    await other.set_input_files("#take-file", source)
    await other.select_option("#take-map", "some-bank")
    await other.fill("#take-date", str(DAY))
    await other.locator("form[action$='/files/take'] button").click()
    await expect(other.get_by_role("status").first).to_contain_text("4 lines are taken")
    assert await site.house.listed_on(*paid) == [DAY] * 3
