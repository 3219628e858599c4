"""Every fault of the EPCC-style network does what it says, once for each order, and no fault debits twice."""

import asyncio
import json
import signal
import sys
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from tests.wire.epcc_network import Net, network, until
from zhangfang.channels.port import Answer, Order, Verdict
from zhangfang_sandbox.acquirer.acquiring import FAULTS


@pytest.fixture
async def net(tmp_path: Path) -> AsyncIterator[Net]:
    async with network(tmp_path / "network") as made:
        yield made


async def healed(net: Net, order: Order) -> Answer:
    """Do what the platform does: ask, and after three times "not found" send the identical order again."""
    missed = 0
    while True:
        answer = await net.channel.query(order)
        if answer.verdict in (Verdict.SUCCESS, Verdict.FAILED):
            return answer
        missed += answer.verdict is Verdict.NOT_FOUND
        if missed == 3:
            await net.channel.send(order)
            missed = 0
        await asyncio.sleep(0.01)


@pytest.mark.parametrize(
    "fault",
    ["lost_answer", "garbled_answer", "bad_signature", "wrong_chain", "refused", "throttle"],
)
async def test_an_answer_that_is_lost_or_not_believed_leaves_one_debit_that_the_query_finds(
    fault: str, net: Net
) -> None:
    await net.faults(fault)
    order, answer = await net.collect()
    assert answer.verdict is Verdict.UNKNOWN
    assert (await healed(net, order)).verdict is Verdict.SUCCESS
    assert await net.debits() == 1
    assert (await net.control("GET", "/faults"))["met"] == {fault: 1}


async def test_an_answer_that_is_late_leaves_one_debit_that_the_query_finds(tmp_path: Path) -> None:
    async with network(tmp_path / "network", timeout_seconds=1.0) as net:
        await net.faults("late_answer", late=1.5)
        order, answer = await net.collect()
        assert answer.verdict is Verdict.UNKNOWN
        assert (await healed(net, order)).verdict is Verdict.SUCCESS
        assert await net.debits() == 1


async def test_not_found_at_first_is_no_failure_and_a_re_send_debits_once(net: Net) -> None:
    await net.faults("not_found_first")
    order, answer = await net.collect()
    assert answer.verdict is Verdict.UNKNOWN
    assert (await net.channel.query(order)).verdict is Verdict.NOT_FOUND
    assert (await net.channel.send(order)).verdict is Verdict.UNKNOWN  # hidden from the sender too
    assert (await healed(net, order)).verdict is Verdict.SUCCESS
    assert await net.debits() == 1


async def test_an_order_that_goes_dark_stays_unknown_and_is_debited(net: Net) -> None:
    await net.faults("dark")
    order, answer = await net.collect()
    assert answer.verdict is Verdict.UNKNOWN
    assert [(await net.channel.query(order)).verdict for _ in range(3)] == [Verdict.UNKNOWN] * 3
    assert (await net.channel.send(order)).verdict is Verdict.UNKNOWN
    assert await net.debits() == 1


@pytest.mark.parametrize(
    ("fault", "verdict"), [("pending_first", Verdict.SUCCESS), ("decline_later", Verdict.FAILED)]
)
async def test_an_order_in_process_ends_by_itself(fault: str, verdict: Verdict, net: Net) -> None:
    await net.faults(fault)
    order, answer = await net.collect()
    assert answer.verdict is Verdict.ACCEPTED
    assert (await healed(net, order)).verdict is verdict
    assert await net.debits() == (verdict is Verdict.SUCCESS)


@pytest.mark.parametrize(("fault", "code", "elsewhere"), [
    ("decline", "PB520051", False), ("account_type", "PB520010", True), ("maintenance", "PB520039", True),
])  # fmt: skip
async def test_a_definite_failure_says_whether_another_channel_may_be_asked(
    fault: str, code: str, elsewhere: bool, net: Net
) -> None:
    await net.faults(fault)
    _, answer = await net.collect()
    assert (answer.verdict, answer.code, answer.elsewhere) == (Verdict.FAILED, code, elsewhere)
    assert await net.debits() == 0


async def test_a_network_that_contradicts_itself_is_found_in_its_file(net: Net) -> None:
    await net.faults("contradict")
    order, answer = await net.collect()
    assert answer.verdict is Verdict.FAILED
    assert (await net.channel.query(order)).verdict is Verdict.FAILED
    assert await net.debits() == 1
    await net.days_on(1)
    assert [line.order_no for line in (await net.channel.file(date(2026, 9, 1))).lines] == [order.order_no]


