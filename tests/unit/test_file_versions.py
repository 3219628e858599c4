"""A corrected file: exactly its differences are applied, by two persons, and the books are as if it had come first."""

import contextlib
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.clock import SetClock
from tests.people import LIN, WANG, seen
from tests.treasury import DAY, NEXT, Cut, Treasury, corrected, cut_off, listed, stray, treasury
from tests.unit.test_receiving import written
from zhangfang.approvals import NoProposal, SecondPerson
from zhangfang.channels.port import FileLine
from zhangfang.kernel.errors import InvalidInput
from zhangfang.payments import Intent
from zhangfang.reconciliation import approve, approve_version, differences, offer_version, propose, reconcile

CODES = (3011, 3012, 3013, 2351, 1242, 2202, 6401, 1003, 1241)


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def offered(house: Treasury, path: Path, lines: Sequence[FileLine], digest: str = "v2") -> UUID:
    file = written(path, [replace(line, line_no=n) for n, line in enumerate(lines, 1)])
    return await offer_version(
        house.desk, "unionpay", DAY, file, "b.zip", digest, LIN, "the channel corrected it"
    )


async def proposal_of(house: Treasury) -> UUID:
    found: UUID = await house.pool.fetchval(
        "SELECT id FROM proposal WHERE kind = 'file version' ORDER BY id DESC LIMIT 1"
    )
    return found


async def applied(house: Treasury, path: Path, lines: Sequence[FileLine], digest: str = "v2") -> None:
    made = await offered(house, path, lines, digest)
    for after in range(0, 40, 3):
        with contextlib.suppress(Cut):
            await approve_version(cut_off(house.desk, after), *await seen(house.pool, made), WANG)
    for _ in range(2):
        await approve_version(house.desk, *await seen(house.pool, made), WANG)


async def two_files(house: Treasury) -> tuple[list[FileLine], list[FileLine], list[Intent]]:
    """Return a file with every kind of line that a correction may change, and the corrected one."""
    merchant = await house.merchant()
    same, wrong, righted, lost, found, twice = [
        await house.paid(merchant, fen) for fen in (1000, 2000, 3000, 4000, 5000, 600)
    ]
    back = await house.undo(merchant, same, 300)
    nobody, other = stray(0, 70), stray(0, 80)
    unread = FileLine(0, "", "", None, 0, credit=False, fee=0, unread="why", raw="x")
    first = [
        listed(0, same, fee=2), listed(0, wrong, 2100), listed(0, righted, 2900, fee=9), listed(0, lost),
        listed(0, twice), listed(0, twice), nobody, unread, listed(0, back),
    ]  # fmt: skip
    second = [
        listed(0, back), listed(0, same, fee=3), listed(0, wrong, 2200), listed(0, righted), listed(0, found),
        listed(0, twice), other,
    ]  # fmt: skip
    return first, second, [same, wrong, righted, lost, found, twice, back]


async def test_a_corrected_file_leaves_the_books_as_if_it_had_come_first(
    house: Treasury, tmp_path: Path
) -> None:
    first, second, intents = await two_files(house)
    before = await house.balances(*CODES)
    await house.filed(DAY, [replace(line, line_no=n) for n, line in enumerate(first, 1)])
    await applied(house, tmp_path / "v.csv", second)
    open_ = {
        (row["class"], row["intent"], row["ours"], row["theirs"])
        for row in await house.breaks()
        if not row["cleared_at"]
    }
    _, wrong, _, lost, *_ = intents
    assert open_ == {
        ("amount_differs", wrong.id, 2000, 2200), ("missing_there", lost.id, 4000, None), ("missing_here", None, None, 80),
    }  # fmt: skip
    after = dict(
        zip(
            CODES,
            (new - old for new, old in zip(await house.balances(*CODES), before, strict=True)),
            strict=True,
        )
    )
    net = 1000 + 2200 + 3000 + 5000 + 600 + 80 - 300
    assert after == {
        3011: -15_600, 3012: net, 3013: 300, 2351: -280, 1242: 4000, 2202: -3, 6401: 3, 1003: 0, 1241: 0,
    }  # fmt: skip
    file = await house.pool.fetchrow("SELECT * FROM channel_file")
    assert (file["digest"], file["name"], file["lines"], file["net_fen"], file["unread"]) == (
        "v2",
        "b.zip",
        7,
        net - 3,
        0,
    )
    assert await house.listed_on(*intents) == [None if one is lost else DAY for one in intents]
    count = await house.last_entry()
    await reconcile(house.desk, house.acquirer, DAY)
    assert await house.last_entry() == count
    await house.settled(DAY)
    assert await house.balance(3012) == 0


