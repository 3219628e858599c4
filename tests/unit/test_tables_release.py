"""A table changes by a release: proposed, replayed over recent orders, canaried, promoted by another person, taken back."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import asyncpg
import pytest

from tests.clock import SetClock
from tests.people import CHEN, LIN, WANG, ZHAO
from tests.routing import CARD, CHANNELS, CLASS_2, ROW, bring_live, pay, table
from zhangfang.approvals import PLATFORM, NotAnOperator, SecondPerson, operator
from zhangfang.assembly.sandbox.first_routes import proposal_of
from zhangfang.channels.port import AccountType, Operation
from zhangfang.kernel.database import connect
from zhangfang.kernel.ids import new_id
from zhangfang.routing import (
    Ask,
    Fate,
    Kind,
    NotNow,
    Router,
    TableInvalid,
    UnknownVersion,
    canary,
    history,
    promote,
    propose,
    replay,
    rollback,
    rows_of,
    unknown_types,
    write_csv,
)

TYPES = Kind.ACCOUNT_TYPES
PASSBOOK = AccountType("personal", "I", "passbook")


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    made = await connect(database_url, 4)
    yield made
    await made.close()


def payout(clock: SetClock, type_: AccountType = CLASS_2) -> Ask:
    return Ask(Operation.PAYOUT, 12_300, clock.now(), new_id(clock), type=type_)


async def fates(router: Router, asks: list[Ask]) -> list[Fate]:
    await router.refresh()
    return [(await router.choose(ask)).fate for ask in asks]


async def test_a_table_that_does_not_know_basic2_parks_717_payouts_and_one_release_lets_all_of_them_go(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    router = Router(pool, clock, CHANNELS)
    before = await bring_live(pool, clock, TYPES, await table(pool, extra=[ROW]))
    paid = await pay(pool, clock, "payout", CLASS_2, "cmb", count=3)
    assert (await router.choose(payout(clock))).fate is Fate.GO

    bad = await propose(pool, clock, TYPES, await table(pool, without=CLASS_2), LIN, "new routing logic")
    report = await replay(pool, clock, bad, CHANNELS, LIN)
    assert report.rejected
    assert report.broken == {"park": 3}
    assert {one.intent for one in report.examples} == {str(id_) for id_ in paid}
    with pytest.raises(NotNow, match="is rejected; allowed: one that is replayed or canary"):
        await canary(pool, clock, bad, 5, LIN)
    with pytest.raises(NotNow, match="is rejected"):
        await promote(pool, clock, *await proposal_of(pool, bad), WANG)

    assert await rollback(pool, clock, TYPES, WANG, "back to what ships") == 0  # it never knew the type
    asks = [payout(clock) for _ in range(717)]
    assert await fates(router, asks) == [Fate.PARK] * 717
    await router.flush()
    (alarm,) = await unknown_types(pool, clock.now())
    assert (alarm.operation, alarm.account_type, alarm.asked) == ("payout", str(CLASS_2), 717)

    after = await bring_live(pool, clock, TYPES, await table(pool, extra=[ROW]))
    assert await fates(router, asks) == [Fate.GO] * 717
    assert {(await router.choose(ask)).channel for ask in asks} == {"cmb"}
    assert [(one.version, one.state) for one in await history(pool, TYPES)] == [
        (after, "live"),
        (bad, "rejected"),
        (before, "retired"),
    ]
    await router.close()


async def test_a_release_goes_its_way_and_every_step_is_written_down(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    version = await bring_live(pool, clock, TYPES, await table(pool, extra=[ROW]))
    (one,) = await history(pool)
    assert (one.version, one.state, one.size, one.made_by, one.live_by, one.follows) == (
        version, "live", 281, "lin", "wang", 0,
    )  # fmt: skip
    assert await rollback(pool, clock, TYPES, ZHAO, "it was wrong") == 0
    acts = await pool.fetch("SELECT operator, act, target, reason FROM operator_act")
    assert {tuple(row) for row in acts} == {
        ("lin", "propose", "account_types/1", "test"),
        ("lin", "replay table", "account_types/1", "replayed"),
        ("lin", "canary table", "account_types/1", "5 %"),
        ("wang", "approve", "account_types/1", "test"),
        ("wang", "done", "account_types/1", "release 1 is live"),
        ("zhao", "roll back table", "account_types/1", "it was wrong"),
    }


async def test_nobody_promotes_what_they_proposed_however_they_write_their_name(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    version = await propose(pool, clock, TYPES, await table(pool, extra=[ROW]), LIN)
    await replay(pool, clock, version, CHANNELS)
    await canary(pool, clock, version, 5, WANG)
    for name in ("lin", "Lin", " LIN "):
        with pytest.raises(SecondPerson, match="lin proposed this; another person"):
            await promote(pool, clock, *await proposal_of(pool, version), operator(name))
    with pytest.raises(NotAnOperator):
        await promote(pool, clock, *await proposal_of(pool, version), PLATFORM)
    with pytest.raises(asyncpg.CheckViolationError):
        await pool.execute("UPDATE table_release SET live_by = 'Lin'")


async def test_no_step_is_left_out(pool: asyncpg.Pool, clock: SetClock) -> None:
    version = await propose(pool, clock, TYPES, await table(pool, extra=[ROW]), LIN)
    with pytest.raises(NotNow, match="release 1 is draft; allowed: one that is replayed or canary"):
        await canary(pool, clock, version, 5, LIN)
    with pytest.raises(NotNow, match="release 1 is draft; allowed: one that is canary"):
        await promote(pool, clock, *await proposal_of(pool, version), WANG)
    await replay(pool, clock, version, CHANNELS)
    with pytest.raises(NotNow, match="release 1 is replayed; allowed: one that is canary"):
        await promote(pool, clock, *await proposal_of(pool, version), WANG)
    for unknown in (2, 0, -1, 2**40):
        with pytest.raises(UnknownVersion, match=f"version: got {unknown}"):
            await replay(pool, clock, unknown, CHANNELS)


async def test_a_canary_decides_for_its_share_of_the_keys_and_always_the_same(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    version = await propose(pool, clock, TYPES, await table(pool, extra=[ROW]), LIN)
    await replay(pool, clock, version, CHANNELS)
    asks = [replace(payout(clock), key=UUID(int=n)) for n in range(1_000)]
    first, second = Router(pool, clock, CHANNELS), Router(pool, clock, CHANNELS)
    await canary(pool, clock, version, 20, LIN)
    went = await fates(first, asks)
    assert went == await fates(second, asks)
    assert 150 <= went.count(Fate.GO) <= 250
    await canary(pool, clock, version, 60, LIN)
    wider = await fates(first, asks)
    assert 540 <= wider.count(Fate.GO) <= 660
    kept = [now for was, now in zip(went, wider, strict=True) if was is Fate.GO]
    assert set(kept) == {Fate.GO}, "whoever was of the canary stays of it"
    assert await rollback(pool, clock, TYPES, ZHAO) == 0
    assert await fates(first, asks) == [Fate.PARK] * 1_000
    await first.close()
    await second.close()


async def test_a_choice_names_the_set_of_tables_that_made_it(pool: asyncpg.Pool, clock: SetClock) -> None:
    router = Router(pool, clock, CHANNELS)

    async def version() -> int:
        await router.refresh()
        return (await router.choose(payout(clock, CARD))).version

    assert await version() == 0
    await bring_live(pool, clock, TYPES, await table(pool, extra=[ROW]))
    types = await version()
    routes = write_csv(Kind.ROUTES, await rows_of(pool, Kind.ROUTES))
    await bring_live(pool, clock, Kind.ROUTES, routes)
    both = await version()
    assert len({0, types, both}) == 3
    held = await pool.fetch("SELECT version, routes, account_types FROM table_set ORDER BY version")
    assert {tuple(row) for row in held} == {(0, 0, 0), (types, 0, 1), (both, 2, 1)}
    await rollback(pool, clock, Kind.ROUTES, ZHAO)
    assert await version() == types
    await rollback(pool, clock, TYPES, ZHAO)
    assert await version() == 0
    with pytest.raises(NotNow, match="the table that ships is live"):
        await rollback(pool, clock, TYPES, ZHAO)
    await router.close()


async def test_rolling_back_goes_through_all_that_was_live_one_step_each(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    other = ROW | {"class": "basic3"}
    first = await bring_live(pool, clock, TYPES, await table(pool, extra=[ROW]))
    second = await bring_live(pool, clock, TYPES, await table(pool, extra=[other]))
    assert await rollback(pool, clock, TYPES, ZHAO, "too slow") == first
    third = await bring_live(pool, clock, TYPES, await table(pool, extra=[other]))
    states = {one.version: one.state for one in await history(pool)}
    assert states == {first: "retired", second: "retired", third: "live"}
    assert await rollback(pool, clock, TYPES, ZHAO) == first
    assert await rollback(pool, clock, TYPES, ZHAO) == 0


async def test_only_one_release_is_a_canary(pool: asyncpg.Pool, clock: SetClock) -> None:
    one = await propose(pool, clock, TYPES, await table(pool, extra=[ROW]), LIN)
    routes = write_csv(Kind.ROUTES, await rows_of(pool, Kind.ROUTES))
    other = await propose(pool, clock, Kind.ROUTES, routes, LIN)
    for version in (one, other):
        await replay(pool, clock, version, CHANNELS)
    await canary(pool, clock, one, 5, LIN)
    with pytest.raises(NotNow, match="another release is a canary"):
        await canary(pool, clock, other, 5, LIN)


async def test_what_was_replayed_against_tables_that_are_live_no_more_has_to_be_replayed_again(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    early = await propose(pool, clock, TYPES, await table(pool, extra=[ROW]), LIN)
    await replay(pool, clock, early, CHANNELS)
    await bring_live(pool, clock, TYPES, await table(pool, extra=[ROW | {"class": "basic3"}]))
    with pytest.raises(NotNow, match="was replayed against table set 0"):
        await canary(pool, clock, early, 5, LIN)
    await replay(pool, clock, early, CHANNELS)
    await canary(pool, clock, early, 5, LIN)


async def test_two_who_promote_at_once_make_one_live_table(pool: asyncpg.Pool, clock: SetClock) -> None:
    version = await propose(pool, clock, TYPES, await table(pool, extra=[ROW]), LIN)
    await replay(pool, clock, version, CHANNELS)
    await canary(pool, clock, version, 5, LIN)
    proposal = await proposal_of(pool, version)
    done = await asyncio.gather(*(promote(pool, clock, *proposal, by) for by in (WANG, ZHAO, CHEN)))
    assert set(done) == {f"release {version} is live"}
    assert await pool.fetchval("SELECT count(*) FROM operator_act WHERE act IN ('approve', 'done')") == 2
    assert await pool.fetchval("SELECT count(*) FROM table_release WHERE state = 'live'") == 1


async def test_the_replay_counts_what_went_what_would_move_and_what_would_go_now(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    await pay(pool, clock, "payout", CARD, "cmb", count=4)
    await pay(pool, clock, "payout", PASSBOOK, "cmb", count=2)
    await pay(pool, clock, "payout", PASSBOOK, "cmb", state="FAILED")  # proves nothing for the old table
    await pay(pool, clock, "payout", CLASS_2, "cmb", count=3, state="PARKED")
    await pay(pool, clock, "collection", CARD, "epcc", mandate=new_id(clock), agreement="S1")
    await pay(pool, clock, "purchase", None, "unionpay", state="CLOSED")
    await pay(pool, clock, "purchase", None, "chinaums", product="alipay_app")
    dearer = [
        dict(row) | ({"fixed_fen": "500"} if row["channel"] == "cmb" else {})
        for row in await rows_of(pool, Kind.ROUTES)
    ]
    moves = await propose(pool, clock, Kind.ROUTES, write_csv(Kind.ROUTES, dearer), LIN)
    report = await replay(pool, clock, moves, CHANNELS)
    assert (report.orders, report.went, report.moved, report.freed, report.broken) == (13, 8, 6, 0, {})
    frees = await propose(pool, clock, TYPES, await table(pool, extra=[ROW]), LIN)
    report = await replay(pool, clock, frees, CHANNELS)
    assert (report.went, report.moved, report.freed, report.broken) == (8, 0, 3, {})
    (again, _) = await history(pool)
    assert again.replay is not None
    assert (again.state, again.replay["freed"]) == ("replayed", 3)


async def test_a_release_that_would_refuse_what_went_is_rejected(pool: asyncpg.Pool, clock: SetClock) -> None:
    await pay(pool, clock, "payout", CARD, "cmb")
    changes: dict[str, tuple[dict[str, str], dict[str, int]]] = {
        "not supported": ({"support": "unsupported"}, {"refuse": 1}),
        "one fen too little": ({"limit_fen": "12299"}, {"refuse": 1}),
        "bound only": ({"bound_only": "yes"}, {"refuse": 1}),
        "just enough": ({"limit_fen": "12300"}, {}),
    }
    for what, (change, broken) in changes.items():
        rows = [
            dict(row) | change
            if row["operation"] == "payout" and (row["holder"], row["class"], row["medium"]) == CARD
            else row
            for row in await rows_of(pool, TYPES)
        ]
        version = await propose(pool, clock, TYPES, write_csv(TYPES, rows), LIN)
        assert (await replay(pool, clock, version, CHANNELS)).broken == broken, what


async def test_a_release_that_would_let_wait_or_route_nowhere_what_went_is_rejected(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    await pay(pool, clock, "payout", CARD, "cmb")
    routes = await rows_of(pool, Kind.ROUTES)
    late = [
        dict(row) | ({"opens": "12:00", "closes": "13:00"} if row["operation"] == "payout" else {})
        for row in routes
    ]
    version = await propose(pool, clock, Kind.ROUTES, write_csv(Kind.ROUTES, late), LIN)
    assert (await replay(pool, clock, version, CHANNELS)).broken == {"wait": 1}
    gone = [row for row in routes if row["operation"] != "payout"]
    version = await propose(pool, clock, Kind.ROUTES, write_csv(Kind.ROUTES, gone), LIN)
    report = await replay(pool, clock, version, CHANNELS)
    assert report.broken == {"refuse": 1}
    assert report.examples[0].reason == "no channel that is set up does payout"


async def test_what_went_as_a_bound_account_is_replayed_as_one(pool: asyncpg.Pool, clock: SetClock) -> None:
    special = AccountType("corporate", "special", "corporate")
    await pay(pool, clock, "payout", special, "cmb")
    same = await propose(pool, clock, TYPES, await table(pool), LIN)
    report = await replay(pool, clock, same, CHANNELS)
    assert (report.went, report.broken) == (1, {})
    without = await propose(pool, clock, TYPES, await table(pool, without=special), LIN)
    assert (await replay(pool, clock, without, CHANNELS)).broken == {"park": 1}


async def test_a_table_with_a_wrong_row_is_not_taken_and_at_most_twenty_broken_orders_are_listed(
    pool: asyncpg.Pool, clock: SetClock
) -> None:
    with pytest.raises(
        TableInvalid, match="line 282: medium: got 6 characters; allowed: one of card, credit"
    ):
        await propose(pool, clock, TYPES, await table(pool, extra=[ROW | {"medium": "paypal"}]), LIN)
    assert await history(pool) == ()
    await pay(pool, clock, "payout", CARD, "cmb", count=25)
    version = await propose(pool, clock, TYPES, await table(pool, without=CARD), LIN)
    report = await replay(pool, clock, version, CHANNELS)
    assert (report.broken, len(report.examples)) == ({"park": 25}, 20)
