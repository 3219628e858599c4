"""The first release of a table in a demo or a simulation: routes that let every channel have its part of the traffic."""

from collections.abc import Callable, Collection, Mapping

import asyncpg

from zhangfang.assembly.parts import open_pool
from zhangfang.channels import CONNECTORS
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import Settings
from zhangfang.routing import Kind, canary, promote, propose, replay, rows_of, write_csv

Row = Mapping[str, str]

SHARES = {"cmb": "6", "genericbank": "2", "unionpay": "2"}  # of the demo's payouts
CANARY = 20  # per cent of the traffic, for the moment between the two people


async def share_payouts(settings: Settings) -> None:
    """Let payouts go by all channels that pay, most of them by the bank that holds most of the money."""

    def shared(row: Row) -> Row:
        equal = {"fixed_fen": "50", "priority": "1"}
        return {**row, **equal, "share": SHARES[row["channel"]]} if row["operation"] == "payout" else row

    async with open_pool(settings, 2) as pool:
        await release(pool, settings.clock(), shared, tuple(CONNECTORS), "payouts by every channel that pays")


async def release(
    pool: asyncpg.Pool, clock: Clock, change: Callable[[Row], Row], channels: Collection[str], reason: str
) -> None:
    """Change the rows of the routes by a release: proposed, replayed, canaried and promoted, as two people would."""
    table = write_csv(Kind.ROUTES, [change(row) for row in await rows_of(pool, Kind.ROUTES)])
    version = await propose(pool, clock, Kind.ROUTES, table, "王工", reason)
    await replay(pool, clock, version, channels, "王工")
    await canary(pool, clock, version, CANARY, "王工")
    await promote(pool, clock, version, "李主管")
