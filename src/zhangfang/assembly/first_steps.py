"""What a house needs before it serves: its schema and an operator, the banks' registrations, the ledger's accounts."""

from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.counter import counters, provision
from zhangfang.kernel.database import connect
from zhangfang.kernel.settings import Settings
from zhangfang.ledger import LedgerClient
from zhangfang.schema import migrate
from zhangfang.web.auth import ensure_operator

__all__ = ["counters", "database", "ledger", "provision"]


async def database(house: House) -> str | None:
    """Bring the schema up to date; return the password of the operator if there was none before."""
    url = house.database_url or house.postgres.url
    await migrate(url)
    pool = await connect(url, 2)
    try:
        return await ensure_operator(pool, Settings(home=house.home).clock())
    finally:
        pool.terminate()


async def ledger(house: House) -> None:
    """Open the ledger accounts of the platform and of its channels."""
    async with LedgerClient(house.home / "ledger.sock") as client:
        await open_platform_accounts(client)
