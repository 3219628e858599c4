"""One person tries to be two, by every way there is: nothing is booked, and nothing is approved."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import AsyncMock

import asyncpg
import pytest
from typer.testing import CliRunner

from tests.adjusting import carried, proposed
from tests.clock import SetClock
from tests.office import Office, open_office
from tests.people import LIN, SPELT, WANG, ZHAO, sit_down
from zhangfang import adjustments, approvals, channels
from zhangfang.adjustments import Case
from zhangfang.approvals import Person, add_operator, operator
from zhangfang.assembly.proposals import approve
from zhangfang.cli.main import app
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.kernel.postgres import as_platform
from zhangfang.vault import create_key_file


@dataclass
class Scene:
    """An adjustment that Lin has proposed, and Lin's other log-in."""

    office: Office
    case: Case
    other: Person
    home: Path
    url: str

    @property
    def proposal(self) -> str:
        return prefixed(approvals.PREFIX, self.case.proposal.id)


@pytest.fixture
async def scene(
    database_url: str, clock: SetClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Scene]:
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", database_url)
    create_key_file(tmp_path / "vault.json")
    silent = AsyncMock()
    silent.rules = {}
    monkeypatch.setattr(channels, "open_channels", lambda *_: {"unionpay": silent})
    async with open_office(database_url, clock) as office:
        house = office.house
        id_ = await proposed(house, "3012/unionpay", "2351/unionpay", 700)
        other, _ = await add_operator(house.pool, clock, "night", "lin")
        yield Scene(office, await adjustments.get(house.pool, id_), other, tmp_path, database_url)


async def by_function(scene: Scene, who: Person) -> str:
    try:
        await approve(scene.office.house.desk, scene.case.proposal.id, scene.case.proposal.seen, who)
    except ZhangfangError as error:
        return str(error)
    return "approved"


async def spelt_otherwise(scene: Scene) -> str:
    return " ".join([await by_function(scene, operator(name)) for name in SPELT])


async def by_another_log_in(scene: Scene) -> str:
    return await by_function(scene, scene.other)


async def both_log_ins_at_once(scene: Scene) -> str:
    return " ".join(await asyncio.gather(*(by_function(scene, who) for who in (LIN, scene.other) * 4)))


async def on_page(scene: Scene, who: Person, path: str) -> str:
    desk = await scene.office.desk(who)
    await desk.get(path)
    answer = await desk.send(f"{path}/approve", seen=scene.case.proposal.seen)
    assert answer.status_code == 409
    return answer.text


async def on_the_adjustments_page(scene: Scene) -> str:
    return await on_page(scene, LIN, f"/adjustments/{scene.case.id}")


async def on_the_proposals_page_by_another_log_in(scene: Scene) -> str:
    return await on_page(scene, scene.other, f"/proposals/{scene.proposal}")


async def in_two_sessions(scene: Scene) -> str:
    """One browser of Lin made it, another one of Lin approves it."""
    await on_page(scene, scene.other, f"/adjustments/{scene.case.id}")
    return await on_page(scene, LIN, f"/proposals/{scene.proposal}")


async def on_the_command_line(scene: Scene) -> str:
    said = ""
    for who in (LIN, scene.other):
        await asyncio.to_thread(sit_down, scene.url, scene.home, who)
        words = ["proposals", "approve", scene.proposal, scene.case.proposal.seen]
        answer = await asyncio.to_thread(CliRunner().invoke, app, words)
        assert answer.exit_code == 1
        said += f"{answer.output}{answer.exception}"
    return said


async def past_the_program(scene: Scene) -> str:
    """Write the approval, or the voucher, into the database itself, as the platform's role."""
    one, now = scene.case.proposal, scene.office.house.clock.now()
    voucher = (
        "INSERT INTO adjustment (id, purpose, template, said, legs, amount, business_date, proposal, made_by, made_at)"
        " VALUES ($1, 'adjustment', 'M1', '{}', '[]', 700, $2::timestamptz::date, $3, 'lin and wang', $2)"
    )
    said = ""
    async with asyncpg.create_pool(as_platform(scene.url), min_size=1, max_size=1) as pool:
        clock = scene.office.house.clock
        for attempt in (
            approvals.record(
                pool, clock, scene.other, "approve", one.target, proposal=one.id, digest=one.hash
            ),
            pool.execute(voucher, new_id(clock), now, one.id),
            pool.execute(voucher, new_id(clock), now, None),
        ):
            with pytest.raises(asyncpg.CheckViolationError) as refused:
                await attempt
            said += str(refused.value)
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await pool.execute("UPDATE operator SET person = 'wang' WHERE name = 'night'")
    return said


WAYS: tuple[Callable[[Scene], Awaitable[str]], ...] = (
    spelt_otherwise,
    by_another_log_in,
    both_log_ins_at_once,
    on_the_adjustments_page,
    on_the_proposals_page_by_another_log_in,
    in_two_sessions,
    on_the_command_line,
    past_the_program,
)


@pytest.mark.parametrize("way", WAYS, ids=lambda way: way.__name__)
async def test_no_way_makes_two_of_one_person(scene: Scene, way: Callable[[Scene], Awaitable[str]]) -> None:
    house = scene.office.house
    assert "another person" in await way(scene)
    assert await house.last_entry() == 0
    assert await house.pool.fetchval("SELECT count(*) FROM operator_act WHERE act = 'approve'") == 0
    assert (await adjustments.get(house.pool, scene.case.proposal.id)).made is None
    assert await carried(house, scene.case.proposal.id, WANG) == "posted"
    assert await carried(house, scene.case.proposal.id, ZHAO) == "posted"
    assert await house.last_entry() == 1
