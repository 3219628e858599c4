"""Every fault does what it says, once for each order, also across a restart; and a killed bank loses nothing."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from aiohttp import ClientConnectionError

from tests.wire.unionpay_sandbox_client import (
    BACK,
    MER_ID,
    NOON,
    Merchant,
    Receiver,
    eventually,
    merchant_at_noon,
    merchant_on,
    process,
    receiving,
    split_answer,
    until,
)

Pair = tuple[Merchant, Receiver]
KEY = "A0000001"


@pytest.fixture
async def pair(tmp_path: Path) -> AsyncIterator[Pair]:
    async with merchant_at_noon(tmp_path / "bank") as made:
        yield made


async def collect_raw(merchant: Merchant, order_id: str = KEY) -> str:
    """The body as it comes, however broken; `dropped` where none does."""
    try:
        return await merchant.post(BACK, merchant.sign(merchant.money("collection", order_id, 1000)))
    except ClientConnectionError:
        return "dropped"


async def states(merchant: Merchant) -> list[str]:
    return [row["state"] for row in await merchant.book()]


async def are(merchant: Merchant, wanted: Sequence[str]) -> bool:
    return await states(merchant) == wanted


async def met(merchant: Merchant) -> dict[str, int]:
    report: dict[str, dict[str, int]] = await merchant.control("GET", "/faults")
    return report["met"]


async def test_a_lost_answer_has_booked_the_order(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={KEY: ["lost_answer"]})
    assert await collect_raw(merchant) == "dropped"
    assert await states(merchant) == ["SUCCESS"]
    assert (await merchant.query(KEY))["origRespCode"] == "00"
    await until(lambda: receiver.got)
    assert (await merchant.collect(KEY))["respCode"] == "12"
    assert await met(merchant) == {"lost_answer": 1}


async def test_a_late_answer_comes_after_the_order_is_booked(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={KEY: ["late_answer"]})
    asked = asyncio.create_task(merchant.collect(KEY))
    await eventually(lambda: are(merchant, ["SUCCESS"]))
    assert not asked.done()
    assert (await asked)["respCode"] == "00"


async def test_a_refused_connection_has_done_nothing(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={KEY: ["refused"]})
    assert await collect_raw(merchant) == "dropped"
    assert await states(merchant) == []
    assert (await merchant.query(KEY))["respCode"] == "34"
    assert (await merchant.collect(KEY))["respCode"] == "00"


async def test_a_throttled_request_has_done_nothing(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={KEY: ["throttle"]})
    assert (await merchant.collect(KEY))["respCode"] == "06"
    assert (await merchant.query(KEY))["respCode"] == "34"
    assert (await merchant.collect(KEY))["respCode"] == "00"


async def test_a_garbled_answer_cannot_be_verified(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={KEY: ["garbled_answer"]})
    body = await collect_raw(merchant)
    assert body.startswith("version=5.1.0")
    assert "signature=" not in body
    assert await states(merchant) == ["SUCCESS"]


async def test_a_bad_signature_comes_with_the_true_chain(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={KEY: ["bad_signature"]})
    forged, true = split_answer(await collect_raw(merchant)), await merchant.query(KEY)
    assert not merchant.genuine(forged)
    assert forged["signPubKeyCert"] == true["signPubKeyCert"]


async def test_a_wrong_chain_signs_well_with_a_stranger_s_key(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={KEY: ["wrong_chain"]})
    forged, true = split_answer(await collect_raw(merchant)), await merchant.query(KEY)
    assert not merchant.genuine(forged)
    assert forged["signPubKeyCert"] != true["signPubKeyCert"]
    assert forged["signature"] != true["signature"]


@pytest.mark.parametrize(("also", "state", "code"), [([], "SUCCESS", "00"), (["decline"], "FAILED", "64")])
async def test_a_pending_order_ends_later(pair: Pair, also: Sequence[str], state: str, code: str) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={KEY: ["pending_first", *also]})
    first = (await merchant.collect(KEY))["respCode"]
    assert first in {"03", "04", "05"}
    open_order = await merchant.query(KEY)
    assert (open_order["respCode"], open_order["origRespCode"]) == ("00", first)
    assert await states(merchant) == ["PENDING"]
    await eventually(lambda: are(merchant, [state]))
    assert (await merchant.query(KEY))["origRespCode"] == code
    if state == "SUCCESS":
        await until(lambda: receiver.got)


async def test_a_pending_refund_holds_its_amount(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("B0000001", 1000))["queryId"]
    await merchant.fault(keyed={"R0000001": ["pending_first"]}, late_seconds=60)
    assert await merchant.give_back("refund", "R0000001", paid, 700) in {"03", "04", "05"}
    assert await merchant.give_back("refund", "R0000002", paid, 301) == "36"
    assert await merchant.give_back("refund", "R0000003", paid, 300) == "00"


async def test_a_void_that_is_pending_when_the_day_ends_fails_and_frees_the_original(pair: Pair) -> None:
    merchant, _ = pair
    paid = (await merchant.collect("B0000001", 1000))["queryId"]
    await merchant.fault(keyed={"V0000001": ["pending_first"]})
    await merchant.give_back("void", "V0000001", paid, 1000)
    await merchant.set_clock(NOON.replace(hour=23))
    await eventually(lambda: are(merchant, ["SUCCESS", "FAILED"]))
    assert await merchant.give_back("refund", "R0000001", paid, 1000) == "00"


async def test_a_decline_is_definite_and_never_notified(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={KEY: ["decline"]})
    assert (await merchant.collect(KEY))["respCode"] == "64"
    assert (await merchant.query(KEY))["origRespCode"] == "64"
    assert (await merchant.collect(KEY))["respCode"] == "12"
    await merchant.collect("A0000002")
    await until(lambda: receiver.got)
    await merchant.set_clock(merchant.now + timedelta(hours=1))
    await asyncio.sleep(0.2)
    assert {told["orderId"] for told in receiver.got} == {"A0000002"}


async def test_a_hidden_order_is_found_by_the_third_query(pair: Pair) -> None:
    merchant, _ = pair
    await merchant.fault(keyed={KEY: ["not_found_first"]})
    assert await collect_raw(merchant) == "dropped"
    assert [(await merchant.query(KEY))["respCode"] for _ in range(3)] == ["34", "34", "00"]
    assert (await merchant.collect(KEY))["respCode"] == "12"
    assert await met(merchant) == {"not_found_first": 1}


async def test_a_lost_notification_never_comes(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={KEY: ["notify_lost"]})
    await merchant.collect(KEY)
    await merchant.collect("A0000002")
    await until(lambda: receiver.got)
    await merchant.set_clock(merchant.now + timedelta(hours=1))
    await asyncio.sleep(0.2)
    assert {told["orderId"] for told in receiver.got} == {"A0000002"}


async def test_a_repeated_notification_comes_three_times_the_same(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={KEY: ["notify_repeated"]})
    await merchant.collect(KEY)
    await until(lambda: len(receiver.got) == 3)
    assert receiver.got[0] == receiver.got[1] == receiver.got[2]


async def test_a_late_notification_is_overtaken(pair: Pair) -> None:
    merchant, receiver = pair
    await merchant.fault(keyed={KEY: ["notify_late"]}, late_seconds=0.6)
    await merchant.collect(KEY)
    await merchant.collect("A0000002")
    await until(lambda: len(receiver.got) == 2)
    assert [told["orderId"] for told in receiver.got] == ["A0000002", KEY]


async def test_rated_faults_meet_the_same_orders_in_any_sequence(tmp_path: Path) -> None:
    orders = [f"A{n:07d}" for n in range(12)]
    outcomes = []
    for name, sequence in (("one", orders), ("two", orders[::-1])):
        async with merchant_at_noon(tmp_path / name) as (merchant, _):
            await merchant.fault(seed=5, rates={"decline": 0.5})
            outcomes.append({order: (await merchant.collect(order))["respCode"] for order in sequence})
    assert outcomes[0] == outcomes[1]
    assert set(outcomes[0].values()) == {"00", "64"}


async def test_a_fault_that_was_met_is_not_met_again_after_a_start(tmp_path: Path) -> None:
    async with merchant_at_noon(tmp_path / "bank") as (merchant, _):
        await merchant.fault(
            keyed={KEY: ["throttle"], "B0000001": ["throttle"], "C0000001": ["not_found_first"]}
        )
        assert (await merchant.collect(KEY))["respCode"] == "06"
        assert await collect_raw(merchant, "C0000001") == "dropped"
        assert (await merchant.query("C0000001"))["respCode"] == "34"
    async with merchant_on(tmp_path / "bank") as merchant:
        assert (await merchant.collect(KEY))["respCode"] == "00"
        assert (await merchant.collect("B0000001"))["respCode"] == "06"
        assert [(await merchant.query("C0000001"))["respCode"] for _ in range(2)] == ["34", "00"]
        assert await met(merchant) == {"throttle": 2, "not_found_first": 1}


async def test_a_killed_bank_keeps_its_book_and_goes_on(tmp_path: Path) -> None:
    async with receiving() as receiver:
        receiver.statuses += [500] * 3
        async with process(tmp_path / "bank", back_url=f"{receiver.url}/back") as (child, merchant):
            await merchant.set_clock(NOON)
            await merchant.fault(keyed={"P0000001": ["pending_first"]}, late_seconds=60)
            answers = [await merchant.collect(f"A{n:07d}") for n in range(3)]
            await merchant.collect("P0000001")
            await until(lambda: len(receiver.got) == 3)
            before = await merchant.book()
            child.send_signal(signal.SIGKILL)
            await child.wait()
        async with process(tmp_path / "bank", back_url=f"{receiver.url}/back") as (_, merchant):
            assert await merchant.book() == before
            assert {answer["queryId"] for answer in answers} < {row["queryId"] for row in before}
            assert (await merchant.collect("A0000000"))["respCode"] == "12"
            await merchant.fault()
            await merchant.set_clock(NOON + timedelta(minutes=1))
            await until(lambda: {told["orderId"] for told in receiver.got[3:]} >= {"A0000000", "A0000001"})


async def test_answered_orders_survive_a_kill_under_load(tmp_path: Path) -> None:
    answered: set[str] = set()

    async def customer(merchant: Merchant, name: str) -> None:
        for number in range(1000):
            try:
                answer = await merchant.collect(f"{name}{number:07d}")
            except ClientConnectionError:
                return
            assert answer["respCode"] == "00"
            answered.add(answer["orderId"])

    async with process(tmp_path / "bank") as (child, merchant):
        await merchant.set_clock(NOON)
        busy = [asyncio.create_task(customer(merchant, name)) for name in "ABCDEF"]
        await until(lambda: len(answered) > 60)
        child.send_signal(signal.SIGKILL)
        await asyncio.gather(*busy)
    async with process(tmp_path / "bank") as (_, merchant):
        rows = await merchant.book(merId=MER_ID)
        assert answered <= {row["orderId"] for row in rows if row["state"] == "SUCCESS"}
        assert len({row["queryId"] for row in rows}) == len(rows)


async def test_null_signatures_warn_and_believe_everything(tmp_path: Path) -> None:
    async with process(tmp_path / "bank", "--null-signatures") as (_, merchant):
        await merchant.set_clock(NOON)
        fields = merchant.money("collection", KEY, 1000) | {"signMethod": "01", "signature": "null"}
        answer = split_answer(await merchant.post(BACK, fields))
        assert (answer["respCode"], answer["signature"]) == ("00", "null")


async def test_a_taken_port_or_folder_is_one_clear_line(tmp_path: Path) -> None:
    async with process(tmp_path / "bank") as (_, merchant):
        for folder, port, named in (("other", merchant.port, str(merchant.port)), ("bank", 0, "in use")):
            command = ["--data", str(tmp_path / folder), "--port", str(port), "--control-port", "0"]
            child = await start(*command)
            _, text = await child.communicate()
            assert child.returncode == 2
            assert named in text.decode()
            assert len(text.decode().splitlines()) == 1


async def start(*options: str) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "zhangfang_sandbox.unionpay", *options, stderr=asyncio.subprocess.PIPE
    )
