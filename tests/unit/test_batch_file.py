"""A merchant's file is taken whole or not at all, however it arrives, and what is wrong is said without its values."""

import asyncio
import json
from collections.abc import AsyncIterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.batch_bank import batch_bank, settle_down
from tests.clock import SetClock
from tests.desk import PAYER, SECRETS, Shop, open_shop
from zhangfang import batches
from zhangfang.batches import Batch, BatchInvalid, BatchNumberTaken, Upload, batch_job, load
from zhangfang.batches.reading import Reading
from zhangfang.batches.rules import LONGEST_LINE, Line, json_reader, split_evenly
from zhangfang.kernel.driver import run_due
from zhangfang.kernel.errors import InvalidInput
from zhangfang.merchants import Merchant

HEADER = "order_no,amount,number,name"
ROW = f"O-1,100,{PAYER.number},{PAYER.name}"


@pytest.fixture
async def shop(database_url: str, tmp_path: Path, clock: SetClock) -> AsyncIterator[Shop]:
    async with open_shop(database_url, tmp_path, clock) as shop:
        yield shop


async def whole(data: bytes) -> AsyncIterator[bytes]:
    yield data


def read(data: bytes, upload: Upload, cuts: list[int] | None = None) -> list[Any]:
    reading = Reading(upload)
    edges = [0, *sorted(cuts or []), len(data)]
    found = [one for a, b in pairwise(edges) for one in reading.feed(data[a:b])]
    found += reading.end()
    reading.check()
    return found


def csv(*rows: str) -> bytes:
    return "\n".join([HEADER, *rows, ""]).encode()


def upload(count: int, amount: int, **other: Any) -> Upload:
    return Upload("B-1", other.pop("form", "csv"), count, amount, **other)


def test_a_line_is_what_it_says_with_or_without_quotes_marks_and_line_ends() -> None:
    plain = Line("O-1", 100, PAYER.number, PAYER.name)
    quoted = f'"O-1","100","{PAYER.number}","{PAYER.name}"'
    for data in (
        csv(ROW),
        csv(quoted),
        b"\xef\xbb\xbf" + csv(ROW),
        csv(ROW).replace(b"\n", b"\r\n"),
        csv(ROW).removesuffix(b"\n"),
        csv("", ROW, ""),
    ):
        assert [line for _, line in read(data, upload(1, 100))] == [plain]
    body = {"order_no": "O-1", "amount": 100, "number": PAYER.number, "name": PAYER.name}
    assert [line for _, line in read(json.dumps(body).encode(), upload(1, 100, form="jsonl"))] == [plain]


@given(cuts=st.lists(st.integers(0, 400), max_size=8))
def test_how_a_file_is_cut_on_its_way_changes_nothing(cuts: list[int]) -> None:
    data = csv(*(f"O-{n},{n + 1},{PAYER.number},张三" for n in range(9)))
    cuts = [min(cut, len(data)) for cut in cuts]
    assert read(data, upload(9, 45), cuts) == read(data, upload(9, 45))


@settings(max_examples=150)
@given(data=st.binary(max_size=300), form=st.sampled_from(["csv", "jsonl"]), header=st.booleans())
def test_no_bytes_do_more_than_be_refused_and_no_value_is_repeated(
    data: bytes, form: str, header: bool
) -> None:
    if header and form == "csv":
        data = HEADER.encode() + b"\n" + data
    with pytest.raises(BatchInvalid) as caught:
        read(data, upload(1, 10**17, form=form))  # a sum that no file of one line has
    assert len(caught.value.problems) <= 100
    assert all(one.allowed for one in caught.value.problems)


@pytest.mark.parametrize(
    ("row", "column"),
    [
        (f"O-1,12.5,{PAYER.number},{PAYER.name}", "amount"),
        (f"O-1,0,{PAYER.number},{PAYER.name}", "amount"),
        (f"O-1,-1,{PAYER.number},{PAYER.name}", "amount"),
        (f"O-1,１２,{PAYER.number},{PAYER.name}", "amount"),
        (f"O-1,1000000000000,{PAYER.number},{PAYER.name}", "amount"),
        (f"O-1,100,{PAYER.number}", "line"),
        (f'O-1,100,"{PAYER.number},{PAYER.name}', "line"),
    ],
)
def test_a_bad_line_is_named_by_line_and_column_and_never_by_its_value(row: str, column: str) -> None:
    with pytest.raises(BatchInvalid) as caught:
        read(csv(ROW.replace("O-1", "O-0"), row), upload(2, 200))
    first = next(one for one in caught.value.problems if one.line)
    assert (first.line, first.column) == (3, column)
    assert all(secret not in str(caught.value) for secret in SECRETS)


