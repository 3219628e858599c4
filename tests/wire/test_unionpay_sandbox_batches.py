"""The sandbox's batches: taken whole or not at all, each item done once, answered for when all is done."""

import asyncio
import base64
import sqlite3
import zlib
from collections.abc import AsyncIterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientConnectionError

from tests.wire.unionpay_sandbox_client import (
    CARD,
    MER_ID,
    NOON,
    Merchant,
    Receiver,
    eventually,
    merchant_at_noon,
    process,
)

Pair = tuple[Merchant, Receiver]
BATCH = "/gateway/api/batchTrans.do"
KINDS = {"01": ("04", "000501"), "02": ("11", "000501"), "03": ("12", "000401")}
NAMED = base64.b64encode(b"{customerNm=Wang}").decode()


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with merchant_at_noon(tmp_path / "bank") as made:
        await made[0].fault(late_seconds=0)
        yield made


def packed(text: str) -> str:
    return base64.b64encode(zlib.compress(text.encode())).decode()


def item(order_id: str, amount: int = 1_000, account: str = CARD, original: str = "", key: str = "") -> str:
    return f"{order_id}|20260901120000|{amount}|{account}|01||{NAMED}||memo|{original}|{key or order_id}"


def fields_of(merchant: Merchant, number: str, items: Sequence[str], sub_type: str = "02") -> dict[str, str]:
    total = sum(int(line.split("|")[2]) for line in items)
    txn_type, biz_type = KINDS[sub_type]
    header = f"{MER_ID}|{number}|20260901120000|{txn_type}|{len(items)}|{total}"
    told = merchant.common("21", sub_type, biz_type, "") | {"batchNo": number, "channelType": "07"}
    told |= {"totalQty": str(len(items)), "totalAmt": str(total)}
    return told | {"fileContent": packed("\n".join([header, *items]) + "\n")}


async def submit(merchant: Merchant, number: str, items: Sequence[str], sub_type: str = "02") -> str:
    return (await merchant.ask(BATCH, fields_of(merchant, number, items, sub_type)))["respCode"]


async def asked(merchant: Merchant, number: str, sub_type: str = "02") -> dict[str, str]:
    told = merchant.common("22", sub_type, KINDS[sub_type][1], "") | {"batchNo": number}
    return await merchant.ask(BATCH, told)


async def result(merchant: Merchant, number: str, sub_type: str = "02") -> list[list[str]]:
    """Wait for the result; its lines, the header first."""

    async def done() -> dict[str, str] | None:
        answer = await asked(merchant, number, sub_type)
        assert answer["respCode"] in {"00", "41"}
        return answer if answer["respCode"] == "00" else None

    answer = await eventually(done)
    assert answer is not None
    text = zlib.decompress(base64.b64decode(answer["fileContent"])).decode()
    return [line.split("|") for line in text.splitlines()]


async def test_a_batch_of_collections_is_worked_off_and_answered_item_by_item(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={"A0000002": ["decline"]}, late_seconds=0)
    assert await submit(merchant, "0001", [item(f"A000000{n}", n * 100) for n in (1, 2, 3)]) == "00"
    header, *lines = await result(merchant, "0001")
    assert header == [MER_ID, "0001", "20260901120000", "11", "3", "600", "2", "400"]
    assert [line[:4] for line in lines] == [
        ["A0000001", "20260901120000", "100", "00"],
        ["A0000002", "20260901120000", "200", "64"],
        ["A0000003", "20260901120000", "300", "00"],
    ]
    rows = await merchant.book()
    assert [(row["batch"], row["state"], row["accNo"]) for row in rows] == [
        ("0001", "SUCCESS", "621234*********0123"),
        ("0001", "FAILED", "621234*********0123"),
        ("0001", "SUCCESS", "621234*********0123"),
    ]
    assert lines[0][4:6] == [rows[0]["queryId"], "0901"]
    assert (await merchant.query("A0000001"))["origRespCode"] == "00"
    assert not receiver.got  # nobody is told of a batch


async def test_a_batch_is_not_finished_until_its_last_item_has_an_end(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={"A0000001": ["pending_first"]}, late_seconds=0.3)
    await submit(merchant, "0001", [item("A0000001"), item("A0000002")])
    assert (await asked(merchant, "0001"))["respCode"] == "41"

    async def second_is_done() -> bool:
        return [row["state"] for row in await merchant.book()] == ["PENDING", "SUCCESS"]

    await eventually(second_is_done)
    assert (await asked(merchant, "0001"))["respCode"] == "41"
    assert [line[3] for line in (await result(merchant, "0001"))[1:]] == ["00", "00"]


async def test_a_batch_again_is_a_duplicate_and_does_nothing_twice(pair: Pair) -> None:
    merchant, _ = pair
    assert await submit(merchant, "0001", [item("A0000001")]) == "00"
    for items in ([item("A0000001")], [item("A0000009", 5)]):
        assert await submit(merchant, "0001", items) == "12"
    await result(merchant, "0001")
    assert await submit(merchant, "0001", [item("A0000001")]) == "12"
    assert [row["orderId"] for row in await merchant.book()] == ["A0000001"]


