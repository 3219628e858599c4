import asyncio
import hashlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG, agree_account, seen
from zhangfang.approvals import NoProposal
from zhangfang.fees import fee
from zhangfang.kernel.database import connect
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.masking import masked_name
from zhangfang.merchants import (
    ApiKeys,
    BankAccount,
    FeeKind,
    FeeRule,
    Merchant,
    MerchantDiffers,
    MerchantState,
    NewMerchant,
    NoSettlementAccount,
    UnknownApiKey,
    UnknownMerchant,
    approve_account,
    create_api_key,
    create_merchant,
    find_merchant,
    get_merchant,
    list_api_keys,
    list_merchants,
    propose_account,
    revoke_api_key,
    settlement_account,
    settlement_account_of,
)
from zhangfang.merchants.rules import check_account, check_new, check_rule
from zhangfang.vault import InvalidToken, Vault, create_key_file

TODAY = date(2026, 9, 1)  # of the clock
NOBODY = "mer_" + "0" * 26
ACCOUNT = BankAccount("6222021234567890123", "杭州西湖茶叶有限公司", "corporate", "招商银行杭州分行")
PURCHASE = FeeRule(FeeKind.PURCHASE, 6000)
PAYOUT = FeeRule(FeeKind.PAYOUT, 0, fixed_fen=100)
TEA = NewMerchant(
    "西湖茶叶", "M001", auto_payout=True, fee_rules=(PURCHASE, PAYOUT), settlement_account=ACCOUNT
)


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    pool = await connect(database_url)
    yield pool
    await pool.close()


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    create_key_file(tmp_path / "vault.json")
    return Vault(tmp_path / "vault.json")


@pytest.fixture
async def tea(pool: asyncpg.Pool, vault: Vault, clock: SetClock) -> Merchant:
    return await create_merchant(pool, vault, clock, TEA)


async def all_text(pool: asyncpg.Pool) -> str:
    """Return every row of the merchants' tables as text, to see what is kept in the clear."""
    tables = ("merchant", "fee_rule", "settlement_account", "api_key")
    return "".join(
        [str([tuple(row) for row in await pool.fetch(f"SELECT * FROM {name}")]) for name in tables]
    )


# Fees


@pytest.mark.parametrize(
    ("rule", "amount", "expected"),
    [
        (PURCHASE, 10_000, 60),
        (PURCHASE, 83, 0),  # 0.498 fen
        (PURCHASE, 84, 1),  # 0.504
        (FeeRule(FeeKind.PURCHASE, 5000), 100, 1),  # exactly half: up
        (FeeRule(FeeKind.PURCHASE, 5000), 99, 0),
        (FeeRule(FeeKind.PURCHASE, 6000, min_fen=10), 100, 10),
        (FeeRule(FeeKind.PURCHASE, 6000, max_fen=50), 10_000, 50),
        (FeeRule(FeeKind.PURCHASE, 6000, fixed_fen=30), 10_000, 90),
        (FeeRule(FeeKind.PURCHASE, 6000, fixed_fen=30, max_fen=80), 10_000, 80),
        (FeeRule(FeeKind.COLLECTION, 0, fixed_fen=200), 150, 150),  # a pay-in cannot cost more than it brings
        (FeeRule(FeeKind.COLLECTION, 0, min_fen=200), 150, 150),
        (FeeRule(FeeKind.PAYOUT, 0, fixed_fen=200), 150, 200),  # a payout's fee stands beside it
        (FeeRule(FeeKind.PURCHASE, 1_000_000), 999_999_999_999, 999_999_999_999),
        (FeeRule(FeeKind.PURCHASE, 0), 1, 0),
    ],
)
def test_a_fee_is_rounded_half_up_and_kept_within_its_bounds(
    rule: FeeRule, amount: int, expected: int
) -> None:
    assert fee(rule, amount) == expected


# Creating, finding


