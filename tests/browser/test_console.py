"""A person walks through the console: every page, both languages, desktop and phone, keys, and no script at all."""

import asyncio
import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
import pytest
import uvicorn
from playwright.async_api import Browser, Page, async_playwright, expect
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.browser.layout import WIDTHS, faults
from tests.clock import SetClock
from tests.console import CHANNELS, KEY, TODAY, YESTERDAY, House, audit, seed
from tests.people import first_operator
from tests.unit.test_console_pages import Acts
from zhangfang.console import Console, console_app

pytestmark = pytest.mark.browser

CHROMIUM = "/usr/bin/chromium"
SIZES = {"desktop": {"width": 1440, "height": 900}, "phone": {"width": 390, "height": 844}}


@dataclass
class Site:
    """A running console and what it took to make it."""

    url: str
    password: str
    house: House
    browser: Browser
    acts: Acts
    complaints: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def visitor(
        self, size: str = "desktop", lang: str = "en", scripts: bool = True
    ) -> AsyncIterator[Page]:
        """Log a new visitor in; anything the browser's console complains of is kept."""
        context = await self.browser.new_context(
            viewport=SIZES[size],  # type: ignore[arg-type]
            java_script_enabled=scripts,
            locale="zh-CN" if lang == "zh" else "en-GB",
        )
        try:
            page = await context.new_page()
            page.on(
                "console", lambda said: self.complaints.append(said.text) if said.type == "error" else None
            )
            page.on("pageerror", lambda error: self.complaints.append(str(error)))
            await page.goto(self.url + "/login")
            await page.fill("#password", self.password)
            await page.click("button.main")
            await expect(page).to_have_url(self.url + "/")
            await page.wait_for_load_state()
            yield page
        finally:
            await context.close()

    def payment(self, state: str) -> str:
        """Return the address of the payment that is special for `state`."""
        return f"{self.url}/payments/{self.house.by_state[state].hex}"


@pytest.fixture
async def site(database_url: str, clock: SetClock) -> AsyncIterator[Site]:
    if shutil.which(CHROMIUM) is None:
        pytest.fail(f"{CHROMIUM} is missing: install the package chromium")
    async with asyncpg.create_pool(database_url, min_size=1, max_size=8) as pool:
        house = await seed(pool, clock)
        await audit(house)
        password, acts = await first_operator(pool, clock), Acts(pool, clock)
        app = Starlette(
            routes=[
                Mount(
                    "/console",
                    console_app(Console(pool=pool, clock=clock, key=KEY, channels=CHANNELS, actions=acts)),
                )
            ]
        )
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="error"))
        running = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - uvicorn says it by this flag alone
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        async with async_playwright() as player:
            browser = await player.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
            yield Site(f"http://127.0.0.1:{port}/console", password, house, browser, acts)
            await browser.close()
        server.should_exit = True
        await running


async def test_no_page_runs_over_an_edge_at_any_width_or_breaks_the_content_policy(site: Site) -> None:
    shown = ("UNKNOWN", "CURED", "RETURNED", "PART_REFUNDED", "FAILED")
    batch = await site.house.pool.fetchval("SELECT id FROM settlement LIMIT 1")
    account = await site.house.pool.fetchval("SELECT id FROM account WHERE code = 2361")
    voucher = await site.house.pool.fetchval("SELECT voucher FROM transfer LIMIT 1")
    paths = [
        "/", f"/?day={YESTERDAY}", "/payments", "/payments?q=none", "/refunds", "/payouts", "/unknown", "/trial-balance",
        "/trial-balance?code=2321", "/trial-balance?by=subject", f"/accounts/{account}", f"/vouchers/{voucher}",
        f"/reconciliation/{YESTERDAY}", f"/reconciliation/{YESTERDAY}/unionpay/lines",
        f"/reconciliation/{TODAY}/cmb/bank", "/breaks?all=1", "/duplicates", "/channels",
        "/channels/unionpay/purchase/stop", "/merchants", f"/merchants/mer_{0:026}", f"/settlements/{batch.hex}",
        f"/merchants/mer_{0:026}/fee", f"/fees/{YESTERDAY:%Y-%m}",
        f"/merchants/mer_{0:026}/fee?rate=0.38&from=2030-01-01&taken=settlement&tiers=10000:0.3",
        "/statements", f"/statements/mer_{0:026}/{YESTERDAY}", "/weekly", "/weekly?week=2026-W35",
        "/search?q=zzz", "/search?q=M00", "/more", "/nowhere",
        f"/payments/{site.house.by_state['PART_REFUNDED'].hex}/refund?amount=1.00",
        f"/payments/{site.house.by_state['UNKNOWN'].hex}/outcome",
        *(f"/payments/{site.house.by_state[state].hex}" for state in shown),
    ]  # fmt: skip
    for lang, widths in (("en", WIDTHS), ("zh", WIDTHS[::2])):  # English is the longer one
        async with site.visitor(lang=lang) as page:
            for path in paths:
                await page.goto(site.url + path)
                assert await page.get_attribute("html", "lang") == ("zh-CN" if lang == "zh" else "en")
                assert await faults(page, widths) == {}, path
    assert [said for said in site.complaints if "404" not in said] == []


