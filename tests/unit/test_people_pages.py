"""The pages of operators and of the record of acts."""

import re
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from tests.clock import SetClock
from tests.office import Office, open_office
from tests.people import CHEN, LIN, WANG, may
from zhangfang.approvals import Told, Wanted, record, rights_of, trail


@pytest.fixture
async def office(database_url: str, clock: SetClock) -> AsyncIterator[Office]:
    async with open_office(database_url, clock) as made:
        yield made


async def test_an_administrator_proposes_roles_another_one_approves_and_they_hold_at_once(
    office: Office,
) -> None:
    pool, lin, wang, chen = office.house.pool, *[await office.desk(one) for one in (LIN, WANG, CHEN)]
    form = await lin.get("/operators/roles?name=Chen")
    assert form.text.count("checked") == 5
    answer = await lin.send("/operators/roles", role_auditor="1", reason="moves to audit")
    where = answer.headers["location"].removeprefix("/console")
    assert "Auditor, reads only" in (await lin.get(where)).text
    assert "you proposed this yourself" in lin.page
    assert "other roles are proposed" in (await lin.get("/operators")).text
    assert (await chen.get("/freezes/new")).status_code == 200
    await may(pool, WANG, "finance_checker")
    assert "Approve: done by Administrator" in (await wang.get(where)).text
    await may(pool, WANG, "admin")
    await wang.get(where)
    assert (await wang.send(f"{where}/approve")).status_code == 303
    assert await rights_of(pool, "chen") == {"look", "export", "acts"}
    assert (await chen.get("/freezes/new")).status_code == 403
    assert "/acts" in (await chen.get("/operators")).text
    assert "/operators/roles" not in chen.page


async def test_roles_that_nobody_knows_or_has_already_and_no_reason_are_refused(office: Office) -> None:
    lin = await office.desk(LIN)
    assert (await lin.get("/operators/roles?name=nobody")).status_code == 404
    await lin.get("/operators/roles?name=chen")
    assert "reason: " in (await lin.send("/operators/roles", role_risk="1", reason="")).text
    assert re.findall(r'name="(role_\w+)" value="1" checked', lin.page) == ["role_risk"], (
        "what was ticked stays"
    )
    answer = await lin.send(
        "/operators/roles", reason="again", role_support="1", role_finance_maker="1", role_finance_checker="1",
        role_risk="1", role_admin="1",
    )  # fmt: skip
    assert "what the person has already" in answer.text


async def test_the_record_is_searched_by_person_kind_and_day_and_paged_by_number(office: Office) -> None:
    house, lin = office.house, await office.desk(LIN)
    for n in range(120):
        house.clock.advance(hours=1)
        await record(house.pool, house.clock, LIN if n % 2 else WANG, "stop" if n % 3 else "view", f"n{n}")
    every = await trail(house.pool, Wanted(), 1000)
    assert [one.seq for one in every] == list(range(every[0].seq, 0, -1))
    for person in ("", "lin", " LIN "):
        for act in ("", "stop"):
            for since in (None, every[70].at):
                for until in (None, every[30].at, every[30].at + timedelta(minutes=1)):
                    found: list[Told] = []
                    before: int | None = None
                    while part := await trail(house.pool, Wanted(person, act, since, until, before), 7):
                        found += part
                        before = part[-1].seq
                    assert found == [
                        one for one in every
                        if person.strip().lower() in (one.operator, "") and act in (one.act, "")
                        and (since is None or one.at >= since) and (until is None or one.at < until)
                    ]  # fmt: skip
    page = (await lin.get("/acts")).text
    assert page.count("<tr>") == 51
    earlier = re.search(r'href="/console(/acts\?before=[^"]*)"', page)
    assert earlier
    assert f">{every[50].target}<" in (await lin.get(earlier[1].replace("&amp;", "&"))).text
    assert "from: " in (await lin.get("/acts?from=soon")).text
    assert "Nobody did anything" in (await lin.get("/acts?person=lin&act=refund")).text
