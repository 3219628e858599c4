"""Any sequence of income, payouts, freezes, thaws and adjustments: nothing is lost, and nothing falls below zero.

The oracle is a purse of integers that knows no ledger: what a merchant has, what each freeze holds, and what each waits for.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.adjusting import carried, frozen, funded, proposed, thawed
from tests.clock import SetClock
from tests.people import WANG
from tests.search import MORE
from tests.treasury import Treasury, treasury
from zhangfang import adjustments
from zhangfang.adjustments import Freeze, NoFreeze

FEN = st.integers(1, 60)
ACTS = st.one_of(
    st.tuples(st.sampled_from(["income", "freeze", "take", "give"]), FEN, st.just(0)),
    st.tuples(st.just("thaw"), FEN, st.integers(0, 3)),
    st.tuples(st.just("look"), st.just(0), st.just(0)),
)


@dataclass
class Purse:
    """What the merchant should have. A freeze is what it stands for and what it holds."""

    free: int = 0
    outside: int = 0
    freezes: list[list[int]] = field(default_factory=list)

    def look(self) -> None:
        """Let each freeze take what it waits for, the oldest first."""
        for one in self.freezes:
            fen = min(one[0] - one[1], max(self.free, 0))
            one[1] += fen
            self.free -= fen

    def thaw(self, n: int, fen: int) -> None:
        """Give up part of a freeze: what it waits for first."""
        one = self.freezes[n]
        one[0] -= fen
        back = max(0, one[1] - one[0])
        one[1] -= back
        self.free += back


@dataclass
class World:
    """A merchant in the real ledger, and the purse beside it."""

    house: Treasury
    merchant: str
    purse: Purse = field(default_factory=Purse)
    made: list[Freeze] = field(default_factory=list)

    async def act(self, what: str, fen: int, n: int) -> None:
        """Do one thing in both."""
        await getattr(self, f"_{what}")(fen, n)
        stands = [await adjustments.freeze_of(self.house.pool, one.id) for one in self.made]
        assert [[one.stands, one.held] for one in stands] == self.purse.freezes
        held = sum(one[1] for one in self.purse.freezes)
        found = -await self.house.balance(2322, self.merchant), -await self.house.balance(2324, self.merchant)
        assert found == (self.purse.free, held)
        assert self.purse.free >= 0
        assert self.purse.free + held + self.purse.outside == 0

    async def _income(self, fen: int, _: int) -> None:
        await funded(self.house, fen, self.merchant)
        self.purse.free += fen
        self.purse.outside -= fen

    async def _take(self, fen: int, _: int) -> None:
        id_ = await proposed(self.house, f"2322/{self.merchant}", "2361/platform", fen)
        went = await carried(self.house, id_, WANG)
        assert went == ("posted" if fen <= self.purse.free else "exceeds_credits")
        if went == "posted":
            self.purse.free -= fen
            self.purse.outside += fen

    async def _give(self, fen: int, _: int) -> None:
        assert await carried(
            self.house, await proposed(self.house, "2361/platform", f"2322/{self.merchant}", fen), WANG
        )
        self.purse.free += fen
        self.purse.outside -= fen

    async def _freeze(self, fen: int, _: int) -> None:
        self.made.append(await frozen(self.house, self.merchant, fen))
        one = [fen, min(fen, self.purse.free)]
        self.purse.freezes.append(one)
        self.purse.free -= one[1]

    async def _thaw(self, fen: int, n: int) -> None:
        if not self.made:
            return
        n %= len(self.made)
        stands = self.purse.freezes[n][0]
        if not stands or fen % 7 == 0:
            with pytest.raises(NoFreeze):
                await thawed(self.house, self.made[n], stands + fen)
            return
        fen = 1 + fen % stands
        await thawed(self.house, self.made[n], fen)
        self.purse.thaw(n, fen)

    async def _look(self, _: int, __: int) -> None:
        for one in self.made:
            await adjustments.take(self.house.pool, self.house.desk.ledger, self.house.clock, one.id)
        self.purse.look()


@pytest.fixture
def yard(database_url: str, clock: SetClock) -> Iterator[tuple[asyncio.Runner, Treasury]]:
    with asyncio.Runner() as runner:
        opening = treasury(database_url, clock)
        yield runner, runner.run(opening.__aenter__())
        runner.run(opening.__aexit__(None, None, None))


@settings(max_examples=15 * MORE, suppress_health_check=list(HealthCheck))
@given(acts=st.lists(ACTS, min_size=4, max_size=12))
def test_nothing_is_lost_and_nothing_falls_below_zero(
    yard: tuple[asyncio.Runner, Treasury], acts: list[tuple[str, int, int]]
) -> None:
    runner, house = yard
    runner.run(_play(house, acts))


async def _play(house: Treasury, acts: list[tuple[str, int, int]]) -> None:
    world = World(house, (await house.merchant()).id)
    for what, fen, n in acts:
        await world.act(what, fen, n)
