"""Nobody can be two: each kind of proposal, by every way round that one person could try."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

import asyncpg
import msgspec
import pytest

from tests import own_money
from tests.adjusting import frozen, funded, proposed
from tests.clock import SetClock
from tests.duplicates import no_guard, twice
from tests.people import CHEN, LIN, SPELT, WANG, ZHAO, close_through
from tests.routing import ROW, table
from tests.treasury import DAY, NEXT, Treasury, at, listed, stray, treasury
from tests.unit.test_receiving import written
from zhangfang import (
    adjustments,
    advances,
    approvals,
    bills,
    duplicates,
    fees,
    merchants,
    payments,
    reconciliation,
    routing,
    weekly,
)
from zhangfang.adjustments import Written
from zhangfang.approvals import (
    PLATFORM,
    ItChanged,
    NoProposal,
    NotAnOperator,
    Person,
    PersonKind,
    SecondPerson,
    operator,
)
from zhangfang.assembly.proposals import KINDS, approve
from zhangfang.channels.port import Operation
from zhangfang.closing import period, roll
from zhangfang.kernel.ids import new_id
from zhangfang.merchants import FeeKind, FeeRule, ProductCycle, Terms
from zhangfang.payments import Outcome, State

Propose = Callable[[Treasury], Awaitable[UUID]]
ALIKE = Outcome(State.FAILED, "the channel's letter", "letter 114")


async def outcome(house: Treasury) -> UUID:
    intent = await house.asked(await house.merchant(), 10_000)
    return await payments.propose_outcome(house.pool, house.clock, intent.id, ALIKE, LIN)


async def cure(house: Treasury) -> UUID:
    await house.filed(DAY, [stray(1, 8800)])
    await house.settled(DAY)
    id_ = (await house.one_break())["id"]
    return await reconciliation.propose(house.pool, house.clock, house.desk.journal, id_, "B8", LIN)


async def cures(house: Treasury) -> UUID:
    await house.filed(DAY, [stray(1, 8800), stray(2, 8801)])
    ids = [row["id"] for row in await house.breaks()]
    return await reconciliation.propose_many(house.pool, house.clock, house.desk.journal, ids, "B8", LIN)


async def reversal(house: Treasury) -> UUID:
    await no_guard(house)
    stays, goes = await twice(house, await house.merchant(), "RENT-9-01")
    await house.filed(DAY, [listed(1, stays), listed(2, goes)])
    await house.settled(DAY)
    await house.settle()
    await duplicates.find(house.pool, house.clock, house.clock.now() - timedelta(days=3))
    (case,) = await duplicates.cases(house.pool)
    made = await duplicates.confirm(house.pool, house.clock, case.id, LIN, "asked twice")
    assert made.proposal is not None
    return made.proposal


async def release(house: Treasury) -> UUID:
    kind, channels = routing.Kind.ACCOUNT_TYPES, ("cmb", "unionpay")
    csv = await table(house.pool, extra=[ROW])
    version = await routing.propose(house.pool, house.clock, kind, csv, LIN, "a new type")
    await routing.replay(house.pool, house.clock, version, channels, LIN)
    await routing.canary(house.pool, house.clock, version, 5, LIN)
    (one,) = await routing.history(house.pool)
    assert one.proposal is not None
    return one.proposal


async def closing(house: Treasury) -> UUID:
    house.clock.set(at(NEXT, 12))
    await roll.roll(house.pool, house.clock, DAY)
    return await period.propose_closing(house.pool, house.clock, DAY, LIN, ("seals",), "nobody audits a test")


async def reopening(house: Treasury) -> UUID:
    house.clock.set(at(NEXT + timedelta(days=1), 12))
    await roll.roll(house.pool, house.clock, NEXT)
    await close_through(house, NEXT)
    return await period.propose_reopening(house.pool, house.clock, DAY, "a late invoice", LIN)


async def refund(house: Treasury) -> UUID:
    paid = await house.paid(await house.merchant(), 10_000)
    assert await payments.refund_by(house.desk, paid.id, 5_000, "k" * 32, LIN, 4_999) is None
    (one,) = await approvals.proposals(house.pool, kind=payments.REFUND)
    return one.id


async def refusal(house: Treasury) -> UUID:
    parked = await house.asked(await house.merchant(), 5_000, Operation.PAYOUT, State.PARKED)
    made = await payments.refuse_parked(house.desk, parked.id, LIN, "no bank takes it", 4_999)
    assert made is not None
    return made


async def fee_rule(house: Treasury) -> UUID:
    merchant = await house.merchant()
    rule = FeeRule(FeeKind.PURCHASE, 5000, effective_from=NEXT)
    return await fees.propose_rule(
        house.pool, house.clock, ("unionpay",), merchant.id, rule, LIN, "a better one"
    )


async def terms(house: Treasury) -> UUID:
    merchant, said = await house.merchant(), Terms(NEXT, 2, auto_payout=False, keep_fee_on_refund=False)
    return await merchants.propose_terms(house.pool, house.clock, merchant.id, said, LIN, "as agreed")


async def cycle(house: Treasury) -> UUID:
    merchant, said = await house.merchant(), ProductCycle("cashier", NEXT, "W1")
    return await merchants.propose_cycle(house.pool, house.clock, merchant.id, said, LIN, "as agreed")


async def fee_bill(house: Treasury) -> UUID:
    merchant, id_ = await house.merchant(), new_id(house.clock)
    await house.pool.execute(
        "INSERT INTO fee_bill (id, merchant, month, amount, lines, automatic, voucher, created_at, posted_at)"
        " VALUES ($1, $2, '2026-08-01', 60, 1, false, $3, $4, $4)",
        id_,
        merchant.id,
        new_id(house.clock),
        house.clock.now(),
    )
    return await fees.propose_taking(house.pool, house.clock, id_, LIN, "as they wrote")


async def opening(house: Treasury) -> UUID:
    await payments.stop(house.pool, house.clock, "unionpay", "purchase", "maintenance", LIN)
    args = "unionpay", "purchase", "they are back", LIN
    made = await payments.open_again(house.pool, house.clock, *args)
    assert made is not None
    return made


async def column_map(house: Treasury) -> UUID:
    made = await bills.propose_map(
        house.pool, house.clock, msgspec.json.encode(bills.SHIPPED["wechat"]), LIN, "as it ships"
    )
    assert made.proposal is not None
    return made.proposal


async def adjustment(house: Treasury) -> UUID:
    return await proposed(house, "3012/unionpay", "2351/unionpay", 700)


async def thaw(house: Treasury) -> UUID:
    one = await frozen(house, await funded(house, 700), 900)
    return await adjustments.propose_thaw(house.pool, house.clock, one.id, 400, "it was lifted", LIN)


async def register(house: Treasury) -> UUID:
    said = Written("tax", "TX-7", due_on=NEXT, note="the tax office asks for a list")
    return await adjustments.propose_entry(house.pool, house.clock, said, LIN)


async def match_rule(house: Treasury) -> UUID:
    rule = reconciliation.MatchRule("reserve", ("unionpay",), "clearing house", 3)
    return await reconciliation.propose_rule(
        house.pool, house.clock, rule, ("unionpay",), LIN, "they pay at once"
    )


async def file_version(house: Treasury) -> UUID:
    await house.filed(DAY, [stray(1, 100)])
    with TemporaryDirectory() as folder:
        path = written(Path(folder) / "v.csv", [stray(1, 90)])
        return await reconciliation.offer_version(
            house.desk, "unionpay", DAY, path, "b.zip", "v2", LIN, "the channel corrected it"
        )


async def milder_grade(house: Treasury) -> UUID:
    now = house.clock.now()
    id_ = await weekly.open_incident(house.pool, house.clock, LIN, "payouts", "717 failed", now)
    said = weekly.Ending(ended_at=now, cause="a rule", effect="late", handling="paid", payments_hit=717)
    await weekly.end_incident(house.pool, house.clock, LIN, id_, said)
    made = await weekly.grade_incident(house.pool, house.clock, LIN, id_, "D", "nothing was lost")
    assert made is not None
    return made


async def roles(house: Treasury) -> UUID:
    return await approvals.propose_roles(house.pool, house.clock, "chen", ["auditor"], LIN, "moves to audit")


async def own_account(house: Treasury) -> UUID:
    vault, account = house.desk.vault, own_money.OURS
    return await payments.propose_own_account(house.pool, vault, house.clock, account, LIN, "our bank")


async def withdrawal(house: Treasury) -> UUID:
    await own_money.earned(house)
    await own_money.named(house)
    return await own_money.proposed(house, 500)


async def advance(house: Treasury) -> UUID:
    merchant = await house.merchant()
    await house.pool.execute(
        "INSERT INTO merchant_terms (merchant, effective_from, settlement_days, auto_payout, keep_fee_on_refund,"
        " advance_fen) VALUES ($1, '2026-01-01', 1, false, false, 500)",
        merchant.id,
    )
    await house.paid(await house.merchant(), 1000, fee=1000)  # our own money in the reserve
    return await advances.propose(house.pool, house.clock, merchant.id, 500, LIN, "as agreed")


async def settlement_account(house: Treasury) -> UUID:
    merchant, account = await house.merchant(), merchants.BankAccount("6217001234567890", "李四", "card")
    vault, why = house.desk.vault, "they wrote"
    return await merchants.propose_account(house.pool, vault, house.clock, merchant.id, account, LIN, why)


MADE: dict[str, Propose] = {
    advances.ADVANCE: advance,
    merchants.ACCOUNT: settlement_account,
    approvals.GIVING: roles,
    payments.OWN_ACCOUNT: own_account,
    payments.WITHDRAWAL: withdrawal,
    weekly.GRADE: milder_grade,
    reconciliation.VERSION: file_version,
    reconciliation.MATCH_RULE: match_rule,
    adjustments.REGISTER: register,
    adjustments.THAW: thaw,
    adjustments.ADJUSTMENT: adjustment,
    payments.OUTCOME: outcome,
    reconciliation.CURE: cure,
    reconciliation.BULK: cures,
    duplicates.REVERSAL: reversal,
    routing.RELEASE: release,
    period.CLOSE: closing,
    period.REOPEN: reopening,
    payments.REFUND: refund,
    payments.REFUSAL: refusal,
    payments.OPENING: opening,
    bills.MAP: column_map,
    fees.AGREED: fee_rule,
    fees.TAKING: fee_bill,
    merchants.TERMS: terms,
    merchants.CYCLE: cycle,
}


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


def test_every_kind_of_proposal_is_tried() -> None:
    assert MADE.keys() == KINDS.keys()


@pytest.mark.parametrize("kind", MADE)
async def test_one_person_cannot_be_the_second_and_two_at_once_do_it_once(house: Treasury, kind: str) -> None:
    id_ = await MADE[kind](house)
    pool, seen = house.pool, (await approvals.get(house.pool, id_)).seen
    before = await standing(pool)
    for name in SPELT:
        with pytest.raises(SecondPerson, match="another person"):
            await approve(house.desk, id_, seen, operator(name))
    second, _ = await approvals.add_operator(pool, house.clock, "lin at night", "lin")
    with pytest.raises(SecondPerson, match="another person"):  # one person with two log-ins
        await approve(house.desk, id_, seen, second)
    for nobody in (
        PLATFORM,
        operator("lin2"),
        Person(PersonKind.KEY, "key_1"),
        Person(PersonKind.KEY, "wang"),
    ):
        with pytest.raises(NotAnOperator):
            await approve(house.desk, id_, seen, nobody)
    for other in ("", seen[:7], "0" * 64):
        with pytest.raises(ItChanged, match="it changed since you looked at it"):
            await approve(house.desk, id_, other, WANG)
    await pool.execute("UPDATE operator SET disabled_at = now() WHERE name = 'chen'")
    with pytest.raises(NotAnOperator, match="not disabled"):
        await approve(house.desk, id_, seen, CHEN)
    with pytest.raises(NoProposal, match="another thing"):
        await KINDS["cure" if kind != "cure" else "outcome"](house.desk, id_, seen, WANG)
    assert await standing(pool) == before, "nothing was carried out"
    done = await asyncio.gather(*(approve(house.desk, id_, seen, by) for by in (WANG, ZHAO, WANG, ZHAO)))
    assert len({one.result for one in done}) == 1
    assert (await approve(house.desk, id_, seen[:8], ZHAO)).result == done[0].result
    acts = await pool.fetch("SELECT act FROM operator_act WHERE proposal = $1 ORDER BY seq", id_)
    assert [row["act"] for row in acts] == ["propose", "approve", "done"]
    assert done[0].decided_by in {"wang", "zhao"}
    with pytest.raises(NoProposal, match="is approved"):
        await approvals.withdraw(pool, house.clock, id_, LIN)


async def standing(pool: asyncpg.Pool) -> Any:
    """Return what an approval of any kind would change."""
    return await pool.fetchrow(
        "SELECT (SELECT array_agg(state ORDER BY id) FROM intent) AS intents, (SELECT array_agg(cure) FROM break) AS cures, "
        "(SELECT array_agg(state) FROM duplicate) AS cases, (SELECT array_agg(state) FROM table_release) AS tables, "
        "(SELECT min(closed_through) FROM head) AS closed, (SELECT count(*) FROM channel_stop) AS stops, "
        "(SELECT count(*) FROM agreed_fee) AS rules, (SELECT count(*) FROM merchant_terms) AS terms, "
        "(SELECT count(*) FROM product_cycle) AS cycles, (SELECT count(*) FROM own_account) AS own, "
        "(SELECT array_agg(id ORDER BY id) FROM settlement_account) AS accounts, "
        "(SELECT count(*) FROM transfer) AS entries, (SELECT count(*) FROM adjustment) AS adjustments, "
        "(SELECT max(seq) FROM operator_role) AS roles, "
        "(SELECT sum(given_up) FROM money_freeze) AS given_up, (SELECT count(*) FROM register_entry) AS entries"
    )


@pytest.mark.parametrize("kind", ["outcome", "cure", "reopen", "refund", "opening", "fee rule"])
async def test_what_was_looked_at_cannot_be_exchanged_before_the_click(house: Treasury, kind: str) -> None:
    """The proposer withdraws and proposes something else: the other's click is about the first one, and does nothing."""
    first = await MADE[kind](house)
    one = await approvals.get(house.pool, first)
    with pytest.raises(NoProposal, match="proposed one already"):
        await another(house, kind, one.target)
    await approvals.withdraw(house.pool, house.clock, first, LIN)
    await another(house, kind, one.target)
    with pytest.raises(NoProposal, match="has withdrawn it"):
        await approve(house.desk, first, one.seen, WANG)
    with pytest.raises(ItChanged):
        await approve(house.desk, UUID(int=7), one.seen, WANG)
    with pytest.raises(asyncpg.RaiseError, match="append-only"):
        await house.pool.execute("UPDATE proposal SET content = '{}'")
    with pytest.raises(asyncpg.CheckViolationError):
        await house.pool.execute(
            "INSERT INTO proposal SELECT gen_random_uuid(), kind, target, '{}', hash, proposed_by, proposed_at, reason "
            "FROM proposal"
        )


