"""The role by which the platform works: it adds evidence, and can neither change it, nor take it away, nor make a person."""

from collections.abc import AsyncIterator

import asyncpg
import pytest

from tests.clock import SetClock
from tests.people import CHEN, LIN, WANG, agree_account
from tests.people import seen as looked_at
from tests.treasury import Treasury, treasury
from zhangfang import approvals
from zhangfang.approvals import (
    ROLES,
    add_operator,
    approve_roles,
    disable_operator,
    propose_roles,
    reset_password,
    rights_of,
)
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.postgres import as_platform
from zhangfang.merchants import BankAccount
from zhangfang.payments import stop
from zhangfang.reconciliation import Cure

EVIDENCE = (
    "operator_act", "proposal", "step", "mandate_step", "channel_batch_step", "duplicate_step", "masked_voucher", "transfer",
    "refusal", "statement", "audit_result", "evidence_file", "bank_match", "file_version_line", "file_difference",
)  # fmt: skip
LINES = {"file_line": "amount", "bank_line": "amount"}


@pytest.fixture
async def platform(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(as_platform(database_url), min_size=1, max_size=2) as pool:
        yield pool


async def refused(pool: asyncpg.Pool, sql: str) -> None:
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await pool.execute(sql)


@pytest.mark.parametrize("table", EVIDENCE)
async def test_what_is_evidence_is_only_added(platform: asyncpg.Pool, table: str) -> None:
    column = await platform.fetchval(
        "SELECT column_name FROM information_schema.columns WHERE table_name = $1 LIMIT 1", table
    )
    await platform.fetch(f"SELECT * FROM {table} LIMIT 1")
    for sql in (
        f"UPDATE {table} SET {column} = {column}", f"DELETE FROM {table}", f"TRUNCATE {table}", f"DROP TABLE {table}",
        f"ALTER TABLE {table} DISABLE TRIGGER ALL",
    ):  # fmt: skip
        await refused(platform, sql)


async def test_what_a_channel_and_a_bank_said_stays_and_only_what_it_matched_is_set(
    platform: asyncpg.Pool,
) -> None:
    for table, said in LINES.items():
        await refused(platform, f"UPDATE {table} SET {said} = 1")
        await refused(platform, f"DELETE FROM {table}")
        await platform.execute(f"UPDATE {table} SET intent = NULL")
    await refused(platform, "UPDATE table_release SET rows = '[]'")


async def test_the_role_is_no_superuser_owns_nothing_and_makes_no_person(
    platform: asyncpg.Pool, clock: SetClock
) -> None:
    role = await platform.fetchrow(
        "SELECT rolsuper, rolcreaterole FROM pg_roles WHERE rolname = current_user"
    )
    assert tuple(role) == (False, False)
    owned = "SELECT count(*) FROM pg_class WHERE relowner = current_user::regrole"
    assert await platform.fetchval(owned) == 0
    for sql in (
        "DROP TRIGGER operator_act_chained ON operator_act", "DROP TRIGGER operator_act_by_another ON operator_act",
        "UPDATE act_head SET seq = 0", "SET ROLE zhangfang", "CREATE ROLE another", "SET session_replication_role = replica",
        "UPDATE role_limit SET most = 1", "UPDATE adjustment SET amount = 1",
        "UPDATE operator SET disabled_at = NULL", "INSERT INTO operator VALUES ('lin2', '', '', now())",
    ):  # fmt: skip
        await refused(platform, sql)
    for made in (add_operator(platform, clock, "lin2"), reset_password(platform, clock, "wang")):
        with pytest.raises(asyncpg.InsufficientPrivilegeError):
            await made
    with pytest.raises(asyncpg.InsufficientPrivilegeError):
        await disable_operator(platform, clock, "wang")


async def test_the_database_refuses_an_approval_by_one_person_whatever_program_writes_it(
    platform: asyncpg.Pool, database_url: str, clock: SetClock
) -> None:
    async with platform.acquire() as connection, connection.transaction():
        id_ = new_id(clock)
        said = Cure("B8")
        await approvals.propose(connection, clock, id_, "cure", "pay_1", said, LIN, "because")
    digest = (await approvals.get(platform, id_)).hash
    owner = await asyncpg.connect(database_url)
    await owner.execute("UPDATE operator SET disabled_at = now() WHERE name = 'chen'")
    await owner.close()
    for by, seen in ((LIN, digest), (CHEN, digest), ("nobody", digest), (WANG, b"\0" * 32)):
        with pytest.raises(asyncpg.CheckViolationError, match="another person"):
            await approvals.record(platform, clock, by, "approve", "pay_1", proposal=id_, digest=seen)
    await approvals.record(platform, clock, WANG, "approve", "pay_1", proposal=id_, digest=digest)
    with pytest.raises(asyncpg.UniqueViolationError):
        await approvals.record(platform, clock, WANG, "approve", "pay_1", proposal=id_, digest=digest)


async def test_the_platform_works_as_that_role(database_url: str, clock: SetClock) -> None:
    async with treasury(as_platform(database_url), clock) as house:
        await a_day(house)
        await stop(house.pool, clock, "unionpay", "purchase", "maintenance", LIN)
    owner = await asyncpg.connect(database_url)
    assert await owner.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'transfer'::regclass") > 0
    await owner.close()


async def a_day(house: Treasury) -> None:
    merchant = await house.merchant(settlement_account=None)
    await agree_account(house.desk, merchant.id, BankAccount("6222000000000026", "某公司"))
    paid = await house.paid(merchant, 10_000)
    await house.undo(merchant, paid, 1_000)


async def test_the_role_gives_roles_only_as_two_people_have_agreed(
    platform: asyncpg.Pool, clock: SetClock
) -> None:
    give = "INSERT INTO operator_role (person, roles, given_by, given_at, proposal) VALUES ($1, $2, 'x', now(), $3)"
    made = await propose_roles(platform, clock, "chen", ["auditor"], LIN, "moves to audit")
    for person, roles, proposal in (
        ("chen", ["auditor"], None), ("chen", ["auditor"], made), ("chen", ["auditor"], new_id(clock)),
    ):  # fmt: skip
        with pytest.raises(asyncpg.CheckViolationError, match="as two people have agreed"):
            await platform.execute(give, person, roles, proposal)
    await refused(platform, "UPDATE operator_role SET roles = '{admin}'")
    digest = (await approvals.get(platform, made)).hash

    async def approved_but_other(person: str, roles: list[str]) -> None:
        async with platform.acquire() as connection, connection.transaction():
            await connection.execute(give, person, roles, made)
            await approvals.record(connection, clock, WANG, "approve", "chen", proposal=made, digest=digest)

    for person, roles in (("chen", ["admin"]), ("lin", ["auditor"]), ("chen", ["auditor", "admin"])):
        with pytest.raises(asyncpg.CheckViolationError, match="as two people have agreed"):
            await approved_but_other(person, roles)
    assert (await approve_roles(platform, clock, *await looked_at(platform, made), WANG)).result == "auditor"
    assert await rights_of(platform, "chen") == ROLES["auditor"]
    with pytest.raises(asyncpg.UniqueViolationError):  # not again, whatever was given since
        await platform.execute(give, "chen", ["auditor"], made)
