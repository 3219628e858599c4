"""Every page, as a browser without scripts gets it."""

import csv
import io
import re
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import date, timedelta
from html import unescape
from itertools import pairwise
from typing import Any
from uuid import UUID

import asyncpg
import openpyxl
import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.clock import SetClock
from tests.console import CHANNELS, KEY, TODAY, YESTERDAY, Seeded, at_now, make_seeded
from tests.words import headings, latin, machine_words
from zhangfang.adjustments import Freeze
from zhangfang.approvals import Person, Proposal
from zhangfang.bills import Said
from zhangfang.channels.port import PartyAccount
from zhangfang.console import Console, console_app
from zhangfang.console.pages import payments as list_pages
from zhangfang.console.pages import trial as trial_pages
from zhangfang.console.reading import merchants as merchant_reading
from zhangfang.console.reading import payments
from zhangfang.console.reading.payments import Filter
from zhangfang.console.reading.today import day_bounds
from zhangfang.console.view import PAY_IN
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.money import yuan_to_fen
from zhangfang.ledger import Transfer
from zhangfang.payments import open_again
from zhangfang.reconciliation import Cure
from zhangfang.web import auth
from zhangfang.web.tables import FINAL, OPERATIONS, STATES, STEPS, TERMS

PAGES = (
    "/", "/figures", "/more", "/payments", "/refunds", "/payouts", "/unknown", "/trial-balance",
    "/trial-balance?code=2321", f"/trial-balance?date={YESTERDAY}", "/trial-balance?by=subject",
    f"/trial-balance?subject=mer_{0:026}", "/trial-balance?subject=nobody", f"/reconciliation/{YESTERDAY}",
    f"/reconciliation/{TODAY}", "/reconciliation/2020-02-29", "/breaks", "/breaks?all=1", "/channels",
    f"/certificates/unionpay/{YESTERDAY}", "/closing/2026-08", "/closing/2026-09",
    "/duplicates", "/duplicates?all=1", "/proposals", "/proposals?all=1",
    "/freezes", "/freezes?all=1", "/freezes/new", "/register", "/register?all=1&kind=court", "/register/new",
    "/register/new?kind=chargeback", "/register/new?kind=complaint", "/register/new?kind=top_up",
    "/reserve", f"/reserve?date={YESTERDAY}", "/reserve/withdraw", "/reserve/account",
    "/adjustments", "/adjustments/new", "/adjustments/new?template=M1", "/adjustments/new?template=A2",
    "/channels/unionpay/purchase/stop", "/channels/unionpay/void/open", "/merchants", f"/merchants/mer_{0:026}",
    f"/merchants/mer_{0:026}/settlement", f"/merchants/mer_{0:026}/account", f"/merchants/mer_{5:026}/account",
    f"/merchants/mer_{4:026}", f"/merchants/mer_{5:026}", "/statements", f"/statements?date={TODAY}",
    f"/statements/mer_{0:026}/{YESTERDAY}", f"/statements/mer_{0:026}/{YESTERDAY}?version=1",
    "/weekly", "/weekly?week=2026-W35", "/operators", "/operators/roles?name=wang", "/acts", "/acts?person=lin&act=stop",
    "/search", "/search?q=nothing", "/search?q=M00",
    "/fees", f"/fees/{YESTERDAY:%Y-%m}", f"/merchants/mer_{0:026}/fee",
    f"/merchants/mer_{0:026}/fee?kind=purchase&rate=0.38&from=2030-01-01&channel=unionpay&taken=success",
    f"/merchants/mer_{0:026}/fee?rate=0.38&from=2030-01-01&taken=month&tiers=100:0.3&tiers_by=month",
)  # fmt: skip


class Refusing(ZhangfangError):
    """The test's payments context says no."""


