"""The pages of files: one person says which column of an unknown layout is what, another approves the map."""

import re
import zipfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from html import unescape
from pathlib import Path

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.bills import Move, Trade, alipay, camt, wechat
from tests.clock import SetClock
from tests.console import KEY
from tests.treasury import ALIAS, DAY, Treasury, treasury
from tests.words import latin, machine_words
from zhangfang.assembly.console import OperatorActs
from zhangfang.console import Console, console_app
from zhangfang.payments import Intent
from zhangfang.web import auth


@dataclass
class Desk:
    """The console of a treasury, and whoever sits at it."""

    house: Treasury
    http: AsyncClient

    async def sit_down(self, name: str) -> None:
        token = name * 20
        pool = self.house.pool
        await pool.execute(auth.queries.close_session, auth._hash(token))
        await pool.execute(auth.queries.open_session, auth._hash(token), name, timedelta(hours=1))
        self.http.cookies.clear()
        self.http.cookies.set("zf_session", auth.sign(KEY, token), domain="console.test", path="/console")

    async def get(self, path: str, lang: str = "en") -> Response:
        self.http.cookies.set("zf_lang", lang, domain="console.test", path="/console")
        return await self.http.get("/console" + path)

    async def send(
        self, path: str, page: Response, files: dict[str, tuple[str, bytes]] | None = None, **fields: str
    ) -> Response:
        """Send what the form of a page holds, changed by `fields`."""
        return await self.http.post("/console" + path, data=typed(page.text) | fields, files=files)


def typed(html: str) -> dict[str, str]:
    """Return the fields of the last form of a page, as a browser would send them."""
    form = re.findall(r"<form.*?</form>", html, re.DOTALL)[-1]
    found = {
        name: unescape(value)
        for name, value in re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', form)
    }
    for name, options in re.findall(r'<select[^>]* name="([^"]+)".*?>(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected', options) or re.search(
            r'<option value="([^"]*)"', options
        )
        found[name] = unescape(chosen[1]) if chosen else ""
    found |= {
        name: unescape(text)
        for name, text in re.findall(r'<textarea[^>]* name="(\w+)"[^>]*>(.*?)</textarea>', form, re.DOTALL)
    }
    return found


@pytest.fixture
async def desk(database_url: str, clock: SetClock) -> AsyncIterator[Desk]:
    async with treasury(database_url, clock) as house:
        site = Console(
            pool=house.pool,
            clock=house.clock,
            key=KEY,
            channels={"unionpay": ("collection",)},
            actions=OperatorActs(house.desk),
        )
        app = Starlette(routes=[Mount("/console", console_app(site))])
        transport = ASGITransport(app=app, raise_app_exceptions=False)
        async with AsyncClient(
            transport=transport, base_url="http://console.test", follow_redirects=True
        ) as http:
            made = Desk(house, http)
            await made.sit_down("lin")
            yield made


async def two_paid(house: Treasury) -> list[Intent]:
    merchant = await house.merchant()
    return [await house.paid(merchant, amount) for amount in (10_000, 550)]


async def looked_at(desk: Desk, name: str, data: bytes) -> Response:
    return await desk.send("/files/look", await desk.get("/files"), {"file": (name, data)})


async def test_a_layout_is_guessed_shown_proposed_approved_and_read(desk: Desk) -> None:
    first, second = await two_paid(desk.house)
    trades = [
        Trade(first.channel_order_no, 10_000, 60),
        Trade(second.channel_order_no, 550, 3),
        Trade("stray", 5),
    ]
    data = wechat(trades).replace("商户订单号", "贵司订单号").encode()
    page = await looked_at(desk, "bill.csv", data)
    where = page.url.path.removeprefix("/console")
    found = typed(page.text)
    assert (found["encoding"], found["strip"], found["foot"], found["field-amount"]) == (
        "utf-8",
        "`",
        "总交易单数",
        "应结订单金额",
    )
    assert found["means-operation-0"] == "purchase"
    assert "field-order_no" in found
    page = await desk.send(
        where, page, None, **{"field-order_no": "贵司订单号", "field-channel_ref": "微信订单号"}, do="look"
    )
    assert "2 of 3 lines would have a payment of ours" in page.text
    guessed = "`{count},`{in_sum},`{any},`{any},`{fee_sum},`{in_sum},`{any}"
    assert typed(page.text)["totals"] == guessed, "guessed from the last line"
    assert 'role="alert"' not in page.text
    page = await desk.send(where, page, do="propose", name="ours", reason="a new contract")
    assert "/proposals/prp_" in page.url.path
    assert "Approve: you proposed this yourself" in page.text
    proposal = page.url.path.removeprefix("/console")
    await desk.sit_down("wang")
    done = await desk.send(f"{proposal}/approve", await desk.get(proposal), seen=await hash_of(desk))
    assert "version 1 of the map ours is live" in done.text
    args = {"channel": "unionpay", "date": str(DAY), "map": "ours"}
    taken = await desk.send("/files/take", await desk.get("/files"), {"file": ("bill.csv", data)}, **args)
    assert "bill.csv: 3 lines are taken" in taken.text
    assert await desk.house.listed_on(second) == [DAY]
    again = await desk.send("/files/take", await desk.get("/files"), {"file": ("bill.csv", data)}, **args)
    assert "it was taken before, and changes nothing" in again.text
    other = wechat([*trades[:1], Trade(second.channel_order_no, 551, 3), *trades[2:]]).replace(
        "商户订单号", "贵司订单号"
    )
    changed = await desk.send("/files/take", again, {"file": ("new.csv", other.encode())}, **args)
    (id_,) = re.findall(r"proposed as (prp_\w+);", changed.text)
    shown = (await desk.get(f"/proposals/{id_}")).text
    assert "What differs, line by line" in shown
    assert re.findall(r">(gone|added)</td>", shown) == ["gone", "added"]