async def test_the_phone_says_where_one_is_and_what_time_it_is_and_logs_out(site: Site) -> None:
    async with site.visitor("phone") as page:
        await expect(page.locator(".zf-bar .zf-env")).to_be_in_viewport()
        await expect(page.locator("[data-clock]")).to_be_in_viewport()
        await page.locator(".zf-top").get_by_role("button", name="Log out").click()
        await expect(page).to_have_url(site.url + "/login")
        assert await faults(page) == {}


async def test_a_row_opens_as_a_whole_and_its_text_can_still_be_selected(site: Site) -> None:
    async with site.visitor() as page:
        await page.goto(site.url + "/payments")
        row = page.locator("tbody tr").nth(2)
        href, amount = await row.get_attribute("data-href"), row.locator("td.n")
        async with page.context.expect_page() as opened:
            await amount.click(button="middle")
        await expect(await opened.value).to_have_url(f"{site.url.removesuffix('/console')}{href}")
        await page.evaluate("getSelection().selectAllChildren(document.querySelector('tbody td.n'))")
        await page.locator("tbody tr").first.locator("td.n").dispatch_event("click")
        assert page.url == site.url + "/payments"
        await page.evaluate("getSelection().removeAllRanges()")
        await amount.click()
        await expect(page).to_have_url(f"{site.url.removesuffix('/console')}{href}")


async def test_the_peek_leaves_log_out_free(site: Site) -> None:
    async with site.visitor() as page:
        await page.goto(site.url + "/payments")
        await page.wait_for_load_state()
        await page.locator("main").focus()
        await page.keyboard.press("j")
        await page.keyboard.press(" ")
        await expect(page.locator("#peek")).to_be_visible()
        await page.mouse.wheel(0, 400)
        await page.get_by_role("button", name="Log out").click()
        await expect(page).to_have_url(site.url + "/login")


async def test_the_day_is_read_searched_and_opened_with_the_keyboard(site: Site) -> None:
    number = await site.house.pool.fetchval(
        "SELECT order_no FROM intent WHERE id = $1", site.house.by_state["UNKNOWN"]
    )
    async with site.visitor() as page:
        await expect(page.locator("#say")).to_contain_text(
            "The books balance. 2 unknown, being queried; 6 waiting"
        )
        await page.keyboard.press("/")
        await page.keyboard.type(number)
        await page.keyboard.press("Enter")
        await expect(page.locator("h1")).to_contain_text("may or may not have been debited")
        await page.wait_for_load_state()
        await page.locator("main").focus()
        await page.keyboard.press("g")
        await page.keyboard.press("p")
        await expect(page).to_have_url(site.url + "/payments")
        await page.wait_for_load_state()
        await page.keyboard.press("j")
        await page.keyboard.press("j")
        second = page.locator("tbody tr").nth(1)
        await expect(second).to_have_attribute("aria-selected", "true")
        await page.keyboard.press(" ")
        await expect(page.locator("#peek")).to_contain_text(await second.get_attribute("data-id") or "?")
        await page.keyboard.press("Enter")
        await expect(page.locator(".zf-hero")).to_be_visible()
        await page.wait_for_load_state()
        await page.keyboard.press("?")
        await expect(page.locator("#keys")).to_be_visible()
    assert site.complaints == []


