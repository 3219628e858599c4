"""Six platforms, each with one rule of the law taken out: the simulator has to find every one of them.

A mutant is a part of the platform replaced in this process while a simulation runs. The product has no such switch.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace
from typing import Any

import asyncpg

from zhangfang.channels.port import Operation, Verdict
from zhangfang.kernel.ids import new_id
from zhangfang.payments import Desk, Intent, State
from zhangfang.payments.course import evidence, steps
from zhangfang.payments.course.rules import decide
from zhangfang.payments.orders import new_number
from zhangfang.payments.store import Journal, new_step, note
from zhangfang_drill.world import world

Mutant = Callable[[], AbstractContextManager[None]]


@contextmanager
def put(where: Any, name: str, part: Any) -> Iterator[None]:
    """Replace a part, and put the old one back."""
    before = getattr(where, name)
    setattr(where, name, part)
    try:
        yield
    finally:
        setattr(where, name, before)


@contextmanager
def sends_before_storing() -> Iterator[None]:
    """Rule 1: a collection leaves first and is stored then; now and then it cannot be stored."""
    stored, count = Desk.collect, 0

    async def collect(self: Desk, intent: Intent, first: Any) -> bool:
        nonlocal count
        await self.channels[intent.channel].send(
            await steps.order_of(self.pool, self.vault, self.journal, intent)
        )
        count += 1
        if count % 3 == 0:
            raise asyncpg.InternalServerError("the intent could not be stored")
        return await stored(self, intent, first)

    with put(Desk, "collect", collect):
        yield


@contextmanager
def fails_what_is_silent() -> Iterator[None]:
    """Rule 2: no answer is a failure."""
    with put(evidence, "decide", _instead(Verdict.UNKNOWN, decide)):
        yield


@contextmanager
def believes_not_found() -> Iterator[None]:
    """Rule 3: an order that a query does not find has failed."""
    with put(evidence, "decide", _instead(Verdict.NOT_FOUND, decide)):
        yield


def _instead(verdict: Verdict, judge: Callable[..., Any]) -> Callable[..., Any]:
    def decided(intent: Intent, said: Verdict, *rest: Any, **named: Any) -> Any:
        return judge(intent, Verdict.FAILED if said is verdict else said, *rest, **named)

    return decided


@contextmanager
def sends_again_under_new_numbers() -> Iterator[None]:
    """Rule 4: what is not found at once is sent again under another order number."""
    ask = steps.ask

    async def asked(desk: Desk, intent: Intent) -> Any:
        decision = await ask(desk, intent)
        if intent.kind is Operation.COLLECTION and decision.state is State.UNKNOWN and not decision.resend:
            number = new_number(desk.channels, desk.clock, intent.channel, new_id(desk.clock))
            sql = "UPDATE intent SET channel_order_no = $2 WHERE id = $1 AND state = 'UNKNOWN'"
            await desk.pool.execute(sql, intent.id, number)
            await desk.channels[intent.channel].send(
                await steps.order_of(
                    desk.pool, desk.vault, desk.journal, replace(intent, channel_order_no=number)
                )
            )
        return decision

    with put(steps, "ask", asked):
        yield


@contextmanager
def overwrites_what_is_final() -> Iterator[None]:
    """Rule 5: whatever comes after the end takes it back."""
    after = evidence._after_the_end

    async def overwrite(
        desk: Desk, intent: Intent, kind: Any, answer: Any, decision: Any, **rest: Any
    ) -> None:
        await after(desk, intent, kind, answer, decision, **rest)
        state = State.FAILED if intent.state is State.SUCCESS else State.SUCCESS
        sql = "UPDATE intent SET state = $2 WHERE id = $1"
        await desk.pool.execute(sql, intent.id, state)
        last = new_step(desk.clock, intent.id, kind, state=state, message="the last word")
        await note(desk.pool, [last])

    with put(evidence, "_after_the_end", overwrite):
        yield


@contextmanager
def knows_no_order_number() -> Iterator[None]:
    """Rule 6: a request under another key is another payment, whatever its order number."""
    insert, collect = Journal.insert, Desk.collect

    async def inserted(self: Journal, intent: Intent, first: Any) -> bool:
        await self.pool.execute(UNGUARDED)
        return await insert(self, intent, first)

    async def collected(self: Desk, intent: Intent, first: Any) -> bool:
        await self.pool.execute(UNGUARDED)
        return await collect(self, intent, first)

    # The platform's own role may not drop an index: this one works as the owner.
    with put(Journal, "insert", inserted), put(Desk, "collect", collected), put(world, "as_platform", str):
        yield


UNGUARDED = "DROP INDEX IF EXISTS intent_order"

MUTANTS: Mapping[int, Mutant] = {
    1: sends_before_storing,
    2: fails_what_is_silent,
    3: believes_not_found,
    4: sends_again_under_new_numbers,
    5: overwrites_what_is_final,
    6: knows_no_order_number,
}
