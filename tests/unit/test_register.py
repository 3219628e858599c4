"""The register: what each kind needs, two people for each entry and for its end, and the voucher that an end books."""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import msgspec
import pytest

from tests.adjusting import funded
from tests.clock import SetClock
from tests.people import LIN, WANG, ZHAO
from tests.treasury import DAY, Cut, Treasury, cut_off, treasury
from zhangfang import adjustments, approvals
from zhangfang.adjustments import ALLOWED, REGISTERED, NoEntry, Written
from zhangfang.approvals import NoProposal, Person, SecondPerson
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import prefixed


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def approved(house: Treasury, id_: UUID, by: Person = WANG) -> str:
    """Approve what was proposed as it is."""
    seen = (await approvals.get(house.pool, id_)).seen
    return await adjustments.approve_entry(house.pool, house.desk.ledger, house.clock, id_, seen, by)


async def chargeback(house: Treasury, fen: int = 10_000) -> tuple[str, Written]:
    """Return a merchant and a chargeback of one of its payments, as a person writes it."""
    merchant = await house.merchant()
    paid = await house.paid(merchant, fen)
    said = Written(
        "chargeback", "CB-114", payment=prefixed("pay", paid.id), amount=fen, due_on=DAY + timedelta(days=10),
        note="the payer says that it never ordered this",
    )  # fmt: skip
    return merchant.id, said


async def opened(house: Treasury, said: Written) -> UUID:
    """Open an entry by two."""
    id_ = await adjustments.propose_entry(house.pool, house.clock, said, LIN)
    assert await approved(house, id_) == "registered"
    return id_


async def ended(house: Treasury, id_: UUID, outcome: str, by: Person = LIN) -> UUID:
    return await adjustments.propose_outcome(house.pool, house.clock, id_, outcome, "the scheme's ruling", by)


def test_what_a_kind_books_is_a_voucher_that_people_may_propose() -> None:
    assert REGISTERED.keys() == {
        "chargeback",
        "court",
        "tax",
        "interest",
        "complaint",
        "invoice",
        "top_up",
        "prefunding",
    }
    for kind in REGISTERED.values():
        assert bool(kind.template) == bool(kind.moves_on)
        if kind.template:
            assert kind.moves_on in kind.outcomes
            assert set(ALLOWED[kind.template].whose) <= {"merchant", "channel"}
            assert "payment" in kind.needs


async def test_a_lost_chargeback_takes_the_money_from_the_merchant_once(house: Treasury) -> None:
    merchant, said = await chargeback(house)
    await funded(house, 10_000, merchant)
    id_ = await opened(house, said)
    entry = await adjustments.entry_of(house.pool, id_)
    assert (entry.merchant, entry.outcome) == (merchant, None)
    proposal = await ended(house, id_, "lost")
    for by in (LIN, Person(LIN.kind, "LIN")):
        with pytest.raises(SecondPerson):
            await approved(house, proposal, by)
    assert await approved(house, proposal) == "lost"
    assert await approved(house, proposal, ZHAO) == "lost"
    assert await house.balance(2322) == 0
    assert await house.balance(3012) == 0
    closed = await adjustments.entry_of(house.pool, id_)
    assert (closed.outcome, closed.closed_by) == ("lost", "lin and wang")
    with pytest.raises(NoEntry, match="is closed: lost"):
        await ended(house, id_, "won")
    assert await adjustments.entries(house.pool) == []


async def test_an_end_that_the_ledger_refuses_leaves_the_entry_open(house: Treasury) -> None:
    merchant, said = await chargeback(house)
    id_ = await opened(house, said)
    assert await approved(house, await ended(house, id_, "lost")) == "refused: exceeds_credits"
    assert (await adjustments.entry_of(house.pool, id_)).outcome is None
    await funded(house, 10_000, merchant)
    assert await approved(house, await ended(house, id_, "lost")) == "lost"
    assert await house.balance(2322) == 0


async def test_an_end_without_money_books_nothing(house: Treasury) -> None:
    _, said = await chargeback(house)
    id_ = await opened(house, said)
    before = await house.last_entry()
    assert await approved(house, await ended(house, id_, "won")) == "won"
    assert await house.last_entry() == before


async def test_an_end_that_is_cut_off_anywhere_is_carried_on_once(house: Treasury) -> None:
    merchant, said = await chargeback(house)
    await funded(house, 10_000, merchant)
    id_ = await opened(house, said)
    proposal = await ended(house, id_, "lost")
    seen, before = (await approvals.get(house.pool, proposal)).seen, await house.last_entry()
    for steps in range(20):
        desk = cut_off(house.desk, steps)
        try:
            args = desk.pool, desk.ledger, desk.clock, proposal, seen, WANG
            assert await adjustments.approve_entry(*args) == "lost"
            break
        except Cut:
            continue
    assert steps > 4
    assert await house.last_entry() == before + 1
    assert (await adjustments.entry_of(house.pool, id_)).outcome == "lost"


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"entry": "rumour"}, "kind"),
        ({"payment": ""}, "payment"),
        ({"payment": "pay_1"}, "payment"),
        ({"amount": None}, "amount"),
        ({"amount": 10_001}, "amount"),
        ({"due_on": None}, "due_on"),
        ({"reference": ""}, "reference"),
        ({"note": "x"}, "note"),
        ({"files": ("0" * 64,)}, "files"),
        ({"entry": "court"}, "merchant"),
    ],
)
async def test_what_is_missing_or_wrong_is_named(house: Treasury, change: dict[str, Any], named: str) -> None:
    _, said = await chargeback(house)
    if change.get("entry") == "court":
        said = msgspec.structs.replace(said, payment="")
    with pytest.raises(InvalidInput, match=rf"^{named}: got"):
        await adjustments.propose_entry(house.pool, house.clock, msgspec.structs.replace(said, **change), LIN)


async def test_a_reference_is_registered_once_and_one_end_waits_at_a_time(house: Treasury) -> None:
    _, said = await chargeback(house)
    first, second = [await adjustments.propose_entry(house.pool, house.clock, said, LIN) for _ in range(2)]
    assert await approved(house, first) == "registered"
    with pytest.raises(NoEntry, match="registered meanwhile"):
        await approved(house, second)
    with pytest.raises(InvalidInput, match="registered already"):
        await adjustments.propose_entry(house.pool, house.clock, said, LIN)
    await ended(house, first, "won")
    with pytest.raises(NoProposal, match="proposed one already"):
        await ended(house, first, "lost", WANG)
    with pytest.raises(InvalidInput, match=r"^outcome: got"):
        await ended(house, first, "settled")


async def test_an_open_entry_is_an_alarm_from_three_days_before_and_stays_one(house: Treasury) -> None:
    _, said = await chargeback(house)
    entry = await adjustments.entry_of(house.pool, await opened(house, said))
    assert [entry.alarms(date(2026, 9, day)) for day in (7, 8, 11, 30)] == [False, True, True, True]