async def test_the_unknown_is_queried_by_one_key(site: Site) -> None:
    async with site.visitor() as page:
        await page.goto(site.payment("UNKNOWN"))
        async with page.expect_navigation():
            await page.keyboard.press("q")
        assert site.acts.queried == [site.house.by_state["UNKNOWN"]]


async def test_money_is_never_moved_by_one_key_but_by_a_page_that_says_what_will_happen(site: Site) -> None:
    async with site.visitor() as page:
        await page.goto(site.payment("PART_REFUNDED"))
        await page.get_by_role("link", name="Refund", exact=True).click()
        await page.fill("#amount", "12.30")
        await page.get_by_role("button", name="Go on").click()
        await expect(page.locator("h1")).to_contain_text("Refund ¥12.30 to the payer?")
        assert site.acts.refunded == []
        await page.get_by_role("button", name="Refund now").click()
        await expect(page.locator(".zf-hero")).to_be_visible()
    assert [(amount, who) for _, amount, who, _ in site.acts.refunded] == [(1230, "operator")]


async def test_the_console_works_without_scripts(site: Site) -> None:
    async with site.visitor("phone", scripts=False) as page:
        await page.get_by_role("link", name="Payments").last.click()
        await page.locator(".zf-chip").first.click()
        await expect(page.locator("tbody tr")).to_have_count(1)
        await page.locator("tbody a").first.click()
        await expect(page.locator(".zf-hero")).to_contain_text("Unknown")
        await page.goto(site.url + "/channels")
        await page.get_by_role("link", name="Open: stop").first.click()
        await page.fill("#reason", "their maintenance")
        await page.get_by_role("button", name="Stop it").click()
        await expect(page.locator("h1")).to_contain_text("2 operations are stopped")
        await page.goto(site.url + "/")
        await page.locator("summary").first.click()
        await expect(page.locator(".zf-astable tfoot")).to_be_visible()


async def test_figures_are_read_anew_and_old_ones_are_greyed_with_the_seal_removed(site: Site) -> None:
    async with site.visitor() as page:
        before = await page.locator("#figures dd").first.inner_text()
        await page.evaluate(
            "htmx.trigger('#figures', 'none'); htmx.ajax('GET', '/console/figures', {target: '#figures', swap: 'outerHTML'})"
        )
        await expect(page.locator("#figures dd").first).to_have_text(before)
        await expect(page.locator(".zf-cover .zf-seal")).to_have_text("平")
        await page.context.set_offline(True)
        await page.evaluate(
            "htmx.ajax('GET', '/console/figures', {target: '#figures', swap: 'outerHTML'}).catch(() => 0)"
        )
        await expect(page.locator("#figures")).to_have_class(re.compile("stale"))
        await expect(page.locator("#said")).to_contain_text("as of 14:39:12")
        await expect(page.locator(".zf-cover .zf-seal")).to_have_text("")


async def test_the_chart_draws_and_its_table_sums_to_the_figure(site: Site) -> None:
    async with site.visitor() as page:
        await expect(page.locator("#chart canvas").first).to_be_visible()
        await page.locator("summary").first.click()
        total = await page.locator(".zf-astable tfoot td").first.inner_text()
        figure = await page.locator("#figures dd").first.inner_text()
        assert figure == "¥" + total
    assert site.complaints == []


async def test_language_is_switched_and_kept(site: Site) -> None:
    async with site.visitor() as page:
        await page.goto(site.url + "/payments?state=UNKNOWN")
        await page.get_by_role("link", name="中文").first.click()
        await expect(page.locator("h1")).to_contain_text("待查明")
        assert "state=UNKNOWN" in page.url
        await page.goto(site.url + "/channels")
        await expect(page.locator("h1")).to_contain_text("已停")
