"""What goes wrong on purpose: each fault once per order, chosen by the order's key alone."""

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path

import aiohttp
import gmssl_pyx
import pytest

from tests.wire.cmb_sandbox_client import Client, Forged, canonical, served_bank

OPENING = 100_000_00
UNREADABLE = (ValueError, gmssl_pyx.GmsslInnerError)
NAMES = [
    "account_type",
    "bad_signature",
    "contradict",
    "decline",
    "decline_later",
    "garbled_answer",
    "late_answer",
    "lost_answer",
    "maintenance",
    "not_found_first",
    "notify_disordered",
    "notify_late",
    "notify_lost",
    "notify_repeated",
    "pending_first",
    "refused",
    "returned",
    "throttle",
    "wrong_chain",
]
# One after the other on one order: none of these keeps another from being met.
IN_TURN = ["bad_signature", "decline", "garbled_answer", "late_answer", "lost_answer", "not_found_first"]
IN_TURN += ["pending_first", "refused", "throttle", "wrong_chain", "account_type", "maintenance"]


@pytest.fixture
async def client(tmp_path: Path) -> AsyncIterator[Client]:
    """A bank whose clock stands at a Friday morning, with one enterprise."""
    async with served_bank(tmp_path) as client:
        await client.set_time("2026-09-04T10:00:00+08:00")
        await client.join(OPENING)
        yield client


async def plan(client: Client, *faults: str, key: str = "order-1") -> None:
    await client.ask("PUT", "/faults", {"keyed": {key: list(faults)}, "late_seconds": 0.05})


async def met(client: Client) -> dict[str, int]:
    told = (await client.ask("GET", "/faults"))["met"]
    return {name: count for name, count in told.items() if count}


async def post(client: Client, yur_ref: str, key: str = "order-1") -> tuple[int, str]:
    message = client.signed(
        client.message("BB1PAYOP", client.payment(yur_ref, key=key), await client.bank_time())
    )
    return await client.post(client.form(canonical(message), "BB1PAYOP"))


async def test_an_answer_is_lost_and_the_payment_is_made(client: Client) -> None:
    await plan(client, "lost_answer")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(client, "P1")
    assert await client.state("P1") == "BNK"
    assert await client.balance() == OPENING - 1230
    assert await met(client) == {"lost_answer": 1}


async def test_a_refused_connection_leaves_nothing_behind_and_the_second_try_goes_through(
    client: Client,
) -> None:
    await plan(client, "refused")
    message = client.signed(
        client.message("BB1PAYOP", client.payment("P1", key="order-1"), await client.bank_time())
    )
    form = client.form(canonical(message), "BB1PAYOP")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await client.post(form)
    assert await client.query("P1") == []
    assert await client.balance() == OPENING
    status, _ = await client.post(form)  # even the request number is still unused
    assert status == 200
    assert await client.balance() == OPENING - 1230


async def test_a_busy_bank_says_so_in_plain_text_and_has_done_nothing(client: Client) -> None:
    await plan(client, "throttle")
    status, text = await post(client, "P1")
    assert (status, text.startswith("CDCServer:")) == (503, True)
    assert await client.query("P1") == []
    assert (await post(client, "P1"))[0] == 200


async def test_a_late_answer_is_processed_before_it_is_answered(client: Client) -> None:
    await client.ask("PUT", "/faults", {"keyed": {"order-1": ["late_answer"]}, "late_seconds": 600})
    late = asyncio.create_task(post(client, "P1"))
    while await client.balance() == OPENING:
        pass
    assert not late.done()
    late.cancel()


async def test_a_late_answer_comes_in_the_end(client: Client) -> None:
    await plan(client, "late_answer")
    _, text = await post(client, "P1")
    assert client.read(text)["body"]["bb1payopz1"][0]["reqSts"] == "BNK"
    assert await met(client) == {"late_answer": 1}


async def test_a_garbled_answer_cannot_be_read_and_the_payment_is_made(client: Client) -> None:
    await plan(client, "garbled_answer")
    status, text = await post(client, "P1")
    assert status == 200
    with pytest.raises(UNREADABLE):
        client.read(text)
    assert await client.state("P1") == "BNK"


async def test_a_badly_signed_answer_reads_well_but_does_not_verify(client: Client) -> None:
    await plan(client, "bad_signature")
    _, text = await post(client, "P1")
    with pytest.raises(Forged):
        client.read(text)
    assert await client.state("P1") == "BNK"