async def test_the_differences_are_exactly_those_of_the_two_multisets(
    house: Treasury, tmp_path: Path
) -> None:
    first, second, _ = await two_files(house)
    await house.filed(DAY, [replace(line, line_no=n) for n, line in enumerate(first, 1)])
    await offered(house, tmp_path / "v.csv", second)
    version = await house.pool.fetchval("SELECT id FROM file_version")
    shown = await differences(house.pool, version)

    def said(lines: Sequence[FileLine]) -> Counter[Any]:
        return Counter((line.channel_ref, line.order_no, line.amount, line.fee) for line in lines)

    for what, expected in (("gone", said(first) - said(second)), ("added", said(second) - said(first))):
        rows = Counter(
            (r["channel_ref"], r["order_no"], r["amount"], r["fee"]) for r in shown if r["what"] == what
        )
        assert rows == expected


async def test_after_the_money_a_corrected_sum_waits_for_the_rest(house: Treasury, tmp_path: Path) -> None:
    merchant = await house.merchant()
    one, other = await house.paid(merchant, 1000), await house.paid(merchant, 500)
    await house.filed(DAY, [listed(1, one, fee=6)])
    await house.settled(DAY)
    await applied(house, tmp_path / "v.csv", [listed(1, one, fee=6), listed(2, other, fee=4)])
    row = await house.one_break()
    assert (row["class"], row["ours"], row["theirs"]) == ("amount_differs", 1490, 994)
    house.on_bank(496, text=f"unionpay settles {DAY}", day=NEXT)
    assert await house.read() == 0
    assert [row for row in await house.breaks() if not row["cleared_at"]] == []
    assert await house.balances(3011, 3012, 1003, 1241, 1242) == (0, 0, 1490, 10, 0)


async def test_nobody_approves_their_own_and_the_same_changes_nothing(
    house: Treasury, tmp_path: Path
) -> None:
    line = stray(1, 100)
    await house.filed(DAY, [line])
    digest = await house.pool.fetchval("SELECT digest FROM channel_file")
    for lines, bytes_, why in (
        ([stray(1, 5)], digest, "the bytes"),
        ([replace(line, raw="other")], "v2", "the lines"),
    ):
        with pytest.raises(InvalidInput, match=why):
            await offered(house, tmp_path / "v.csv", lines, bytes_)
    with pytest.raises(InvalidInput, match="without a file"):
        await offer_version(house.desk, "unionpay", NEXT, tmp_path / "v.csv", "n", "d", LIN, "a good reason")
    assert await house.pool.fetchval("SELECT count(*) FROM file_version") == 0
    made = await offered(house, tmp_path / "v.csv", [line, stray(2, 50)])
    with pytest.raises(NoProposal):
        await offered(house, tmp_path / "v.csv", [line, stray(2, 60)], "v3")
    with pytest.raises(SecondPerson):
        await approve_version(house.desk, *await seen(house.pool, made), LIN)
    assert await house.pool.fetchval("SELECT count(*) FROM file_line") == 1


async def test_a_line_whose_effect_cannot_be_taken_back_is_named(house: Treasury, tmp_path: Path) -> None:
    line = stray(1, 100)
    await house.filed(DAY, [line, stray(2, 30)])
    row = next(row for row in await house.breaks() if row["theirs"] == 100)
    cure = await propose(house.pool, house.clock, house.desk.journal, row["id"], "B8", LIN)
    made = await offered(house, tmp_path / "v.csv", [stray(2, 30)])
    await approve(house.desk, *await seen(house.pool, cure), WANG)
    with pytest.raises(InvalidInput, match="line 1 gone, but its missing_here is cured by B8"):
        await approve_version(house.desk, *await seen(house.pool, made), WANG)
    assert await house.pool.fetchval("SELECT digest <> 'v2' FROM channel_file")


async def test_a_file_of_the_next_day_that_ended_a_break_is_not_taken_back(
    house: Treasury, tmp_path: Path
) -> None:
    merchant = await house.merchant()
    paid = await house.paid(merchant, 1000, NEXT)
    wrong = listed(1, paid, 900)
    await house.filed(NEXT, [wrong])
    await house.filed(DAY, [corrected(1, wrong, 100), stray(2, 5)])
    made = await offered(house, tmp_path / "v.csv", [stray(2, 5)])
    with pytest.raises(InvalidInput, match="line 1 gone, but it is adjusted"):
        await approve_version(house.desk, *await seen(house.pool, made), WANG)
