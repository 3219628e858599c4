"""Accounts and plain transfers."""

from contextlib import suppress
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

from tests.engine.engine import Capability, Engine
from tests.engine.world import BANK, CHANNEL, INCOME, MERCHANT, NO_ONE, NOBODY, OWN_BANK, World
from zhangfang.kernel.errors import InvalidInput
from zhangfang.ledger import MAX_AMOUNT, NO_ID, Account, AccountFlag, Book, Result, Transfer, TransferFlag


async def test_an_account_is_opened_once_and_exists_the_second_time(engine: Engine) -> None:
    assert await engine.create_accounts([MERCHANT, CHANNEL, MERCHANT]) == [
        Result.CREATED,
        Result.CREATED,
        Result.EXISTS,
    ]
    assert await engine.create_accounts([MERCHANT]) == [Result.EXISTS]


async def test_an_account_cannot_be_opened_again_with_another_limit(engine: Engine) -> None:
    await engine.create_accounts([MERCHANT])
    assert await engine.create_accounts([replace(MERCHANT, limit=1)]) == [Result.EXISTS_DIFFERENT]
    assert await engine.create_accounts([replace(MERCHANT, flags=AccountFlag.NONE)]) == [
        Result.EXISTS_DIFFERENT
    ]


async def test_an_account_that_is_not_in_order_is_refused_alone(engine: Engine) -> None:
    both = AccountFlag.CREDIT_FLOOR | AccountFlag.DEBIT_FLOOR
    wrong = {
        Account(Book.OWN, 0, "x"): Result.ID_INVALID,
        Account(Book.OWN, 10_000, "x"): Result.ID_INVALID,
        Account(Book.OWN, 1, "x", both): Result.FLAGS_INVALID,
        Account(Book.OWN, 1, "x", AccountFlag.FROZEN): Result.FLAGS_INVALID,
        Account(Book.OWN, 1, "x", AccountFlag.CREDIT_FLOOR, -1): Result.AMOUNT_INVALID,
    }
    assert await engine.create_accounts([*wrong, CHANNEL]) == [*wrong.values(), Result.CREATED]
    assert list(await engine.lookup_accounts([CHANNEL.id, *(one.id for one in wrong)])) == [CHANNEL.id]


async def test_accounts_are_looked_up_and_those_that_are_not_there_are_left_out(world: World) -> None:
    found = await world.engine.lookup_accounts([MERCHANT.id, NOBODY, BANK.id])
    assert found == {MERCHANT.id: MERCHANT, BANK.id: BANK}


async def test_a_transfer_moves_its_amount_from_one_account_to_the_other(world: World) -> None:
    assert await world.one(world.make(CHANNEL, MERCHANT, 70)) is Result.CREATED
    assert await world.figures(CHANNEL) == (70, 0, 0, 0)
    assert await world.figures(MERCHANT) == (0, 70, 0, 0)


async def test_each_transfer_of_a_request_has_its_own_answer_in_order(world: World) -> None:
    good, bad, other = world.make(), world.make(amount=0), world.make()
    assert await world.ask(good, bad, other) == [Result.CREATED, Result.AMOUNT_INVALID, Result.CREATED]


async def test_entries_are_numbered_in_the_order_they_were_asked_without_a_gap(world: World) -> None:
    world.needs(Capability.DENSE_SEQUENCE)
    answers = await world.engine.create_transfers([world.make(), world.make(amount=0), world.make()])
    assert [answer.seq for answer in answers] == [1, 0, 2]
    assert (await world.done(world.make()))[0].seq == 3


async def test_an_entry_says_what_was_asked_and_both_balances_after_it(world: World) -> None:
    first = world.make(CHANNEL, MERCHANT, 70, memo=world.an_id(), reverses=world.an_id())
    second = world.make(MERCHANT, BANK, 30)
    await world.done(first, second)
    found = await world.engine.lookup_transfers([first.id, second.id, world.an_id()])
    assert [found[one.id].transfer for one in (first, second)] == [first, second]
    assert [(one.debit_balance, one.credit_balance) for one in found.values()] == [(70, -70), (-40, -30)]
    assert {one.posted_at for one in found.values()} == {world.engine.now()}


async def test_an_account_may_be_debited_and_credited_in_one_request(world: World) -> None:
    await world.done(world.make(CHANNEL, MERCHANT, 9), world.make(MERCHANT, CHANNEL, 4), world.make())
    assert await world.figures(MERCHANT) == (4, 19, 0, 0)


async def test_the_largest_amount_is_moved_and_one_fen_more_overflows(world: World) -> None:
    assert await world.one(world.make(OWN_BANK, INCOME, MAX_AMOUNT)) is Result.CREATED
    assert await world.one(world.make(OWN_BANK, INCOME, 1)) is Result.OVERFLOW
    assert await world.figures(INCOME) == (0, MAX_AMOUNT, 0, 0)


async def test_a_refusal_of_form_is_not_remembered(world: World) -> None:
    wrong = world.make(amount=0)
    assert await world.one(wrong) is Result.AMOUNT_INVALID
    assert await world.one(replace(wrong, amount=5)) is Result.CREATED


async def test_an_empty_request_gets_an_empty_answer(world: World) -> None:
    assert await world.ask() == []