async def test_a_merchant_is_created_with_all_that_was_asked(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock, tea: Merchant
) -> None:
    assert tea.id.startswith("mer_")
    assert len(tea.id) == 30
    assert tea == Merchant(
        tea.id, "M001", "西湖茶叶", MerchantState.ACTIVE, True, 1, False, clock.now(), (PAYOUT, PURCHASE)
    )
    assert await get_merchant(pool, tea.id) == tea == await find_merchant(pool, "M001")
    assert (await settlement_account(pool, tea.id)) is not None
    with pytest.raises(NoSettlementAccount, match="two people have agreed on"):
        await settlement_account_of(pool, vault, tea.id)


async def test_creating_it_again_gives_the_same_merchant_and_nothing_twice(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock, tea: Merchant
) -> None:
    before = await all_text(pool)
    clock.advance(hours=1)
    assert await create_merchant(pool, vault, clock, TEA) == tea
    assert await create_merchant(pool, vault, clock, replace(TEA, settlement_account=None)) == tea
    assert await all_text(pool) == before


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("name", "龙井茶叶"),
        ("auto_payout", False),
        ("settlement_days", 2),
        ("keep_fee_on_refund", True),
        ("fee_rules", (replace(PURCHASE, rate_ppm=6001),)),
        ("settlement_account", replace(ACCOUNT, number="6222021234567890124")),
    ],
)
async def test_the_same_ref_with_other_contents_names_the_field_and_changes_nothing(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock, tea: Merchant, field: str, value: Any
) -> None:
    before = await all_text(pool)
    with pytest.raises(MerchantDiffers, match=f"M001.* its {field} differs") as caught:
        await create_merchant(pool, vault, clock, replace(TEA, **{field: value}))
    assert caught.value.field == field
    assert await all_text(pool) == before


async def test_many_who_create_the_same_at_once_get_one_merchant(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock
) -> None:
    made = await asyncio.gather(*[create_merchant(pool, vault, clock, TEA) for _ in range(12)])
    assert len({merchant.id for merchant in made}) == 1
    assert len(await list_merchants(pool)) == 1


async def test_without_a_ref_every_creation_is_another_merchant(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock
) -> None:
    new = NewMerchant("茶")
    assert (await create_merchant(pool, vault, clock, new)).id != (
        await create_merchant(pool, vault, clock, new)
    ).id


async def test_the_list_goes_through_all_merchants_page_by_page(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock
) -> None:
    made = []
    for n in range(5):
        clock.advance(seconds=1)
        made.append(await create_merchant(pool, vault, clock, replace(TEA, external_ref=f"M{n}")))
    first = await list_merchants(pool, limit=2)
    rest = await list_merchants(pool, after=first[-1].id)
    assert first + rest == made
    assert await list_merchants(pool, after=made[-1].id) == []


async def test_an_unknown_merchant_is_named_everywhere(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock
) -> None:
    for call in (
        get_merchant(pool, NOBODY),
        propose_account(pool, vault, clock, NOBODY, ACCOUNT, LIN, "as agreed"),
        create_api_key(pool, clock, NOBODY),
    ):
        with pytest.raises(UnknownMerchant, match=NOBODY):
            await call
    assert await find_merchant(pool, "M999") is None
    assert await find_merchant(pool, "M\x00\ud800") is None


async def test_text_that_is_no_merchant_id_is_refused_by_name(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock
) -> None:
    for text in ("", "mer_", "M001", NOBODY + "0", "pay_" + "0" * 26, "mer_" + "\x00" * 26, "\ud800"):
        for call in (
            get_merchant(pool, text),
            propose_account(pool, vault, clock, text, ACCOUNT, LIN, "as agreed"),
            create_api_key(pool, clock, text),
        ):
            with pytest.raises(InvalidInput, match=r"^merchant: got"):
                await call


@pytest.mark.parametrize(
    ("after", "limit", "field"), [("x", 1, "after"), ("", 0, "limit"), ("", 201, "limit")]
)
async def test_a_page_out_of_range_is_refused_by_name(
    pool: asyncpg.Pool, after: str, limit: int, field: str
) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: got"):
        await list_merchants(pool, after, limit)


