"""A stranger makes an adjustment and another one approves it, in a browser: both languages, on a desk and on a phone."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright

from tests.adjusting import LETTER, frozen, funded, proposed
from tests.browser.layout import faults
from tests.clock import SetClock
from tests.console import KEY
from tests.office import Office, open_office
from tests.people import LIN, WANG, token_of
from tests.treasury import DAY
from zhangfang import adjustments, approvals
from zhangfang.adjustments import Written
from zhangfang.approvals import Person
from zhangfang.kernel.ids import prefixed
from zhangfang.web import auth

pytestmark = pytest.mark.browser
SIZES = ((1440, 900), (390, 844))
LANGUAGES = {  # by language: the buttons and words that a stranger looks for
    "en-GB": (
        "Adjustments", "Make an adjustment", "Manual adjustment", "Show the voucher", "Submit it to a second person",
        "In the books",
    ),
    "zh-CN": ("调账", "制一笔调账", "人工调账", "看凭证", "提交复核", "已入账"),
}  # fmt: skip


@dataclass
class Site:
    """A console that runs, and who may use it."""

    office: Office
    url: str
    chromium: str
    paths: list[str] = field(default_factory=list)

    async def sit_down(self, browser: Browser, who: Person, lang: str, size: tuple[int, int]) -> Page:
        """Open a browser window of a person who has signed in."""
        context = await browser.new_context(
            locale=lang, viewport={"width": size[0], "height": size[1]}, base_url=self.url
        )
        token = auth.sign(KEY, await token_of(self.office.house.pool, who))
        await context.add_cookies([{"name": "zf_session", "value": token, "url": self.url + "/console"}])
        return await context.new_page()


@pytest.fixture
async def site(database_url: str, clock: SetClock, chromium: str) -> AsyncIterator[Site]:
    async with open_office(database_url, clock) as office:
        server = uvicorn.Server(uvicorn.Config(office.app, port=0, log_level="error"))
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn says it by this flag alone
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield Site(office, f"http://127.0.0.1:{port}", chromium)
        server.should_exit = True
        await running


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}")
@pytest.mark.parametrize("lang", LANGUAGES)
async def test_a_stranger_makes_an_adjustment_and_another_one_approves_it(
    site: Site, lang: str, size: tuple[int, int], tmp_path: Path
) -> None:
    letter = tmp_path / "letter.pdf"
    letter.write_bytes(LETTER)
    menu, make, manual, show, propose, booked = LANGUAGES[lang]
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=site.chromium, args=["--no-sandbox"])
        lin = await site.sit_down(browser, LIN, lang, size)
        await lin.goto("/console/more" if size[0] < 700 else "/console/")
        await lin.get_by_role("link", name=menu, exact=True).locator("visible=true").first.click()
        await lin.get_by_role("link", name=make).click()
        await lin.get_by_role("link", name=manual).click()
        for name, text in (("debit", "3012/unionpay"), ("credit", "2351/unionpay"), ("amount", "1,200.00")):
            await lin.fill(f"#{name}", text)
        await lin.fill("#reason", "booked to the wrong account")
        await lin.fill("#refers", "ticket 114")
        await lin.set_input_files("#upload", letter)
        await lin.get_by_role("button", name=show).click()
        await lin.get_by_role("button", name=propose, exact=True).click()
        await lin.wait_for_url("**/adjustments/adj_*")
        where = lin.url
        assert await lin.locator("form[action$='/approve']").count() == 0
        wang = await site.sit_down(browser, WANG, lang, size)
        await wang.goto("/console/adjustments")
        await wang.locator("tr[data-href] a").first.click()
        await wang.wait_for_url(where)
        await wang.locator("form[action$='/approve'] button").click()
        await wang.locator(f"text={booked}").first.wait_for()
        await browser.close()
    assert await site.office.house.balance(2351) == -120_000


async def test_no_page_of_them_runs_over_an_edge_or_complains(site: Site) -> None:
    complaints: list[str] = []
    paths = await _filled(site.office)
    async with async_playwright() as player:
        browser = await player.chromium.launch(executable_path=site.chromium, args=["--no-sandbox"])
        for lang in LANGUAGES:
            page = await site.sit_down(browser, WANG, lang, SIZES[0])
            page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
            for path in paths:
                await page.goto("/console" + path)
                assert await faults(page) == {}, path
                assert await page.locator("h1.zf-say").count() == 1, path
        await browser.close()
    assert complaints == []


async def _filled(office: Office) -> list[str]:
    """Let something stand on each page; return the addresses."""
    house = office.house
    merchant = await funded(house, 12_345_678)
    made = await adjustments.get(
        house.pool, await proposed(house, f"2322/{merchant}", "2361/platform", 1_234_567)
    )
    stands = await frozen(house, merchant, 99_999_999, DAY + timedelta(days=3))
    await adjustments.propose_thaw(house.pool, house.clock, stands.id, 500, "lifted in part", LIN)
    other = await frozen(house, merchant, 5_000, kind="risk")
    paid = await house.paid(await house.merchant(), 123_400)
    said = Written(
        "chargeback", "CB-2026-09-000114", payment=prefixed("pay", paid.id), amount=123_400, due_on=DAY + timedelta(days=1),
        note="the payer says that it never ordered this, and that the merchant does not answer",
    )  # fmt: skip
    entry = await adjustments.propose_entry(house.pool, house.clock, said, LIN)
    seen = (await approvals.get(house.pool, entry)).seen
    await adjustments.approve_entry(house.pool, house.desk.ledger, house.clock, entry, seen, WANG)
    shown = (await adjustments.entry_of(house.pool, entry)).shown_id
    return [
        "/adjustments", "/adjustments/new", "/adjustments/new?template=M1", f"/adjustments/{made.id}",
        "/freezes", "/freezes/new", f"/freezes/{stands.shown_id}", f"/freezes/{other.shown_id}",
        "/register", "/register/new", "/register/new?kind=chargeback", f"/register/{shown}", "/proposals", "/reserve", "/",
    ]  # fmt: skip
