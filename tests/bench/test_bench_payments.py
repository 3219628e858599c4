"""The bench measures what it says: every payment is real, and its figures are there. No word about how fast."""

import asyncio
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from tests.unit import unionpay_bank
from zhangfang.channels.port import ForgedMessage
from zhangfang.channels.unionpay import RsaSigner
from zhangfang_bench.http import Wire, post
from zhangfang_bench.machine import cpu_seconds
from zhangfang_bench.payments.processes import NullCipher, NullSigner
from zhangfang_bench.payments.report import ratio

PAYMENTS, PAYERS = 200, 16
PROCESSES = {"serve", "ledger", "work", "unionpay", "postgres", "load"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    out = tmp_path_factory.mktemp("bench") / "figures.json"
    command = [sys.executable, "-m", "zhangfang", "bench", "payments", "--json", str(out)]
    command += ["--payments", str(PAYMENTS), "--payers", str(PAYERS), "--floor-seconds", "0.2"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-4000:]
    figures: dict[str, Any] = json.loads(out.read_text())
    return figures | {"shown": done.stdout}


@pytest.mark.drill
@pytest.mark.parametrize("run", ["signed", "null_signatures"])
def test_every_payment_of_a_run_succeeded_is_in_the_ledger_and_in_the_banks_book(
    made: dict[str, Any], run: str
) -> None:
    checked = made["runs"][run]["checked"]
    expected = PAYMENTS + max(PAYERS, PAYMENTS // 10)
    assert checked["succeeded"] == checked["booked"] == checked["in_banks_book"] == expected
    assert checked["gap_fen"] == 0


@pytest.mark.drill
@pytest.mark.parametrize("run", ["signed", "null_signatures"])
def test_a_run_gives_times_commits_cpu_of_every_process_and_floors_before_and_after(
    made: dict[str, Any], run: str
) -> None:
    figures = made["runs"][run]
    assert figures["payments"] == PAYMENTS
    assert figures["payments_per_s"] > 0
    assert 0 < figures["answer_p50_ms"] <= figures["p50_ms"] <= figures["p99_ms"]
    assert figures["commits_per_payment"] > 0
    assert set(figures["cpu_us_per_payment"]) == PROCESSES
    assert figures["cpu_us_per_payment"]["serve"] > 0
    for when in ("before", "after"):
        floor = figures["floors"][when]
        assert floor["empty_requests_per_s"] > 0
        assert floor["empty_request_cpu_us"] > 0
        assert floor["single_row_commits_per_s"] > 0
    assert "e + 3 c" in figures["ratio"]


@pytest.mark.drill
def test_the_bench_says_on_which_machine_it_ran_and_shows_the_ratio(made: dict[str, Any]) -> None:
    assert made["machine"]["cores"] == os.cpu_count()
    assert made["payers"] == PAYERS
    assert made["runs"]["null_signatures"]["ratio"].split("   ")[0] in made["shown"]


def test_a_payments_time_is_told_in_empty_requests_beside_three_commits() -> None:
    floor = {"empty_requests_per_s": 10_000, "single_row_commits_per_s": 5_000}
    found = ratio(1_000, {"before": floor, "after": floor})["ratio_numbers"]
    assert found["t_us"] == 1000  # 4 empty requests of 100 us and 3 commits of 200 us
    assert found["empty_requests_beside_3_commits"] == 4


def test_a_floor_is_the_mean_of_the_times_before_and_after() -> None:
    before = {"empty_requests_per_s": 10_000, "single_row_commits_per_s": 10_000}
    after = {"empty_requests_per_s": 2_500, "single_row_commits_per_s": 10_000}
    assert ratio(1_000, {"before": before, "after": after})["ratio_numbers"]["e_us"] == 250


def test_what_the_null_signer_signs_is_believed_by_no_real_one() -> None:
    signed = NullSigner().sign({"merId": unionpay_bank.MER_ID, "empty": ""})
    assert signed["signature"] == "null"
    assert "empty" not in signed
    NullSigner().verify({"signature": "anything"})
    assert (NullCipher().cert_id, NullCipher().encrypt("6222020000000018")) == ("", "6222020000000018")
    certificate = unionpay_bank.bank()[2].pem
    with pytest.raises(ForgedMessage):
        RsaSigner(unionpay_bank.config(), unionpay_bank.stopped_clock()).verify(
            signed | {"signPubKeyCert": certificate}
        )


@contextmanager
def _server(*pieces: bytes) -> Iterator[int]:
    """Answer each request with `pieces`, one after the other; close the connection after every second answer."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            for _ in range(2):
                connection, _ = listening.accept()
                with connection:
                    for _ in range(2):
                        connection.recv(65536)
                        for piece in pieces:
                            connection.sendall(piece)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listening.getsockname()[1]


async def test_the_client_reads_an_answer_that_comes_in_pieces_and_connects_again() -> None:
    pieces = (b"HTTP/1.1 201 Created\r\nContent-", b"Length: 5\r\n\r\nab", b"cde")
    with _server(*pieces) as port:
        wire = await Wire(port).open()
        answers = [await wire.ask(post("/", b"{}")) for _ in range(2)]
        while not wire.closed:  # noqa: ASYNC110 - the end of a connection has no event to wait for
            await asyncio.sleep(0.01)
        answers += [await wire.ask(post("/", b"{}")) for _ in range(2)]
    assert answers == [(201, b"abcde")] * 4


def test_cpu_time_of_a_process_grows_and_one_that_has_gone_used_none() -> None:
    before = cpu_seconds(os.getpid())
    while cpu_seconds(os.getpid()) == before:
        sum(range(100_000))
    assert cpu_seconds(2**22 + 1) == 0


def test_too_few_payments_are_refused_by_name() -> None:
    command = [sys.executable, "-m", "zhangfang", "bench", "payments", "--payments", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "--payments" in done.stderr
    assert "Traceback" not in done.stderr