# Bad input


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "x" * 101}, "name"),
        ({"name": " x"}, "name"),
        ({"name": "a\x00b"}, "name"),
        ({"name": "a\nb"}, "name"),
        ({"name": "a\ud800"}, "name"),
        ({"external_ref": ""}, "external_ref"),
        ({"external_ref": "M 1"}, "external_ref"),
        ({"external_ref": "."}, "external_ref"),
        ({"external_ref": ".."}, "external_ref"),
        ({"external_ref": "mer_01hgw2bbg00000000000000000"}, "external_ref"),
        ({"external_ref": "M1\n"}, "external_ref"),
        ({"external_ref": "x" * 41}, "external_ref"),
        ({"settlement_days": -1}, "settlement_days"),
        ({"settlement_days": 31}, "settlement_days"),
        ({"fee_rules": (PURCHASE, replace(PURCHASE, rate_ppm=1))}, "fee_rules"),
        ({"fee_rules": (replace(PURCHASE, rate_ppm=-1),)}, "rate_ppm"),
        ({"settlement_account": replace(ACCOUNT, number="")}, "account.number"),
    ],
)
def test_a_merchant_with_a_field_out_of_range_is_refused_by_name(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_new(replace(TEA, **change))
    assert caught.value.field == field


async def test_what_is_out_of_range_leaves_nothing_behind(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock, tea: Merchant
) -> None:
    before = await all_text(pool)
    bad_rule, bad_account = replace(PAYOUT, rate_ppm=-1), replace(ACCOUNT, medium="")
    for call in (
        create_merchant(
            pool, vault, clock, replace(TEA, external_ref="M002", fee_rules=(PURCHASE, bad_rule))
        ),
        create_merchant(
            pool, vault, clock, replace(TEA, external_ref="M002", settlement_account=bad_account)
        ),
        propose_account(pool, vault, clock, tea.id, bad_account, LIN, "as agreed"),
    ):
        with pytest.raises(InvalidInput):
            await call
    assert await all_text(pool) == before


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"rate_ppm": 1_000_001}, "rate_ppm"),
        ({"fixed_fen": -1}, "fixed_fen"),
        ({"fixed_fen": 10**12}, "fixed_fen"),
        ({"min_fen": -1}, "min_fen"),
        ({"min_fen": 5, "max_fen": 4}, "max_fen"),
        ({"max_fen": 10**12}, "max_fen"),
    ],
)
def test_a_fee_rule_out_of_range_is_refused_by_name(change: dict[str, int], field: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_rule(replace(PURCHASE, **change))  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"number": "1234567"}, "account.number"),
        ({"number": "1" * 33}, "account.number"),
        ({"number": "62220212345678901a"}, "account.number"),
        ({"number": "٦٢٢٢٠٢١٢٣٤"}, "account.number"),
        ({"number": "12345678\n"}, "account.number"),
        ({"name": ""}, "account.name"),
        ({"name": "张\x7f三"}, "account.name"),
        ({"medium": "credit"}, "account.medium"),
        ({"bank": "x" * 61}, "account.bank"),
    ],
)
def test_an_account_out_of_range_is_refused_by_name_and_never_shown(
    change: dict[str, str], field: str
) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_account(replace(ACCOUNT, **change))
    assert caught.value.field == field
    assert not any(value in str(caught.value) for value in change.values() if value)


def test_the_least_that_a_merchant_needs_is_a_name() -> None:
    check_new(NewMerchant("茶"))


# Settlement account


async def test_an_account_is_kept_sealed_and_shown_masked(
    pool: asyncpg.Pool, vault: Vault, tea: Merchant
) -> None:
    held = await settlement_account(pool, tea.id)
    assert held is not None
    assert (held.tail, held.name_masked, held.bank, held.medium) == (
        "0123",
        "杭**",
        ACCOUNT.bank,
        "corporate",
    )
    kept = await all_text(pool) + repr(ACCOUNT) + repr(TEA)
    assert ACCOUNT.number not in kept
    assert ACCOUNT.name not in kept
    assert repr(ACCOUNT) == "BankAccount(number='622202****0123')"


@pytest.mark.parametrize(
    ("name", "shown"), [("张三", "张**"), ("欧阳小明", "欧**"), ("张", "**"), ("ACME", "A**")]
)
def test_of_a_name_its_first_character_is_shown(name: str, shown: str) -> None:
    assert masked_name(name) == shown


