"""What the operator reads about double payments and about ending an UNKNOWN by two people, and what the buttons do."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

import pytest
from httpx2 import ASGITransport, AsyncClient, Response
from starlette.applications import Starlette
from starlette.routing import Mount

from tests.clock import SetClock
from tests.console import KEY
from tests.duplicates import heal, no_guard, paid_as, twice
from tests.treasury import DAY, Treasury, listed, stray, treasury
from tests.words import latin, machine_words
from zhangfang.approvals import proposals
from zhangfang.assembly.console import OperatorActs
from zhangfang.console import Console, console_app
from zhangfang.duplicates import CaseState, cases, counts, find
from zhangfang.kernel.ids import prefixed
from zhangfang.payments import State
from zhangfang.web import auth

CHANNELS = {"unionpay": ("collection", "refund"), "cmb": ("payout",)}


@dataclass
class Desk:
    """The console of a treasury, and whoever sits at it."""

    house: Treasury
    http: AsyncClient

    async def sit_down(self, name: str) -> None:
        """Log somebody in."""
        token = name * 20
        pool = self.house.pool
        await pool.execute(auth.queries.open_session, auth._hash(token), name, timedelta(hours=1))
        signed = auth.sign(KEY, token)
        self.http.cookies.clear()
        self.http.cookies.set("zf_session", signed, domain="console.test", path="/console")

    async def get(self, path: str, lang: str = "en") -> Response:
        """Open a page."""
        self.http.cookies.set("zf_lang", lang, domain="console.test", path="/console")
        return await self.http.get("/console" + path)

    async def send(self, page: str, to: str | None = None, **fields: str) -> Response:
        """Send the form of a page, with what it hides."""
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', (await self.get(page)).text))
        return await self.http.post("/console" + (to or page), data=hidden | fields)


@asynccontextmanager
async def seated(house: Treasury) -> AsyncIterator[Desk]:
    """Open the console of a treasury, and let the first operator sit down at it."""
    acts = OperatorActs(house.desk)
    inner = console_app(Console(pool=house.pool, clock=house.clock, key=KEY, channels=CHANNELS, actions=acts))
    transport = ASGITransport(app=Starlette(routes=[Mount("/console", inner)]), raise_app_exceptions=False)
    async with AsyncClient(transport=transport, base_url="http://console.test") as http:
        made = Desk(house, http)
        await made.sit_down("lin")
        yield made


@pytest.fixture
async def desk(database_url: str, clock: SetClock) -> AsyncIterator[Desk]:
    async with treasury(database_url, clock) as house:
        await no_guard(house)
        async with seated(house) as made:
            yield made


async def look(desk: Desk) -> list[str]:
    await find(desk.house.desk.pool, desk.house.desk.clock, desk.house.clock.now() - timedelta(days=3))
    return [prefixed("dup", case.id) for case in await cases(desk.house.pool)]


@pytest.mark.parametrize("lang", ["zh", "en"])
async def test_each_kind_of_case_has_its_page_in_both_languages(desk: Desk, lang: str) -> None:
    house = desk.house
    merchant = await house.merchant()
    await twice(house, merchant, "A")
    await paid_as(house, merchant, "B", 10_000)
    await paid_as(house, merchant, "B", 9_000)
    paid = await paid_as(house, merchant, "C", 10_000)
    await house.filed(DAY, [listed(1, paid), stray(2, 10_000, note="C")])
    shown = await look(desk)
    assert len(shown) == 3
    page = await desk.get("/duplicates", lang)
    assert ("3 笔共" in page.text) if lang == "zh" else ("3 cases of" in page.text)
    for id_ in shown:
        one = await desk.get(f"/duplicates/{id_}", lang)
        assert one.status_code == 200
        assert id_ in one.text
        sentence = re.search(
            r'<h1 class="zf-say[^>]*>(.*?)</h1>\s*<p class="zf-sub">(.*?)</p>', one.text, re.DOTALL
        )
        assert sentence
        assert lang == "en" or latin(one.text) == set()
        assert machine_words(one.text) == set()
    assert "Left to a person" in (await desk.get("/duplicates")).text
    assert "Suspected double payment" in (await desk.get("/")).text


async def test_a_case_is_confirmed_healed_and_shown_with_its_masked_vouchers(desk: Desk) -> None:
    await twice(desk.house, await desk.house.merchant(), "RENT-9-01")
    (id_,) = await look(desk)
    page = await desk.get(f"/duplicates/{id_}/confirm")
    assert "Give" in page.text
    assert "100" in page.text
    refused = await desk.send(f"/duplicates/{id_}/confirm", reason="no")
    assert (refused.status_code, "3 to 200" in refused.text) == (422, True)
    done = await desk.send(f"/duplicates/{id_}/confirm", reason="the caller asked twice")
    assert (done.status_code, done.headers["location"]) == (303, f"/console/duplicates/{id_}")
    assert "Going back" in (await desk.get(f"/duplicates/{id_}")).text
    await heal(desk.house, desk.house.clock)
    page = await desk.get(f"/duplicates/{id_}")
    assert page.text.count("not on the merchant's statement") == 2
    assert "the caller asked twice" in page.text
    assert "by lin" in page.text
    assert "Healed" in (await desk.get("/duplicates?all=1")).text


async def test_who_confirmed_what_was_settled_reads_that_another_has_to_approve(desk: Desk) -> None:
    house = desk.house
    stays, goes = await twice(house, await house.merchant(), "RENT-9-01")
    await house.filed(DAY, [listed(1, stays), listed(2, goes)])
    await house.settled(DAY)
    await house.settle()
    (id_,) = await look(desk)
    await desk.send(f"/duplicates/{id_}/confirm", reason="the caller asked twice")
    mine = await desk.get(f"/duplicates/{id_}")
    assert "To the proposal" in mine.text
    (case,) = await cases(house.pool)
    assert case.proposal
    path = f"/proposals/{prefixed('prp', case.proposal)}"
    assert "Approve: you proposed this yourself" in (await desk.get(path)).text
    (proposal,) = await proposals(house.pool)
    refused = await desk.send(path, f"{path}/approve", seen=proposal.seen)
    assert (refused.status_code, "another person" in refused.text) == (409, True)
    await desk.sit_down("wang")
    assert f'{path}">Look at it, and approve</a>' in (await desk.get(f"/duplicates/{id_}")).text
    stale = await desk.send(path, f"{path}/approve", seen="0" * 64)
    assert (stale.status_code, "it changed since you looked at it" in stale.text) == (409, True)
    for _ in range(2):
        assert (await desk.send(path, f"{path}/approve", seen=proposal.seen)).status_code == 303
    (case,) = await cases(house.pool)
    assert (case.state, case.confirmed_by, case.approved_by) == (CaseState.REVERSING, "lin", "wang")


async def test_all_that_is_suspected_is_confirmed_with_one_reason_if_nothing_has_changed(desk: Desk) -> None:
    merchant = await desk.house.merchant()
    for number in ("A", "B"):
        await twice(desk.house, merchant, number)
    await look(desk)
    page = await desk.get("/duplicates/confirm")
    assert "200<span" in page.text
    stale = await desk.send("/duplicates/confirm", reason="a bad night", count="3")
    assert (stale.status_code, "more or fewer now" in stale.text) == (409, True)
    assert (await desk.send("/duplicates/confirm", reason="a bad night")).status_code == 303
    assert await counts(desk.house.pool) == {CaseState.REVERSING: (2, 20_000)}


async def test_a_case_is_dismissed_and_then_offers_nothing_more(desk: Desk) -> None:
    await twice(desk.house, await desk.house.merchant(), "A")
    (id_,) = await look(desk)
    assert (await desk.send(f"/duplicates/{id_}/dismiss", reason="two flats, one number")).status_code == 303
    page = (await desk.get(f"/duplicates/{id_}")).text
    assert "No double" in page
    assert "/confirm" not in page
    for path in ("/duplicates/dup_nothing", f"/duplicates/{UUID(int=1).hex}", f"/duplicates/{id_}/burn"):
        assert (await desk.get(path)).status_code == 404


async def test_two_people_end_an_unknown_on_its_page(desk: Desk) -> None:
    house = desk.house
    intent = await house.asked(await house.merchant(), 10_000)
    path = f"/payments/{prefixed('pay', intent.id)}"
    assert "End it by two people" in (await desk.get(path)).text
    said = {
        "outcome": "SUCCESS",
        "reason": "the channel wrote",
        "evidence": "letter 113",
        "ref": "Q77",
        "date": "2026-09-01",
    }
    wrong = await desk.send(f"{path}/outcome", amount="99.99", **said)
    assert (wrong.status_code, "10000 fen" in wrong.text) == (422, True)
    assert (await desk.send(f"{path}/outcome", amount="100.00", **said)).status_code == 303
    mine = (await desk.get(path)).text
    assert "How a payment ended" in mine
    assert "Approve: you proposed this yourself" in mine
    (row,) = await proposals(house.pool)
    approve = f"/proposals/{prefixed('prp', row.id)}/approve"
    assert (await desk.send(path, approve, seen=row.seen)).status_code == 409
    await desk.sit_down("wang")
    assert (await desk.send(path, approve)).status_code == 303, "its form is on the payment's page"
    assert (await house.now(intent)).state is State.SUCCESS
    assert "lin proposed, wang approved" in (await desk.get(path)).text
    assert "two people" in (await desk.get(f"{path}/outcome")).text.lower()
