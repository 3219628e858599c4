"""Who is this merchant, and may they be paid?"""

import asyncpg

from zhangfang.kernel.sql import load
from zhangfang.operations.model import Balance, FeeRule, MerchantRow, SettlementRow, StatementRow

queries = load(__package__, "merchants.sql")


async def merchants(pool: asyncpg.Pool, state: str | None = None) -> tuple[MerchantRow, ...]:
    """Return all merchants (of one state) by their code, with what the books owe them now."""
    return tuple(MerchantRow(**row) for row in await pool.fetch(queries.listed, None, state))


async def merchant(pool: asyncpg.Pool, id_: str) -> MerchantRow | None:
    """Return one merchant."""
    row = await pool.fetchrow(queries.listed, id_, None)
    return MerchantRow(**row) if row else None


async def fee_rules(pool: asyncpg.Pool, id_: str) -> tuple[FeeRule, ...]:
    """Return the lines of the contract, the newest of each kind first."""
    return tuple(FeeRule(**row) for row in await pool.fetch(queries.fee_rules, id_))


async def accounts(pool: asyncpg.Pool, id_: str) -> tuple[Balance, ...]:
    """Return the merchant's accounts with everything that ever moved on them."""
    return tuple(Balance(**row) for row in await pool.fetch(queries.accounts, id_))


async def settlements(pool: asyncpg.Pool, id_: str, limit: int = 10) -> tuple[SettlementRow, ...]:
    """Return the newest batches that made money available."""
    return tuple(SettlementRow(**row) for row in await pool.fetch(queries.settlements, id_, limit))


async def statements(pool: asyncpg.Pool, id_: str, limit: int = 10) -> tuple[StatementRow, ...]:
    """Return the newest released statements."""
    return tuple(StatementRow(**row) for row in await pool.fetch(queries.statements, id_, limit))