@dataclass
class Acts:
    """Remembers what it was asked to do."""

    pool: asyncpg.Pool
    clock: SetClock
    queried: list[UUID] = field(default_factory=list)
    refunded: list[tuple[UUID, int, str, str]] = field(default_factory=list)
    brought: list[tuple[object, ...]] = field(default_factory=list)
    refuse: str = ""

    async def query_now(self, intent_id: UUID) -> None:
        self._perhaps()
        self.queried.append(intent_id)

    async def refund(self, intent_id: UUID, amount: int, by: Person, key: str) -> UUID:
        self._perhaps()
        self.refunded.append((intent_id, amount, by.id, key))
        return intent_id

    async def open_again(self, channel: str, operation: str, reason: str, by: Person) -> UUID | None:
        hour = timedelta(hours=1)
        return await open_again(self.pool, self.clock, channel, operation, reason, by, hour)

    async def freeze(self, merchant: str, **asked: Any) -> Freeze:
        raise Refusing("nothing can be frozen here")

    async def preview_cure(self, break_id: UUID, said: Cure) -> list[list[Transfer]]:
        raise Refusing("nothing is booked here")

    async def seal_payee(self, account: PartyAccount, break_id: UUID) -> str:
        raise Refusing("nothing is sealed here")

    async def own_money_may_leave(self) -> int:
        return 500

    async def withdraw(self, amount: int, reason: str, by: Person) -> UUID:
        raise Refusing("nothing leaves from here")

    async def name_own_account(self, account: PartyAccount, reason: str, by: Person) -> UUID:
        raise Refusing("nothing is named here")

    async def propose_account(self, merchant: str, account: object, reason: str, by: Person) -> UUID:
        raise Refusing("nothing is named here")

    async def bring_file(
        self, name: str, data: bytes, channel: str, day: date, map_: str, said: Said | None, by: Person
    ) -> str:
        self._perhaps()
        self.brought.append((name, channel, day, map_, said))
        return "3 lines are taken"

    async def bring_statements(self, name: str, data: bytes, account: str, form: str, by: Person) -> str:
        self._perhaps()
        self.brought.append((name, account, form))
        return "1 new lines in 1 statements; 0 wait for a channel's file"

    async def approve(self, proposal: UUID, seen: str, by: Person) -> Proposal:
        raise Refusing("nothing can be approved here")

    def _perhaps(self) -> None:
        if self.refuse:
            raise Refusing(self.refuse)


@dataclass
class Browser:
    """A logged-in browser, and the house behind it."""

    http: AsyncClient
    pool: asyncpg.Pool
    acts: Acts
    clock: SetClock
    site: Console

    async def get(self, path: str, lang: str = "en", **headers: str) -> Response:
        self.http.cookies.set("zf_lang", lang, domain="console.test", path="/console")
        return await self.http.get("/console" + path, headers=headers)

    async def post(self, path: str, page: str, **fields: str) -> Response:
        """Send a form with the token that `page` carries."""
        token = re.search(r'name="csrf" value="([^"]+)"', (await self.get(page)).text)
        assert token
        return await self.http.post("/console" + path, data={"csrf": token[1], **fields})


@pytest.fixture(scope="module")
def seeded(postgres_url: str) -> Seeded:
    return make_seeded(postgres_url)


@pytest.fixture
async def console(seeded: Seeded) -> AsyncIterator[Browser]:
    async with asyncpg.create_pool(seeded.url, min_size=1, max_size=6) as pool:
        clock = at_now()
        acts = Acts(pool, clock)
        site = Console(pool=pool, clock=clock, key=KEY, channels=CHANNELS, actions=acts)
        inner = console_app(site)
        app = Starlette(routes=[Mount("/console", inner)])
        transport = ASGITransport(app=app, raise_app_exceptions=False)
        async with AsyncClient(transport=transport, base_url="http://console.test") as http:
            token = "t" * 43
            await pool.execute("DELETE FROM operator_session")
            await pool.execute(auth.queries.open_session, auth._hash(token), "lin", timedelta(hours=1))
            signed = auth.sign(KEY, token)
            http.cookies.set("zf_session", signed, domain="console.test", path="/console")
            yield Browser(http, pool, acts, clock, site)


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("path", PAGES)
async def test_each_page_is_drawn_in_its_language_under_a_strict_policy(
    console: Browser, path: str, lang: str
) -> None:
    page = await console.get(path, lang)
    assert page.status_code == 200
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"\sstyle=|<style|\son\w+=|javascript:", page.text)
    for script in re.findall(r"<script[^>]*>", page.text):
        assert "src=" in script or 'type="application/json"' in script
    if path != "/figures":
        assert f'<html lang="{"zh-CN" if lang == "zh" else "en"}">' in page.text
        assert 'class="zf-say' in page.text


async def crawl(
    console: Browser, lang: str, first: str = "/", most: int = 4
) -> AsyncIterator[tuple[str, str]]:
    """Yield every page that links lead to, at most `most` of each kind, with its HTML."""
    waiting, seen, kinds = [first, "/more", *PAGES], set(), Counter[str]()
    while waiting:
        path = waiting.pop(0).partition("#")[0]
        kind = re.sub(
            r"(pay|ref|pot|mer|dup|adj|frz|reg)_\w+|[0-9a-f]{8}-?[0-9a-f-]{24,}|\d{4}-\d\d(-\d\d)?|=[^&]*",
            "*",
            path,
        )
        kinds[kind] += path not in seen
        if (
            path in seen
            or kinds[kind] > most
            or re.search(r"^/(lang|static|evidence)/|\.(csv|xlsx|json|pdf)", path)
        ):
            continue
        seen.add(path)
        page = await console.get(path, lang)
        assert page.status_code in (200, 303), path
        found = [*re.findall(r'href="/console([^"]*)"', page.text), page.headers.get("location", "")[8:]]
        waiting += [unescape(href) for href in found if href]
        if page.status_code == 200:
            yield path, page.text


