"""A month is closed and opened again on its page, by two people; what is left open is chosen there, with a reason."""

from collections.abc import AsyncIterator

import pytest

from tests.clock import SetClock
from tests.treasury import DAY, NEXT, Treasury, at, treasury
from tests.unit.test_duplicates_pages import Desk, seated
from zhangfang.closing import roll
from zhangfang.closing.certificate import certify

SEPTEMBER = "/closing/2026-09"


@pytest.fixture
async def desk(database_url: str, clock: SetClock) -> AsyncIterator[Desk]:
    async with treasury(database_url, clock) as house, seated(house) as made:
        yield made


async def over(house: Treasury) -> None:
    """Let August be rolled, so that nothing hard is in the way of its close."""
    await roll.roll(house.pool, house.clock, DAY.replace(month=8, day=31))


async def test_a_month_is_closed_and_opened_again_by_two_people_on_its_page(desk: Desk) -> None:
    await over(desk.house)
    page = await desk.get("/closing")
    assert page.headers["location"].endswith("/closing/2026-08")
    august = "/closing/2026-08"
    text = (await desk.get(august)).text
    assert "2 items stand between us and the close of 2026-08." in text
    assert 'name="except_seals"' in text
    refused = await desk.send(august, f"{august}/close", except_seals="1", reason="why not")
    assert (refused.status_code, "vat: " in refused.text) == (422, True)
    both = {"except_seals": "1", "except_vat": "1"}
    assert (await desk.send(august, f"{august}/close", **both, reason="")).status_code == 422
    assert (await desk.send(august, f"{august}/close", **both, reason="the first month")).status_code == 303
    own = (await desk.get(august)).text
    assert "you proposed this yourself" in own
    await desk.sit_down("wang")
    seen = await desk.get(august)
    proposal = seen.text.split("/console/proposals/")[1].split('"')[0]
    assert "The auditor&#39;s seal is good for each day" in seen.text
    assert (await desk.send(f"/proposals/{proposal}", f"/proposals/{proposal}/approve")).status_code == 303
    assert "2026-08 is closed." in (await desk.get(august)).text
    assert "2026-08 已结账。" in (await desk.get(august, "zh")).text
    assert (await desk.send(august, f"{august}/reopen", reason="an invoice came late")).status_code == 303
    assert "an invoice came late" in (await desk.get("/proposals")).text


async def test_what_is_hard_leaves_no_button(desk: Desk) -> None:
    text = (await desk.get(SEPTEMBER)).text
    assert "Nobody can close the month while this is not met:" in text
    assert f"{SEPTEMBER}/close" not in text
    refused = await desk.send(SEPTEMBER, f"{SEPTEMBER}/close", except_rolled="1", reason="a reason")
    assert refused.status_code == 422
    assert (await desk.get("/closing/2026-13")).status_code == 404
    assert (await desk.get("/closing/1999-12")).status_code == 404


async def test_a_certificate_shows_both_sides_and_every_version(desk: Desk) -> None:
    house = desk.house
    await house.arrived(await house.merchant(), 10_000)
    one = await certify(house.pool, house.clock, "unionpay", DAY)
    house.clock.set(at(NEXT, 12))
    await house.pool.execute("UPDATE channel_file SET digest = 'corrected'")
    two = await certify(house.pool, house.clock, "unionpay", DAY)
    page = f"/certificates/unionpay/{DAY}"
    newest, older = (await desk.get(page)).text, (await desk.get(f"{page}?version=1")).text
    for text in (newest, older):
        assert one.number in text
        assert two.number in text
        assert "100</span>" in text or "100" in text
    assert ("replaced by a later version" in newest, "replaced by a later version" in older) == (False, True)
    assert two.number in (await desk.get(f"/reconciliation/{DAY}")).text
    for wrong in (f"{page}?version=3", f"/certificates/unionpay/{NEXT}", "/certificates/x/y"):
        assert (await desk.get(wrong)).status_code == 404
