"""Whatever single field of a random history is changed, some check sees it; what cannot be seen is listed with a reason."""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random
from typing import NamedTuple

import asyncpg
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.ledger import running
from tests.model.ledger_histories import DAY, START, accounts, an_id, requests
from tests.unit.verify_world import POST, SHARD, TABLES, VOID, connected, play, restore, save
from zhangfang.ledger import LedgerClient, Transfer
from zhangfang.ledger.model import NO_ID
from zhangfang_audit.verify.verify import verify

# What is not in CHANGES below, or not for every row: nothing that is stored depends on it.
UNSEEN = {
    "transfer.voucher": "what a posting belongs to is the platform's affair; `audit books` looks for its owner",
    "transfer.memo": "the same",
    "transfer.reverses": "the same",
    "transfer.kind": "names the line of a template; only of SET_FLAGS and CLOSE_PERIOD it means something here",
    "transfer.digest": "opaque: only who knows the request can tell",
    "transfer.shard": "another shard's history would have the row; both show it as a gap or a repeat",
    "transfer.timeout": "of a hold that was resolved before either deadline it had no effect",
    "refusal.id": "a refusal that nobody asks for again looks like any other",
    "refusal.digest": "opaque",
    "refusal.shard": "as good a refusal there, unless its place or moment does not fit",
    "account.limit": "a higher one allows all that a lower one allowed; only a lower one can be contradicted",
    "account.opened_at": "nothing depends on it",
    "account.shard": "the account would be another's; its entries show it here",
    "account_page.shard": "the page would be missing here, which shows",
    "head.epoch": "says who may write, not what was written",
    "head.holder": "the same",
    "head.lease_until": "the same",
    "head.shard": "the shard would have no head, which is an error of its own",
    "ledger_checkpoint.shard": "the shard would have none, and its accounts would show it",
    "ledger_hold.shard": "the hold would not be listed, which shows",
}
NOWHERE = "'01a0889d-3900-7000-8000-0000000fff00'"
OTHER = "(SELECT a.id FROM account a WHERE a.shard = t.shard AND a.id NOT IN (t.debit, t.credit) LIMIT 1)"


# A hold's accounts and amount, and a business date, show on pages and in the checkpoint; behind those nothing else has them.
PAGED = "EXISTS (SELECT FROM ledger_checkpoint c WHERE c.shard = t.shard AND c.paged >= t.seq)"
Step = str | list[tuple[int, Transfer]]  # "wait", "close", or a request


class Change(NamedTuple):
    """A field, what it becomes, and which rows have it."""

    field: str
    value: str
    rows: str = "true"


CHANGES = [
    Change("transfer.id", "overlay(t.id::text placing '4' from 15)::uuid"),
    Change("transfer.seq", "seq + 1000"),
    Change("transfer.seq", "-seq"),
    Change("transfer.debit", OTHER, PAGED),
    Change("transfer.credit", OTHER, PAGED),
    # A hold that was posted may have been larger than what was posted of it.
    Change("transfer.amount", "amount + 1",
           f"{PAGED} AND NOT EXISTS (SELECT FROM transfer p WHERE p.flags & 4 <> 0 AND p.pending_id = t.id)"),
    Change("transfer.book", "book % 3 + 1", "flags & 128 = 0"),  # a period is closed for all books
    Change("transfer.kind", "kind + 16", "flags & 192 <> 0"),
    # 1 and 16 are not among them: a chain shows in nothing but these flags.
    *(Change("transfer.flags", f"flags # {bit}") for bit in (2, 4, 8, 32, 64, 128)),
    Change("transfer.pending_id", NOWHERE),
    Change("transfer.timeout", "timeout + 1", "flags & 2 = 0"),
    # An earlier close may have reached as far as anything before the next one.
    Change("transfer.business_date", "business_date + 1", f"{PAGED} AND flags & 128 = 0"),
    Change("transfer.posted_at", "posted_at + interval '1 day'"),
    Change("transfer.debit_balance", "debit_balance + 1"),
    Change("transfer.credit_balance", "credit_balance - 1"),
    Change("refusal.result", "9"),
    Change("refusal.seq", "seq + 1000"),
    Change("refusal.refused_at", "refused_at + interval '1 day'"),
    Change("account.id", "overlay(t.id::text placing '0000' from 1)::uuid"),
    Change("account.book", "book % 3 + 1"),
    Change("account.code", "code + 1"),
    Change("account.subject", "subject || 'x'"),
    *(Change("account.flags", f"flags # {bit}") for bit in (4, 8, 16)),
    Change("account.limit", "-1"),
    *(Change(f"account.{name}", f"{name} + 1") for name in ("debits", "credits", "debits_pending", "credits_pending")),
    Change("account.as_of_seq", "as_of_seq + 1000"),
    Change("account_page.account", "(SELECT a.id FROM account a WHERE a.shard = t.shard AND a.id <> t.account LIMIT 1)"),
    *(
        Change(f"account_page.{name}", f"{name} {sign} 1")
        for sign in "+-"
        for name in ("seq", "first_seq", "debit_sum", "credit_sum", "debits", "credits", "debits_pending", "credits_pending")
    ),
    Change("account_page.business_date", "business_date + 1"),
    Change("account_page.lines", "lines || lines[cardinality(lines)] + 1"),
    Change("account_page.lines", "lines[2:]"),
    Change("head.seq", "seq + 1"),
    Change("head.seq", "seq - 1"),
    Change("head.at", "at - interval '9 days'", "seq > 0"),
    Change("head.closed_through", "date '2026-01-01'"),
    Change("ledger_checkpoint.seq", "seq - 1"),
    Change("ledger_checkpoint.seq", "seq + 1"),
    # Of a history of one entry that touches no account, no page is what a ledger from before pages has too.
    Change("ledger_checkpoint.paged", "paged - 1",
           "paged > 1 OR EXISTS (SELECT FROM account_page p WHERE p.shard = t.shard)"),
    Change("ledger_checkpoint.paged", "paged + 1"),
    Change("ledger_checkpoint.oldest_pending", "oldest_pending + 1000",
           "EXISTS (SELECT FROM ledger_hold h WHERE h.shard = t.shard)"),
    Change("ledger_hold.id", NOWHERE),
]  # fmt: skip

