"""Who is this merchant, and may they be paid?"""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

import asyncpg

from zhangfang.channels.port import PAY_INS
from zhangfang.closing.trial import Balance
from zhangfang.kernel.sql import load

queries = load(__package__, "merchants.sql")


@dataclass(frozen=True, slots=True)
class MerchantRow:
    """A merchant and what the books owe it: pending (2321) and available (2322)."""

    id: str
    external_ref: str | None
    name: str
    state: str
    auto_payout: bool
    cycle: str
    keep_fee_on_refund: bool
    created_at: datetime
    account_tail: str | None
    account_name: str | None
    account_bank: str | None
    account_agreed: bool
    pending_fen: int
    available_fen: int


@dataclass(frozen=True, slots=True)
class SettlementRow:
    """One batch that made money available to a merchant, by its voucher; what its money parts mean: `settlement.rules`."""

    id: UUID
    merchant: str
    run_date: date
    amount: int
    lines: int
    posted_at: datetime | None
    voucher: UUID
    payout: UUID | None
    carried: int
    owed: int
    recovered: int
    reserved: int
    release_on: date | None
    release: UUID | None
    released: int
    absorbed: int


@dataclass(frozen=True, slots=True)
class SettledLine:
    """A payment or a refund in a batch, or a part of another merchant's; `id` is the payment's or the refund's.

    `undone`: it failed after an earlier batch had taken it. `shared` goes to receivers (below zero) or comes back from them.
    """

    line: UUID
    id: UUID
    kind: str
    order_no: str
    created_at: datetime
    amount: int
    fee: int
    undone: bool
    shared: int

    @property
    def net(self) -> int:
        """Return what the line brings the merchant, in fen."""
        if self.kind in (*PAY_INS, "part"):
            return self.amount - self.fee + self.shared
        taken = self.fee - self.amount + self.shared
        return -taken if self.undone else taken


@dataclass(frozen=True, slots=True)
class StatementRow:
    """One released statement of a merchant."""

    business_date: date
    opening: int
    closing: int
    lines: int


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """Where a merchant is told of events, since when one waits there, and how many were given up."""

    id: UUID
    url: str
    enabled: bool
    rest_until: datetime | None
    waiting_since: datetime | None
    failed: int


async def merchants(pool: asyncpg.Pool, today: date) -> tuple[MerchantRow, ...]:
    """Return all merchants by their code, with today's terms and what the books owe them now."""
    return tuple(MerchantRow(**row) for row in await pool.fetch(queries.listed, None, today))


async def merchant(pool: asyncpg.Pool, id_: str, today: date) -> MerchantRow | None:
    """Return one merchant."""
    row = await pool.fetchrow(queries.listed, id_, today)
    return MerchantRow(**row) if row else None


async def accounts(pool: asyncpg.Pool, id_: str) -> tuple[Balance, ...]:
    """Return the merchant's accounts with everything that ever moved on them."""
    return tuple(Balance(**row) for row in await pool.fetch(queries.accounts, id_))


async def endpoints(pool: asyncpg.Pool, id_: str) -> tuple[EndpointRow, ...]:
    """Return the merchant's endpoints, oldest first."""
    return tuple(EndpointRow(**row) for row in await pool.fetch(queries.endpoints, id_))


async def settlements(pool: asyncpg.Pool, id_: str, limit: int = 10) -> tuple[SettlementRow, ...]:
    """Return the newest batches that made money available."""
    return tuple(SettlementRow(**row) for row in await pool.fetch(queries.settlements, id_, limit))


async def settlement(pool: asyncpg.Pool, id_: UUID) -> SettlementRow | None:
    """Return one batch."""
    row = await pool.fetchrow(queries.settlement, id_)
    return SettlementRow(**row) if row else None


async def settlement_lines(pool: asyncpg.Pool, id_: UUID, limit: int) -> tuple[SettledLine, ...]:
    """Return up to `limit` lines of a batch, oldest first."""
    return tuple(SettledLine(**row) for row in await pool.fetch(queries.settlement_lines, id_, limit))


async def statements(pool: asyncpg.Pool, id_: str, limit: int = 10) -> tuple[StatementRow, ...]:
    """Return the newest released statements."""
    return tuple(StatementRow(**row) for row in await pool.fetch(queries.statements, id_, limit))