async def test_every_page_speaks_chinese_and_no_page_speaks_like_a_machine(console: Browser) -> None:
    kinds = set()
    async for path, html in crawl(console, "zh"):
        assert latin(html) == set(), path
        assert machine_words(html) == set(), path
        kinds.add(path.split("/")[1].partition("?")[0])
    assert kinds >= {
        "payments",
        "settlements",
        "vouchers",
        "accounts",
        "reconciliation",
        "merchants",
        "channels",
    }


async def test_in_english_no_page_speaks_like_a_machine_and_headings_come_in_order(console: Browser) -> None:
    async for path, html in crawl(console, "en"):
        assert machine_words(html) == set(), path
        levels = headings(html)
        assert levels[:1] == [1], path
        assert all(later - level <= 1 for level, later in pairwise(levels)), path
        assert levels.count(1) == 1, path


async def test_every_payment_has_its_page_and_a_final_one_exactly_one_filled_seal(console: Browser) -> None:
    for row in await payments.page(
        console.pool, Filter(("purchase", "collection", "refund", "void", "payout")), None, 60
    ):
        page = await console.get(f"/payments/{row.id.hex}")
        assert page.status_code == 200
        filled = page.text.count('class="seal settled"')
        told = 'data-state="' + row.state in page.text
        assert told
        has_step = await console.pool.fetchval(
            "SELECT EXISTS (SELECT FROM step WHERE intent = $1 AND state = $2)", row.id, row.state
        )
        assert filled == (1 if row.state in FINAL and has_step else 0)
        assert ("the evidence that settled it is missing" in page.text) == (
            row.state in FINAL and not has_step
        )


async def test_an_unknown_payment_says_so_with_its_age_and_what_follows(
    console: Browser, seeded: Seeded
) -> None:
    page = await console.get(f"/payments/{seeded.by_state['UNKNOWN'].hex}")
    assert "may or may not have been debited. Query 6 in 22 s." in page.text
    assert "Refund: needs an outcome" in page.text
    assert "41 s" in page.text
    assert 'class="band doubt"' in page.text
    assert "×3" in page.text


async def test_a_payment_that_was_unknown_says_for_how_long(console: Browser, seeded: Seeded) -> None:
    page = await console.get(f"/payments/{seeded.by_state['CURED'].hex}")
    assert "It was unknown for 1 min 3 s; then evidence came, and it was done once." in page.text
    assert "unknown for 1 min 3 s" in page.text


async def test_a_payment_is_found_by_its_public_id_and_no_other_id_is_a_page(console: Browser) -> None:
    (row,) = await payments.page(console.pool, Filter(("payout",), fact="RETURNED"), None, 1)
    listed = await console.get("/payouts?fact=RETURNED")
    (public,) = set(re.findall(r'data-id="(pot_[0-9a-z]{26})"', listed.text))
    page = await console.get(f"/payments/{public}")
    assert f"{row.amount // 100:,}" in page.text
    for other in ("pay_" + "0" * 26, "0" * 32, "zzz", "pay_", public + "0", public.upper()):
        assert (await console.get(f"/payments/{other}")).status_code == 404


async def test_the_books_balance_on_the_page_only_while_the_audit_is_fresh(console: Browser) -> None:
    assert "The books balance." in (await console.get("/")).text
    console.clock.advance(seconds=60)
    page = (await console.get("/")).text
    assert "and nobody has checked since" in page
    assert ">平<" not in page
    console.clock.advance(seconds=-60)


async def test_a_single_hit_is_gone_to_and_several_are_listed(console: Browser, seeded: Seeded) -> None:
    number = await console.pool.fetchval(
        "SELECT order_no FROM intent WHERE id = $1", seeded.by_state["UNKNOWN"]
    )
    hit = await console.get(f"/search?q={number}")
    assert hit.status_code == 303
    assert hit.headers["location"] == f"/console/payments/{seeded.by_state['UNKNOWN'].hex}"
    nothing = await console.get("/search?q=<script>alert(1)</script>")
    assert "These are searched:" in nothing.text
    assert "<script>alert" not in nothing.text


async def test_the_figure_opens_into_rows_that_sum_to_it(console: Browser) -> None:
    front = (await console.get("/")).text
    href = re.search(r'href="/console(/payments\?state=SUCCESS[^"]+)"', front)
    assert href
    since, until = day_bounds(TODAY)
    total = await payments.total(
        console.pool, Filter(("purchase", "collection"), ("SUCCESS",), since=since, until=until)
    )
    listed = (await console.get(href[1].replace("&amp;", "&"))).text
    shown = f'{total.fen // 100:,}<span class="f">.{total.fen % 100:02d}'
    assert shown in front
    assert shown in listed.split("<tfoot")[1]


