"""Mandates: signing that may be repeated, limits of China's days and months, and an end that holds at once."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.clock import SetClock
from tests.desk import PAYER, SECRETS, FakeBank, Shop, open_shop
from tests.mandates import new_mandate, sign
from zhangfang.channels.abilities import Signed, Signing
from zhangfang.channels.port import Answer, Operation, Verdict
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id
from zhangfang.mandates import (
    Mandate,
    MandateEnded,
    MandateKeyReused,
    MandateLimit,
    MandateNumberTaken,
    Mandates,
    MandateState,
    NoMandate,
    NotSigning,
    UnknownMandate,
    Wanted,
    check,
    find,
    fingerprint,
    lock,
)
from zhangfang.payments import Request, State, accept, collecting

OTHER = replace(PAYER, number="6222020000000000001")
SENT = Answer(Verdict.SUCCESS, "00")
SILENCE = Answer(Verdict.UNKNOWN, message="no answer")


@dataclass
class SigningBank(FakeBank):
    """A bank that keeps mandates: what it answers next is in its lists; with nothing there it says yes."""

    codes: list[Answer] = field(default_factory=list)
    signs: list[Signed] = field(default_factory=list)
    ends: list[Answer] = field(default_factory=list)
    signed: dict[str, str] = field(default_factory=dict)
    asked: list[tuple[str, Any]] = field(default_factory=list)
    on_sign: Any = None

    async def request_code(self, signing: Signing) -> Answer:
        """Send a code."""
        self.asked.append(("code", signing))
        return self.codes.pop(0) if self.codes else SENT

    async def sign(self, signing: Signing, code: str) -> Signed:
        """Sign once for an order number."""
        self.asked.append(("sign", signing))
        agreement = self.signed.setdefault(signing.order_no, f"A{len(self.signed)}")
        if self.on_sign:
            await self.on_sign()
        return self.signs.pop(0) if self.signs else Signed(SENT, agreement)

    async def revoke(self, signing: Signing, agreement: str) -> Answer:
        """End it."""
        self.asked.append(("revoke", agreement))
        return self.ends.pop(0) if self.ends else SENT


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as shop:
        bank = SigningBank("epcc", shop.unionpay.rules, clock)
        shop.desk.channels = {**shop.desk.channels, "epcc": bank}
        yield shop


@pytest.fixture
def bank(shop: Shop) -> SigningBank:
    found = shop.desk.channels["epcc"]
    assert isinstance(found, SigningBank)
    return found


@pytest.fixture
def mandates(shop: Shop) -> Mandates:
    return Mandates(shop.desk.pool, shop.desk.vault, shop.clock, shop.desk.channels)


def held(**other: Any) -> Mandate:
    plain: dict[str, Any] = dict.fromkeys(Mandate.__dataclass_fields__)
    plain |= {"limit_each": 500, "limit_day": 1000, "limit_month": 3000, "state": MandateState.ACTIVE}
    plain |= {"valid_from": date(2026, 9, 1), "valid_until": date(2026, 9, 30), "mandate_no": "M-1"}
    return Mandate(**plain | other)


AT = datetime(2026, 9, 10, 12, tzinfo=CHINA)


@pytest.mark.parametrize(
    ("amount", "day", "month"), [(500, 500, 2500), (500, 0, 0), (1, 999, 999), (1, 0, 2999)]
)
def test_a_debit_that_just_reaches_a_limit_is_allowed(amount: int, day: int, month: int) -> None:
    check(held(), amount, day, month, AT)


@pytest.mark.parametrize(
    ("amount", "day", "month", "says"),
    [
        (501, 0, 0, "500 fen a debit, of which 0 are used; allowed: at most 500"),
        (500, 501, 501, "1000 fen a day, of which 501 are used; allowed: at most 499"),
        (2, 0, 2999, "3000 fen a month, of which 2999 are used; allowed: at most 1 fen"),
        (1, 5000, 5000, "at most 0 fen"),
    ],
)
def test_one_fen_more_than_a_limit_is_refused_with_what_is_left(
    amount: int, day: int, month: int, says: str
) -> None:
    with pytest.raises(MandateLimit, match=says):
        check(held(), amount, day, month, AT)


def test_a_mandate_is_in_force_from_midnight_of_its_first_day_to_midnight_after_its_last_in_china() -> None:
    last = datetime(2026, 9, 30, 23, 59, 59, tzinfo=CHINA)
    first = datetime(2026, 9, 1, 0, 0, 0, tzinfo=CHINA)
    second = timedelta(seconds=1)
    check(held(), 1, 0, 0, first)
    check(held(), 1, 0, 0, last)
    for outside in (first - second, last + second):
        with pytest.raises(MandateEnded, match="not in force"):
            check(held(), 1, 0, 0, outside)
    assert held().state_at(last) is MandateState.ACTIVE
    assert held().state_at(last + second) is MandateState.EXPIRED
    assert held(state=MandateState.REVOKED).state_at(last + second) is MandateState.REVOKED


def test_what_is_not_signed_or_revoked_allows_nothing() -> None:
    with pytest.raises(NoMandate):
        check(None, 1, 0, 0, AT)
    with pytest.raises(NoMandate):
        check(held(state=MandateState.SIGNING), 1, 0, 0, AT)
    with pytest.raises(MandateEnded, match="revoked"):
        check(held(state=MandateState.REVOKED), 1, 0, 0, AT)


async def test_limits_roll_over_at_midnight_in_china_and_failures_give_their_part_back(shop: Shop) -> None:
    merchant = await shop.merchant()
    limits = {"limit_each": 100, "limit_day": 150, "limit_month": 250}
    await sign(shop.desk, merchant.id, OTHER, "M-2", **limits)

    async def collect(number: str, amount: int) -> State:
        return (await shop.ask(merchant, Operation.COLLECTION, number, amount, account=OTHER)).state

    shop.clock.set(datetime(2026, 9, 29, 23, 59, tzinfo=CHINA))
    shop.unionpay.on_send["a"] = ["decline"]
    assert await collect("a", 100) is State.FAILED
    await collect("b", 100)
    with pytest.raises(MandateLimit, match="at most 50 fen"):
        await collect("c", 51)
    shop.clock.advance(minutes=1)
    await collect("c", 100)
    with pytest.raises(MandateLimit, match="a day"):
        await collect("d", 51)
    shop.clock.set(datetime(2026, 9, 30, 0, 1, tzinfo=CHINA))
    await collect("e", 50)
    with pytest.raises(MandateLimit, match="at most 0 fen"):
        await collect("f", 1)
    shop.clock.set(datetime(2026, 10, 1, 0, 0, tzinfo=CHINA))
    await collect("f", 100)


async def test_collections_at_once_never_go_above_a_limit(shop: Shop) -> None:
    merchant = await shop.merchant()
    await sign(shop.desk, merchant.id, OTHER, "M-2", limit_each=100, limit_day=1000, limit_month=1000)
    requests = [Request(Operation.COLLECTION, f"n{n}", 100, f"n{n}", account=OTHER) for n in range(25)]
    made = await asyncio.gather(
        *(accept(shop.desk, merchant, one) for one in requests), return_exceptions=True
    )
    await shop.idle()
    assert sum(isinstance(one, tuple) for one in made) == 10
    assert sum(isinstance(one, MandateLimit) for one in made) == 15


async def test_repeats_at_once_count_for_nothing_against_the_limit_of_another_collection(shop: Shop) -> None:
    merchant = await shop.merchant()
    await sign(shop.desk, merchant.id, OTHER, "M-2", limit_each=100, limit_day=200, limit_month=200)
    first = Request(Operation.COLLECTION, "first", 100, "first", account=OTHER)
    other = Request(Operation.COLLECTION, "other", 100, "other", account=OTHER)
    later = [replace(first, idempotency_key=f"again {n}") for n in range(15)]
    asked = [*[first] * 15, *later, other, *[first] * 15]
    made = await asyncio.gather(*(accept(shop.desk, merchant, one) for one in asked))
    await shop.idle()
    assert len({intent.id for intent, _ in made}) == 2
    assert sum(new for _, new in made) == 2
    made = await asyncio.gather(*(accept(shop.desk, merchant, one) for one in asked))
    assert not any(new for _, new in made), "nor do repeats of what is stored, when nothing is left"
    with pytest.raises(MandateLimit, match="at most 0 fen"):
        await accept(shop.desk, merchant, replace(other, order_no="third", idempotency_key="third"))


async def test_repeats_gathered_with_another_collection_are_told_apart_in_the_store(shop: Shop) -> None:
    """Every order of one gathered statement: a stored repeat, a repeat within it, and one that is new."""
    merchant = await shop.merchant()
    mandate = await sign(shop.desk, merchant.id, OTHER, "M-2", limit_each=100, limit_day=300, limit_month=300)
    stored = await shop.ask(merchant, Operation.COLLECTION, "stored", 100, account=OTHER)

    def another(order_no: str) -> tuple[Any, list[Any]]:
        id_ = new_id(shop.clock)
        named = replace(stored, order_no=order_no, idempotency_key=order_no, mandate=mandate.id)
        return replace(named, id=id_, channel_order_no=id_.hex), []

    rows = [another(one) for one in ("stored", "one", "stored", "one", "two", "stored", "three")]
    *said, refused = await collecting.insert(shop.desk.pool, rows)
    assert said == [False, True, False, False, True, False]
    assert isinstance(refused, MandateLimit)


async def test_a_collection_in_flight_goes_on_when_its_mandate_is_revoked(
    shop: Shop, mandates: Mandates
) -> None:
    merchant = await shop.merchant()
    mandate = await sign(shop.desk, merchant.id, OTHER, "M-2")
    shop.unionpay.on_send["a"] = ["lost_answer"]
    intent = await shop.ask(merchant, Operation.COLLECTION, "a", 100, account=OTHER)
    assert intent.state is State.UNKNOWN
    await mandates.revoke(merchant.id, mandate.id)
    with pytest.raises(MandateEnded, match="revoked"):
        await shop.ask(merchant, Operation.COLLECTION, "b", 100, account=OTHER)
    await shop.settle_down()
    assert (await shop.reload(intent)).state is State.SUCCESS


async def test_the_mandates_of_two_merchants_never_mix(shop: Shop, mandates: Mandates) -> None:
    one, two = await shop.merchant(), await shop.merchant()
    mine = await sign(shop.desk, one.id, OTHER, "M-2")
    with pytest.raises(NoMandate):
        await shop.ask(two, Operation.COLLECTION, "a", 100, account=OTHER)
    for call in (mandates.get, mandates.revoke, mandates.steps, mandates.send_code):
        with pytest.raises(UnknownMandate):
            await call(two.id, mine.id)
    again = await sign(shop.desk, two.id, OTHER, "M-2")
    assert again.id != mine.id, "their numbers are their own"


async def test_of_several_mandates_the_newest_in_force_counts(shop: Shop, mandates: Mandates) -> None:
    merchant = await shop.merchant()
    first = await sign(shop.desk, merchant.id, OTHER, "M-2")
    shop.clock.advance(seconds=1)
    later = await sign(shop.desk, merchant.id, OTHER, "M-3", valid_from=date(2026, 10, 1))
    print_ = fingerprint(shop.desk.vault, OTHER.number)

    async def counts(day: date) -> Any:
        none, found = await find(
            shop.desk.pool, [Wanted(merchant.id, "other", day), Wanted(merchant.id, print_, day)]
        )
        assert none is None
        return found and found.id

    assert await counts(date(2026, 9, 30)) == first.id
    assert await counts(date(2026, 10, 1)) == later.id
    await mandates.revoke(merchant.id, later.id)
    assert await counts(date(2026, 10, 1)) == first.id
    async with shop.desk.pool.acquire() as db, db.transaction():
        assert set(await lock(db, [later.id, first.id])) == {first.id, later.id}


async def test_a_mandate_is_signed_with_the_payers_code_and_the_channels_number_is_kept(
    shop: Shop, mandates: Mandates, bank: SigningBank
) -> None:
    merchant = await shop.merchant()
    asked = new_mandate(OTHER, "M-2", channel="epcc", evidence="")
    made, new = await mandates.create(merchant.id, asked)
    assert (made.state, new) == (MandateState.SIGNING, True)
    assert made.code_sent_at == shop.clock.now()
    with pytest.raises(NoMandate):
        await shop.ask(merchant, Operation.COLLECTION, "a", 100, account=OTHER)
    signed = await mandates.confirm(merchant.id, made.id, "123456")
    assert (signed.state, signed.agreement) == (MandateState.ACTIVE, "A0")
    assert await mandates.confirm(merchant.id, made.id, "123456") == signed, "signed is signed"
    assert (await mandates.create(merchant.id, asked))[1] is False
    assert [what for what, _ in bank.asked] == ["code", "sign"]
    steps = {(step.kind, step.verdict, step.state) for step in await mandates.steps(merchant.id, made.id)}
    assert steps == {
        ("received", "success", "SIGNING"),
        ("code", "success", ""),
        ("sign", "unknown", ""),
        ("sign", "success", "ACTIVE"),
    }


async def test_silence_at_signing_is_no_failure_and_is_repeated_with_the_same_ids(
    shop: Shop, mandates: Mandates, bank: SigningBank
) -> None:
    merchant = await shop.merchant()
    bank.codes = [SILENCE]
    bank.signs = [Signed(SILENCE), Signed(Answer(Verdict.FAILED, "77", "wrong code")), Signed(SENT, "")]
    made, _ = await mandates.create(merchant.id, new_mandate(OTHER, "M-2", channel="epcc", evidence=""))
    assert made.code_sent_at is None
    assert (await mandates.send_code(merchant.id, made.id)).code_sent_at is not None
    for _ in range(3):
        shop.clock.advance(seconds=30)
        assert (await mandates.confirm(merchant.id, made.id, "123456")).state is MandateState.SIGNING
    done = await mandates.confirm(merchant.id, made.id, "123456")
    assert (done.state, done.agreement) == (MandateState.ACTIVE, "A0")
    assert len({signing for _, signing in bank.asked}) == 1, "the same signing each time"


async def test_a_revocation_holds_at_once_and_is_told_until_the_channel_confirms_it(
    shop: Shop, mandates: Mandates, bank: SigningBank
) -> None:
    merchant = await shop.merchant()
    made, _ = await mandates.create(merchant.id, new_mandate(OTHER, "M-2", channel="epcc", evidence=""))
    await mandates.confirm(merchant.id, made.id, "123456")
    bank.ends = [SILENCE, Answer(Verdict.FAILED, "99")]
    ended = await mandates.revoke(merchant.id, made.id)
    assert (ended.state, ended.ended_at) == (MandateState.REVOKED, None)
    assert (await mandates.revoke(merchant.id, made.id)).revoked_at == ended.revoked_at
    for _ in range(3):
        shop.clock.advance(minutes=6)
        await run_due(shop.desk.pool, shop.clock.now(), mandates.job())
    assert (await mandates.get(merchant.id, made.id)).ended_at is not None
    assert [what for what, _ in bank.asked].count("revoke") == 3
    with pytest.raises(NotSigning, match="REVOKED"):
        await mandates.confirm(merchant.id, made.id, "123456")


async def test_a_signature_that_comes_after_the_revocation_is_ended_at_the_channel_too(
    shop: Shop, mandates: Mandates, bank: SigningBank
) -> None:
    merchant = await shop.merchant()
    made, _ = await mandates.create(merchant.id, new_mandate(OTHER, "M-2", channel="epcc", evidence=""))

    async def meanwhile() -> None:
        await mandates.revoke(merchant.id, made.id)

    bank.on_sign = meanwhile
    assert (await mandates.confirm(merchant.id, made.id, "123456")).state is MandateState.REVOKED
    await run_due(shop.desk.pool, shop.clock.now(), mandates.job())
    assert ("revoke", "A0") in bank.asked


async def test_the_same_mandate_is_one_and_its_number_and_key_are_taken_for_ever(
    shop: Shop, mandates: Mandates
) -> None:
    merchant = await shop.merchant()
    asked = new_mandate(OTHER, "M-2")
    made = await asyncio.gather(*(mandates.create(merchant.id, asked) for _ in range(5)))
    assert len({mandate.id for mandate, _ in made}) == 1
    assert [new for _, new in made].count(True) == 1
    assert (await mandates.create(merchant.id, replace(asked, idempotency_key="k")))[0].id == made[0][0].id
    with pytest.raises(MandateKeyReused):
        await mandates.create(merchant.id, replace(asked, limit_each=1))
    with pytest.raises(MandateNumberTaken):
        await mandates.create(merchant.id, replace(asked, limit_each=1, idempotency_key="k2"))


@pytest.mark.parametrize(
    ("field_", "wrong"),
    [
        ("mandate_no", {"mandate_no": "no spaces"}),
        ("Idempotency-Key", {"idempotency_key": ""}),
        ("account.number", {"account": replace(OTHER, number="12")}),
        ("account.name", {"account": replace(OTHER, name="a\nb")}),
        ("limit_each", {"limit_each": 0}),
        ("limit_day", {"limit_each": 2, "limit_day": 1}),
        ("limit_day", {"limit_day": 2, "limit_month": 1}),
        ("valid_until", {"valid_until": date(2026, 8, 31)}),
        ("valid_until", {"valid_from": date(2028, 1, 1)}),
        ("evidence", {"evidence": ""}),
        ("evidence", {"channel": "epcc"}),
        ("channel", {"channel": "unionpay", "evidence": ""}),
    ],
)
async def test_what_is_not_allowed_of_a_mandate_is_named_and_never_repeated(
    field_: str, wrong: dict[str, Any]
) -> None:
    keeper = SigningBank("epcc", {}, SetClock())
    mandates = Mandates(None, None, SetClock(), {"epcc": keeper})  # type: ignore[arg-type]
    with pytest.raises(InvalidInput) as caught:
        await mandates.create("mer_x", new_mandate(OTHER, "M-2", **wrong))
    assert caught.value.field == field_
    assert OTHER.number not in str(caught.value)


async def test_nothing_personal_is_stored_of_a_mandate(shop: Shop, mandates: Mandates) -> None:
    merchant = await shop.merchant()
    await sign(shop.desk, merchant.id, PAYER, "M-2")
    rows = await shop.desk.pool.fetch(
        "SELECT m.*, s.* FROM mandate m JOIN mandate_step s ON s.mandate = m.id"
    )
    text = str([tuple(row) for row in rows])
    assert all(secret not in text for secret in SECRETS)
    assert PAYER.number not in repr(new_mandate(PAYER))
