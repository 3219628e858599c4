"""The bank as a process: it is killed, comes back, and goes on as if nothing had happened."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.wire.cmb_sandbox_client import Client
from tests.wire.cmb_sandbox_process import BankProcess, start

OPENING = 100_000_00


@pytest.fixture
def running(tmp_path: Path) -> Iterator[list[BankProcess]]:
    """The processes a test starts; what still runs in the end is killed."""
    banks: list[BankProcess] = []
    yield banks
    for bank in banks:
        if bank.process.poll() is None:
            bank.kill()


@asynccontextmanager
async def client_of(bank: BankProcess, old: Client | None = None) -> AsyncIterator[Client]:
    async with aiohttp.ClientSession() as session:
        client = Client(session, bank.wire, bank.control)
        if old is not None:
            client.keys, client.bank_key, client.sm4 = old.keys, old.bank_key, old.sm4
        yield client


async def test_a_killed_bank_comes_back_with_its_keys_its_book_its_clock_and_its_plans(
    tmp_path: Path, running: list[BankProcess]
) -> None:
    running.append(start(tmp_path))
    async with client_of(running[-1]) as client:
        await client.set_time("2026-09-04T10:00:00+08:00")
        await client.join(OPENING)
        keyed = {"order-1": ["returned"], "order-2": ["not_found_first"], "order-3": ["decline"]}
        await client.ask("PUT", "/faults", {"keyed": {**keyed, "order-4": ["lost_answer"]}})
        first = await client.pay("P1", key="order-1")
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.pay("P2", key="order-2")
        assert await client.query("P2") == []
        assert (await client.pay("P3", key="order-3"))["rtnFlg"] == "F"
        used = client.message("DCLISACC", {"buscod": "N02030", "busmod": "1"}, await client.bank_time())
        form = client.form(json.dumps(client.signed(used)).encode(), "DCLISACC")
        assert (await client.post(form))[0] == 200
        before = await client.ask("GET", "/payments")
        old = client
    running[-1].kill()
    running.append(start(tmp_path))
    async with client_of(running[-1], old) as client:
        assert (await client.bank_time()).isoformat() == "2026-09-04T10:00:00+08:00"
        assert await client.ask("GET", "/payments") == before
        assert (await client.post(form))[0] == 400  # the request number stays used
        assert await client.query("P2") == []  # the second and last query that finds nothing
        assert await client.state("P2") == "BNK"
        assert (await client.pay("P3", key="order-3"))["reqSts"] == "BNK"  # met before the kill, not again
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.pay("P4", key="order-4")  # planned before the kill, still to come
        assert (await client.pay("P5", key="order-4"))["reqSts"] == "BNK"
        told = await client.ask("GET", "/faults")
        assert told["met"] == {"not_found_first": 1, "decline": 1, "lost_answer": 1}
        assert (await client.pay("P6"))["reqNbr"] > first["reqNbr"]
        await client.wait(seconds=2)
        assert await client.state("P1") == "FIN/S"
        old = client
    running[-1].kill()
    running.append(start(tmp_path))
    async with client_of(running[-1], old) as client:
        await client.set_time("2026-09-07T10:00:00+08:00")
        assert await client.state("P1") == "FIN/B"  # the return was planned before the kill
        assert await client.balance() == OPENING - 5 * 1230
    assert running[-1].stop() == 0


async def test_what_was_answered_before_a_kill_in_the_midst_of_work_is_in_the_book(
    tmp_path: Path, running: list[BankProcess]
) -> None:
    running.append(start(tmp_path))
    answered: set[str] = set()
    enough = asyncio.Event()

    async def payer(client: Client, name: int) -> None:
        for number in range(1000):
            yur_ref = f"P{name}-{number}"
            await client.pay(yur_ref, "0.01")
            answered.add(yur_ref)
            if len(answered) == 60:
                enough.set()

    async with client_of(running[-1]) as client:
        await client.set_time("2026-09-04T10:00:00+08:00")
        await client.join(OPENING)
        payers = [asyncio.create_task(payer(client, name)) for name in range(8)]
        await enough.wait()
        running[-1].kill()
        for error in await asyncio.gather(*payers, return_exceptions=True):
            assert isinstance(error, aiohttp.ClientError)
    running.append(start(tmp_path))
    async with client_of(running[-1], client) as client:
        booked = {payment["yurRef"] for payment in await client.ask("GET", "/payments")}
        assert answered <= booked
        assert len(booked - answered) <= 8  # at most what was under way
        assert await client.balance() == OPENING - len(booked)


def test_a_taken_port_is_a_clear_error_with_exit_code_2(tmp_path: Path, running: list[BankProcess]) -> None:
    running.append(start(tmp_path / "one"))
    port = running[-1].wire.split(":")[2].split("/")[0]
    command = [sys.executable, "-m", "zhangfang_sandbox.cmb", "--data", str(tmp_path / "two"), "--port", port]
    ended = subprocess.run(
        [*command, "--control-port", "0"], capture_output=True, text=True, timeout=60, check=False
    )
    assert (ended.returncode, ended.stdout) == (2, "")
    assert port in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_two_banks_on_one_folder_is_a_clear_error(tmp_path: Path, running: list[BankProcess]) -> None:
    running.append(start(tmp_path))
    command = [sys.executable, "-m", "zhangfang_sandbox.cmb", "--data", str(tmp_path), "--port", "0"]
    ended = subprocess.run(
        [*command, "--control-port", "0"], capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert len(ended.stderr.splitlines()) == 1
