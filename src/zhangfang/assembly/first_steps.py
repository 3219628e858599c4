"""What a house needs before it serves: its schema and an operator, the banks' registrations, the ledger's accounts."""

from zhangfang.approvals import ensure_operator
from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.counter import counters, provision
from zhangfang.kernel.database import connect
from zhangfang.kernel.settings import Settings
from zhangfang.ledger import LedgerClient
from zhangfang.schema import migrate

__all__ = ["counters", "database", "ledger", "provision"]


async def database(house: House) -> str | None:
    """Bring the schema up to date; return the password of the operator if there was none before."""
    await migrate(house.owner_url)
    pool = await connect(house.owner_url, 2)
    try:
        return await ensure_operator(pool, Settings(home=house.home).clock())
    finally:
        pool.terminate()


async def ledger(house: House) -> None:
    """Open the ledger accounts of the platform and of its channels."""
    async with LedgerClient(house.home / "ledger.sock") as client:
        await open_platform_accounts(client)
