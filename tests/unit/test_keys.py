"""A key that was rotated can be retired: everything is sealed again, and nothing is retired that is still needed."""

from collections.abc import AsyncIterator
from pathlib import Path
from uuid import uuid4

import asyncpg
import pytest

from tests.clock import SetClock
from tests.desk import PAYER, open_shop
from tests.mandates import sign
from tests.people import LIN, WANG, bound, seen
from tests.webhooks import LAST
from zhangfang import approvals, webhooks
from zhangfang.assembly.resealing import SEALED, KeyInUse, reseal, retire_key, versions
from zhangfang.batches import Upload, load
from zhangfang.channels.port import Operation
from zhangfang.merchants import BankAccount, NewMerchant, create_merchant, settlement_account_of
from zhangfang.payments import approve_own_account, propose_own_account
from zhangfang.reconciliation import Cure
from zhangfang.vault import InvalidToken, KeyFileError, Vault, create_key_file, key_versions, retire, rotate

ACCOUNT = BankAccount("6222021234567890123", "杭州西湖茶叶有限公司", "corporate", "招商银行杭州分行")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(database_url, min_size=1, max_size=4) as opened:
        yield opened


@pytest.fixture
def file(tmp_path: Path) -> Path:
    create_key_file(tmp_path / "vault.json")
    return tmp_path / "vault.json"


async def test_every_column_of_tokens_is_in_the_list(pool: asyncpg.Pool) -> None:
    rows = await pool.fetch(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = 'public' AND data_type = 'text' AND column_name LIKE '%token'"
    )
    assert {tuple(row) for row in rows} == {(sealed.table, sealed.column) for sealed in SEALED}


async def filled(pool: asyncpg.Pool, vault: Vault, clock: SetClock) -> str:
    """Seal something in every table, by the code that does it or as it does it; return the merchant."""
    merchant = (await create_merchant(pool, vault, clock, NewMerchant("tea", settlement_account=ACCOUNT))).id
    await bound(pool, merchant)
    await webhooks.add(pool, vault, clock, merchant, "https://shop.example/")
    await pool.executemany(
        """INSERT INTO batch_item (batch, line, order_no, amount, account_token, state)
        VALUES ($1, $2, '', 1, $3, 'WAITING')""",
        [(LAST, n, vault.seal("6222021234567890123", "account")) for n in range(1203)],
    )
    return merchant


async def work(pool: asyncpg.Pool, vault: Vault) -> int:
    return sum([tokens async for _, tokens in reseal(pool, vault)])


async def test_what_an_old_key_sealed_is_sealed_again_and_only_then_the_key_goes(
    pool: asyncpg.Pool, file: Path, clock: SetClock
) -> None:
    vault = Vault(file)
    merchant = await filled(pool, vault, clock)
    assert rotate(file) == 2
    with pytest.raises(KeyInUse, match="1205 tokens"):
        await retire_key(pool, file, 1)
    portions = reseal(pool, vault)
    while (await anext(portions))[0] != "batch_item":
        pass
    await portions.aclose()  # it is stopped in the middle
    assert await versions(pool) == {1: 703, 2: 502}
    assert await work(pool, vault) == 703, "and goes on where it was"
    assert await work(pool, vault) == 0
    await retire_key(pool, file, 1)
    assert key_versions(file) == (2, [2])
    anew = Vault(file)
    assert await settlement_account_of(pool, anew, merchant) == ACCOUNT
    tokens = await pool.fetch("SELECT account_token FROM batch_item")
    assert {anew.open(row["account_token"], "account") for row in tokens} == {"6222021234567890123"}


def test_a_running_process_seals_with_the_new_key_as_soon_as_there_is_one(file: Path) -> None:
    running = Vault(file)
    old = running.seal("a", "purpose")
    rotate(file)
    assert (Vault.version_of(old), Vault.version_of(running.seal("a", "purpose"))) == (1, 2)
    file.rename(file.with_suffix(".away"))
    assert Vault.version_of(running.seal("a", "purpose")) == 2, "it works on if the file is away"
    assert running.open(old, "purpose") == "a"


async def test_a_token_that_opens_for_no_purpose_stops_the_work_and_keeps_the_key(
    pool: asyncpg.Pool, file: Path, clock: SetClock
) -> None:
    vault = Vault(file)
    await filled(pool, vault, clock)
    await pool.execute("UPDATE webhook_endpoint SET secret_token = $1", vault.seal("x", f"another/{uuid4()}"))
    rotate(file)
    with pytest.raises(InvalidToken):
        await work(pool, vault)
    with pytest.raises(KeyInUse):
        await retire_key(pool, file, 1)


@pytest.mark.parametrize("version", [2, 3, 0])
def test_the_key_that_seals_and_one_that_is_not_there_cannot_be_retired(file: Path, version: int) -> None:
    rotate(file)
    with pytest.raises(KeyFileError, match=r"one of \[1\]"):
        retire(file, version)


async def test_whatever_the_platform_seals_can_be_sealed_again(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    async def lines() -> AsyncIterator[bytes]:
        yield f"order_no,amount,number,name\nB-1,1,{PAYER.number},{PAYER.name}\n".encode()

    async with open_shop(database_url, tmp_path, clock) as shop:
        desk, merchant = shop.desk, await shop.merchant()
        await shop.ask(merchant, Operation.COLLECTION, "P1", 1000)
        await sign(desk, merchant.id, PAYER)
        await load(desk.pool, desk.vault, desk.clock, merchant, Upload("B1", "csv", 1, 1), lines())
        await filled(desk.pool, desk.vault, clock)
        named = await propose_own_account(desk.pool, desk.vault, clock, PAYER, LIN, "our bank")
        before = await versions(desk.pool)
        rotate(tmp_path / "vault.json")
        done = {table async for table, tokens in reseal(desk.pool, desk.vault) if tokens}
        assert done == {sealed.table for sealed in SEALED}
        assert await versions(desk.pool) == {2: before[1]}
        await retire_key(desk.pool, tmp_path / "vault.json", 1)
        fresh = Vault(tmp_path / "vault.json")  # what was proposed before can still be carried out
        await approve_own_account(desk.pool, fresh, clock, *await seen(desk.pool, named), WANG)


async def test_a_key_stays_while_an_open_proposal_holds_what_it_sealed(
    pool: asyncpg.Pool, file: Path, clock: SetClock
) -> None:
    said = Cure("X4", account=Vault(file).seal("6222021234567890123", "account"), tail="0123")
    id_ = uuid4()
    async with pool.acquire() as db, db.transaction():
        await approvals.propose(db, clock, id_, "cure", "a break", said, LIN, "it came from nobody")
    rotate(file)
    assert (await versions(pool))[1] == 1
    with pytest.raises(KeyInUse, match="open proposals hold 1 tokens of it; decide or withdraw them first"):
        await retire_key(pool, file, 1)
    await approvals.withdraw(pool, clock, id_, LIN)
    await retire_key(pool, file, 1)