@dataclass
class Counter:
    """What an agreement takes."""

    pool: asyncpg.Pool
    vault: Vault
    clock: SetClock


@pytest.fixture
def counter(pool: asyncpg.Pool, vault: Vault, clock: SetClock) -> Counter:
    return Counter(pool, vault, clock)


async def test_the_account_that_it_was_created_with_counts_when_two_people_have_agreed(
    counter: Counter, tea: Merchant
) -> None:
    before = await settlement_account(counter.pool, tea.id)
    counter.clock.advance(hours=1)
    for _ in range(2):  # agreed on again, the same account is the same row
        await agree_account(counter, tea.id)
        assert await settlement_account_of(counter.pool, counter.vault, tea.id) == ACCOUNT
    after = await settlement_account(counter.pool, tea.id)
    assert before
    assert after == replace(before, agreed_by="lin and wang")
    assert await counter.pool.fetchval("SELECT count(*) FROM settlement_account") == 1


async def test_another_account_takes_its_place_and_the_former_is_kept(
    counter: Counter, tea: Merchant
) -> None:
    other = BankAccount("6217001234567890", "李四", "card")
    await agree_account(counter, tea.id)
    made = await propose_account(
        counter.pool, counter.vault, counter.clock, tea.id, other, LIN, "as they wrote"
    )
    assert await settlement_account_of(counter.pool, counter.vault, tea.id) == ACCOUNT, "until it is approved"
    await approve_account(counter.pool, counter.vault, counter.clock, *await seen(counter.pool, made), WANG)
    assert await settlement_account_of(counter.pool, counter.vault, tea.id) == other
    rows = await counter.pool.fetch(
        "SELECT tail, replaced_at FROM settlement_account WHERE replaced_at IS NOT NULL"
    )
    assert [tuple(row) for row in rows] == [("0123", counter.clock.now())]
    kept = "".join(str(tuple(row)) for row in await counter.pool.fetch("SELECT * FROM proposal"))
    assert other.number not in kept + await all_text(counter.pool)


async def test_one_change_of_an_account_waits_at_a_time(counter: Counter, tea: Merchant) -> None:
    args = counter.pool, counter.vault, counter.clock, tea.id
    accounts = [replace(ACCOUNT, number=f"622202000000{n:04}") for n in range(4)]
    made = await asyncio.gather(
        *[propose_account(*args, one, LIN, "as they wrote") for one in accounts], return_exceptions=True
    )
    assert sum(isinstance(one, NoProposal) for one in made) == 3


async def test_no_program_binds_an_account_without_the_two(counter: Counter, tea: Merchant) -> None:
    with pytest.raises(
        asyncpg.CheckViolationError, match="needs a proposal that another person has approved"
    ):
        await counter.pool.execute("UPDATE settlement_account SET agreed_by = 'lin and wang'")


async def test_a_token_copied_to_another_merchant_does_not_open(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock, tea: Merchant
) -> None:
    thief = await create_merchant(pool, vault, clock, replace(TEA, external_ref="M002"))
    await agree_account(Counter(pool, vault, clock), tea.id)
    await pool.execute(
        "UPDATE settlement_account SET token = (SELECT token FROM settlement_account WHERE merchant = $1)"
        " WHERE merchant = $2",
        thief.id,
        tea.id,
    )
    with pytest.raises(InvalidToken):
        await settlement_account_of(pool, vault, tea.id)


async def test_the_same_number_at_two_merchants_is_found_by_its_fingerprint(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock, tea: Merchant
) -> None:
    second = await create_merchant(
        pool,
        vault,
        clock,
        replace(TEA, external_ref="M002", settlement_account=replace(ACCOUNT, name="别人")),
    )
    one, two = await settlement_account(pool, tea.id), await settlement_account(pool, second.id)
    assert one is not None
    assert two is not None
    assert one.fingerprint == two.fingerprint
    assert one.token != two.token


async def test_a_merchant_without_account_says_so(pool: asyncpg.Pool, vault: Vault, clock: SetClock) -> None:
    bare = await create_merchant(pool, vault, clock, NewMerchant("茶"))
    assert await settlement_account(pool, bare.id) is None
    with pytest.raises(NoSettlementAccount, match=bare.id):
        await settlement_account_of(pool, vault, bare.id)


