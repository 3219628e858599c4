"""The cashier: what the payer sees and presses, and what merchant and browser are told."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta
from html import unescape
from pathlib import Path
from urllib.parse import urlencode

import pytest

from tests.wire.unionpay_sandbox_client import FRONT, Merchant, Receiver, merchant_at_noon, until

Pair = tuple[Merchant, Receiver]


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with merchant_at_noon(tmp_path / "bank") as made:
        yield made


async def post(merchant: Merchant, path: str, fields: dict[str, str]) -> tuple[int, str]:
    url = f"http://127.0.0.1:{merchant.port}{path}"
    async with merchant.http.post(url, data=urlencode(fields).encode()) as response:
        return response.status, await response.text()


async def present(merchant: Merchant, **more: str) -> tuple[int, str]:
    """The browser brings the merchant's form."""
    front = {"frontUrl": "http://127.0.0.1/back?a=1&b=2"}
    fields = merchant.money("purchase", "P0000001", 123_456, **{**front, **more})
    return await post(merchant, FRONT, merchant.sign(fields))


async def press(merchant: Merchant, page: str, action: str) -> tuple[int, str]:
    target = re.findall(r'action="(/cashier/[^"]+)"', page)[0]
    return await post(merchant, target, {"action": action})


def carried(page: str) -> tuple[str, dict[str, str]]:
    """Where the browser goes back to, and what it carries; line ends as a browser would send them."""
    target = unescape(re.findall(r'<form method="post" action="([^"]+)"', page)[0])
    found = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', page)
    return target, {name: re.sub("\r\n|\r|\n", "\r\n", unescape(value)) for name, value in found}


async def test_the_page_shows_what_is_paid_and_escapes_what_the_merchant_wrote(pair: Pair) -> None:
    merchant, _ = pair
    status, page = await present(merchant)
    assert status == 200
    for text in ("¥1,234.56", "测试商户 &lt;b&gt;", "P0000001", "沙箱", "Sandbox", "Refuse", "viewport"):
        assert text in page
    assert "<b>" not in page


async def test_an_unpaid_order_is_open_and_not_in_the_file(pair: Pair) -> None:
    merchant, receiver = pair
    await present(merchant)
    found = await merchant.query("P0000001")
    assert (found["respCode"], found["origRespCode"]) == ("00", "05")
    assert "settleDate" not in found
    assert not receiver.got


async def test_paying_tells_the_merchant_and_sends_the_browser_back_signed(pair: Pair) -> None:
    merchant, receiver = pair
    _, page = await present(merchant)
    status, end = await press(merchant, page, "pay")
    target, fields = carried(end)
    assert (status, target) == (200, "http://127.0.0.1/back?a=1&b=2")
    assert merchant.genuine(fields)
    told = (await until(lambda: receiver.got))[0]
    assert told == fields
    assert (told["orderId"], told["txnAmt"], told["respCode"]) == ("P0000001", "123456", "00")
    assert [row["state"] for row in await merchant.book()] == ["SUCCESS"]


async def test_paying_twice_pays_once(pair: Pair) -> None:
    merchant, receiver = pair
    _, page = await present(merchant)
    await press(merchant, page, "pay")
    for action in ("pay", "refuse", "silent"):
        _, again = await press(merchant, page, action)
        assert "no longer be paid" in again
    await until(lambda: receiver.got)
    assert [(row["state"], row["amount"]) for row in await merchant.book()] == [("SUCCESS", 123_456)]


async def test_bringing_the_form_again_shows_the_same_order(pair: Pair) -> None:
    merchant, _ = pair
    _, first = await present(merchant)
    _, second = await present(merchant)
    assert first == second
    status, other = await present(merchant, txnAmt="1")
    assert (status, "重复交易" in other) == (400, True)
    await press(merchant, first, "pay")
    assert "Paid" in (await present(merchant))[1]


async def test_refusing_fails_the_order_and_notifies_nobody(pair: Pair) -> None:
    merchant, receiver = pair
    _, page = await present(merchant)
    _, end = await press(merchant, page, "refuse")
    assert carried(end)[1]["respCode"] == "60"
    assert (await merchant.query("P0000001"))["origRespCode"] == "60"
    assert "no longer be paid" in (await press(merchant, page, "pay"))[1]
    assert not receiver.got


async def test_a_silent_payment_is_found_by_query_alone(pair: Pair) -> None:
    merchant, receiver = pair
    _, page = await present(merchant)
    await press(merchant, page, "silent")
    await merchant.collect("A0000001")
    await until(lambda: receiver.got)
    assert [told["orderId"] for told in receiver.got] == ["A0000001"]
    assert (await merchant.query("P0000001"))["origRespCode"] == "00"


async def test_a_late_payment_is_notified_later(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(late_seconds=0.6)
    _, page = await present(merchant)
    await press(merchant, page, "late")
    await merchant.collect("A0000001")
    await until(lambda: len(receiver.got) == 2)
    assert [told["orderId"] for told in receiver.got] == ["A0000001", "P0000001"]


async def test_an_order_whose_time_has_run_out_cannot_be_paid(pair: Pair) -> None:
    merchant, _ = pair
    _, page = await present(merchant, payTimeout="20260901121500")
    ordered = merchant.now
    await merchant.set_clock(merchant.now + timedelta(minutes=15, seconds=1))
    _, end = await press(merchant, page, "pay")
    assert "expired" in end
    merchant.now = ordered
    assert (await merchant.query("P0000001"))["origRespCode"] == "60"


async def test_a_payer_without_money_is_declined(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={"P0000001": ["decline"]})
    _, page = await present(merchant)
    _, end = await press(merchant, page, "pay")
    assert carried(end)[1]["respCode"] == "64"
    assert not receiver.got


async def test_a_form_that_is_not_the_merchant_s_is_not_shown(pair: Pair) -> None:
    merchant, _ = pair
    fields = merchant.sign(merchant.money("purchase", "P0000001", 1, frontUrl="http://127.0.0.1/"))
    status, page = await post(merchant, FRONT, fields | {"txnAmt": "2"})
    assert (status, "验证签名失败" in page) == (400, True)
    assert await merchant.book() == []


async def test_unknown_pages_and_buttons_are_answered(pair: Pair) -> None:
    merchant, _ = pair
    _, page = await present(merchant)
    status, text = await press(merchant, page, "steal")
    assert (status, "must be one of" in text) == (400, True)
    assert (await post(merchant, "/cashier/nobody", {"action": "pay"}))[0] == 404
    assert [row["state"] for row in await merchant.book()] == ["PENDING"]


async def test_the_page_runs_no_script_but_its_own(pair: Pair) -> None:
    merchant, _ = pair
    fields = merchant.sign(merchant.money("purchase", "P0000001", 1, frontUrl="http://127.0.0.1/"))
    url = f"http://127.0.0.1:{merchant.port}{FRONT}"
    async with merchant.http.post(url, data=urlencode(fields).encode()) as response:
        policy = response.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'sha256-" in policy
