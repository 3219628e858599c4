"""The first release of a table in a demo or a simulation: routes that let every channel have its part of the traffic."""

from collections.abc import Callable, Collection, Mapping, Sequence
from uuid import UUID

import asyncpg

from zhangfang.approvals import Person
from zhangfang.assembly.parts import open_pool
from zhangfang.assembly.sandbox.staff import seen, staff
from zhangfang.channels import CONNECTORS
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import Settings
from zhangfang.routing import Kind, canary, history, promote, propose, replay, rows_of, write_csv

Row = Mapping[str, str]

SHARES = {"cmb": "6", "genericbank": "2", "unionpay": "2"}  # of the demo's payouts
PEOPLE = ("王工", "李主管")
CANARY = 20  # per cent of the traffic, for the moment between the two people


async def share_payouts(settings: Settings) -> None:
    """Let payouts go by all channels that pay, most of them by the bank that holds most of the money."""

    def shared(row: Row) -> Row:
        equal = {"fixed_fen": "50", "priority": "1"}
        return {**row, **equal, "share": SHARES[row["channel"]]} if row["operation"] == "payout" else row

    clock = settings.clock()
    people = await staff(settings.owner_database, clock, *PEOPLE)
    async with open_pool(settings, 2) as pool:
        await release(pool, clock, people, shared, tuple(CONNECTORS), "payouts by every channel that pays")


async def release(
    pool: asyncpg.Pool,
    clock: Clock,
    people: Sequence[Person],
    change: Callable[[Row], Row],
    channels: Collection[str],
    reason: str,
) -> None:
    """Change the rows of the routes by a release: proposed, replayed, canaried and approved, as two people would."""
    one, other = people
    table = write_csv(Kind.ROUTES, [change(row) for row in await rows_of(pool, Kind.ROUTES)])
    version = await propose(pool, clock, Kind.ROUTES, table, one, reason)
    await replay(pool, clock, version, channels, one)
    await canary(pool, clock, version, CANARY, one)
    await promote(pool, clock, *await proposal_of(pool, version), other)


async def proposal_of(pool: asyncpg.Pool, version: int) -> tuple[UUID, str]:
    """Return a release's proposal and its hash."""
    (id_,) = [one.proposal for one in await history(pool) if one.version == version and one.proposal]
    return id_, await seen(pool, id_)