@pytest.mark.parametrize(
    "line",
    [
        "[]", "null", "{", '{"order_no":"O-1"}', '{"order_no":"O-1","amount":"1","number":"1","name":"1"}',
        '{"order_no":"O-1","amount":1.5,"number":"1","name":"1"}',
        '{"order_no":"O-1","amount":1,"number":"1","name":"1","cvv":"123"}',
    ],
)  # fmt: skip
def test_a_line_of_json_that_is_not_as_described_is_refused(line: str) -> None:
    with pytest.raises(BatchInvalid):
        read(line.encode(), upload(1, 1, form="jsonl"))


@pytest.mark.parametrize(
    "header",
    ["order_no,amount,number", f"{HEADER},cvv", f"{HEADER},name", "O-1,100,6222021234567890123,张三丰", ""],
)
def test_a_header_that_is_not_as_allowed_refuses_the_file(header: str) -> None:
    with pytest.raises(BatchInvalid) as caught:
        read(f"{header}\n{ROW}\n".encode(), upload(1, 100))
    assert all(secret not in str(caught.value) for secret in SECRETS)


@pytest.mark.parametrize(("count", "amount"), [(1, 200), (3, 200), (2, 199), (2, 201)])
def test_a_file_that_differs_from_its_control_totals_is_refused(count: int, amount: int) -> None:
    with pytest.raises(BatchInvalid, match="announced"):
        read(csv(ROW, ROW.replace("O-1", "O-2")), upload(count, amount, partial=True))


def test_a_number_that_stands_twice_in_a_file_is_a_bad_line() -> None:
    with pytest.raises(BatchInvalid, match="earlier line"):
        read(csv(ROW, ROW), upload(2, 200))


def test_what_is_too_large_is_refused_while_it_arrives(monkeypatch: pytest.MonkeyPatch) -> None:
    reading = Reading(upload(1, 1))
    with pytest.raises(BatchInvalid, match="a line of more than"):
        [list(reading.feed(b"x" * LONGEST_LINE)) for _ in range(3)]
    monkeypatch.setattr("zhangfang.batches.reading.MOST_BYTES", 50)
    with pytest.raises(BatchInvalid, match="at most 50 bytes"):
        list(Reading(upload(1, 1)).feed(b"x" * 51))
    monkeypatch.setattr("zhangfang.batches.reading.MOST_BYTES", 10**6)
    monkeypatch.setattr("zhangfang.batches.reading.MOST_ITEMS", 2)
    with pytest.raises(BatchInvalid, match="at most 2 items"):
        read(csv(*(ROW.replace("O-1", f"O-{n}") for n in range(3))), upload(3, 300))