def _of_day(day: date) -> Filter:
    since, until = day_bounds(day)
    return Filter(PAY_IN, ("SUCCESS",), since=since, until=until)


async def test_after_its_day_the_front_page_opens_on_the_last_day_that_had_orders(console: Browser) -> None:
    total = await payments.total(console.pool, _of_day(TODAY))
    figure = f'{total.fen // 100:,}<span class="f">'
    assert "Not today" not in (await console.get("/")).text
    console.clock.advance(days=3)
    page = (await console.get("/")).text
    assert "Not today" in page
    assert "Tuesday 1 Sep 2026" in page
    assert "today is Friday 4 Sep 2026" in page
    assert figure in page
    assert 'hx-get="/console/figures?day=2026-09-01"' in page
    assert figure in (await console.get("/figures?day=2026-09-01")).text
    assert 'href="/console/?day=2026-08-31"' in page
    assert "Monday 31 Aug 2026" in (await console.get("/?day=2026-08-31")).text
    assert "No order on that day." in (await console.get("/?day=2026-08-30")).text
    assert (await console.get("/?day=31 August")).status_code == 404
    console.clock.advance(days=-3)


async def test_every_figure_of_a_day_opens_into_lines_that_come_to_it(console: Browser) -> None:
    page = (await console.get(f"/reconciliation/{YESTERDAY}")).text
    page += (await console.get(f"/reconciliation/{TODAY}")).text
    links = set(re.findall(r'<a class="" href="/console(/reconciliation/[^"#]+)">(.*?)</a>', page))
    assert {href.rpartition("/")[2] for href, _ in links} == {
        "lines",
        "matched",
        "ours",
        "not-due",
        "bank",
        "posted",
    }
    for href, shown in links:
        figure = re.sub(r"<[^>]+>", "", shown)
        said = re.search(r'<h1 class="zf-say">(.*?)</h1>', (await console.get(href)).text)
        assert said
        count, total = re.sub(r"<[^>]+>", "", said[1]).rsplit(": ")[1].split(", ", 1)
        assert figure in (count.partition(" ")[0], total.removeprefix("¥")), (href, figure)


async def test_the_certificate_of_an_empty_file_names_no_bank_line(console: Browser) -> None:
    await console.pool.execute(
        "INSERT INTO channel_file SELECT (jsonb_populate_record(f, $2)).* FROM channel_file f WHERE settle_date = $1",
        YESTERDAY,
        '{"settle_date": "2026-08-15", "lines": 0, "net_fen": 0, "pay_in_fen": 0, "fee_fen": 0, "arrived_seq": null}',
    )  # fmt: skip
    page = (await console.get("/reconciliation/2026-08-15")).text
    await console.pool.execute("DELETE FROM channel_file WHERE settle_date = '2026-08-15'")
    assert "0 lines, and no money is to come." in page
    assert "None" not in page


async def test_a_settlement_opens_into_the_payments_that_it_is_made_of(console: Browser) -> None:
    merchant = (await console.get(f"/merchants/mer_{0:026}")).text
    (href,) = set(re.findall(r'href="/console(/settlements/[0-9a-f]{32})"', merchant))
    page = (await console.get(href)).text
    assert "became available on Tuesday 1 Sep 2026." in page
    lines = await merchant_reading.settlement_lines(console.pool, UUID(href.rpartition("/")[2]), 1000)
    assert page.count('<tr data-href="/console/payments/') == len(lines) > 10
    assert (
        sum(line.net for line in lines)
        == (await merchant_reading.settlements(console.pool, f"mer_{0:026}"))[0].amount
    )
    for path in ("/settlements/x", f"/settlements/{UUID(int=3)}"):
        assert (await console.get(path)).status_code == 404


@pytest.mark.parametrize(("path", "said"), [
    ("/merchants", "Total of 6 merchants"), ("/payouts", "Total of 3 payouts"), ("/refunds", "Total of 3 refunds"),
    ("/unknown", "Total of 3 requests"), ("/refunds?kind=void", "Total of 1 refund<"),
])  # fmt: skip
async def test_a_total_says_what_it_counts(console: Browser, path: str, said: str) -> None:
    assert said in (await console.get(path)).text


async def test_an_unknown_figure_of_zero_raises_no_alarm(console: Browser) -> None:
    assert 'data-state="UNKNOWN"' in (await console.get("/figures")).text
    await console.pool.execute("UPDATE intent SET state = 'SENDING' WHERE state = 'UNKNOWN'")
    try:
        assert 'data-state="UNKNOWN"' not in (await console.get("/figures")).text
    finally:
        await console.pool.execute(
            "UPDATE intent SET state = 'UNKNOWN' WHERE state = 'SENDING' AND unknown_since IS NOT NULL"
        )