async def another(house: Treasury, kind: str, target: str) -> None:
    async with house.pool.acquire() as connection, connection.transaction():
        await approvals.propose(
            connection,
            house.clock,
            UUID(int=7),
            kind,
            target,
            Outcome(State.FAILED, "another letter", "letter 115"),
            LIN,
            "another",
        )


async def test_many_small_refunds_are_one_large_one(house: Treasury) -> None:
    paid = await house.paid(await house.merchant(), 100_000)
    ask = house.desk, paid.id
    made = await asyncio.gather(
        *(payments.refund_by(*ask, 400, f"{n:032}", LIN, 1_000) for n in range(5)), return_exceptions=True
    )
    assert sum(isinstance(one, UUID) for one in made) == 2
    (again,) = await house.pool.fetch("SELECT idempotency_key FROM intent WHERE kind = 'refund' LIMIT 1")
    key = again["idempotency_key"].removeprefix("console:")
    assert await payments.refund_by(*ask, 400, key, LIN, 1_000), "the same page sent again is the same refund"
    assert await house.pool.fetchval("SELECT count(*) FROM intent WHERE kind = 'refund'") == 2
    assert await payments.refund_by(*ask, 900, "w" * 32, WANG, 1_000), (
        "another operator has a limit of one's own"
    )
    house.clock.advance(hours=25)
    assert await payments.refund_by(*ask, 900, "l" * 32, LIN, 1_000)


async def test_a_slip_is_taken_back_alone_and_an_old_stop_or_anothers_is_not(house: Treasury) -> None:
    where, ten = ("unionpay", "purchase"), timedelta(minutes=10)
    pool, clock = house.pool, house.clock
    await payments.stop(pool, clock, *where, "a slip", LIN)
    assert await payments.open_again(pool, clock, *where, "it was one", LIN, ten) is None
    assert await pool.fetchval("SELECT count(*) FROM channel_stop") == 0
    await payments.stop(pool, clock, *where, "maintenance", LIN)
    assert await payments.open_again(pool, clock, *where, "it is over", WANG, ten) is not None
    clock.advance(minutes=11)
    with pytest.raises(NoProposal, match="wang has proposed"):
        await payments.open_again(pool, clock, *where, "it is over", LIN, ten)
    assert await pool.fetchval("SELECT count(*) FROM channel_stop") == 1