@given(count=st.integers(0, 5000), most=st.integers(1, 700))
def test_portions_are_few_and_even_and_hold_everything(count: int, most: int) -> None:
    sizes = split_evenly(count, most)
    assert sum(sizes) == count
    assert len(sizes) == -(-count // most)
    assert not sizes or max(sizes) - min(sizes) <= 1


async def rows(shop: Shop, table: str) -> int:
    return int(await shop.desk.pool.fetchval(f"SELECT count(*) FROM {table}"))


async def give(shop: Shop, merchant: Merchant, data: bytes, announced: Upload) -> tuple[Batch, bool]:
    return await load(shop.desk.pool, shop.desk.vault, shop.desk.clock, merchant, announced, whole(data))


async def test_of_a_file_with_a_bad_line_nothing_is_accepted_unless_bad_lines_are_let_in(shop: Shop) -> None:
    merchant = await shop.merchant()
    batch_bank(shop)
    good = [ROW.replace("O-1", f"O-{n}") for n in range(8)]
    data = csv(*good[:4], f"O-X,100,12,{PAYER.name}", "O-Y,?,1,1", *good[4:])
    with pytest.raises(BatchInvalid) as caught:
        await give(shop, merchant, data, upload(10, 1000))
    assert [(one.line, one.column) for one in caught.value.problems] == [(6, "number"), (7, "amount")]
    assert (await rows(shop, "batch"), await rows(shop, "batch_item")) == (0, 0)
    batch, new = await give(shop, merchant, data, upload(10, 1000, partial=True))
    assert new
    await settle_down(shop)
    items = await batches.items(shop.desk.pool, batch.id, 0, 100)
    assert [(one.line, one.code) for one in items if one.state == "REFUSED"] == [
        (6, "bad_line"),
        (7, "bad_line"),
    ]
    assert sum(one.state == "SUCCESS" for one in items) == 8


async def test_the_same_file_again_finds_its_batch_and_another_under_its_number_is_refused(
    shop: Shop,
) -> None:
    merchant = await shop.merchant()
    data = csv(*(ROW.replace("O-1", f"O-{n}") for n in range(3)))
    made = await asyncio.gather(*(give(shop, merchant, data, upload(3, 300)) for _ in range(4)))
    assert len({batch.id for batch, _ in made}) == 1
    assert [new for _, new in made].count(True) == 1
    assert await rows(shop, "batch_item") == 3
    with pytest.raises(BatchNumberTaken):
        await give(shop, merchant, data + b"\n", upload(3, 300))
    other = await shop.merchant()
    assert (await give(shop, other, data, upload(3, 300)))[1], "numbers are each merchant's own"


async def test_what_is_left_of_a_file_whose_reader_died_is_thrown_away(shop: Shop) -> None:
    merchant = await shop.merchant()
    lines = csv(*(ROW.replace("O-1", f"O-{n}") for n in range(600)))

    async def cut_off() -> AsyncIterator[bytes]:
        yield lines[:30_000]
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        await load(shop.desk.pool, shop.desk.vault, shop.desk.clock, merchant, upload(600, 60_000), cut_off())
    assert await rows(shop, "batch_item") == 0
    await shop.desk.pool.execute(
        "INSERT INTO batch (id, merchant, batch_no, partial, state, told, next_action_at, created_at) "
        "VALUES (gen_random_uuid(), 'm', 'B', false, 'LOADING', gen_random_uuid(), $1, $1)", shop.clock.now(),
    )  # fmt: skip
    await shop.desk.pool.execute(
        "INSERT INTO batch_item SELECT id, 2, 'x', 1, '', '', '', '', '', '', 'WAITING' FROM batch"
    )
    await run_due(shop.desk.pool, shop.clock.now(), batch_job(shop.desk))
    assert (await rows(shop, "batch"), await rows(shop, "batch_item")) == (0, 0)


async def test_nothing_personal_is_stored_of_a_file_in_the_clear_and_nothing_at_all_once_it_is_taken(
    shop: Shop,
) -> None:
    merchant = await shop.merchant()
    batch_bank(shop)
    await give(shop, merchant, csv(ROW), upload(1, 100))
    text = str([tuple(row) for row in await shop.desk.pool.fetch("SELECT * FROM batch_item")])
    assert all(secret not in text for secret in SECRETS)
    await settle_down(shop)
    assert await shop.desk.pool.fetchval("SELECT max(account_token) FROM batch_item") == ""


@pytest.mark.parametrize(
    ("field", "announced"),
    [
        ("batch_no", Upload("", "csv", 1, 1)),
        ("Content-Type", Upload("B", "xml", 1, 1)),
        ("count", Upload("B", "csv", 0, 1)),
        ("count", Upload("B", "csv", 100_001, 1)),
        ("amount", Upload("B", "csv", 1, -1)),
    ],
)
async def test_an_announcement_that_is_not_allowed_is_refused_before_anything_is_read(
    field: str, announced: Upload
) -> None:
    with pytest.raises(InvalidInput) as caught:
        await load(None, None, None, None, announced, whole(b""))  # type: ignore[arg-type]
    assert caught.value.field == field


@pytest.mark.parametrize("blank", ["", ",,,", " , ,\t,", '"","","",""', "\r"])
def test_a_blank_row_is_counted_nowhere_wherever_it_stands(blank: str) -> None:
    rows = [ROW, ROW.replace("O-1", "O-2")]
    for at in range(3):
        data = csv(*rows[:at], blank, *rows[at:])
        numbers = [number for number, _ in read(data, upload(2, 200))]
        assert numbers == [2 + (at <= 0), 3 + (at <= 1)], "each line keeps its number in the file"


@pytest.mark.parametrize(
    ("start", "what"),
    [(b"PK\x03\x04\x14\x00", "XLSX"), (b"\xd0\xcf\x11\xe0", "XLS"), ("\ufeff" + HEADER, "UTF-16")],
)
def test_a_workbook_that_is_called_csv_is_told_what_it_is(start: bytes | str, what: str) -> None:
    data = start.encode("utf-16") if isinstance(start, str) else start
    with pytest.raises(BatchInvalid, match=f"got .*{what}.*CSV UTF-8"):
        read(data, upload(1, 100))


@pytest.mark.parametrize(
    ("line", "column", "shape"),
    [
        (
            '{"order_no": "A", "amount": 1, "amount": 2, "number": "62220200", "name": "A"}',
            "amount",
            "the key twice",
        ),
        ('{"order_no": "A", "amount": 0x10}', "line", "what is no JSON"),
        ("[" * 50_000, "line", "what is no JSON"),
    ],
)
def test_a_line_of_json_is_read_to_its_end_before_its_fields(line: str, column: str, shape: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        json_reader(line)
    assert (refused.value.field, refused.value.shape) == (column, shape)