async def hash_of(desk: Desk) -> str:
    found: str = await desk.house.pool.fetchval(
        "SELECT encode(hash, 'hex') FROM proposal ORDER BY id DESC LIMIT 1"
    )
    return found


async def test_two_fields_of_one_column_are_refused_by_name_and_nothing_is_proposed(desk: Desk) -> None:
    page = await looked_at(desk, "bill.csv", alipay([Trade("A1", 100)]).encode("gb18030"))
    assert typed(page.text)["encoding"] == "gb18030"
    fields = {
        "field-fee": typed(page.text)["field-amount"],
        "do": "propose",
        "name": "x",
        "reason": "why not",
    }
    refused = await desk.send(page.url.path.removeprefix("/console"), page, None, **fields)
    assert refused.status_code == 422
    assert "got 2 of them: amount, fee; allowed: one field to a column" in unescape(refused.text)
    assert await desk.house.pool.fetchval("SELECT count(*) FROM column_map") == 0


async def test_a_map_is_saved_half_way_and_gone_on_with_later_by_whom_it_is(desk: Desk) -> None:
    data = alipay([Trade("A1", 100)]).encode("gb18030")
    page = await looked_at(desk, "bill.csv", data)
    where = page.url.path.removeprefix("/console")
    unnamed = await desk.send(where, page, None, do="save", **{"field-note": ""})
    assert "to find the draft again" in unescape(unnamed.text)
    saved = await desk.send(where, page, None, do="save", name="half", foot="#the end", reason="left out")
    assert "Maps that you have begun" in saved.text
    held = await desk.house.pool.fetchval("SELECT typed FROM column_map_draft")
    assert ("#the end" in held, "left out" in held, "csrf" in held) == (True, False, False)
    await desk.sit_down("wang")
    assert "Maps that you have begun" not in (await desk.get("/files")).text
    await desk.sit_down("lin")
    again = await desk.send(
        "/files/look", await desk.get("/files"), {"file": ("bill.csv", data)}, draft="half"
    )
    assert (typed(again.text)["foot"], typed(again.text)["name"]) == ("#the end", "half")
    where = again.url.path.removeprefix("/console")
    done = await desk.send(where, again, None, do="propose", reason="whole now", foot="#")
    assert "/proposals/prp_" in done.url.path
    assert await desk.house.pool.fetchval("SELECT count(*) FROM column_map_draft") == 0


async def test_a_draft_too_many_is_refused(desk: Desk) -> None:
    page = await looked_at(desk, "bill.csv", wechat([Trade("A1", 100)]).encode())
    where = page.url.path.removeprefix("/console")
    await desk.house.pool.execute(
        "INSERT INTO column_map_draft SELECT 'lin', 'n' || n, '{}', now() FROM generate_series(1, 20) n"
    )
    refused = await desk.send(where, page, None, do="save", name="one-more")
    assert "at most 20 drafts" in unescape(refused.text)
    assert (await desk.send(where, page, None, do="save", name="n7")).status_code == 200


STATEMENT = """交易流水号,记账日期,贷方金额,借方金额,余额,对方户名,摘要
B1,2026-09-01,5.00,,15.00,某公司,货款
B2,2026-09-01,,1.00,14.00,某人,费用
"""


