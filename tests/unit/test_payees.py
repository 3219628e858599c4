"""A payment goes to the account it was asked for: a token that was moved to another row sends nothing and fails nothing."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.batch_bank import batch_bank
from tests.batch_bank import settle_down as settle_batches
from tests.clock import SetClock
from tests.desk import PAYER, Shop, open_shop
from tests.people import LIN, agree_account
from tests.unit.test_batch_path import HEADER, lines, states, submit
from zhangfang.channels.port import Operation, PartyAccount
from zhangfang.merchants import settlement_account_of
from zhangfang.merchants.model import BankAccount
from zhangfang.payments import Intent, State, refuse_parked
from zhangfang.payments.sealing import WrongAccount, account_of, seal, unseal
from zhangfang.vault import InvalidToken

OTHER = PartyAccount("6222029999999990008", "李四")
MOVED = ("account_token", "account_token, account_tail", "account_token, account_tail, request_digest")


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as shop:
        yield shop


async def swap(shop: Shop, one: Intent, other: Intent, columns: str) -> None:
    """Do what somebody does who can write to the database: exchange columns of two rows."""
    values = ", ".join(f"b.{name}" for name in columns.split(", "))
    await shop.desk.pool.execute(
        f"UPDATE intent a SET ({columns}) = ROW({values}) FROM intent b WHERE a.id <> b.id"
        " AND a.id = ANY($1::uuid[]) AND b.id = ANY($1::uuid[])",
        [one.id, other.id],
    )


async def reseal_as_before(shop: Shop, *intents: Intent) -> None:
    """Give rows the tokens that earlier releases made, which open in any row."""
    for intent in intents:
        account = account_of(shop.desk.vault, intent)
        assert account is not None
        token = shop.desk.vault.seal(_json(account), "account")
        await shop.desk.pool.execute("UPDATE intent SET account_token = $2 WHERE id = $1", intent.id, token)


def _json(account: PartyAccount) -> str:
    import msgspec

    return msgspec.json.encode(account).decode()


def test_a_token_opens_in_its_own_row_only_and_one_of_an_earlier_release_in_any(tmp_path: Path) -> None:
    from zhangfang.vault import Vault, create_key_file

    create_key_file(tmp_path / "vault.json")
    vault = Vault(tmp_path / "vault.json")
    token = seal(vault, PAYER, "mer_a", "row")
    assert unseal(vault, token, "mer_a", "row") == PAYER
    for merchant, row in (("mer_b", "row"), ("mer_a", "other"), ("mer_a/row", "")):
        with pytest.raises(WrongAccount, match="does not open"):
            unseal(vault, token, merchant, row)
    assert unseal(vault, vault.seal(_json(PAYER), "account"), "mer_a", "row") == PAYER


@pytest.mark.parametrize("columns", MOVED)
@pytest.mark.parametrize("earlier", [False, True])
async def test_exchanged_tokens_send_nothing_and_once_put_right_each_payee_is_paid(
    shop: Shop, columns: str, *, earlier: bool
) -> None:
    merchant = await shop.merchant(available=10_000)
    shop.cmb.on_send = {"a": ["not_sent"], "b": ["not_sent"]}
    one = await shop.ask(merchant, Operation.PAYOUT, "a", 1_000)
    other = await shop.ask(merchant, Operation.PAYOUT, "b", 2_000, account=OTHER)
    if earlier:
        await reseal_as_before(shop, one, other)
    await swap(shop, one, other, columns)
    await shop.settle_down(rounds=4)
    assert not shop.cmb.sent, "nothing is sent to anybody"
    for intent in (one, other):
        now = await shop.reload(intent)
        assert now.state is State.PARKED, "and nothing has failed"
        assert "the account of" in (now.message or "")
    assert (await shop.balances(merchant.id))[2322] == 10_000 - 3_000 - 100, "its money is held"
    await swap(shop, one, other, columns)
    await shop.settle_down()
    payees = {order.key: order.account.number for (order,) in shop.cmb.sent.values() if order.account}
    assert payees == {"a": PAYER.number, "b": OTHER.number}


async def test_a_person_can_end_a_payout_whose_account_was_exchanged(shop: Shop) -> None:
    merchant = await shop.merchant(available=10_000)
    shop.cmb.on_send = {"a": ["not_sent"]}
    intent = await shop.ask(merchant, Operation.PAYOUT, "a", 1_000)
    await shop.desk.pool.execute("UPDATE intent SET account_tail = '0000'")
    await shop.settle_down(rounds=3)
    await refuse_parked(shop.desk, intent.id, LIN, "the row was tampered with", 10**9)
    assert (await shop.reload(intent)).state is State.REFUSED
    assert (await shop.balances(merchant.id))[2322] == 10_000


async def test_a_lost_collection_is_not_sent_again_to_another_account_and_stays_unknown(shop: Shop) -> None:
    merchant = await shop.merchant()
    shop.unionpay.on_send["a"] = ["lost_request"]
    intent = await shop.ask(merchant, Operation.COLLECTION, "a", 1_000)
    token = intent.account_token
    await shop.desk.pool.execute(
        "UPDATE intent SET account_token = $1", seal(shop.desk.vault, OTHER, merchant.id, "elsewhere")
    )
    await shop.settle_down(rounds=30)
    assert len(shop.unionpay.sent[intent.channel_order_no]) == 1
    assert (await shop.reload(intent)).state is State.UNKNOWN
    await shop.desk.pool.execute("UPDATE intent SET account_token = $1", token)
    await shop.settle_down()
    assert (await shop.reload(intent)).state is State.SUCCESS
    assert {order.account for order in shop.unionpay.sent[intent.channel_order_no]} == {PAYER}


async def test_tokens_exchanged_between_lines_of_a_batch_refuse_these_lines(shop: Shop) -> None:
    merchant, bank = await shop.merchant(), batch_bank(shop)
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(8))))
    await shop.desk.pool.execute(
        "UPDATE batch_item a SET account_token = b.account_token FROM batch_item b"
        " WHERE (a.line, b.line) IN ((2, 3), (3, 2))"
    )
    await settle_batches(shop)
    assert await states(shop, batch) == {"SUCCESS": 6, "REFUSED": 2}
    codes = await shop.desk.pool.fetch("SELECT DISTINCT code FROM batch_item WHERE line IN (2, 3)")
    assert [row["code"] for row in codes] == ["account_damaged"]
    assert len([1 for sent in bank.sent_batches for _ in sent.orders]) == 6


async def test_an_item_whose_account_was_exchanged_leaves_its_batch_and_is_parked(shop: Shop) -> None:
    merchant, bank = await shop.merchant(), batch_bank(shop)
    batch, _ = await submit(shop, merchant, HEADER + "".join(lines(range(8))))
    await batches_portion(shop)
    wrong = seal(shop.desk.vault, OTHER, merchant.id, "elsewhere")
    await shop.desk.pool.execute("UPDATE intent SET account_token = $1 WHERE order_no = 'O-3'", wrong)
    await settle_batches(shop)
    assert await states(shop, batch) == {"SUCCESS": 7, "PARKED": 1}
    assert not bank.sent_batches
    intent = Intent.of(await shop.desk.pool.fetchrow("SELECT * FROM intent WHERE order_no = 'O-3'"))
    await refuse_parked(shop.desk, intent.id, LIN, "the row was tampered with", 10**9)
    assert (await shop.reload(intent)).state is State.REFUSED


async def batches_portion(shop: Shop) -> None:
    """Let the items become intents, and send nothing yet."""
    from zhangfang.batches import batch_job
    from zhangfang.kernel.driver import run_due

    await run_due(shop.desk.pool, shop.clock.now(), batch_job(shop.desk))


async def test_a_settlement_account_opens_in_its_own_row_only(shop: Shop) -> None:
    merchant = await shop.merchant()
    first = BankAccount("6222020000000000018", "甲公司")
    await agree_account(shop.desk, merchant.id, first)
    assert await settlement_account_of(shop.desk.pool, shop.desk.vault, merchant.id) == first
    rows: list[Any] = await shop.desk.pool.fetch("SELECT id, token FROM settlement_account ORDER BY id")
    for row in rows:  # back to the account that was replaced, of the same merchant
        other = next(one["token"] for one in rows if one["id"] != row["id"])
        await shop.desk.pool.execute(
            "UPDATE settlement_account SET token = $2 WHERE id = $1", row["id"], other
        )
    with pytest.raises(InvalidToken):
        await settlement_account_of(shop.desk.pool, shop.desk.vault, merchant.id)


async def test_an_old_settlement_token_opens_but_only_as_the_account_of_its_row(shop: Shop) -> None:
    import json
    from dataclasses import asdict

    merchant, vault = await shop.merchant(), shop.desk.vault
    held = await settlement_account_of(shop.desk.pool, vault, merchant.id)

    async def becomes(account: BankAccount) -> None:
        token = vault.seal(json.dumps(asdict(account)), f"settlement_account/{merchant.id}")
        await shop.desk.pool.execute("UPDATE settlement_account SET token = $1", token)

    await becomes(held)
    assert await settlement_account_of(shop.desk.pool, vault, merchant.id) == held
    await becomes(replace(held, number="6222020000000000018"))
    with pytest.raises(InvalidToken, match="of another account"):
        await settlement_account_of(shop.desk.pool, vault, merchant.id)
