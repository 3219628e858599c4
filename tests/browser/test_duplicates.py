"""The pages of double payments and of ending an UNKNOWN, in a browser: every width, both languages."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta

import pytest
import uvicorn
from playwright.async_api import Page, async_playwright
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.browser.layout import faults
from tests.clock import SetClock
from tests.console import KEY
from tests.duplicates import heal, no_guard, paid_as, twice
from tests.people import LIN, first_operator
from tests.treasury import DAY, Treasury, listed, stray, treasury
from zhangfang.assembly.console import OperatorActs
from zhangfang.console import Console, console_app
from zhangfang.duplicates import cases, confirm, find
from zhangfang.payments import Outcome, State, propose_outcome

pytestmark = pytest.mark.browser


@dataclass
class Site:
    """A running console over a treasury with cases of each kind, and the addresses of their pages."""

    url: str
    password: str
    paths: list[str]
    chromium: str

    async def log_in(self, page: Page) -> None:
        """Log the operator in."""
        await page.goto(self.url + "/login")
        await page.fill("#password", self.password)
        await page.click("button.main")
        await page.wait_for_load_state()


@pytest.fixture
async def site(database_url: str, clock: SetClock, chromium: str) -> AsyncIterator[Site]:
    async with treasury(database_url, clock) as house:
        paths = await _cases(house)
        password = await first_operator(house.pool, clock)
        inner = console_app(
            Console(
                pool=house.pool,
                clock=clock,
                key=KEY,
                channels={"unionpay": ("refund",)},
                actions=OperatorActs(house.desk),
            )
        )
        app = Starlette(routes=[Mount("/console", inner)])
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn says it by this flag alone
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Site(f"http://127.0.0.1:{port}/console", password, paths, chromium)
        server.should_exit = True
        await running


async def _cases(house: Treasury) -> list[str]:
    await no_guard(house)
    merchant = await house.merchant()
    for number in ("RENT-2026-09-0001", "RENT-2026-09-0002"):
        await twice(house, merchant, number, 12_345_678)
    paid = await paid_as(house, merchant, "RENT-2026-09-0003", 10_000)
    await house.filed(DAY, [listed(1, paid), stray(2, 10_000, note="RENT-2026-09-0003")])
    await find(house.desk.pool, house.desk.clock, house.clock.now() - timedelta(days=1))
    found = await cases(house.pool)
    await confirm(
        house.desk.pool,
        house.desk.clock,
        next(case.id for case in found if case.intent),
        LIN,
        "asked twice",
    )
    await heal(house, house.clock)
    waits, asked = await house.asked(merchant, 10_000), await house.asked(merchant, 10_000)
    said = Outcome(State.SUCCESS, "the channel wrote", "letter 113", 10_000, DAY, "Q77")
    await propose_outcome(house.desk.pool, house.desk.clock, waits.id, said, LIN)
    pages = ["/duplicates", "/duplicates?all=1", "/duplicates/confirm", f"/payments/{waits.id.hex}"]
    pages += [f"/payments/{asked.id.hex}/outcome", *(f"/duplicates/{case.id.hex}" for case in found)]
    return [*pages, *(f"/duplicates/{case.id.hex}/dismiss" for case in found[:1])]


async def test_no_page_of_them_runs_over_an_edge_or_complains(site: Site) -> None:
    complaints: list[str] = []
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=site.chromium, args=["--no-sandbox"])
        for lang in ("zh-CN", "en-GB"):
            context = await browser.new_context(locale=lang)
            page = await context.new_page()
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            await site.log_in(page)
            for path in site.paths:
                await page.goto(site.url + path)
                assert await faults(page) == {}, path
                assert await page.locator("h1.zf-say").count() == 1, path
            await context.close()
        await browser.close()
    assert complaints == []
