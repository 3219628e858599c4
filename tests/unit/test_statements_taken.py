"""A person brings a bank's statement: new lines are stored and booked once, and none is left out or taken twice."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.bills import Move, camt
from tests.clock import SetClock
from tests.people import LIN
from tests.treasury import ALIAS, DAY, Treasury, listed, treasury
from zhangfang.bills import Statement, read_statements
from zhangfang.bills.movements import Entry, whole
from zhangfang.kernel.errors import InvalidInput
from zhangfang.reconciliation import bring_statements
from zhangfang.reconciliation.statements import known

MOVES = (
    Move(10_000, "B1", text=f"unionpay settles {DAY}"),
    Move(700, "B2", text="租金"),
    Move(-50, "B3", text="手续费"),
)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def bring(
    house: Treasury, folder: Path, opening: int, moves: Sequence[Move], alias: str = ALIAS
) -> str:
    source = folder / "s.xml"
    source.write_text(camt(opening, moves), "utf-8")
    return await bring_statements(
        house.desk, alias, read_statements(source, "camt053"), "s.xml", "0" * 64, LIN
    )


async def test_statements_follow_on_each_other_and_overlaps_change_nothing(
    house: Treasury, tmp_path: Path
) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 10_000)
    assert (
        await bring(house, tmp_path, 0, MOVES[:1])
        == "1 new lines in 1 statements; 1 wait for a channel's file"
    )
    await house.filed(DAY, [listed(1, paid)])
    said = await bring(house, tmp_path, 0, MOVES[:2])
    assert said == "1 new lines in 1 statements; 0 wait for a channel's file"
    assert await house.balance(1003) == 10_700
    assert (await house.one_break())["class"] == "unknown_receipt"
    entries = await house.last_entry()
    assert (await bring(house, tmp_path, 0, MOVES[:2])).startswith("0 new lines")
    assert await house.last_entry() == entries
    with pytest.raises(InvalidInput, match=r"begins with 100\.00; allowed: one that follows on 107\.00"):
        await bring(house, tmp_path, 10_000, MOVES[2:])
    with pytest.raises(InvalidInput, match=r"line B2 with 7\.01; allowed: 7\.00, as it was read before"):
        await bring(house, tmp_path, 0, [MOVES[0], replace(MOVES[1], signed=701), MOVES[2]])
    with pytest.raises(InvalidInput, match="line B1, read before, behind a new one"):
        await bring(house, tmp_path, 0, [MOVES[2], *MOVES[:2]])
    assert await house.last_entry() == entries, "what is refused stores and books nothing"
    assert (await bring(house, tmp_path, 10_700, MOVES[2:])).startswith("1 new lines")
    assert await house.balance(1003) == 10_650
    assert await house.pool.fetchval("SELECT array_agg(closing ORDER BY n) FROM bank_statement") == [
        10_000,
        10_700,
        10_650,
    ]


async def test_an_account_that_is_not_ours_or_that_a_connector_reads_is_refused(
    house: Treasury, tmp_path: Path
) -> None:
    with pytest.raises(InvalidInput, match="allowed: an account of ours"):
        await bring(house, tmp_path, 0, MOVES, "nobody")
    await house.read()
    with pytest.raises(InvalidInput, match="one whose statement the platform reads by itself"):
        await bring(house, tmp_path, 0, MOVES)


@settings(suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.integers(-500, 500).filter(bool), max_size=12), st.data())
def test_pieces_of_a_statement_in_any_overlap_make_it_whole_again(
    signed: list[int], data: st.DataObject
) -> None:
    """Cut a long statement into pieces that may overlap, and take them: each line is taken once, in order."""
    sums = [sum(signed[:n]) for n in range(len(signed) + 1)]
    taken: dict[str, dict[str, object]] = {}
    end = 0
    while end < len(signed):
        begin = data.draw(st.integers(0, end))
        end = data.draw(st.integers(end, len(signed)))
        entries = [Entry("x", f"L{n}", DAY, abs(signed[n]), signed[n] > 0) for n in range(begin, end)]
        piece: Statement = whole("1", "a", sums[begin], sums[end], entries)
        old = known(piece, taken)
        assert old == len([one for one in piece.lines if one.sequence in taken])
        taken |= {one.sequence: {"amount": one.amount, "credit": one.credit} for one in piece.lines[old:]}
    assert list(taken) == [f"L{n}" for n in range(len(signed))]