BAD: dict[str, tuple[dict[str, Any], Result]] = {
    "an unknown debit account": ({"debit": NOBODY}, Result.DEBIT_NOT_FOUND),
    "an unknown credit account": ({"credit": NOBODY}, Result.CREDIT_NOT_FOUND),
    "no debit account": ({"debit": NO_ID}, Result.DEBIT_NOT_FOUND),
    "two unknown accounts": ({"debit": NOBODY, "credit": NO_ONE}, Result.DEBIT_NOT_FOUND),
    "an account of another book": ({"credit": INCOME.id}, Result.BOOK_DIFFERENT),
    "a book that its accounts are not in": ({"book": Book.OWN}, Result.BOOK_DIFFERENT),
    "nothing": ({"amount": 0}, Result.AMOUNT_INVALID),
    "less than nothing": ({"amount": -1}, Result.AMOUNT_INVALID),
    "the least 64-bit number": ({"amount": -(2**63)}, Result.AMOUNT_INVALID),
    "one account on both sides": ({"credit": CHANNEL.id}, Result.ACCOUNTS_EQUAL),
    "a timeout without a pending": ({"timeout": 1}, Result.FLAGS_INVALID),
    "a pending id without a post": ({"pending_id": NOBODY}, Result.FLAGS_INVALID),
    "pending and post at once": ({"flags": TransferFlag.PENDING | TransferFlag.POST}, Result.FLAGS_INVALID),
    "post and void at once": ({"flags": TransferFlag.POST | TransferFlag.VOID}, Result.FLAGS_INVALID),
    "a whole chain of nothing": ({"flags": TransferFlag.CHAIN}, Result.FLAGS_INVALID),
    "what only the ledger writes": ({"flags": TransferFlag.EXPIRED}, Result.FLAGS_INVALID),
    "a flag that does not exist": ({"flags": TransferFlag(256)}, Result.FLAGS_INVALID),
    "the highest flag": ({"flags": TransferFlag(0x8000)}, Result.FLAGS_INVALID),
    "a date before the books": ({"business_date": date(1999, 12, 31)}, Result.PERIOD_CLOSED),
    "a date after the books": ({"business_date": date(2200, 1, 1)}, Result.PERIOD_CLOSED),
    "the first date there is": ({"business_date": date(1, 1, 1)}, Result.PERIOD_CLOSED),
    "the last date there is": ({"business_date": date(9999, 12, 31)}, Result.PERIOD_CLOSED),
    "no id": ({"id": NO_ID}, Result.ID_INVALID),
}


async def test_bad_input_has_a_name_each_time_and_nobody_else_suffers(world: World) -> None:
    wrong = {what: replace(world.make(), **change) for what, (change, _) in BAD.items()}
    before, after = world.make(), world.make()
    expected = {what: result for what, (_, result) in BAD.items()}
    first, *results, last = await world.ask(before, *wrong.values(), after)
    assert dict(zip(wrong, results, strict=True)) == expected
    assert {what: await world.one(one) for what, one in wrong.items()} == expected, "and again"
    assert {first, last} == {Result.CREATED}
    assert await world.figures(MERCHANT) == (0, 20, 0, 0)


async def test_an_id_that_is_not_a_uuid_of_version_7_is_refused(world: World) -> None:
    one = world.make()
    for version in (0, 1, 4, 6, 8, 15):
        number = one.id.int & ~(0xF << 76) | version << 76
        assert await world.one(replace(one, id=type(one.id)(int=number))) is Result.ID_INVALID
    variant = type(one.id)(int=one.id.int ^ 1 << 63)
    assert await world.one(replace(one, id=variant)) is Result.ID_INVALID


async def test_an_id_that_nobody_can_have_made_is_refused(world: World) -> None:
    """Before the ledger's first month, and beyond the months that are open ahead."""
    for years in (-30, -2, 2, 1000):
        born = world.engine.now() + timedelta(days=365 * years)
        assert await world.one(world.make(id=world.an_id(born))) is Result.ID_INVALID


async def test_an_id_of_last_month_and_one_of_the_next_are_taken(world: World) -> None:
    for days in (-20, 35):
        born = world.engine.now() + timedelta(days=days)
        assert await world.one(world.make(id=world.an_id(born))) is Result.CREATED


async def test_an_amount_of_two_to_the_63_never_becomes_another_amount(world: World) -> None:
    with suppress(InvalidInput):  # a client may refuse it before it travels
        assert await world.one(world.make(amount=2**63)) is Result.AMOUNT_INVALID
    assert await world.figures(MERCHANT) == (0, 0, 0, 0)


async def test_a_request_of_8192_is_decided_as_if_each_had_come_alone(world: World) -> None:
    transfers: list[Transfer] = []
    for n in range(4096):
        transfers += [world.make(CHANNEL, MERCHANT, 1), world.make(MERCHANT, BANK, 1 + n % 2)]
    balance, owed, expected = 0, 0, []
    for one in transfers:
        if one.debit == CHANNEL.id:
            balance, result = balance + 1, Result.CREATED
        elif one.amount > balance:
            result = Result.EXCEEDS_CREDITS
        elif owed + one.amount > BANK.limit:
            result = Result.EXCEEDS_DEBITS
        else:
            balance, owed, result = balance - one.amount, owed + one.amount, Result.CREATED
        expected.append(result)
    assert await world.ask(*transfers) == expected
    assert await world.figures(MERCHANT) == (owed, 4096, 0, 0)
