"""The ledger's socket: what is not a frame closes its own connection, and nothing else suffers."""

import asyncio
import struct
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import UUID

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.ledger import running
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id, numbered
from zhangfang.ledger import (
    Account,
    AccountFlag,
    Book,
    LedgerClient,
    LedgerUnavailable,
    Result,
    Transfer,
    TransferFlag,
    wire,
)
from zhangfang.ledger.engine.digest import digests
from zhangfang.ledger.model import MAX_AMOUNT, NO_ID
from zhangfang.ledger.wire import HEADER, MAGIC, MalformedFrame, Op
from zhangfang.ledger.writer import server

ids = st.uuids()
made_transfers = st.builds(
    Transfer,
    id=ids,
    debit=ids,
    credit=ids,
    amount=st.integers(-(2**63), MAX_AMOUNT),
    book=st.sampled_from(Book),
    kind=st.integers(0, 0xFFFF),
    voucher=ids,
    business_date=st.dates(),
    flags=st.integers(0, 127).map(TransferFlag),
    pending_id=ids,
    timeout=st.integers(0, 2**32 - 1),
    reverses=ids,
    memo=ids,
)
CHANNEL = Account(Book.CUSTOMERS, 3011, "channel")
MERCHANT = Account(Book.CUSTOMERS, 2321, "merchant", AccountFlag.CREDIT_FLOOR)


def transfer(clock: SetClock, amount: int = 10, flags: TransferFlag = TransferFlag.NONE) -> Transfer:
    id_ = new_id(clock)
    return Transfer(
        numbered(id_, 1), CHANNEL.id, MERCHANT.id, amount, Book.CUSTOMERS, 1, id_, date(2026, 9, 1), flags
    )


@given(st.lists(made_transfers, max_size=4), st.datetimes(timezones=st.just(UTC)))
def test_a_transfer_comes_out_of_an_entry_as_it_went_into_a_request(
    transfers: list[Transfer], at: datetime
) -> None:
    for asked, one in zip(wire.from_transfers(transfers).tolist(), transfers, strict=True):
        record = np.array([(7, *asked, wire.micros(at), -5, 5)], wire.ENTRY)
        entry = wire.to_entry(wire.records(record.tobytes(), wire.ENTRY).tolist()[0])
        assert (entry.transfer, entry.posted_at, entry.seq, entry.debit_balance) == (one, at, 7, -5)


@pytest.mark.parametrize(
    "change", [{"amount": 2**63}, {"amount": -(2**63) - 1}, {"kind": -1}, {"timeout": 2**32}, {"kind": 2**16}]
)
def test_what_does_not_fit_its_field_is_named(change: dict[str, int], clock: SetClock) -> None:
    one = transfer(clock)
    values = {name: getattr(one, name) for name in Transfer.__slots__} | change
    with pytest.raises(InvalidInput, match=next(iter(change))):
        wire.from_transfers([Transfer(**values)])


@pytest.mark.parametrize("subject", ["", "商户", "x" * 41, "a\0b"])
def test_a_subject_is_short_printable_ascii(subject: str) -> None:
    with pytest.raises(InvalidInput, match="subject"):
        wire.from_accounts([Account(Book.OWN, 1002, subject)])


@given(st.binary(min_size=HEADER.size, max_size=HEADER.size))
def test_bytes_that_are_no_header_are_malformed(raw: bytes) -> None:
    with pytest.raises(MalformedFrame):
        wire.header(raw)


BAD_HEADERS = {
    "another magic": (b"HTTP", 1, 2, 0, 1, 1, 134),
    "another version": (MAGIC, 2, 2, 0, 1, 1, 134),
    "an unknown op": (MAGIC, 1, 99, 0, 1, 1, 134),
    "an answer": (MAGIC, 1, 2 | 0x80, 0, 1, 1, 10),
    "a reserved field": (MAGIC, 1, 2, 1, 1, 1, 134),
    "too many records": (MAGIC, 1, 2, 0, 1, 8193, 8193 * 134),
    "a body of another length": (MAGIC, 1, 2, 0, 1, 1, 133),
    "four gigabytes": (MAGIC, 1, 2, 0, 1, 1, 2**32 - 1),
}