async def test_notices_are_lost_repeated_and_disordered(net: Net) -> None:
    keyed = {"K1": ["notify_lost"], "K2": ["notify_repeated", "notify_disordered"]}
    await net.control("PUT", "/faults", {"keyed": keyed})
    for key in ("K1", "K2"):
        await net.collect(key=key)
    await until(lambda: len(net.receiver.got) == 4)
    orders = {told.order_no for told in net.receiver.got if told}
    assert len(orders) == 1
    verdicts = [told.answer.verdict for told in net.receiver.got if told]
    assert verdicts == [Verdict.SUCCESS] * 3 + [Verdict.ACCEPTED]


async def test_a_notice_that_is_not_acknowledged_by_a_signed_303_comes_again(net: Net) -> None:
    net.receiver.refuse = 1
    await net.collect()
    await until(lambda: len(net.receiver.got) == 1)
    while len(net.receiver.got) == 1:  # the gap begins when the network has read our refusal
        await net.set_time(net.clock.advance(minutes=1))
        await asyncio.sleep(0.05)
    first, second = net.receiver.got[:2]
    assert first is not None
    assert second is not None
    assert (first.order_no, first.answer.amount) == (second.order_no, second.answer.amount)


async def test_the_steps_of_a_mandate_survive_lost_answers(net: Net) -> None:
    signing = net.signing()
    keyed = {f"{signing.order_no}/{step}": ["lost_answer"] for step in ("0201", "0202", "cancel")}
    await net.control("PUT", "/faults", {"keyed": keyed})
    assert (await net.channel.request_code(signing)).verdict is Verdict.UNKNOWN
    code = (await net.control("GET", f"/codes?order_no={signing.order_no}"))["code"]
    assert (await net.channel.sign(signing, code)).answer.verdict is Verdict.UNKNOWN
    signed = await net.channel.sign(signing, code)
    assert signed.answer.verdict is Verdict.SUCCESS
    assert (await net.channel.revoke(signing, signed.agreement)).verdict is Verdict.UNKNOWN
    assert (await net.channel.revoke(signing, signed.agreement)).verdict is Verdict.SUCCESS


async def test_every_fault_of_the_vocabulary_is_known(net: Net) -> None:
    await net.control("PUT", "/faults", {"keyed": {"K": sorted(FAULTS)}})


async def test_sixty_collections_at_once_under_every_fault_are_debited_once_each(net: Net) -> None:
    names = (
        "lost_answer",
        "garbled_answer",
        "bad_signature",
        "pending_first",
        "not_found_first",
        "refused",
        "throttle",
    )
    await net.control(
        "PUT", "/faults", {"seed": 7, "rates": dict.fromkeys(names, 0.15), "late_seconds": 0.05}
    )
    orders = [net.collection(100 + n, f"K{n}") for n in range(60)]
    await asyncio.gather(*map(net.channel.send, orders))
    ended = await asyncio.gather(*(healed(net, order) for order in orders))
    assert {answer.verdict for answer in ended} == {Verdict.SUCCESS}
    assert [answer.amount for answer in ended] == [order.amount for order in orders]
    assert await net.debits() == 60
    assert (await net.control("GET", "/book/summary"))["double_debits"] == 0


@pytest.mark.drill
async def test_a_network_that_is_killed_keeps_what_it_answered_and_its_ports(tmp_path: Path) -> None:
    folder = tmp_path / "network"
    async with network(folder) as net:
        order, _ = await net.collect()
        await net.control("PUT", "/drain", {"site": "b", "drained": True})
        ports = (net.served.port, net.served.more_ports["second_port"], net.served.control_port)
    for _ in range(2):
        process, told = await started(folder, ports[0], ports[2])
        try:
            assert (told["port"], told["second_port"]) == ports[:2]
            async with net.once_more():
                assert (await net.channel.query(order)).verdict is Verdict.SUCCESS
                assert (await net.control("GET", "/sites"))["b"]["drained"]
                assert len(await net.movements()) == 1
        finally:
            process.send_signal(signal.SIGKILL)
            await process.wait()


async def started(folder: Path, port: int, control: int) -> tuple[asyncio.subprocess.Process, dict[str, int]]:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "zhangfang_sandbox.epcc", "--data", str(folder), "--port", str(port),
        "--control-port", str(control), stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    return process, json.loads(await process.stdout.readline())
