"""Somebody who has never seen it clears a break: finds it, looks at the voucher, proposes; a second person approves."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.browser.layout import faults
from tests.clock import SetClock
from tests.console import KEY
from tests.treasury import DAY, Treasury, listed, stray, treasury
from zhangfang.assembly.console import OperatorActs
from zhangfang.console import Console, console_app
from zhangfang.web import auth

pytestmark = pytest.mark.browser

SIZES = {1440: 900, 390: 844}
WORDS = {  # what a stranger reads and presses
    "en": (
        "We lack it",
        "Long item written off",
        "Look at the voucher",
        "Propose it",
        "Approve",
        "Say it",
        "Attach it",
    ),
    "zh": ("长款：我方没有", "长款核销", "先看凭证", "提出认定", "复核同意", "记下", "附上"),
}


@dataclass
class Site:
    """A running console over breaks of every kind."""

    url: str
    house: Treasury
    browser: Browser
    complaints: list[str]

    async def sit_down(self, name: str, width: int, lang: str) -> Page:
        """Open a browser in which somebody is logged in."""
        token = name * 20
        await self.house.pool.execute(auth.queries.close_session, auth._hash(token))
        await self.house.pool.execute(auth.queries.open_session, auth._hash(token), name, timedelta(hours=1))
        context = await self.browser.new_context(
            viewport={"width": width, "height": SIZES[width]}, locale="zh-CN" if lang == "zh" else "en-GB"
        )
        cookie: Any = {"name": "zf_session", "value": auth.sign(KEY, token), "url": self.url}
        await context.add_cookies([cookie])
        page = await context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        return page


@pytest.fixture
async def site(database_url: str, clock: SetClock, chromium: str) -> AsyncIterator[Site]:
    async with treasury(database_url, clock) as house:
        merchant = await house.merchant()
        lost, differs, twice = [await house.paid(merchant, fen) for fen in (1000, 2000, 3000)]
        strays = [stray(n, 8800 + n, note=f"STATIC-{n}") for n in range(4, 8)]
        await house.filed(DAY, [listed(1, differs, 2007), listed(2, twice), listed(3, twice), *strays])
        house.on_bank(500, text="汇错款")
        house.on_bank(-3500, text="账户管理费")
        await house.read()
        assert lost.amount == 1000
        site = Console(
            pool=house.pool,
            clock=clock,
            key=KEY,
            channels={"unionpay": ("refund",)},
            actions=OperatorActs(house.desk),
        )
        app = Starlette(routes=[Mount("/console", console_app(site))])
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn says it by this flag alone
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with async_playwright() as player:
            browser = await player.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            yield Site(f"http://127.0.0.1:{port}/console", house, browser, [])
            await browser.close()
        server.should_exit = True
        await running


async def test_a_stranger_clears_a_break_on_a_desk_and_on_a_phone_in_both_languages(site: Site) -> None:
    for cleared, (lang, width) in enumerate(((lang, width) for lang in WORDS for width in SIZES), 1):
        await clear_one(site, lang, width)
        assert len([row for row in await site.house.breaks() if row["cure"] == "B8"]) == cleared
    assert await site.house.balance(6301) == -sum(8800 + n for n in range(4, 8))
    assert site.complaints == []


async def clear_one(site: Site, lang: str, width: int) -> None:
    """Clear the oldest break that we lack, by what the pages say."""
    lacks, written_off, look, propose, approve, say, attach = WORDS[lang]
    page = await site.sit_down("lin", width, lang)
    await page.goto(site.url + "/breaks?class=missing_here")
    await page.locator("tr[data-href] a", has_text=lacks).first.click()
    await page.wait_for_url("**/breaks/*-*")
    visible = page.locator(".zf-listing")
    await (expect(visible).to_be_visible() if width == 1440 else expect(visible).to_be_hidden())
    await page.fill("#text", "ticket 77")
    await page.get_by_role("button", name=say, exact=True).click()
    await page.set_input_files("#file", {"name": "letter.pdf", "mimeType": "x/y", "buffer": b"%PDF-1.7"})
    await page.get_by_role("button", name=attach, exact=True).click()
    await expect(page.get_by_text("letter.pdf")).to_have_count(2)
    if width == 1440:  # the keys: 3 chooses the third cure, Enter shows its voucher
        await page.locator("h1").click()
        await page.keyboard.press("3")
        await page.keyboard.press("Enter")
    else:
        await page.get_by_text(written_off).click()
        await page.get_by_role("button", name=look, exact=True).click()
    await page.wait_for_url("**/cure?cure=B8")
    await expect(page.locator(".zf-table tbody tr")).to_have_count(2)
    await page.get_by_role("button", name=propose, exact=True).click()
    await page.wait_for_url("**/proposals/prp_*")
    address = page.url
    await page.context.close()
    second = await site.sit_down("wang", width, lang)
    await second.goto(address)
    await second.get_by_role("button", name=approve, exact=True).click()
    await second.wait_for_load_state()
    await second.context.close()


async def test_no_page_of_breaks_runs_over_an_edge(site: Site) -> None:
    rows = {row["class"]: row["id"] for row in await site.house.breaks()}
    paths = ["/breaks", "/breaks?all=1", "/breaks/suspense", "/breaks/bulk"]
    paths += [f"/breaks/{id_}" for id_ in rows.values()]
    paths += [
        f"/breaks/{rows['unknown_receipt']}/cure?cure={cure}" for cure in ("X4", "X3.3012", "B8.receipt")
    ]
    for lang in WORDS:
        page = await site.sit_down("lin", 1440, lang)
        for path in paths:
            await page.goto(site.url + path)
            assert await faults(page) == {}, path
            assert await page.locator("h1.zf-say").count() == 1, path
        await page.context.close()
    assert site.complaints == []


async def test_a_break_is_cleared_without_any_script(site: Site) -> None:
    page = await site.sit_down("lin", 1440, "en")
    context = await site.browser.new_context(java_script_enabled=False, locale="en-GB")
    await context.add_cookies(await page.context.cookies())  # type: ignore[arg-type]
    plain = await context.new_page()
    await plain.goto(site.url + "/breaks?class=missing_here")
    await plain.locator("tr[data-href] a").first.click()
    await plain.get_by_label("Long item written off").check()
    await plain.get_by_role("button", name="Look at the voucher").click()
    await plain.get_by_role("button", name="Propose it").click()
    await expect(plain.locator("h1")).to_have_text("It waits for a second person")
    await context.close()
