"""What tests of routing share: rows of the shipped tables, changed; payments in the database; releases brought live."""

from collections.abc import Iterable
from uuid import UUID

import asyncpg

from tests.clock import SetClock
from tests.people import LIN, WANG
from zhangfang.assembly.sandbox.first_routes import proposal_of
from zhangfang.channels.port import AccountType
from zhangfang.kernel.ids import new_id
from zhangfang.routing import Kind, canary, promote, propose, replay, rows_of, write_csv

CHANNELS = ("unionpay", "chinaums", "lakala", "epcc", "cmb", "genericbank")
CARD = AccountType("personal", "I", "card")
CLASS_2 = AccountType("corporate", "basic2", "corporate")  # the product code of one bank: corporate class II
ROW = {
    "channel": "cmb", "operation": "payout", "holder": "corporate", "class": "basic2", "medium": "corporate",
    "support": "allowed", "limit_fen": "", "bound_only": "", "mark": "G",
}  # fmt: skip
_PAYMENT = """
INSERT INTO intent (
    id, kind, merchant, order_no, idempotency_key, request_digest, amount, fee, description, channel, channel_order_no,
    requested_at, business_date, template, voucher, undo_voucher, state, created_at, updated_at, account_type, product,
    mandate, agreement
) SELECT
    id, $2, 'mer_1', id::text, id::text, '', $3, 0, '', $4, id::text,
    $5::timestamptz, ($5::timestamptz)::date, 'O1', id, id, $6, $5, $5, $7, $8, $9, $10
FROM unnest($1::uuid[]) AS i (id)
"""


async def pay(
    pool: asyncpg.Pool,
    clock: SetClock,
    kind: str,
    type_: AccountType | None,
    channel: str,
    *,
    count: int = 1,
    amount: int = 12_300,
    state: str = "SUCCESS",
    product: str = "",
    mandate: UUID | None = None,
    agreement: str = "",
) -> list[UUID]:
    """Write payments as the journal has them, and return their ids."""
    ids = [new_id(clock) for _ in range(count)]
    type_text = str(type_) if type_ else ""
    await pool.execute(
        _PAYMENT, ids, kind, amount, channel, clock.now(), state, type_text, product, mandate, agreement
    )
    return ids


async def table(
    pool: asyncpg.Pool, *, without: AccountType | None = None, extra: Iterable[dict[str, str]] = ()
) -> str:
    """Return the live table of account types as CSV, without a type's rows for payouts, and with further rows."""
    left = [
        row
        for row in await rows_of(pool, Kind.ACCOUNT_TYPES)
        if row["operation"] != "payout" or (row["holder"], row["class"], row["medium"]) != without
    ]
    return write_csv(Kind.ACCOUNT_TYPES, [*left, *extra])


async def bring_live(pool: asyncpg.Pool, clock: SetClock, kind: Kind, csv: str) -> int:
    """Take a table through every step of a release by two people, and return its version."""
    version = await propose(pool, clock, kind, csv, LIN, "test")
    report = await replay(pool, clock, version, CHANNELS, LIN)
    assert not report.rejected, report
    await canary(pool, clock, version, 5, LIN)
    await promote(pool, clock, *await proposal_of(pool, version), WANG)
    return version
