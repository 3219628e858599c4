"""What was: balances of now and of any past point, an account's entries page by page."""

from datetime import timedelta

from tests.engine.engine import Capability
from tests.engine.world import BANK, CHANNEL, INCOME, MERCHANT, NOBODY, OWN_BANK, World
from zhangfang.ledger import AccountFlag, Balance, Entry


async def test_balances_and_pendings_of_several_accounts_are_read_at_one_point(world: World) -> None:
    answers = await world.done(world.make(CHANNEL, MERCHANT, 9), world.hold(MERCHANT, BANK, 4))
    found = await world.engine.account_balances([MERCHANT.id, NOBODY, BANK.id])
    assert found == {
        MERCHANT.id: Balance(MERCHANT.id, 0, 9, 4, 0, answers[-1].seq),
        BANK.id: Balance(BANK.id, 0, 0, 0, 4, answers[-1].seq),
    }


async def test_an_account_that_nothing_ever_touched_has_a_balance_of_nothing(world: World) -> None:
    assert await world.figures(INCOME) == (0, 0, 0, 0)


async def busy(world: World) -> list[tuple[int, int, int, int]]:
    """Move, hold, post, void and expire; return MERCHANT's figures right after each entry."""
    expected = []
    held = [
        world.hold(CHANNEL, MERCHANT, 20),
        world.hold(MERCHANT, CHANNEL, 6),
        world.hold(CHANNEL, MERCHANT, 1, timeout=3),
    ]
    for one in (
        world.make(CHANNEL, MERCHANT, 9),
        *held,
        world.make(OWN_BANK, INCOME, 500),
        world.post(held[0], 15),
        world.flags(MERCHANT, frozen=True),
        world.flags(MERCHANT),
        world.void(held[1]),
        world.make(MERCHANT, CHANNEL, 24),
    ):
        await world.done(one)
        expected.append(await world.figures(MERCHANT))
        await world.engine.advance(0.25)
    await world.engine.advance(5)
    await world.done(world.make(OWN_BANK, INCOME, 1))
    last = await world.figures(MERCHANT)
    return [*expected, last, last]


async def test_a_balance_can_be_asked_for_right_after_any_past_entry(world: World) -> None:
    for needed in (Capability.PAST_SEQUENCE, Capability.DENSE_SEQUENCE, Capability.FREEZING):
        world.needs(needed)
    expected = await busy(world)
    assert expected[-1] == (24, 24, 0, 0)
    for restart in (False, True):
        if restart:
            await world.engine.restart()
        assert [await world.figures(MERCHANT, seq) for seq in range(1, len(expected) + 1)] == expected
        assert await world.figures(MERCHANT, 0) == (0, 0, 0, 0)


async def test_a_balance_can_be_asked_for_at_any_past_moment(world: World) -> None:
    world.needs(Capability.PAST_MOMENT)
    start = world.engine.now()
    await world.done(world.make(CHANNEL, MERCHANT, 9))
    await world.engine.advance(10)
    await world.done(world.hold(MERCHANT, BANK, 4))
    await world.engine.advance(10)
    await world.done(world.make(MERCHANT, BANK, 5))
    microsecond, step = timedelta(microseconds=1), timedelta(seconds=10)
    for moment, figures in (
        (start - microsecond, (0, 0, 0, 0)),
        (start, (0, 9, 0, 0)),
        (start + step - microsecond, (0, 9, 0, 0)),
        (start + step, (0, 9, 4, 0)),
        (start + 2 * step, (5, 9, 4, 0)),
        (start + timedelta(days=300), (5, 9, 4, 0)),
    ):
        assert await world.figures(MERCHANT, moment) == figures


async def test_an_accounts_entries_come_page_by_page_in_order(world: World) -> None:
    asked = []
    for n in range(25):
        asked.append(world.make(CHANNEL, MERCHANT, 1 + n) if n % 3 else world.make(OWN_BANK, INCOME, 1))
    await world.done(*asked)
    expected = [one for one in asked if one.credit == MERCHANT.id]
    for restart in (False, True):
        if restart:
            await world.engine.restart()
        read: list[Entry] = []
        while page := await world.engine.account_transfers(MERCHANT.id, read[-1].seq if read else 0, limit=7):
            assert len(page) <= 7
            read += page
        assert [entry.transfer for entry in read] == expected
        assert [entry.seq for entry in read] == sorted({entry.seq for entry in read})


async def test_an_accounts_entries_show_its_pendings_and_freezes_once_each(world: World) -> None:
    world.needs(Capability.FREEZING)
    held = world.hold(CHANNEL, MERCHANT, 5)
    asked = [held, world.flags(MERCHANT, frozen=True), world.void(held), world.make(CHANNEL, MERCHANT, 2)]
    await world.done(*asked)
    read = await world.engine.account_transfers(MERCHANT.id)
    assert [entry.transfer.id for entry in read] == [one.id for one in asked]
    assert [entry.credit_balance for entry in read] == [0, 0, 0, -2]


async def test_nobodys_history_is_empty(world: World) -> None:
    await world.done(world.make())
    assert await world.engine.account_transfers(NOBODY) == []
    assert await world.engine.account_transfers(MERCHANT.id, after=1) == []


async def test_the_last_entry_of_an_account_carries_its_balance(world: World) -> None:
    await world.done(*(world.make(CHANNEL, MERCHANT, 3) for _ in range(500)), world.make(MERCHANT, BANK, 7))
    last = (await world.engine.account_transfers(MERCHANT.id, limit=1000))[-1]
    debits, credits_, _, _ = await world.figures(MERCHANT)
    assert last.debit_balance == debits - credits_ == 7 - 1500


async def test_what_was_answered_is_there_after_a_crash(world: World) -> None:
    for n in range(5):
        asked = [
            world.make(CHANNEL, MERCHANT, 1),
            world.make(MERCHANT, BANK, 10 * n),
            world.hold(CHANNEL, BANK, 2),
        ]
        answers = await world.engine.create_transfers(asked)
        created = {one.id for one, answer in zip(asked, answers, strict=True) if answer.seq}
        figures = [await world.figures(account) for account in (CHANNEL, MERCHANT, BANK)]
        await world.engine.restart(clean=False)
        assert set(await world.engine.lookup_transfers([one.id for one in asked])) == created
        assert [await world.figures(account) for account in (CHANNEL, MERCHANT, BANK)] == figures


async def test_flags_are_those_of_now(world: World) -> None:
    world.needs(Capability.CLOSING)
    await world.freeze(MERCHANT, AccountFlag.FROZEN | AccountFlag.CLOSED)
    found = await world.engine.lookup_accounts([MERCHANT.id])
    assert found[MERCHANT.id].flags == AccountFlag.CREDIT_FLOOR | AccountFlag.FROZEN | AccountFlag.CLOSED