async def test_a_statements_map_is_made_on_the_page_and_read_by(desk: Desk) -> None:
    page = await desk.send(
        "/files/look", await desk.get("/files"), {"file": ("s.csv", STATEMENT.encode())}, kind="statement"
    )
    found = typed(page.text)
    assert (found["kind"], found["field-amount_in"], found["field-sequence"], found["time"]) == (
        "statement", "贷方金额", "交易流水号", "%Y-%m-%d",
    )  # fmt: skip
    assert 'role="alert"' not in page.text
    assert "2 rows · Opening 10.00 · Closing 14.00" in re.sub("<[^>]*>", "", page.text)
    where = page.url.path.removeprefix("/console")
    wrong = await desk.send(
        where, page, None, **{"field-balance": "贷方金额", "field-amount_in": "余额"}, do="look"
    )
    assert "column 贷方金额: got 0 characters" in wrong.text
    page = await desk.send(where, page, do="propose", name="a-bank", reason="its own layout")
    proposal = page.url.path.removeprefix("/console")
    await desk.sit_down("wang")
    await desk.send(f"{proposal}/approve", await desk.get(proposal), seen=await hash_of(desk))
    args = {"account": ALIAS, "format": "map:a-bank"}
    sent = {"file": ("s.csv", STATEMENT.encode())}
    taken = await desk.send("/files/statement", await desk.get("/files"), sent, **args)
    assert "s.csv: 2 new lines in 1 statements" in taken.text


async def test_fixed_widths_and_a_zip_are_mapped_on_the_page(desk: Desk, tmp_path: Path) -> None:
    rows = "20260901091500A1      100.00", "20260901091600A2      5.50"
    packed = tmp_path / "bill.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("bill.txt", "\n".join((*rows, "合计2笔105.50元")).encode("gb18030"))
    page = await looked_at(desk, "bill.zip", packed.read_bytes())
    where = page.url.path.removeprefix("/console")
    assert typed(page.text)["encoding"] == "gb18030"
    fixed = {"format": "fixed", "widths": "14 8 10", "header": "", "foot": "合计", "time": "%Y%m%d%H%M%S"}
    columns = {"field-time": "1", "field-order_no": "2", "field-amount": "3"}
    page = await desk.send(where, page, None, **fixed, **columns, skip="0", do="look")
    assert 'role="alert"' not in page.text
    assert "0 of 2 lines would have a payment of ours" in page.text
    assert typed(page.text)["totals"] == "合计{count}笔{in_sum}元"
    wrong = await desk.send(where, page, None, widths="14 x", do="look")
    assert "widths: got 1 characters; allowed: a whole number" in unescape(wrong.text)


async def test_a_file_that_a_person_looks_at_is_theirs_alone_and_ends(desk: Desk) -> None:
    page = await looked_at(desk, "bill.csv", wechat([Trade("A1", 100)]).encode())
    where = page.url.path.removeprefix("/console")
    await desk.sit_down("wang")
    assert (await desk.get(where)).status_code == 404
    await desk.sit_down("lin")
    assert (await desk.get(where)).status_code == 200
    desk.house.clock.advance(minutes=31)
    assert (await desk.get(where)).status_code == 404


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "0 bytes"),
        (b"\0" * 600, "text in UTF-16"),
        (b"PK\x03\x04x", "a damaged ZIP"),
        (b"x" * 70_000, "line 1: longer"),
    ],
    ids=["nothing", "zeros", "no workbook", "one long line"],
)
async def test_what_is_no_table_is_said_to_be_none(desk: Desk, data: bytes, said: str) -> None:
    page = await looked_at(desk, "bill.csv", data)
    assert page.status_code == 422
    assert said in page.text


async def test_a_statement_is_taken_and_a_wrong_one_is_told(desk: Desk) -> None:
    data = camt(0, [Move(500, "B1")]).encode()
    args = {"account": ALIAS, "format": "camt053"}
    page = await desk.send("/files/statement", await desk.get("/files"), {"file": ("s.xml", data)}, **args)
    assert "s.xml: 1 new lines in 1 statements" in page.text
    assert "None yet." not in page.text
    bad = await desk.send("/files/statement", page, {"file": ("s.xml", data[:300])}, **args)
    assert bad.status_code == 422
    assert "no XML, or not whole" in bad.text


async def test_a_refusal_is_in_the_visitors_language(desk: Desk) -> None:
    refused = await desk.send("/files/take", await desk.get("/files", "zh"))
    assert "文件：收到 空；应为 一个文件" in refused.text


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_the_pages_speak_the_visitors_language(desk: Desk, lang: str) -> None:
    page = await looked_at(desk, "账单.csv", wechat([Trade("2026-1", 100)]).encode())
    for path in ("/files", page.url.path.removeprefix("/console")):
        html = (await desk.get(path, lang)).text
        assert machine_words(html) == set(), path
        if lang == "zh":
            assert latin(html) <= {"ISO", "SWIFT MT", "MB"}, path
