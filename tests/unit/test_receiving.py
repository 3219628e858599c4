"""A canonical CSV on disk becomes the same file, placed in the same way, as the lines of a connector."""

import csv
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from tests.clock import SetClock
from tests.treasury import DAY, NEXT, Treasury, listed, stray, treasury
from zhangfang.channels.port import FileLine
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import born_at
from zhangfang.reconciliation import take_file
from zhangfang.reconciliation.receiving import COLUMNS, receive_csv

UGLY = 'one, "two"\r\nthree\n"'


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


def written(path: Path, lines: Sequence[FileLine], head: Sequence[str] = COLUMNS) -> Path:
    """Write lines as the readers of files do."""
    with path.open("w", encoding="utf-8", newline="") as file:
        out = csv.writer(file, lineterminator="\n")
        out.writerow(head)
        for line in lines:
            row = {name: getattr(line, name) for name in COLUMNS}
            out.writerow([str(one).lower() if isinstance(one, bool) else one for one in row.values()])
    return path


async def test_a_csv_is_placed_and_booked_as_a_connectors_file(house: Treasury, tmp_path: Path) -> None:
    merchant = await house.merchant()
    one, other = await house.paid(merchant, 10_000), await house.paid(merchant, 3_000)
    odd = FileLine(
        9, "", "", None, 0, credit=False, fee=0, note=UGLY, raw=UGLY, unread=f"nobody reads {UGLY}"
    )
    lines = [listed(1, one, fee=5), listed(2, other, 2_900), stray(4, 700, note=UGLY), odd]
    path = written(tmp_path / "a.csv", lines)
    for _ in range(2):
        await take_file(house.desk, "unionpay", DAY, path, "a.zip", "d1")
    stored = await house.pool.fetch("SELECT * FROM file_line ORDER BY line_no")
    assert [tuple(row[name] for name in COLUMNS) for row in stored] == [
        tuple(getattr(line, name) for name in COLUMNS) for line in lines
    ]
    file = await house.pool.fetchrow("SELECT * FROM channel_file")
    assert (file["lines"], file["unread"], file["pay_in_fen"], file["fee_fen"], file["net_fen"]) == (
        4, 1, 13_600, 5, 13_595,
    )  # fmt: skip
    assert {row["class"] for row in await house.breaks()} == {"amount_differs", "missing_here", "unread"}
    assert await house.balances(3011, 3012, 2351, 1242) == (0, 13_600, -700, 100)


@pytest.mark.parametrize(
    ("text", "allowed"),
    [
        ("line_no,order_no\n1,c1\n", "another header"),
        (",".join(COLUMNS) + "\n1,c1,Q,purchase,x,true,0,false,,,,\n", "amount"),
        (",".join(COLUMNS) + "\n1,c1,Q,purchase,1,true,0,false,,,\n", 'column "unread"'),
        (",".join(COLUMNS) + "\n" + "1,c1,Q,purchase,1,true,0,false,,,,\n" * 2, "duplicate key"),
        (",".join(COLUMNS) + "\n" + "1,c1,Q,purchase,9223372036854775807,true,0,false,,,,\n2" + ",c1,Q,purchase,"
         "9223372036854775807,true,0,false,,,,\n", "range"),
        (",".join(COLUMNS) + '\n1,"c1,Q,purchase,1,true,0,false,,,,\n', "unterminated"),
    ],
)  # fmt: skip
async def test_another_table_is_refused_by_name_and_nothing_is_stored(
    database_url: str, clock: SetClock, tmp_path: Path, text: str, allowed: str
) -> None:
    path = tmp_path / "b.csv"
    path.write_text(text, "utf-8")
    async with asyncpg.create_pool(database_url, min_size=1, max_size=1) as pool:
        with pytest.raises(InvalidInput, match=allowed):
            await receive_csv(pool, clock, "up", NEXT, path, "b", "d2")
        assert await pool.fetchval("SELECT count(*) FROM channel_file") == 0


async def test_ids_that_the_database_makes_have_the_form_of_ours(database_url: str) -> None:
    connection: Any = await asyncpg.connect(database_url)
    moment = datetime(2026, 9, 1, 2, 3, 4, 567_890, UTC)
    rows = await connection.fetch("SELECT id_of($1) AS id FROM generate_series(1, 100)", moment)
    assert len({row["id"] for row in rows}) == 100
    for id_ in (row["id"] for row in rows):
        assert (id_.version, id_.int & 0xFF, id_.int >> 64 & 0xFFF) == (7, 0, 890 * 4096 // 1000)
        assert born_at(id_) == moment - timedelta(microseconds=890)
    await connection.close()