async def test_a_pending_payment_stays_with_the_bank_past_the_first_query(client: Client) -> None:
    """The bank calls some of them suspicious (WRF) meanwhile, and says of none how it will end."""
    for key, meanwhile in (("order-1", "WRF"), ("order-4", "BNK")):
        await plan(client, "pending_first", key=key)
        await client.pay(key, key=key)
        await client.wait(minutes=5)
        assert await client.state(key) == meanwhile
        await client.wait(minutes=5)
        assert await client.state(key) == "FIN/S"


async def test_a_payment_that_is_declined_later_was_accepted_and_moved_no_money(client: Client) -> None:
    await plan(client, "decline_later")
    assert (await client.pay("P1", key="order-1"))["reqSts"] == "NTE"
    await client.wait(seconds=2)
    assert await client.state("P1") == "FIN/F"
    assert (await client.ask("GET", f"/book?account={client.account}"))["lines"] == []


async def test_a_contradiction_is_called_failed_and_stands_on_the_statement(client: Client) -> None:
    await plan(client, "contradict")
    record = await client.pay("P1", key="order-1")
    assert (record["reqSts"], record["rtnFlg"]) == ("FIN", "F")
    await client.wait(days=3)
    assert await client.state("P1") == "FIN/F"
    (line,) = (await client.page(None, beginDate="20260904"))["TRANSQUERYBYBREAKPOINT_Z2"]
    assert (line["loanCode"], line["transAmount"], line["yurRef"]) == ("D", "-12.30", "P1")
    (movement,) = await client.ask("GET", "/movements")
    assert (movement["state"], movement["denied"]) == ("SUCCESS", True)
    await client.pay("P2", key="order-1")  # by another way, as a platform may after a definite failure
    told = await client.ask("GET", "/book/summary")
    assert (told["double_debits"], told["contradictions"]) == (0, 1)


async def test_a_payees_account_type_is_refused_for_good(client: Client) -> None:
    await plan(client, "account_type")
    record = await client.pay("P1", key="order-1")
    assert (record["reqSts"], record["rtnFlg"], record["errCod"]) == ("FIN", "F", "SBX0009")
    assert await client.balance() == OPENING


async def test_a_bank_under_maintenance_says_so_and_has_done_nothing(client: Client) -> None:
    await plan(client, "maintenance")
    status, text = await post(client, "P1")
    assert (status, "MAINTENANCE" in text) == (503, True)
    assert await client.query("P1") == []


async def test_a_hidden_payment_is_not_found_twice_then_found_and_cannot_be_paid_again(
    client: Client,
) -> None:
    await plan(client, "not_found_first")
    with pytest.raises(aiohttp.ServerDisconnectedError):
        await post(client, "P1")
    assert await client.query("P1") == []
    response = await client.call("BB1PAYOP", client.payment("P1", key="order-1"))
    assert response["head"]["resultcode"] == "FABZ002"
    assert await client.query("P1") == []
    assert await client.state("P1") == "BNK"
    assert await client.balance() == OPENING - 1230


async def test_a_declined_payment_fails_and_the_same_reference_then_succeeds(client: Client) -> None:
    await plan(client, "decline")
    record = await client.pay("P1", key="order-1")
    assert (record["reqSts"], record["rtnFlg"], record["errCod"]) == ("FIN", "F", "SBX0001")
    assert await client.balance() == OPENING
    assert (await client.pay("P1", key="order-1"))["reqSts"] == "BNK"


async def test_a_return_comes_on_the_next_working_day_at_ten(client: Client) -> None:
    """The payment is made on a Friday, so the money comes back on Monday."""
    await plan(client, "returned")
    record = await client.pay("P1", key="order-1")
    await client.wait(seconds=2)
    assert await client.state("P1") == "FIN/S"
    await client.set_time("2026-09-07T09:59:59+08:00")
    assert (await client.state("P1"), await client.balance()) == ("FIN/S", OPENING - 1230)
    await client.set_time("2026-09-07T10:00:00+08:00")
    (found,) = await client.query("P1")
    assert (found["reqSts"], found["rtnFlg"], found["backwardDay"]) == ("FIN", "B", "20260907")
    page = await client.page(None, beginDate="20260904")
    sent, back = page["TRANSQUERYBYBREAKPOINT_Z2"]
    assert (sent["loanCode"], sent["transAmount"], sent["reversalFlag"]) == ("D", "-12.30", "N")
    assert (back["loanCode"], back["transAmount"], back["reversalFlag"]) == ("C", "12.30", "*")
    assert (back["transDate"], back["transTime"]) == ("20260907", "100000")
    assert back["yurRef"] == sent["yurRef"] == "P1"
    assert back["requestNbr"] == sent["requestNbr"] == record["reqNbr"]
    assert (found["trxSeq"], found["trxSeqBackward"]) == (sent["transSequenceIdn"], back["transSequenceIdn"])
    assert await client.balance() == OPENING