STEP = st.one_of(*[requests(SHARD)] * 4, st.just("wait"), st.just("close"))
DRAWN = st.lists(st.tuples(st.sampled_from(CHANGES), st.integers(0, 99)), min_size=8, max_size=8)
# A failure says which change was not seen; a shorter history would not say more, and takes minutes to find.
UNSHRUNK = [Phase.explicit, Phase.reuse, Phase.generate]


async def test_every_column_is_changed_or_listed_with_the_reason_why_not(database_url: str) -> None:
    async with connected(database_url) as connection:
        rows = await connection.fetch(
            "SELECT table_name || '.' || column_name AS field FROM information_schema.columns "
            "WHERE table_schema = 'public' AND table_name = ANY ($1) AND table_name <> 'ledger_month'",
            list(TABLES),
        )
    assert {row["field"] for row in rows} <= {change.field for change in CHANGES} | set(UNSEEN)


async def test_each_change_is_seen_in_a_history_with_entries_of_every_kind(
    database_url: str, tmp_path: Path
) -> None:
    random = Random(3)
    async with connected(database_url) as connection:
        await play(connection, database_url, tmp_path)
        await save(connection)
        for change in CHANGES:
            assert await _changed(connection, change, random.randrange(100), SHARD), change
            assert not await _clean(database_url, SHARD), change
            await restore(connection)
        assert await _clean(database_url, SHARD)


@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck), phases=UNSHRUNK)
@given(steps=st.lists(STEP, min_size=6, max_size=16), drawn=DRAWN)
def test_any_change_of_a_single_field_of_a_random_history_is_seen(
    steps: list[Step], drawn: list[tuple[Change, int]], database_url: str, tmp_path: Path
) -> None:
    asyncio.run(_try(steps, drawn, database_url, tmp_path))


async def _try(steps: Sequence[Step], drawn: Sequence[tuple[Change, int]], url: str, folder: Path) -> None:
    async with connected(url) as connection:
        await connection.execute(f"TRUNCATE {', '.join(TABLES)}")  # of the example before
        await _play(steps, url, folder)
        assert await _clean(url, SHARD)
        await save(connection)
        for change, place in drawn:
            if await _changed(connection, change, place, SHARD):
                assert not await _clean(url, SHARD), (change, place)
                await restore(connection)


async def _play(steps: Sequence[Step], url: str, folder: Path) -> None:
    """Play a random history on the writer. A reference to an earlier transfer is counted back from the last."""
    clock, numbers, days = SetClock(), count(10), count(1)
    clock.set(START)
    ledger = running(url, folder / "l.sock", clock, SHARD)
    async with LedgerClient(folder / "l.sock", deadline=60) as client:
        await client.create_accounts(accounts(SHARD))
        for step in steps:
            if step == "wait":
                clock.advance(seconds=2)
            elif isinstance(step, str):
                id_ = an_id(next(numbers))
                await client.close_period(DAY - timedelta(days=40 - next(days)), id_=id_, voucher=id_)
            else:
                await client.create_transfers([_named(one, back, next(numbers)) for back, one in step])
        await ledger.stop(clean=True)


def _named(one: Transfer, back: int, number: int) -> Transfer:
    pending = an_id(max(number - back, 10)) if one.flags & (POST | VOID) else one.pending_id
    return replace(one, id=an_id(number) if one.id == NO_ID else one.id, pending_id=pending)


async def _changed(connection: asyncpg.Connection, change: Change, place: int, shard: int) -> bool:
    """Change a row of those that have the field; False where there is none, or it cannot be stored so."""
    table, column = change.field.split(".")
    of_shard = f"FROM {table} t WHERE t.shard = $1 AND {change.rows}"
    rows = await connection.fetchval(f"SELECT count(*) {of_shard}", shard)
    if not rows:
        return False
    try:
        done = await connection.execute(
            f'UPDATE {table} t SET "{column}" = {change.value} WHERE (t.tableoid, t.ctid) = '
            f"(SELECT t.tableoid, t.ctid {of_shard} ORDER BY t.ctid OFFSET $2 LIMIT 1)",
            shard,
            place % rows,
        )
    except (asyncpg.UniqueViolationError, asyncpg.NumericValueOutOfRangeError):
        return False
    assert done == "UPDATE 1"
    return True


async def _clean(url: str, shard: int) -> bool:
    (found,) = await verify(url, shard, lambda *_: None, part=7)
    return found.found.ok
