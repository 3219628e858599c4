"""A merchant lists and fetches its own statements, and nobody else's; a file is made by another process."""

import hashlib
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import pypdf
import pytest

from tests.api import ACCOUNT, Counter, open_counter
from tests.people import LIN
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.ids import new_id
from zhangfang.ledger import adjustment
from zhangfang.statements import release, release_again


@pytest.fixture
async def counter(database_url: str, tmp_path: Path) -> AsyncIterator[Counter]:
    async with open_counter(database_url, tmp_path) as counter:
        yield counter


async def test_a_merchant_lists_and_fetches_its_own_statements_in_every_version(counter: Counter) -> None:
    one, two = await counter.caller(), await counter.caller()
    shop = counter.shop
    day = settlement_day(shop.clock.now())
    body = {"kind": "collection", "order_no": "a", "amount": 10_000, "account": ACCOUNT}
    assert (await one("POST", "/v1/payments", body, key="a")).status_code == 201
    await shop.idle()
    assert (await one("GET", "/v1/statements")).json() == {"items": [], "cursor": None}
    shop.clock.advance(minutes=1)
    await release(shop.desk.pool, shop.clock, day, "ZM-1, ZM-2")
    (item,) = (await one("GET", "/v1/statements")).json()["items"]
    assert (item["day"], item["version"], item["certificates"]) == (str(day), 1, ["ZM-1", "ZM-2"])
    url = f"/v1/statements/{day}"
    content = await one("GET", f"{url}/account.json")
    assert hashlib.sha256(content.content).hexdigest() == item["digest"]
    pdf = await one("GET", f"{url}/combined.pdf")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert item["digest"] in pypdf.PdfReader(io.BytesIO(pdf.content)).pages[0].extract_text()
    theirs = await two("GET", f"{url}/account.json")
    assert theirs.json()["merchant"] != content.json()["merchant"], "the address names no merchant"
    merchant = content.json()["merchant"]
    moved = adjustment(
        new_id(shop.clock), debit=(3012, "unionpay"), credit=(2322, merchant), amount=100, business_date=day,
        memo=new_id(shop.clock),
    )  # fmt: skip
    await shop.desk.ledger.create_transfers(moved)
    assert await release_again(shop.desk.pool, shop.clock, day, LIN, "booked late") == 1
    page = (await one("GET", "/v1/statements?limit=1")).json()
    assert (page["items"][0]["version"], page["items"][0]["reason"]) == (2, "booked late")
    rest = (await one("GET", f"/v1/statements?cursor={page['cursor']}")).json()
    assert ([item["version"] for item in rest["items"]], rest["cursor"]) == ([1], None)
    assert (await one("GET", f"{url}/account.json?version=1")).content == content.content
    assert "第 2 版取代第 1 版" in (await one("GET", f"{url}/fees.csv")).text


async def test_what_is_not_there_is_named(counter: Counter) -> None:
    caller = await counter.caller()
    day = settlement_day(counter.shop.clock.now()) - timedelta(days=1)
    for path, status in (
        (f"{day}/account.pdf", 404),
        (f"{day}/account.doc", 422),
        (f"{day}/all.pdf", 422),
        ("2026-02-30/account.pdf", 422),
        (f"{day}/account.pdf?version=0", 422),
    ):
        assert (await caller("GET", f"/v1/statements/{path}")).status_code == status, path
    assert (await counter.admin("GET", "/v1/statements")).status_code == 401


async def test_no_more_files_are_made_at_once_than_two(counter: Counter) -> None:
    caller = await counter.caller()
    shop = counter.shop
    shop.clock.advance(minutes=1)
    day = settlement_day(shop.clock.now())
    await release(shop.desk.pool, shop.clock, day)
    office = counter.app.state.office
    async with office.making, office.making:
        busy = await caller("GET", f"/v1/statements/{day}/account.csv")
    assert (busy.status_code, busy.json()["code"]) == (503, "busy")