async def test_a_return_is_booked_at_its_own_time_however_late_somebody_looks(client: Client) -> None:
    await plan(client, "returned")
    await client.pay("P1", key="order-1")
    await client.set_time("2026-09-20T10:00:00+08:00")
    told = await client.ask("GET", f"/book?account={client.account}")
    assert [line["at"] for line in told["lines"]][1] == "2026-09-07T02:00:00.000000+00:00"
    (payment,) = await client.ask("GET", "/payments")
    assert (payment["rtnFlg"], payment["returned_at"]) == ("B", "2026-09-07T02:00:00.000000+00:00")


async def test_several_faults_of_one_order_act_one_after_the_other_and_each_once(client: Client) -> None:
    await plan(client, *IN_TURN)
    outcomes = []
    for _ in range(16):
        try:
            status, text = await post(client, "P1")
            outcomes.append("busy" if status == 503 else client.read(text)["head"]["resultcode"])
        except aiohttp.ServerDisconnectedError:
            outcomes.append("dropped")
        except Forged:
            outcomes.append("forged")
        except UNREADABLE:
            outcomes.append("garbled")
    assert outcomes[:4] == ["dropped", "busy", "busy", "dropped"]  # the last is not_found_first
    # A declined payment leaves its reference free, so the same reference was paid in the end.
    assert sorted(await met(client)) == sorted(IN_TURN)
    assert all(count == 1 for count in (await met(client)).values())
    assert outcomes[-1] == "FABZ002"
    assert await client.balance() == OPENING - 1230


async def test_rated_faults_depend_on_the_key_alone(client: Client) -> None:
    await client.ask("PUT", "/faults", {"seed": 7, "rates": {"decline": 0.3}})
    keys = [f"order-{n}" for n in range(60)]
    forwards = [(await client.pay(f"A{key}", "0.01", key))["reqSts"] for key in keys]
    assert 5 < forwards.count("FIN") < 35
    assert await met(client) == {"decline": forwards.count("FIN")}
    assert [(await client.pay(f"B{key}", "0.01", key))["reqSts"] for key in reversed(keys)].count("FIN") == 0


async def test_the_same_seed_chooses_the_same_orders_at_another_bank(client: Client, tmp_path: Path) -> None:
    keys = [f"order-{n}" for n in range(40)]
    chosen = []
    (tmp_path / "other").mkdir()
    async with served_bank(tmp_path / "other") as other:
        for bank, order in ((client, keys), (other, keys[::-1])):
            if bank is other:
                await other.join(OPENING)
            await bank.ask("PUT", "/faults", {"seed": 3, "rates": {"decline": 0.5}})
            chosen.append({key for key in order if (await bank.pay(key, "0.01", key))["reqSts"] == "FIN"})
    assert chosen[0] == chosen[1] != set()


async def test_an_order_without_a_key_meets_no_fault(client: Client) -> None:
    await client.ask("PUT", "/faults", {"rates": dict.fromkeys(NAMES, 1.0)})
    assert (await client.pay("P1", key=""))["reqSts"] == "BNK"
    assert await met(client) == {}


async def test_an_unknown_fault_is_refused_with_the_names_that_exist(client: Client) -> None:
    for body in ({"rates": {"return_later": 0.1}}, {"keyed": {"a": ["file_missing"]}}):
        error = (await client.ask("PUT", "/faults", body, status=400))["error"]
        assert all(name in error for name in NAMES)


async def test_a_clock_that_runs_makes_payments_succeed_by_itself(client: Client) -> None:
    await client.pay("P1")
    await client.set_time(await client.bank_time() + timedelta(seconds=0), rate=600)
    deadline = time.monotonic() + 20
    while await client.state("P1") != "FIN/S":
        assert time.monotonic() < deadline, "the payment never finished"
        await asyncio.sleep(0.02)
