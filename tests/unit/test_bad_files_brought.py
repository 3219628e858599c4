"""Each bad file that a person may bring: it is named, nothing is stored or booked, and the result from before stands."""

import asyncio
import zipfile
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path

import msgspec
import pytest

from tests.bills import Move, camt, wechat
from tests.clock import SetClock
from tests.formats import FILE_MAP, as_xlsx, file_table, trades
from tests.people import LIN, WANG, seen
from tests.treasury import ALIAS, DAY, NEXT, Treasury, at, listed, treasury
from zhangfang.bills import BillRefused, approve_map, propose_map
from zhangfang.channels.port import FileLine
from zhangfang.kernel.errors import InvalidInput
from zhangfang.reconciliation import read_and_bring, read_and_bring_statements

Spoil = Callable[[Path], object]


def text(change: Callable[[str], str], encoding: str = "utf-8") -> Spoil:
    return lambda source: source.write_bytes(change(source.read_text("utf-8")).encode(encoding))


def shifted(whole: str) -> str:
    """Lack one cell of each row, so that the columns behind it stand one to the left."""
    head, *rows, foot, totals, end = whole.split("\n")
    return "\n".join([head, *(row.split(",", 1)[1] for row in rows), foot, totals, end])


def macros(source: Path) -> None:
    with zipfile.ZipFile(source, "a") as archive:
        archive.writestr("xl/vbaProject.bin", b"x")


BILLS: Mapping[str, tuple[Spoil, str]] = {
    "half a file": (text(lambda whole: whole[: len(whole) // 2]), "columns|not complete"),
    "yesterday's under today's name": (
        text(lambda whole: whole.replace(f"{NEXT} 10", f"{DAY} 10")), f"a time of {NEXT}",
    ),
    "wrong totals": (text(lambda whole: whole.replace("`1,`", "`2,`")), "count says 2 rows"),
    "shifted columns": (text(shifted), "columns, and the header row has"),
    "GBK that is not": (text(str, "gb18030"), "text in GBK"),
    "UTF-16": (text(str, "utf-16"), "UTF-16"),
    "nothing": (text(lambda _: ""), "nothing"),
}  # fmt: skip
SHEETS: Mapping[str, tuple[Spoil, str]] = {
    "macros": (macros, "macros"),
    "half a workbook": (lambda source: source.write_bytes(source.read_bytes()[:-900]), "damaged ZIP"),
}


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def before(house: Treasury) -> tuple[FileLine, list[object]]:
    """Let a day be matched with a break, and return a good line of the next day, and all that stands."""
    merchant = await house.merchant()
    await house.filed(DAY, [listed(1, await house.paid(merchant, 1_000), 1_001)])
    house.clock.set(at(NEXT, 12))
    line = listed(1, await house.paid(merchant, 2_000, NEXT))
    return line, await stands(house)


async def stands(house: Treasury) -> list[object]:
    tables = (
        "channel_file",
        "file_line",
        "bank_line",
        "bank_statement",
        "break",
        "transfer",
        "proposal",
        "file_version",
    )
    return [await house.pool.fetch(f"SELECT * FROM {name} ORDER BY 1, 2") for name in tables]


@pytest.mark.parametrize("what", [*BILLS, *SHEETS])
async def test_a_bad_file_is_named_and_changes_nothing(house: Treasury, tmp_path: Path, what: str) -> None:
    made = await propose_map(
        house.pool,
        house.clock,
        msgspec.json.encode(msgspec.structs.replace(FILE_MAP, format="xlsx")),
        LIN,
        "ours",
    )
    assert made.proposal
    await approve_map(house.pool, house.clock, *await seen(house.pool, made.proposal), WANG)
    line, was = await before(house)
    source, sheet = tmp_path / "bill", what in SHEETS
    if sheet:
        as_xlsx(file_table(NEXT, [line]), source)
    else:
        source.write_text(wechat(trades(NEXT, [line])), "utf-8", newline="")
    whole = source.read_bytes()
    spoil, named = (SHEETS if sheet else BILLS)[what]
    await asyncio.to_thread(spoil, source)
    name = "bank-file" if sheet else "wechat"
    with pytest.raises(BillRefused, match=named):
        await read_and_bring(house.desk, source, "unionpay", NEXT, name, None, "bill", LIN)
    assert await stands(house) == was
    source.write_bytes(whole)
    _, said = await read_and_bring(house.desk, source, "unionpay", NEXT, name, None, "bill", LIN)
    assert said == "1 lines are taken", "the whole one is taken after it"
    _, said = await read_and_bring(house.desk, source, "unionpay", NEXT, name, None, "bill", LIN)
    assert said == "it was taken before, and changes nothing"


async def test_a_statement_with_entities_or_a_wrong_sum_changes_nothing(
    house: Treasury, tmp_path: Path
) -> None:
    _, was = await before(house)
    source, good = tmp_path / "s.xml", camt(0, [Move(700, "B1")])
    for bad, named in (
        (
            good.replace("<Document", '<!DOCTYPE x [<!ENTITY a "1">]><Document', 1),
            "declares a DTD or entities",
        ),
        (camt(0, [Move(700, "B1")], closing=701), "closing balance is 7.01"),
        (good[:600], "not whole"),
    ):
        source.write_text(bad, "utf-8")
        with pytest.raises((BillRefused, InvalidInput), match=named):
            await read_and_bring_statements(house.desk, source, ALIAS, "camt053", "s.xml", LIN)
        assert await stands(house) == was
