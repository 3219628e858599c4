"""The generic bank as a process: killed at any moment it forgets nothing that it has answered."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.wire.genericbank_site import ACCOUNT, OPENING, Process, joined
from zhangfang.channels.port import Verdict

pytestmark = pytest.mark.drill


@pytest.fixture
def processes() -> Iterator[list[Process]]:
    """The processes a test starts; what still runs in the end is killed."""
    started: list[Process] = []
    yield started
    for process in started:
        if process.child.poll() is None:
            process.kill()


async def test_what_was_answered_before_a_kill_is_in_the_book_and_is_answered_the_same_after_it(
    tmp_path: Path, processes: list[Process]
) -> None:
    processes.append(Process.start(tmp_path))
    taken = []
    enough = asyncio.Event()
    async with joined(processes[-1].wire, processes[-1].control) as site:
        await site.plan("M-returned", "returned")
        taken.append(site.order("M-returned"))
        assert (await site.bank.send(taken[0])).verdict is Verdict.ACCEPTED

        async def payer(name: int) -> None:
            for number in range(1000):
                order = site.order(f"M-{name}-{number}", amount=1)
                if (await site.bank.send(order)).verdict is not Verdict.ACCEPTED:
                    return
                taken.append(order)
                if len(taken) == 40:
                    enough.set()

        payers = [asyncio.create_task(payer(name)) for name in range(4)]
        await enough.wait()
        processes[-1].kill()
        await asyncio.gather(*payers)
    processes.append(Process.start(tmp_path))
    async with joined(processes[-1].wire, processes[-1].control) as site:
        for order in taken:
            assert (await site.bank.query(order)).verdict is Verdict.ACCEPTED
            assert (await site.bank.send(order)).verdict is Verdict.ACCEPTED  # taken once, answered again
        movements = await site.ask("GET", "/movements")
        assert {order.order_no for order in taken} <= {movement["order_no"] for movement in movements}
        assert await site.balance() == OPENING - sum(movement["amount"] for movement in movements)
        await site.wait(days=3)
        assert (await site.bank.query(taken[0])).verdict is Verdict.RETURNED  # planned before the kill
        page = await site.bank.statement(ACCOUNT, "")
        assert page.lines[0].reference == taken[0].order_no