@pytest.mark.parametrize("name", BAD_HEADERS)
async def test_a_malformed_frame_closes_its_connection_alone(
    name: str, database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        reader, writer = await asyncio.open_unix_connection(socket)
        writer.write(HEADER.pack(*BAD_HEADERS[name]) + b"x" * 200)
        assert await reader.read() == b""
        writer.close()
        assert (await client.create_transfers([transfer(clock)]))[0].result is Result.CREATED
    await ledger.stop()


async def test_any_bytes_in_a_well_formed_frame_get_named_results(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    noise = np.random.default_rng(7)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        good = transfer(clock)
        reader, writer = await asyncio.open_unix_connection(socket)
        for n in range(60):
            body = bytearray(wire.from_transfers([good, good]).tobytes())
            for place in noise.integers(0, len(body), n):
                body[place] = noise.integers(0, 256)
            writer.write(HEADER.pack(MAGIC, 1, Op.CREATE_TRANSFERS, 0, n, 2, len(body)) + body)
            head = wire.header(await reader.readexactly(HEADER.size), answer=True)
            answers = wire.to_answers(wire.records(await reader.readexactly(head.size), wire.RESULT))
            assert (head.request, len(answers)) == (n, 2)
        writer.close()
        assert (await client.status()).epoch == 1, "no batch failed"
    await ledger.stop()


async def test_a_subject_of_odd_bytes_is_refused_and_nobody_suffers(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    odd = np.array([(1, 2321, b"a\0b", 0, 0, 0), (1, 0, b"x", 0, 0, 0), (1, 1, b"x", 3, 0, 0)], wire.ACCOUNT)
    async with LedgerClient(socket) as client:
        answer = await client._call(Op.CREATE_ACCOUNTS, odd)
        assert [Result(result).name for result, _ in answer.tolist()] == [
            "ID_INVALID",
            "ID_INVALID",
            "FLAGS_INVALID",
        ]
        reader, writer = await asyncio.open_unix_connection(socket)
        foreign = np.array([(9, 2321, b"x", 0, 0, 0)], wire.ACCOUNT)
        writer.write(wire.frame(Op.CREATE_ACCOUNTS, 1, foreign))
        assert await reader.read() == b""
        writer.close()
        assert (await client.status()).epoch == 1
    await ledger.stop()


async def test_a_client_that_stops_reading_is_cut_off_and_the_others_go_on(
    database_url: str, tmp_path: Path, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server, "UNREAD", 100_000)
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        await client.create_transfers([transfer(clock) for _ in range(2000)])
        _, writer = await asyncio.open_unix_connection(socket, limit=1024)
        page = np.array([(MERCHANT.id.bytes, 0, 8192)], wire.PAGE)
        with pytest.raises(ConnectionError):
            await _ask_without_reading(writer, wire.frame(Op.ACCOUNT_TRANSFERS, 1, page), client)
        assert (await client.create_transfers([transfer(clock)]))[0].result is Result.CREATED
    await ledger.stop()


async def _ask_without_reading(writer: asyncio.StreamWriter, frame: bytes, other: LedgerClient) -> None:
    for _ in range(400):
        writer.write(frame)
        await writer.drain()
        await other.status()


async def test_calls_made_together_keep_their_chains_apart(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    linked = TransferFlag.LINKED
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        good, left_open = [transfer(clock, flags=linked), transfer(clock)], [transfer(clock, flags=linked)]
        bad = [transfer(clock, flags=linked), transfer(clock, amount=0)]
        answers = await asyncio.gather(
            *(client.create_transfers(one) for one in (good, left_open, bad, [transfer(clock)], []))
        )
    assert [[one.result.name for one in each] for each in answers] == [
        ["CREATED", "CREATED"],
        ["CHAIN_OPEN"],
        ["LINKED_FAILED", "AMOUNT_INVALID"],
        ["CREATED"],
        [],
    ]
    await ledger.stop()


async def test_a_call_without_a_ledger_ends_at_its_deadline(tmp_path: Path, clock: SetClock) -> None:
    async with LedgerClient(tmp_path / "nobody.sock", deadline=0.3) as client:
        with pytest.raises(LedgerUnavailable, match="CREATE_TRANSFERS"):
            await client.create_transfers([transfer(clock)])
        with pytest.raises(LedgerUnavailable, match="STATUS"):
            await client.status()


async def test_balances_and_history_can_be_read_as_of_a_past_moment(
    database_url: str, tmp_path: Path, clock: SetClock
) -> None:
    socket = tmp_path / "l.sock"
    ledger = running(database_url, socket, clock)
    async with LedgerClient(socket) as client:
        await client.create_accounts([CHANNEL, MERCHANT])
        moments = []
        for amount in (1, 10, 100):
            clock.advance(minutes=1)
            await client.create_transfers([transfer(clock, amount)])
            moments.append(clock.now())
        for n, total in enumerate((1, 11, 111)):
            for at in (n + 1, moments[n]):
                balance = (await client.account_balances([MERCHANT.id], at=at))[MERCHANT.id]
                assert (balance.credits, balance.seq) == (total, n + 1)
        entries = await client.account_transfers(MERCHANT.id, after=1, limit=1)
        assert [(one.seq, one.transfer.amount, one.credit_balance) for one in entries] == [(2, 10, -11)]
        found = await client.lookup_transfers([entries[0].transfer.id, UUID(int=5)])
        assert found == {entries[0].transfer.id: entries[0]}
        assert await client.lookup_accounts([MERCHANT.id, UUID(int=5)]) == {MERCHANT.id: MERCHANT}
        assert await client.account_balances([UUID(int=5)]) == {}
    await ledger.stop()


def test_a_header_is_24_bytes_and_a_transfer_134() -> None:
    assert (HEADER.size, wire.TRANSFER.itemsize) == (struct.calcsize("<4sBBHQII"), 134)
    assert NO_ID.bytes == bytes(16)


def test_a_digest_tells_records_apart_that_differ_in_any_byte() -> None:
    rng = np.random.default_rng(1)
    record = rng.integers(0, 256, wire.TRANSFER.itemsize, np.uint8)
    others = np.repeat(record[None, :], 3 * len(record), axis=0)
    for n, change in enumerate((1, 128, 255)):
        at = np.arange(len(record))
        others[n * len(record) + at, at] ^= change
    both = rng.integers(0, 256, (2000, wire.TRANSFER.itemsize), np.uint8)
    together = np.concatenate([record[None, :], others, both]).view(wire.TRANSFER).ravel()
    made = digests(together).tolist()
    assert len(set(made)) == len(made)
    assert digests(together[5:6]).tolist() == made[5:6], "a digest does not depend on its neighbours"