async def test_the_older_pages_of_a_list_hold_every_row_once_and_keep_the_filter(console: Browser) -> None:
    path, seen = "/payments?state=SUCCESS", []
    while path:
        page = (await console.get(path)).text
        seen += re.findall(r'<tr data-href="[^"]+" data-id="([^"]+)"', page)
        following = re.search(r'href="/console(/payments\?[^"]+)" rel="next"', page)
        path = following[1].replace("&amp;", "&") if following else ""
        assert not path or "state=SUCCESS" in path
    total = await payments.total(console.pool, Filter(("purchase", "collection"), ("SUCCESS",)))
    assert len(seen) == len(set(seen)) == total.count


async def test_a_csv_has_every_row_of_the_filter_and_sums_to_the_page(console: Browser) -> None:
    file = await console.get("/payments.csv?state=SUCCESS")
    assert file.content.startswith(b"\xef\xbb\xbf")
    rows = list(csv.DictReader(io.StringIO(file.content.decode("utf-8-sig"))))
    total = await payments.total(console.pool, Filter(("purchase", "collection"), ("SUCCESS",)))
    assert len(rows) == total.count
    assert sum(yuan_to_fen(row["Amount (CNY)"]) for row in rows) == total.fen
    assert all(row["Channel's own number"].startswith("\t") for row in rows)


async def test_a_workbook_holds_amounts_as_numbers_and_numbers_of_orders_as_text(console: Browser) -> None:
    file = await console.get("/payouts.xlsx", "zh")
    sheet = openpyxl.load_workbook(io.BytesIO(file.content)).active
    assert sheet is not None
    head, *rows = sheet.iter_rows(values_only=True)
    total = await payments.total(console.pool, Filter(("payout",)))
    amounts = [row[list(head).index("金额（元）")] for row in rows]
    assert len(rows) == total.count
    assert sum(round(amount * 100) for amount in amounts) == total.fen
    assert all(isinstance(row[list(head).index("渠道订单号")], str) for row in rows)


