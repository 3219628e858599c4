"""The demo's first release of a table: payouts are shared among the channels, most of them by the bank of our account."""

from zhangfang.channels import CONNECTORS
from zhangfang.cli.parts import open_pool
from zhangfang.kernel.settings import Settings
from zhangfang.routing import Kind, canary, promote, propose, replay, rows_of, write_csv

SHARES = {"cmb": "6", "genericbank": "2", "unionpay": "2"}
CANARY = 20  # per cent of the traffic, for the moment between the two people


async def share_payouts(settings: Settings) -> int:
    """Propose, replay, canary and promote it as two people would; return the release's number."""
    clock = settings.clock()
    async with open_pool(settings, 2) as pool:
        equal = {"fixed_fen": "50", "priority": "1"}
        rows = [
            {**row, **equal, "share": SHARES[row["channel"]]} if row["operation"] == "payout" else row
            for row in await rows_of(pool, Kind.ROUTES)
        ]
        table = write_csv(Kind.ROUTES, rows)
        version = await propose(pool, clock, Kind.ROUTES, table, "王工", "payouts by every channel that pays")
        await replay(pool, clock, version, tuple(CONNECTORS), "王工")
        await canary(pool, clock, version, CANARY, "王工")
        await promote(pool, clock, version, "李主管")
    return version