# API keys


class Seconds:
    """Real time that a test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


async def test_a_key_opens_its_merchant_and_is_kept_as_a_hash_only(
    pool: asyncpg.Pool, clock: SetClock, tea: Merchant
) -> None:
    key, secret = await create_api_key(pool, clock, tea.id)
    assert len(secret) == len("zf_sk_") + 43
    assert key.tail == secret[-4:]
    assert await ApiKeys(pool).merchant(secret) == tea
    assert secret[6:] not in await all_text(pool) + repr(key)
    held = await pool.fetchval("SELECT hash FROM api_key")
    assert held == hashlib.sha256(secret.encode()).digest()


async def test_a_key_used_again_costs_no_query_for_five_seconds(
    pool: asyncpg.Pool, clock: SetClock, tea: Merchant
) -> None:
    _, secret = await create_api_key(pool, clock, tea.id)
    seconds = Seconds()
    keys = ApiKeys(pool, seconds)
    assert await keys.merchant(secret) == tea
    await pool.execute("UPDATE merchant SET state = 'frozen'")
    seconds.now += 4.999
    assert await keys.merchant(secret) == tea
    seconds.now += 0.001
    found = await keys.merchant(secret)
    assert found is not None
    assert found.state is MerchantState.FROZEN


async def test_a_revoked_key_opens_nothing_after_five_seconds(
    pool: asyncpg.Pool, clock: SetClock, tea: Merchant
) -> None:
    key, secret = await create_api_key(pool, clock, tea.id)
    _, other = await create_api_key(pool, clock, tea.id)
    seconds = Seconds()
    keys = ApiKeys(pool, seconds)
    assert await keys.merchant(secret) == tea
    await revoke_api_key(pool, clock, tea.id, key.id)
    seconds.now += 5
    for _ in range(2):  # nor by what was remembered
        assert await keys.merchant(secret) is None
    assert await keys.merchant(other) == tea


async def test_revoking_again_keeps_the_first_moment(
    pool: asyncpg.Pool, clock: SetClock, tea: Merchant
) -> None:
    key, _ = await create_api_key(pool, clock, tea.id)
    first = clock.advance(hours=1)
    await revoke_api_key(pool, clock, tea.id, key.id)
    clock.advance(hours=1)
    await revoke_api_key(pool, clock, tea.id, key.id)
    assert await list_api_keys(pool, tea.id) == [replace(key, revoked_at=first)]


async def test_a_merchant_cannot_revoke_another_ones_key(
    pool: asyncpg.Pool, vault: Vault, clock: SetClock, tea: Merchant
) -> None:
    key, secret = await create_api_key(pool, clock, tea.id)
    thief = await create_merchant(pool, vault, clock, NewMerchant("茶"))
    with pytest.raises(UnknownApiKey, match=key.id):
        await revoke_api_key(pool, clock, thief.id, key.id)
    assert await ApiKeys(pool).merchant(secret) == tea
    assert await list_api_keys(pool, thief.id) == []
    with pytest.raises(InvalidInput, match=r"^key: got"):
        await revoke_api_key(pool, clock, tea.id, secret)


@pytest.mark.parametrize(
    "secret",
    [
        "",
        "zf_sk_",
        "zf_sk_" + "a" * 42,
        "zf_sk_" + "a" * 44,
        "zf_sk_" + "a" * 42 + "\n",
        "\ud800",
        "Bearer x",
    ],
)
async def test_what_is_no_key_is_refused_without_a_query(database_url: str, secret: str) -> None:
    pool = await connect(database_url)
    await pool.close()  # a query would be an error
    assert await ApiKeys(pool).merchant(secret) is None


async def test_a_key_of_the_right_shape_that_nobody_has_opens_nothing(
    pool: asyncpg.Pool, clock: SetClock, tea: Merchant
) -> None:
    _, secret = await create_api_key(pool, clock, tea.id)
    keys = ApiKeys(pool)
    assert await keys.merchant(secret) == tea
    assert await keys.merchant("zf_sk_" + "a" * 43) is None
    assert await keys.merchant(secret[:-1] + ("a" if secret[-1] != "a" else "b")) is None