async def test_an_item_whose_number_is_taken_is_a_duplicate_alone(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.collect("A0000001", 700)
    await submit(merchant, "0001", [item("A0000001"), item("A0000002"), item("A0000002", 5)])
    lines = (await result(merchant, "0001"))[1:]
    assert [line[3] for line in lines] == ["12", "00", "12"]
    assert [row["amount"] for row in await merchant.book()] == [700, 1_000]


async def test_a_batch_of_payouts_and_one_of_refunds(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("A0000001", 1_000))["queryId"]
    defects = [item("O0000002").replace(NAMED, ""), item("O0000003", account="")]
    assert await submit(merchant, "0001", [item("O0000001"), *defects], "03") == "00"
    refunds = [item("R0000001", 400, "", paid), item("R0000002", 700, "", paid)]
    assert await submit(merchant, "0002", refunds, "01") == "00"
    assert [line[3] for line in (await result(merchant, "0001", "03"))[1:]] == ["00", "13", "13"]
    assert [line[3] for line in (await result(merchant, "0002", "01"))[1:]] == ["00", "36"]
    assert [(row["txnType"], row["amount"]) for row in await merchant.book(state="SUCCESS")] == [
        ("11", 1_000),
        ("12", 1_000),
        ("04", 400),
    ]


BOMB = base64.b64encode(zlib.compress(b"0" * 17 * 1024 * 1024)).decode()


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"batchNo": "0000"}, "10"),
        ({"batchNo": ""}, "13"),
        ({"totalQty": "2"}, "14"),
        ({"totalAmt": "1001"}, "14"),
        ({"bizType": "000401"}, "10"),
        ({"txnSubType": "04"}, "32"),
        ({"txnTime": "20260801120000"}, "10"),
        ({"fileContent": "?"}, "14"),
        ({"fileContent": base64.b64encode(b"plain").decode()}, "14"),
        ({"fileContent": packed("")}, "14"),
        ({"fileContent": packed(f"{MER_ID}|0001|20260901120000|11|1|1000\nA|B\n")}, "14"),
        ({"fileContent": packed(f"{MER_ID}|0001|20260901120000|11|1|1000\n{item('A1')}\n")}, "14"),
        ({"fileContent": packed(f"{MER_ID}|0001|20260901120000|11|1|1000\n{item('A0000001')}")}, "14"),
        ({"fileContent": BOMB}, "14"),
    ],
)
async def test_a_batch_with_a_defect_is_refused_as_a_whole(
    pair: Pair, change: dict[str, str], code: str
) -> None:
    merchant, _ = pair
    answer = await merchant.ask(BATCH, fields_of(merchant, "0001", [item("A0000001")]) | change)
    assert answer["respCode"] == code, answer["respMsg"]
    assert await merchant.book() == []
    assert (await asked(merchant, "0001"))["respCode"] == "34"


async def test_faults_of_a_batch_go_by_its_number(pair: Pair) -> None:
    merchant, _ = pair
    keyed = {
        "0001": ["throttle"],
        "0002": ["lost_answer"],
        "0003": ["not_found_first"],
        "0004": ["maintenance"],
    }
    await merchant.fault(keyed=keyed, late_seconds=0)
    assert await submit(merchant, "0001", [item("A0000001")]) == "06"
    assert await submit(merchant, "0004", [item("A0000004")]) in {"02", "39"}
    for number in ("0002", "0003"):
        with pytest.raises(ClientConnectionError):
            await submit(merchant, number, [item(f"A000{number}")])
    assert [(await asked(merchant, n))["respCode"] for n in ("0001", "0004", "0003", "0003")] == ["34"] * 4
    assert [(await result(merchant, n))[1][3] for n in ("0002", "0003")] == ["00", "00"]
    assert await submit(merchant, "0001", [item("A0000001")]) == "00"


async def killed_and_started_again(folder: Path, items: Sequence[str]) -> list[dict[str, Any]]:
    """Kill the bank in the middle of a batch, ask the next one for the result; the book."""
    async with process(folder) as (child, merchant):
        await merchant.set_clock(NOON)
        await merchant.fault(late_seconds=0)
        assert await submit(merchant, "0001", items) == "00"

        async def begun() -> bool:
            return bool(await merchant.book(seq="41"))

        await eventually(begun)
        child.kill()
        await child.wait()
    with closing(sqlite3.connect(folder / "bank.db")) as left:
        assert 40 <= left.execute("SELECT done FROM batches").fetchone()[0] < len(items)
    async with process(folder) as (_, merchant):
        merchant.now = NOON
        assert len(await result(merchant, "0001")) == len(items) + 1
        return await merchant.book()


@pytest.mark.drill
async def test_a_killed_bank_goes_on_with_its_batch_where_it_was(tmp_path: Path) -> None:
    async with asyncio.timeout(60):
        rows = await killed_and_started_again(tmp_path / "bank", [item(f"A{n:07d}") for n in range(1_000)])
    assert [row["orderId"] for row in rows] == [f"A{n:07d}" for n in range(1_000)]
    assert {row["state"] for row in rows} == {"SUCCESS"}
