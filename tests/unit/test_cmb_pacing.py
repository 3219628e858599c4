"""The bank's pace, on a clock of the test's: who waits how long, and who is told that there is no time."""

import asyncio

import pytest

from zhangfang.channels.cmb.pacing import NotAsked, Pace


class Machine:
    """A clock that moves when somebody sleeps."""

    def __init__(self) -> None:
        self.time = 40.0

    def now(self) -> float:
        return self.time

    async def sleep(self, seconds: float) -> None:
        self.time += seconds
        await asyncio.sleep(0)


def pace(gap: float = 2.0, *, old: bool = True) -> tuple[Pace, Machine]:
    """Return a pace that began a minute ago, or just now."""
    machine = Machine()
    made = Pace(gap, machine.now, machine.sleep)
    machine.time += 60 * old
    return made, machine


async def test_turns_begin_a_gap_after_the_one_before_has_ended() -> None:
    turns, machine = pace()
    begun = []
    for _ in range(3):
        async with turns.turn(patience=10):
            begun.append(machine.time)
            machine.time += 0.5  # the bank takes its time to answer
    assert begun == [100.0, 102.5, 105.0]


async def test_the_first_turn_of_a_process_waits_for_what_the_one_before_it_may_have_asked() -> None:
    turns, machine = pace(old=False)
    with pytest.raises(NotAsked):
        async with turns.turn(patience=1):
            pytest.fail("it had no turn")
    async with turns.turn(patience=2):
        assert machine.time == 42.0


async def test_a_turn_after_a_long_rest_does_not_wait() -> None:
    turns, machine = pace()
    async with turns.turn(patience=0):
        pass
    machine.time += 60
    async with turns.turn(patience=0):
        assert machine.time == 160.0


async def test_a_turn_that_would_come_too_late_is_refused_at_once_and_takes_nothing() -> None:
    turns, machine = pace()
    async with turns.turn(patience=1):
        pass
    with pytest.raises(NotAsked, match="not asked: queue"):
        async with turns.turn(patience=1):
            pytest.fail("it had no turn")
    assert machine.time == 100.0
    async with turns.turn(patience=2):
        assert machine.time == 102.0


async def test_of_64_at_once_those_have_a_turn_whose_turn_comes_in_time_and_the_rest_is_told_so() -> None:
    """As many as the driver claims at once; three seconds are what a step of eight leaves beside the time-out."""
    turns, machine = pace()
    begun = []

    async def one() -> bool:
        try:
            async with turns.turn(patience=3):
                begun.append(machine.time)
                await asyncio.sleep(0)
        except NotAsked:
            return False
        return True

    had = await asyncio.gather(*(one() for _ in range(64)))
    assert sum(had) == len(begun) == 2
    assert begun == [100.0, 102.0]


async def test_a_call_that_fails_also_counts_for_the_bank_may_have_seen_it() -> None:
    turns, machine = pace()
    with pytest.raises(ValueError, match="broken"):
        async with turns.turn(patience=1):
            raise ValueError("broken")
    async with turns.turn(patience=5):
        assert machine.time == 102.0


async def test_a_waiting_caller_who_is_cancelled_leaves_the_turn_to_the_next() -> None:
    turns, _ = pace()
    entered, leave = asyncio.Event(), asyncio.Event()

    async def hold() -> None:
        async with turns.turn(patience=9):
            entered.set()
            await leave.wait()

    async def wait() -> None:
        async with turns.turn(patience=9):
            pass

    holder = asyncio.create_task(hold())
    await entered.wait()
    waiting = asyncio.create_task(wait())
    await asyncio.sleep(0)
    waiting.cancel()
    leave.set()
    await holder
    with pytest.raises(asyncio.CancelledError):
        await waiting
    async with turns.turn(patience=9):
        pass


async def test_without_a_gap_nobody_waits_for_anybody() -> None:
    turns, _ = pace(gap=0)
    async with turns.turn(patience=0), turns.turn(patience=0), turns.turn(patience=0):
        pass
