"""The auditor's edges: what cannot be read is said by name, with exit code 2, and shows no account number."""

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.audit_world import ACCOUNT, NOON, World, furnish, play, served
from zhangfang_audit.__main__ import main
from zhangfang_audit.books.banks import Order, owed, read_channel, standing_debits
from zhangfang_audit.books.checks import add_working_days
from zhangfang_audit.inputs import ChannelAt, Unreadable, read_home


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home folder whose banks and database are not there."""
    monkeypatch.delenv("ZHANGFANG_DATABASE_URL", raising=False)
    with socket.socket() as taken:  # a port that was free a moment ago, and that nobody listens on
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
    furnish(tmp_path, f"postgresql://nobody@127.0.0.1:{port}/zhangfang", f"http://127.0.0.1:{port}")
    return tmp_path


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    """Return the day's books."""
    connection = await asyncpg.connect(database_url)
    try:
        async with connection.transaction():
            made = await play(connection)
        yield made
    finally:
        await connection.close()


def refused(home: Path, capsys: pytest.CaptureFixture[str], *more: str) -> str:
    """Run the program, which has to fail with 2, and return what it says."""
    assert main(["books", "--home", str(home), *more]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert ACCOUNT not in said.err
    return said.err


@pytest.mark.parametrize("name", ["banks.json", "database-url"])
def test_a_missing_file_is_named(home: Path, capsys: pytest.CaptureFixture[str], name: str) -> None:
    (home / name).unlink()
    assert str(home / name) in refused(home, capsys)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("banks.json", "{"),
        ("banks.json", "[]"),
        ("banks.json", '{"unionpay": {"merId": "777"}}'),
        ("banks.json", '{"unionpay": {"merId": "777", "control": "file:///etc/passwd"}}'),
        ("banks.json", '{"cmb": {"control": "http://127.0.0.1:1", "account": "1"}}'),
        ("clock.json", "now"),
        ("clock.json", '{"real": 1, "now": "2026-09-02", "rate": "fast"}'),
    ],
)
def test_a_malformed_file_is_named(
    home: Path, capsys: pytest.CaptureFixture[str], name: str, text: str
) -> None:
    (home / name).write_text(text)
    assert str(home / name) in refused(home, capsys)


def test_a_file_that_is_not_text_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "banks.json").write_bytes(b"\xff\xfe{}")
    assert "banks.json" in refused(home, capsys)


def test_a_bank_that_does_not_answer_is_named(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "/unionpay/movements" in refused(home, capsys)


async def test_a_database_that_does_not_answer_is_said(
    home: Path, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(world) as url:
        furnish(home, (home / "database-url").read_text(), url)
        assert "database" in await asyncio.to_thread(refused, home, capsys)


async def test_a_database_without_the_tables_is_said(
    home: Path, world: World, empty_database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(world) as url:
        furnish(home, empty_database_url, url)
        assert "does not exist" in await asyncio.to_thread(refused, home, capsys)


async def test_recording_where_there_is_no_table_is_said(
    home: Path, world: World, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    await world.connection.execute("DROP TABLE audit_result")
    with served(world) as url:
        furnish(home, database_url, url)
        assert "audit_result" in await asyncio.to_thread(refused, home, capsys, "--record")


async def test_figures_that_cannot_be_written_are_said(
    home: Path, world: World, database_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with served(world) as url:
        furnish(home, database_url, url)
        assert "no-such-folder" in await asyncio.to_thread(
            refused, home, capsys, "--json", str(home / "no-such-folder" / "out.json")
        )


@pytest.mark.parametrize(
    "path", ["/unionpay/movements", "/unionpay/book/summary", "/cmb/book", "/cmb/movements"]
)
@pytest.mark.parametrize("answer", [None, b"", b"\x00\xff", b'[{"order_no"', 7, [7], {}, [{"key": "777"}]])
async def test_a_bank_that_answers_nonsense_is_named(
    home: Path, world: World, database_url: str, capsys: pytest.CaptureFixture[str], path: str, answer: Any
) -> None:
    world.banks[path] = answer
    with served(world) as url:
        furnish(home, database_url, url)
        said = await asyncio.to_thread(refused, home, capsys)
    assert path.removesuffix("/summary") in said


@pytest.mark.parametrize("amount", [1.0, "1", True, None])
async def test_an_amount_that_is_not_whole_fen_is_refused(world: World, amount: Any) -> None:
    world.banks["/unionpay/movements"][0]["amount"] = amount
    with served(world) as url, pytest.raises(Unreadable, match="whole fen"):
        await asyncio.to_thread(read_channel, ChannelAt(f"{url}/unionpay"))


async def test_an_unknown_kind_of_order_is_not_taken_for_nothing(world: World) -> None:
    world.banks["/unionpay/movements"][0]["operation"] = "99"
    with served(world) as url, pytest.raises(Unreadable, match="99"):
        await asyncio.to_thread(read_channel, ChannelAt(f"{url}/unionpay"))


def test_the_clock_goes_on_from_its_anchor_at_its_rate(home: Path) -> None:
    real = time.monotonic() - 100
    (home / "clock.json").write_text(json.dumps({"real": real, "now": NOON.isoformat(), "rate": 60}))
    passed = read_home(home).now - NOON
    assert passed >= timedelta(seconds=6000)
    assert passed <= timedelta(seconds=60 * (time.monotonic() - real))


def test_without_a_virtual_clock_it_is_the_machines_time(home: Path) -> None:
    (home / "clock.json").unlink()
    before = datetime.now(UTC)
    assert before <= read_home(home).now <= datetime.now(UTC)


def test_the_environments_database_comes_first(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", "postgresql://elsewhere")
    (home / "database-url").unlink()
    assert read_home(home).database_url == "postgresql://elsewhere"


@given(st.dates(date(2020, 1, 1), date(2030, 1, 1)), st.integers(1, 30))
def test_a_limit_ends_on_a_working_day_with_as_many_before_it(day: date, n: int) -> None:
    end = add_working_days(day, n)
    between = [day + timedelta(days=k) for k in range(1, (end - day).days + 1)]
    assert end.weekday() < 5
    assert sum(one.weekday() < 5 for one in between) == n


ORDERS = st.builds(
    Order,
    number=st.uuids().map(str),
    kind=st.sampled_from(["purchase", "collection"]),
    state=st.sampled_from(["SUCCESS", "FAILED", "PENDING", "VOIDED"]),
    amount=st.integers(1, 10**12),
    key=st.sampled_from("ABC"),
    undoes=st.just(""),
    settled_in=st.sampled_from(["", "2026-09-01"]),
)


@given(st.lists(ORDERS, max_size=20))
def test_a_refund_of_everything_leaves_nothing_owed_and_no_debit_standing(orders: list[Order]) -> None:
    refunds = [
        Order(f"r-{one.number}", "refund", one.state, one.amount, one.key, one.number, one.settled_in)
        for one in orders
    ]
    assert owed(orders) == sum(o.amount for o in orders if o.state == "SUCCESS" and not o.settled_in)
    assert owed(orders + refunds) == 0
    assert standing_debits(orders + refunds) == []
