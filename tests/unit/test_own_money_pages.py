"""The pages of own money, of settlement accounts, and of proposals: what two people see before one of them clicks."""

import re
from collections.abc import AsyncIterator
from html import unescape

import pytest

from tests.clock import SetClock
from tests.office import Browser, Office, open_office
from tests.own_money import OURS, earned
from tests.people import LIN, WANG
from tests.treasury import NEXT
from zhangfang import merchants, payments
from zhangfang.approvals import PREFIX
from zhangfang.kernel.ids import prefixed
from zhangfang.merchants import Terms, settlement_account_of

NUMBER = OURS.number


@pytest.fixture
async def office(database_url: str, clock: SetClock) -> AsyncIterator[Office]:
    async with open_office(database_url, clock) as made:
        yield made


async def approved(browser: Browser, where: str) -> str:
    """Approve what a page shows, and return the page after it."""
    await browser.get(where)
    assert (await browser.send(f"{where}/approve")).status_code == 303
    return (await browser.get(where)).text


def facts(page: str) -> dict[str, str]:
    """Return the facts of a page by their names, without its tags."""
    pairs = re.findall(r"<dt>([^<]*)</dt><dd[^>]*>(.*?)</dd>", unescape(page), re.DOTALL)
    return {name: " ".join(re.sub(r"<[^>]+>", " ", value).split()) for name, value in pairs}


async def sent(browser: Browser, page: str, **fields: str) -> str:
    """Fill in the form of a page; return where it leads."""
    await browser.get(page)
    done = await browser.send(page, file=None, **fields)
    assert done.status_code == 303, done.text
    return done.headers["location"].removeprefix("/console")


async def test_an_account_is_named_and_money_leaves_by_two_people(office: Office) -> None:
    await earned(office.house)
    lin, wang = await office.desk(LIN), await office.desk(WANG)
    assert facts((await lin.get("/reserve")).text)["It leaves to"] == "no account yet · Name the account"
    named = {
        "number": "6222 0000 0000 0059",
        "name": OURS.name,
        "bank": OURS.bank,
        "reason": "our bank's letter",
    }
    where = await sent(lin, "/reserve/account", **named)
    shown = (await wang.get(where)).text
    said = facts(shown)
    assert (said["Account ending"], said["Account name (masked)"], said["Bank"]) == ("0059", "某**", "某银行")
    assert "own money in the reserve" in said["About"]
    assert NUMBER not in shown
    assert not re.search(r"[0-9a-f]{64}", re.sub(r"<[^>]+>", "", shown)), (
        "no hash but the proposal's, in short"
    )
    assert (
        "It waits for a second person" in facts((await lin.get("/reserve")).text)["The company's own account"]
    )
    assert "…0059" in await approved(wang, where)
    refused = await lin.send("/reserve/withdraw", amount="5.01", reason="fees of August")
    assert (refused.status_code, "up to 5.00" in refused.text) == (422, True)
    where = await sent(lin, "/reserve/withdraw", amount="4.00", reason="fees of August")
    said = facts((await wang.get(where)).text)
    assert (said["Amount"], said["Account ending"]) == ("¥ 4 .00", "0059")
    result = await approved(wang, where)
    assert "pot_" in facts(result)["Result"]
    (intent,) = await payments.withdrawals(office.house.pool)
    await payments.advance(office.house.desk, intent)
    page = (await lin.get("/reserve")).text
    assert all(text in page for text in ("What has left", "…0059", f"/payments/{intent.id.hex}"))
    assert facts(page)["May leave the reserve at most"] == "¥ 1 .00"
    payment = await lin.get(f"/payments/{intent.id.hex}")
    assert (payment.status_code, NUMBER in payment.text + page) == (200, False)
    assert (await lin.get("/payouts")).status_code == 200


async def test_a_merchants_account_waits_for_two_and_the_page_says_that_it_cannot_be_paid(
    office: Office,
) -> None:
    house = office.house
    account = merchants.BankAccount("6222000000000075", "甲公司", "corporate", "乙银行")
    new = merchants.NewMerchant("甲公司", settlement_account=account)
    made = await merchants.create_merchant(house.pool, house.desk.vault, house.clock, new)
    lin, wang = await office.desk(LIN), await office.desk(WANG)
    page = f"/merchants/{made.id}"
    assert "cannot be paid, for no settlement account" in (await lin.get(page)).text
    where = await sent(lin, f"{page}/account", named="1", reason="the bank's letter")
    said = facts((await wang.get(where)).text)
    assert (said["Account ending"], said["Kind of account"]) == ("0075", "Company's account")
    await approved(wang, where)
    assert "ending 0075" in (await lin.get(page)).text
    assert await settlement_account_of(house.pool, house.desk.vault, made.id) == account
    other = {
        "number": "6222000000000083",
        "name": "甲公司",
        "bank": "丙银行",
        "medium": "card",
        "reason": "it moved",
    }
    where = await sent(lin, f"{page}/account", **other)
    assert "Approve: you proposed this yourself" in (await lin.get(where)).text
    await approved(wang, where)
    assert (await settlement_account_of(house.pool, house.desk.vault, made.id)).number == other["number"]
    wrong = await lin.send(f"{page}/account", file=None, **other | {"medium": "gold"})
    assert (wrong.status_code, "account.medium" in wrong.text) == (422, True)
    assert other["number"] not in wrong.text


async def test_terms_are_shown_field_by_field_before_they_are_approved(office: Office) -> None:
    house = office.house
    merchant = await house.merchant()
    new = Terms(NEXT, 2, True, False, "W1", 10_000, 50_000, 90, "guarantee")
    made = await merchants.propose_terms(house.pool, house.clock, merchant.id, new, LIN, "as agreed")
    wang = await office.desk(WANG)
    said = facts((await wang.get(f"/proposals/{prefixed(PREFIX, made)}")).text)
    assert {name: said[name] for name in said if name not in ("Hash", "About", "Merchant")} == {
        "Proposed by": "lin", "Reason": "as agreed", "First day": "2026-09-02", "Settlement cycle": "W1",
        "Settled after working days": "2", "Paid out by itself": "yes", "Fee of a refund is kept": "no",
        "Least amount (fen)": "10000", "Reserve, parts per million": "50000", "Days of the reserve": "90",
        "A refund that money does not cover": "Paid out of the reserve", "Line of advances (fen)": "0",
    }  # fmt: skip