async def test_a_long_list_says_that_there_is_more_and_shows_no_sum(
    console: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(payments, "MOST", 3)
    page = (await console.get("/payments")).text
    assert "The newest 3 rows, of more" in page
    assert "<th>More than 3</th>" in page
    assert "Total of" not in page


async def test_an_export_beyond_the_limit_is_refused_and_nothing_is_cut(
    console: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(list_pages, "LIMIT", 10)
    refused = await console.get("/payments.csv")
    assert refused.status_code == 413
    assert "more than 10 rows" in refused.text


async def test_beyond_a_few_files_at_once_the_next_is_told_to_wait(console: Browser) -> None:
    async with console.site.making, console.site.making:
        for path in ("/payments.csv", "/trial-balance/export.xlsx"):
            answer = await console.get(path)
            assert (answer.status_code, answer.headers["retry-after"]) == (503, "5")
            assert "Try again in a moment" in answer.text
    assert (await console.get("/payments.csv")).status_code == 200


async def test_the_trial_balance_and_an_account_can_be_taken_away(console: Browser) -> None:
    book = openpyxl.load_workbook(
        io.BytesIO((await console.get("/trial-balance/export.xlsx")).content)
    ).active
    assert book is not None
    rows = list(book.iter_rows(min_row=2, values_only=True))
    assert round(sum(row[8] for row in rows), 2) == round(sum(row[9] for row in rows), 2)
    account = await console.pool.fetchval("SELECT id FROM account WHERE code = 2361")
    page = await console.get(f"/accounts/{account}")
    assert page.status_code == 200
    entries = list(csv.reader(io.StringIO((await console.get(f"/accounts/{account}/export.csv")).text)))
    assert len(entries) == 1 + await console.pool.fetchval(
        "SELECT count(*) FROM ledger_entry WHERE account = $1", account
    )
    voucher = await console.pool.fetchval("SELECT voucher FROM transfer LIMIT 1")
    assert "both sides are" in (await console.get(f"/vouchers/{voucher}")).text


async def test_the_sheet_by_subject_opens_into_the_accounts_of_one(console: Browser, seeded: Seeded) -> None:
    by_subject = (await console.get("/trial-balance?by=subject")).text
    href = re.search(rf'href="/console(/trial-balance\?date={TODAY}&amp;subject=mer_{0:026})"', by_subject)
    assert href
    one = (await console.get(href[1].replace("&amp;", "&"))).text
    assert "Merchant available" in one
    assert set(re.findall(r'<tr class="l-(\w+)"', by_subject)) == {"subject"}
    assert set(re.findall(r'<tr class="l-(\w+)"', one)) == {"account"}
    assert (await console.get("/trial-balance?by=moon")).status_code == 422


async def test_subjects_beyond_a_page_are_on_the_next_and_each_is_shown_once(
    console: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = re.findall(r"&amp;subject=([^\"]+)", (await console.get("/trial-balance?by=subject")).text)
    monkeypatch.setattr(trial_pages, "MOST", 2)
    path, seen = "/trial-balance?by=subject", []
    while path:
        page = (await console.get(path)).text
        seen += re.findall(r"&amp;subject=([^\"]+)", page)
        following = re.search(r'rel="next" href="/console([^"]+)"', page)
        path = following[1].replace("&amp;", "&") if following else ""
        assert not path or "Total of this page" in page
    assert seen == whole != []


async def test_a_closed_date_and_its_vouchers_say_so(console: Browser, seeded: Seeded) -> None:
    voucher = await console.pool.fetchval(
        "SELECT voucher FROM transfer WHERE business_date = $1 LIMIT 1", YESTERDAY
    )
    pages = (f"/trial-balance?date={YESTERDAY}", f"/vouchers/{voucher}")
    try:
        assert not any(["zf-closed" in (await console.get(path)).text for path in pages])
        await console.pool.execute("UPDATE head SET closed_through = $1", YESTERDAY)
        assert all(["zf-closed" in (await console.get(path)).text for path in pages])
        assert "zf-closed" not in (await console.get(f"/trial-balance?date={TODAY}")).text
        assert f"closed through {YESTERDAY}" in (await console.get("/trial-balance")).text
    finally:
        await console.pool.execute("UPDATE head SET closed_through = NULL")


async def test_a_voucher_and_its_reversal_name_each_other(console: Browser, seeded: Seeded) -> None:
    one, other = await console.pool.fetch("SELECT DISTINCT voucher FROM transfer WHERE memo IS NULL LIMIT 2")
    reversed_, reversal = one["voucher"], other["voucher"]
    mark = "UPDATE transfer SET reverses = $1 WHERE voucher = $2"
    try:
        await console.pool.execute(mark, reversed_, reversal)
        assert (
            f'It reverses voucher <a class="zf-mono" href="/console/vouchers/{reversed_}'
            in (await console.get(f"/vouchers/{reversal}")).text
        )
        assert (
            f'It was reversed by voucher <a class="zf-mono" href="/console/vouchers/{reversal}'
            in (await console.get(f"/vouchers/{reversed_}")).text
        )
    finally:
        await console.pool.execute(mark, None, reversal)


async def test_a_hold_stands_on_its_voucher_and_counts_in_no_sum(console: Browser, seeded: Seeded) -> None:
    voucher = await console.pool.fetchval(
        "SELECT voucher FROM transfer WHERE flags = 0 AND memo IS NULL LIMIT 1"
    )
    change = "UPDATE transfer SET flags = flags # 2 WHERE voucher = $1"
    try:
        await console.pool.execute(change, voucher)
        page = (await console.get(f"/vouchers/{voucher}")).text
        assert "Nothing of it is posted: it is held." in page
        assert '0<span class="f">.00' in page.split("<tfoot")[1]
    finally:
        await console.pool.execute(change, voucher)


async def test_an_evidence_pack_holds_every_step(console: Browser, seeded: Seeded) -> None:
    id_ = seeded.by_state["CURED"]
    pack = (await console.get(f"/payments/{id_.hex}/evidence.json")).json()
    assert len(pack["steps"]) == await console.pool.fetchval(
        "SELECT count(*) FROM step WHERE intent = $1", id_
    )
    assert pack["payment"]["amount"] == 216_000


async def test_query_now_asks_the_channel_and_returns_to_the_payment(
    console: Browser, seeded: Seeded
) -> None:
    page = f"/payments/{seeded.by_state['UNKNOWN'].hex}"
    answer = await console.post(page + "/query", page)
    assert answer.status_code == 303
    assert console.acts.queried == [seeded.by_state["UNKNOWN"]]
    console.acts.refuse = "the channel is not connected"
    refused = await console.post(page + "/query", page)
    assert refused.status_code == 409
    assert "the channel is not connected" in refused.text


async def test_a_final_payment_is_not_queried(console: Browser, seeded: Seeded) -> None:
    page = f"/payments/{seeded.by_state['CURED'].hex}"
    assert (await console.post(page + "/query", "/more")).status_code == 409
    assert console.acts.queried == []


async def test_a_refund_is_confirmed_on_a_page_of_its_own_and_sent_once_with_its_key(
    console: Browser, seeded: Seeded
) -> None:
    id_ = seeded.by_state["PART_REFUNDED"]
    page = f"/payments/{id_.hex}/refund"
    assert "1799.00" in (await console.get(page)).text
    confirming = (await console.get(page + "?amount=12.30")).text
    assert "cannot be called back" in confirming
    key = re.search(r'name="key" value="(\w{32})"', confirming)
    assert key
    assert console.acts.refunded == []
    answer = await console.post(page, page + "?amount=12.30", amount="12.30", key=key[1])
    assert answer.status_code == 303
    assert console.acts.refunded == [(id_, 1230, "lin", key[1])]


@pytest.mark.parametrize("amount", ["0", "-1", "12.345", "1799.01", "abc", "", "1e3", "1 000"])
async def test_a_refund_of_an_impossible_amount_is_never_sent(
    console: Browser, seeded: Seeded, amount: str
) -> None:
    page = f"/payments/{seeded.by_state['PART_REFUNDED'].hex}/refund"
    asked = await console.http.get("/console" + page, params={"amount": amount})
    assert asked.status_code == 422
    assert "amount" in asked.text
    sent = await console.post(page, page, amount=amount, key="k" * 32)
    assert sent.status_code == 422
    assert console.acts.refunded == []


@pytest.mark.parametrize(("state", "label"), [
    ("UNKNOWN", "Refund: needs an outcome"), ("FAILED", "Refund: nothing was paid"),
    ("VOIDED", "Refund: already voided"), ("REFUNDED", "Refund: nothing left to refund"),
])  # fmt: skip
async def test_a_refund_that_is_not_allowed_stays_visible_with_its_reason(
    console: Browser, seeded: Seeded, state: str, label: str
) -> None:
    page = f"/payments/{seeded.by_state[state].hex}"
    shown = (await console.get(page)).text
    assert re.search(r"<button[^>]* disabled>.*?" + label, shown)
    refused = await console.post(page + "/refund", "/more", amount="1.00", key="k" * 32)
    assert refused.status_code == 409
    assert console.acts.refunded == []


async def test_an_operation_is_stopped_with_a_reason_and_opened_again(console: Browser) -> None:
    form = "/channels/unionpay/refund/stop"
    assert (await console.post(form, form, reason="x")).status_code == 422
    assert (await console.post(form, form, reason="they asked us to")).status_code == 303
    assert "they asked us to" in (await console.get("/channels")).text
    again = "/channels/unionpay/refund/open"
    assert (await console.post(again, again, reason="they are back")).status_code == 303
    assert "they asked us to" not in (await console.get("/channels")).text.split("What operators did")[0]


@pytest.mark.parametrize(
    "path", ["/channels/nobody/purchase/stop", "/channels/unionpay/payout/stop", "/channels/cmb/payout/x"]
)
async def test_an_operation_that_the_house_has_not_cannot_be_switched(console: Browser, path: str) -> None:
    assert (await console.get(path)).status_code == 404
    assert (await console.post(path, "/more", reason="a reason")).status_code == 404


async def test_only_the_sheet_that_could_not_be_read_is_missing(console: Browser) -> None:
    await console.pool.execute("ALTER TABLE channel_stop RENAME TO channel_stop_away")
    try:
        page = (await console.get("/")).text
        assert page.count("This could not be read") == 1
        assert "110" in page
    finally:
        await console.pool.execute("ALTER TABLE channel_stop_away RENAME TO channel_stop")


async def test_figures_that_cannot_be_read_are_dashes_and_never_zero(console: Browser) -> None:
    await console.pool.execute("ALTER TABLE intent RENAME TO intent_away")
    try:
        page = (await console.get("/")).text
        assert page.count('<span class="amt none">—</span>') >= 4
        assert "The figures could not be read." in page
        assert (await console.get("/figures")).status_code == 503
    finally:
        await console.pool.execute("ALTER TABLE intent_away RENAME TO intent")


@pytest.mark.parametrize("query", [
    "state=NOPE", "state=VOIDED", "fact=SUCCESS", "kind=payout", "from=yesterday", "to=2026-13-01T00:00", "before=zz",
    "from=2026-09-01", "from=0001-01-01T00:00",
])  # fmt: skip
async def test_a_filter_that_means_nothing_names_its_field(console: Browser, query: str) -> None:
    answer = await console.get("/payments?" + query)
    assert answer.status_code == 422
    assert query.partition("=")[0] in answer.text


@pytest.mark.parametrize("path", [
    "/weekly?week=x", "/statements?date=x", "/statements/x/2026-08-31", f"/statements/mer_{0:026}/{YESTERDAY}?version=0",
    "/trial-balance?date=x", "/trial-balance?code=9999", "/trial-balance?code=23211", "/accounts/x", "/vouchers/x",
    f"/accounts/{UUID(int=5)}", f"/vouchers/{UUID(int=5)}", "/reconciliation/x",
    "/reconciliation/9999-12-31", "/reconciliation/0001-01-01", "/merchants/x", "/nowhere",
    "/x.csv", "/payments.pdf", "/lang/fr", "/payments/x/refund", "/payments?q=%00", "/search?q=%00",
    "/accounts/x?before=99999999999999999999", "/static/../app.py", "/payments?merchant=%00&channel=%ff",
])  # fmt: skip
async def test_a_malformed_address_is_an_error_of_the_asker(console: Browser, path: str) -> None:
    assert 400 <= (await console.get(path)).status_code < 500


@pytest.mark.parametrize("path", PAGES)
async def test_a_parameter_that_a_page_does_not_have_is_refused_by_name(console: Browser, path: str) -> None:
    answer = await console.get(path + ("&" if "?" in path else "?") + "chanel=cmb")
    assert answer.status_code == 422
    assert "chanel" in answer.text


async def test_a_method_that_an_address_does_not_take_is_answered_with_all_that_it_takes(
    console: Browser,
) -> None:
    answer = await console.http.put("/console/payments/x/refund")
    assert (answer.status_code, answer.headers["allow"]) == (405, "GET, HEAD, POST")


async def test_every_state_of_the_table_can_be_drawn(console: Browser, seeded: Seeded) -> None:
    page = (await console.get("/payments")).text
    for state, word in STATES.items():
        if state not in (
            "REVERSED",
            "RETURNED",
            "PARKED",
            "ACCEPTED",
        ):  # ACCEPTED reads like SENDING, and shares its chip
            assert f'data-state="{state}"' in page, word


async def test_the_words_cover_every_value_that_the_database_allows(console: Browser) -> None:
    async def allowed(table: str, column: str) -> set[str]:
        rule = await console.pool.fetchval(
            "SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conname = $1",
            f"{table}_{column}_check",
        )
        return set(re.findall(r"'(\w+)'::text", rule))

    assert await allowed("intent", "state") <= STATES.keys()
    assert await allowed("intent", "kind") == set(OPERATIONS)
    assert await allowed("step", "kind") == STEPS.keys()
    assert await allowed("break", "class") == TERMS["class"].keys()
    assert await allowed("merchant", "state") == TERMS["merchant"].keys()


async def test_what_a_merchant_was_not_told_is_sent_again_from_its_page(console: Browser) -> None:
    merchant, endpoint = await console.pool.fetchrow(
        "SELECT e.merchant, e.id FROM webhook_endpoint e JOIN webhook_delivery d ON d.endpoint = e.id"
        " WHERE d.delivered_at IS NULL"
    )
    page = f"/merchants/{merchant}"
    assert "1 event not delivered" in (await console.get(page)).text
    answer = await console.post(f"{page}/webhooks/{endpoint}/again", page)
    assert answer.headers["location"] == f"/console{page}"
    shown = (await console.get(page)).text
    assert "not delivered" not in shown
    assert "something waits since" in shown
    assert "Events sent again" in (await console.get("/channels")).text
    other = await console.pool.fetchval("SELECT id FROM merchant WHERE id <> $1", merchant)
    stranger = await console.post(f"/merchants/{other}/webhooks/{endpoint}/again", page)
    assert stranger.status_code == 422
    await console.pool.execute(
        "UPDATE webhook_delivery SET next_action_at = NULL WHERE endpoint = $1 AND delivered_at IS NULL",
        endpoint,
    )


async def test_a_merchants_settlement_page_shows_what_comes_next_and_each_figure_opens(
    console: Browser,
) -> None:
    who, held, owing = f"mer_{0:026}", UUID(int=0xA1 << 8), UUID(int=0xA2 << 8)
    add = (
        "INSERT INTO settlement (id, merchant, run_date, number, voucher, amount, lines, created_at, posted_at, reserved,"
        " release_on, carried, owed) VALUES ($1, $2, $3, $4, $1, 0, 0, now(), now(), $5, $6, $7, $7)"
    )
    await console.pool.execute(add, held, who, YESTERDAY, 8, 12_345, TODAY + timedelta(days=9), 0)
    await console.pool.execute(add, owing, who, YESTERDAY, 9, 0, None, 678)
    try:
        page = (await console.get(f"/merchants/{who}/settlement")).text
        for text in ("T+1: 1 working day after", "123.45", "6.78", "Thursday 10 Sep 2026"):
            assert text in re.sub(r"<[^>]+>", "", page), text
        for one in (held, owing):
            assert f'href="/console/settlements/{one.hex}"' in page
        batch = re.sub(r"<[^>]+>", "", (await console.get(f"/settlements/{held.hex}")).text)
        assert "Reserve, until Thursday 10 Sep 2026" in batch
        assert (
            "Carried: later settlements pay for it" in (await console.get(f"/settlements/{owing.hex}")).text
        )
    finally:
        await console.pool.execute("DELETE FROM settlement WHERE id = ANY($1)", [held, owing])
    assert (await console.get("/merchants/nobody/settlement")).status_code == 404
