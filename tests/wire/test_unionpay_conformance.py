"""The connector against the sandbox bank over real sockets: neither knows the other's code, both must know the protocol."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from aiohttp import ClientSession, web

from tests.clock import SetClock
from tests.wire.unionpay_sandbox_client import CHINA, bank, eventually, until
from zhangfang.channels.abilities import Batch, BatchChannel
from zhangfang.channels.port import (
    AcquiringChannel,
    Answer,
    ChannelFile,
    FileNotReady,
    ForgedMessage,
    MalformedMessage,
    Operation,
    Order,
    PartyAccount,
    Verdict,
)
from zhangfang.channels.unionpay import UnionPay, UnionPayConfig, make_merchant_certificate

MER_ID = "777290058119001"
NOON = datetime(2026, 9, 1, 12, tzinfo=CHINA)
PERSON = PartyAccount("6222021234567890123", "王小明", id_no="11010119900307001X", phone="13800000000")
COMPANY = PartyAccount("755900000000001", "阳光（深圳）物业&公司", "corporate", id_no="91440300X")


@dataclass
class House:
    """A platform's side: the connector, its clock, what the bank pushed, and the bank's control plane."""

    channel: UnionPay
    config: UnionPayConfig
    clock: SetClock
    http: ClientSession
    control_url: str
    pushed: list[bytes] = field(default_factory=list)
    number: int = 0

    async def control(self, method: str, path: str, data: Any = None) -> Any:
        async with self.http.request(method, self.control_url + path, json=data) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def set(self, now: datetime) -> None:
        """It is `now` on both sides, and time stands."""
        self.clock.set(now)
        await self.control("PUT", "/clock", {"now": now.isoformat(), "rate": 0})

    async def fault(self, key: str, *faults: str) -> None:
        await self.control("PUT", "/faults", {"late_seconds": 0.2, "keyed": {key: list(faults)}})

    def order(self, operation: Operation = Operation.COLLECTION, amount: int = 10_000, **more: Any) -> Order:
        self.number += 1
        if operation in (Operation.COLLECTION, Operation.PAYOUT):
            more = {"account": PERSON, **more}
        number = f"{self.number:032x}"
        return Order(operation, number, self.clock.now(), amount, f"M-{self.number}", **more)

    def undo(self, operation: Operation, original: Order, ref: str = "", amount: int = 10_000) -> Order:
        """A refund or void of an order, which is named by its number and time where `ref` is empty."""
        return self.order(
            operation,
            amount,
            original_order_no=original.order_no,
            original_requested_at=original.requested_at,
            original_ref=ref,
            original_operation=original.operation,
        )

    async def ended(self, order: Order) -> Answer:
        """Ask until the answer is definite."""

        async def definite() -> Answer | None:
            answer = await self.channel.query(order)
            return answer if answer.verdict in (Verdict.SUCCESS, Verdict.FAILED, Verdict.RETURNED) else None

        found = await eventually(definite)
        assert found is not None
        return found

    async def file(self, day: date) -> ChannelFile:
        """Wait for the file of a day."""

        async def out() -> ChannelFile | None:
            try:
                return await self.channel.file(day)
            except FileNotReady:
                return None

        found = await eventually(out)
        assert found is not None
        return found

    async def movements(self) -> list[dict[str, Any]]:
        rows: list[dict[str, Any]] = await self.control("GET", "/movements")
        return rows


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    async with AsyncExitStack() as stack:
        pushed: list[bytes] = []

        async def take(request: web.BaseRequest) -> web.Response:
            pushed.append(await request.read())
            return web.Response()

        runner = web.ServerRunner(web.Server(take, access_log=None))
        await runner.setup()
        stack.push_async_callback(runner.cleanup)
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        served = await stack.enter_async_context(bank(tmp_path / "bank"))
        http = await stack.enter_async_context(ClientSession())
        clock = SetClock()
        clock.set(NOON)
        key, certificate = make_merchant_certificate(MER_ID, clock)
        control = f"http://127.0.0.1:{served.control_port}"
        merchant = {"merId": MER_ID, "name": "账房", "certificate": certificate}
        async with http.post(f"{control}/merchants", json=merchant) as response:
            chain = await response.json()
        wire = f"http://127.0.0.1:{served.port}"
        config = UnionPayConfig(
            mer_id=MER_ID, base_url=wire, file_url=wire,
            back_url=f"http://127.0.0.1:{runner.addresses[0][1]}/notify?shop=1",
            sign_key_pem=key, sign_cert_pem=certificate, root_pem=chain["root"], middle_pem=chain["middle"],
            encrypt_cert_pem=chain["encrypt"], timeout_seconds=2.0,
        )  # fmt: skip
        channel = UnionPay(config, clock)
        stack.push_async_callback(channel.close)
        made = House(channel, config, clock, http, control, pushed)
        await made.set(NOON)
        yield made


async def brought(house: House, order: Order) -> None:
    """The payer's browser brings the form to the cashier."""
    form = await house.channel.present(order, "http://127.0.0.1/back")
    async with house.http.post(form.url, data=urlencode(form.fields).encode()) as response:
        assert response.status == 200


async def test_every_order_is_taken_found_pushed_and_listed_as_what_it_is(house: House) -> None:
    made = {
        "collected": house.order(),
        "paid out": house.order(Operation.PAYOUT, 3_000, description="五月工资"),
        "paid to a company": house.order(Operation.PAYOUT, 4_000, account=COMPANY),
        "in instalments": house.order(Operation.PURCHASE, 12_000, account=PERSON, instalments=6),
        "voided": house.order(amount=10_000),
    }
    refs = {}
    for name, order in made.items():
        assert (await house.channel.send(order)).verdict == Verdict.ACCEPTED
        answer = await house.ended(order)
        assert (answer.verdict, answer.amount, answer.settle_date) == (
            Verdict.SUCCESS,
            order.amount,
            NOON.date(),
        )
        refs[name] = answer.channel_ref
    made["refund"] = house.undo(Operation.REFUND, made["collected"], amount=2_000)
    made["refund by reference"] = house.undo(
        Operation.REFUND, made["in instalments"], refs["in instalments"], 1
    )
    made["void"] = house.undo(Operation.VOID, made["voided"], refs["voided"])
    for name in ("refund", "refund by reference", "void"):
        assert (await house.channel.send(made[name])).verdict == Verdict.ACCEPTED
        assert (await house.ended(made[name])).verdict == Verdict.SUCCESS
    await until(lambda: len(house.pushed) == len(made))
    told = [house.channel.notification({}, body) for body in house.pushed]
    assert {(each.order_no, each.operation, each.answer.verdict, each.answer.amount) for each in told} == {
        (order.order_no, order.operation, Verdict.SUCCESS, order.amount) for order in made.values()
    }
    await house.set(NOON + timedelta(days=1))
    lines = {line.order_no: line for line in (await house.file(NOON.date())).lines}
    listed = {name: lines[order.order_no] for name, order in made.items() if "void" not in name}
    assert len(lines) == len(listed)
    assert {name: (line.operation, line.amount, line.credit, line.fee) for name, line in listed.items()} == {
        "collected": (Operation.COLLECTION, 10_000, True, 30),
        "paid out": (Operation.PAYOUT, 3_000, False, 0),
        "paid to a company": (Operation.PAYOUT, 4_000, False, 0),
        "in instalments": (Operation.PURCHASE, 12_000, True, 36),
        "refund": (Operation.REFUND, 2_000, False, 0),
        "refund by reference": (Operation.REFUND, 1, False, 0),
    }
    assert listed["refund"].original_order_no == made["collected"].order_no
    assert listed["paid out"].note == made["paid out"].key


@pytest.mark.parametrize("instalments", [0, 3])
async def test_a_payer_at_the_cashier_pays_what_the_connector_asked_for(
    house: House, instalments: int
) -> None:
    order = house.order(Operation.PURCHASE, 6_000, instalments=instalments)
    assert (await house.channel.query(order)).verdict == Verdict.NOT_FOUND
    await brought(house, order)
    await brought(house, order)  # again, with the same order: it is one
    assert (await house.channel.query(order)).verdict == Verdict.UNKNOWN
    await house.control("POST", "/payers", {"order_no": order.order_no, "action": "pay"})
    answer = await house.ended(order)
    assert (answer.verdict, answer.amount) == (Verdict.SUCCESS, 6_000)
    (row,) = await house.control("GET", "/book")
    assert (row["instalments"], row["txnSubType"]) == (instalments, "03" if instalments else "01")


@pytest.mark.parametrize("operation", [Operation.COLLECTION, Operation.PAYOUT])
async def test_a_number_sent_again_with_the_same_or_another_amount_moves_money_once(
    house: House, operation: Operation
) -> None:
    order = house.order(operation)
    answers = [await house.channel.send(each) for each in (order, order, replace(order, amount=9_999))]
    assert [(answer.verdict, answer.code) for answer in answers] == [
        (Verdict.ACCEPTED, "00"),
        (Verdict.UNKNOWN, "12"),
        (Verdict.UNKNOWN, "12"),
    ]
    assert (await house.ended(order)).amount == 10_000
    assert [row["amount"] for row in await house.movements()] == [10_000]


FAULTS = {
    "lost_answer": (Verdict.UNKNOWN, Verdict.SUCCESS),
    "refused": (Verdict.UNKNOWN, Verdict.NOT_FOUND),
    "garbled_answer": (Verdict.UNKNOWN, Verdict.SUCCESS),
    "bad_signature": (Verdict.UNKNOWN, Verdict.SUCCESS),
    "wrong_chain": (Verdict.UNKNOWN, Verdict.SUCCESS),
    "pending_first": (Verdict.UNKNOWN, Verdict.SUCCESS),
    "decline_later": (Verdict.ACCEPTED, Verdict.FAILED),
    "not_found_first": (Verdict.UNKNOWN, Verdict.SUCCESS),
    "account_type": (Verdict.FAILED, Verdict.FAILED),
    "throttle": (Verdict.UNKNOWN, Verdict.NOT_FOUND),
    "maintenance": (Verdict.UNKNOWN, Verdict.NOT_FOUND),
    "decline": (Verdict.FAILED, Verdict.FAILED),
    "contradict": (Verdict.FAILED, Verdict.FAILED),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_what_goes_wrong_on_the_way_is_a_verdict_that_the_query_agrees_with(
    house: House, fault: str
) -> None:
    first, last = FAULTS[fault]
    order = house.order(Operation.PAYOUT, 5_000)
    await house.fault(order.key, fault)
    assert (await house.channel.send(order)).verdict == first
    if last is Verdict.NOT_FOUND:
        assert (await house.channel.query(order)).verdict == last
        assert (await house.channel.send(order)).verdict == Verdict.ACCEPTED
        last = Verdict.SUCCESS
    assert (await house.ended(order)).verdict == last
    moved = [row["amount"] for row in await house.movements() if row["state"] == "SUCCESS"]
    assert moved == ([5_000] if last is Verdict.SUCCESS or fault == "contradict" else [])


async def test_an_order_that_goes_dark_stays_unknown_and_stands_in_the_banks_book(house: House) -> None:
    order = house.order()
    await house.fault(order.key, "dark")
    assert (await house.channel.send(order)).verdict == Verdict.UNKNOWN
    assert [(await house.channel.query(order)).verdict for _ in range(3)] == [Verdict.UNKNOWN] * 3
    assert [(row["amount"], row["state"]) for row in await house.movements()] == [(order.amount, "SUCCESS")]
    assert house.pushed == []


async def test_a_late_answer_is_no_answer_and_the_query_knows_better(house: House) -> None:
    order = house.order()
    impatient = UnionPay(replace(house.config, timeout_seconds=0.1), house.clock)
    await house.fault(order.key, "late_answer")
    assert (await impatient.send(order)).verdict == Verdict.UNKNOWN
    await impatient.close()
    assert (await house.ended(order)).verdict == Verdict.SUCCESS


async def test_an_older_state_that_is_pushed_after_a_newer_one_proves_nothing(house: House) -> None:
    order = house.order()
    await house.fault(order.key, "notify_disordered")
    await house.channel.send(order)
    await until(lambda: len(house.pushed) == 2)
    told = [house.channel.notification({}, body).answer.verdict for body in house.pushed]
    assert told == [Verdict.SUCCESS, Verdict.UNKNOWN]


async def test_the_day_is_cut_at_23_oclock_and_a_void_after_it_is_refused(house: House) -> None:
    orders = []
    for hour, minute, second in ((22, 59, 59), (23, 0, 1)):
        await house.set(NOON.replace(hour=hour, minute=minute, second=second))
        orders.append(house.order())
        await house.channel.send(orders[-1])
    days = [(await house.ended(order)).settle_date for order in orders]
    assert days == [date(2026, 9, 1), date(2026, 9, 2)]
    void = house.undo(Operation.VOID, orders[0])
    assert (await house.channel.send(void)).verdict == Verdict.FAILED
    refund, same_day = house.undo(Operation.REFUND, orders[0]), house.undo(Operation.VOID, orders[1])
    for order in (refund, same_day):
        assert (await house.channel.send(order)).verdict == Verdict.ACCEPTED


async def test_on_new_years_eve_a_settlement_date_finds_its_year(house: House) -> None:
    eve = datetime(2026, 12, 31, 22, 59, 59, tzinfo=CHINA)
    orders = []
    for moment in (eve, eve + timedelta(seconds=2)):
        await house.set(moment)
        orders.append(house.order())
        await house.channel.send(orders[-1])
    assert [(await house.ended(order)).settle_date for order in orders] == [
        date(2026, 12, 31),
        date(2027, 1, 1),
    ]
    await house.set(datetime(2027, 1, 2, 12, tzinfo=CHINA))
    listed = [
        [line.order_no for line in (await house.file(day)).lines] for day in (eve.date(), date(2027, 1, 1))
    ]
    assert listed == [[orders[0].order_no], [orders[1].order_no]]


async def test_a_payout_that_comes_back_is_returned_by_query_and_by_the_next_file(house: House) -> None:
    order = house.order(Operation.PAYOUT, 5_000)
    await house.fault(order.key, "returned")
    await house.channel.send(order)
    assert (await house.ended(order)).verdict == Verdict.SUCCESS
    await house.set(NOON + timedelta(days=1))

    async def back() -> Answer | None:
        answer = await house.channel.query(order)
        return answer if answer.verdict is Verdict.RETURNED else None

    answer = await eventually(back)
    assert answer is not None
    assert (answer.settle_date, answer.amount) == (NOON.date(), 5_000)
    (paid,) = (await house.file(NOON.date())).lines
    assert (paid.operation, paid.credit, paid.adjustment) == (Operation.PAYOUT, False, False)
    await house.set(NOON + timedelta(days=2))
    (line,) = (await house.file(NOON.date() + timedelta(days=1))).lines
    assert (line.operation, line.credit, line.adjustment, line.amount) == (
        Operation.PAYOUT,
        True,
        True,
        5_000,
    )
    assert (line.original_order_no, line.channel_ref) == (order.order_no, paid.channel_ref)


async def test_a_file_that_is_late_or_broken_is_asked_for_again(house: House) -> None:
    await house.channel.send(house.order())
    await house.set(NOON + timedelta(days=1))
    await house.file(NOON.date())
    await house.control("PUT", "/plant", {"file_not_ready": ["2026-09-01"], "file_bad": ["2026-09-01"]})
    with pytest.raises(FileNotReady):
        await house.channel.file(NOON.date())
    with pytest.raises(MalformedMessage, match="damaged ZIP"):
        await house.channel.file(NOON.date())
    assert len((await house.channel.file(NOON.date())).lines) == 1


@pytest.mark.parametrize("operation", [Operation.COLLECTION, Operation.PAYOUT])
async def test_a_batch_ends_each_of_its_items(house: House, operation: Operation) -> None:
    ours: BatchChannel = house.channel
    orders = [house.order(operation, n) for n in range(1, 61)]
    if operation is Operation.PAYOUT:
        orders.append(house.order(operation, 61, account=COMPANY, description="货款|一"))
    batch = Batch(operation, "0001", NOON, orders)
    assert (await ours.query_batch(batch)).answer.verdict == Verdict.NOT_FOUND
    keyed = {"0001": ["lost_answer"], orders[0].key: ["decline"], orders[1].key: ["decline_later"]}
    await house.control("PUT", "/faults", {"late_seconds": 0.2, "keyed": keyed})
    await ours.send_batch(replace(batch, number="0002", orders=orders[9:10]))
    sent = [await ours.send_batch(batch) for _ in range(2)]
    assert [answer.verdict for answer in sent] == [Verdict.UNKNOWN, Verdict.UNKNOWN]  # lost, then a duplicate
    assert (await ours.query_batch(batch)).answer.verdict == Verdict.ACCEPTED

    async def done() -> Any:
        result = await ours.query_batch(batch)
        return result if result.answer.verdict is Verdict.SUCCESS else None

    items = (await eventually(done)).items
    wanted = {order.order_no: Verdict.SUCCESS for order in orders}
    wanted |= {orders[0].order_no: Verdict.FAILED, orders[1].order_no: Verdict.FAILED}
    assert {name: each.verdict for name, each in items.items()} == wanted | {
        orders[9].order_no: Verdict.UNKNOWN  # it was in another batch before: ask for it alone
    }
    assert (await house.channel.query(orders[9])).verdict == Verdict.SUCCESS
    rows = await house.movements()
    assert sorted(row["order_no"] for row in rows) == sorted(order.order_no for order in orders)
    await asyncio.sleep(0)
    assert not house.pushed


async def test_a_chain_that_is_well_made_and_not_the_configured_one_is_believed_by_nothing(
    house: House, tmp_path: Path
) -> None:
    """Another sandbox bank: every certificate of its chain parses and names the company, and none is ours."""
    from zhangfang_sandbox.unionpay.wire import keys

    others = keys.load(keys.create())
    stranger = replace(
        house.config, root_pem=others["root"].certificate, middle_pem=others["middle"].certificate
    )
    wary = UnionPay(stranger, house.clock)
    order = house.order()
    assert (await wary.send(order)).verdict == Verdict.UNKNOWN
    assert (await wary.query(order)).verdict == Verdict.UNKNOWN
    await until(lambda: house.pushed)
    with pytest.raises(ForgedMessage):
        wary.notification({}, house.pushed[0])
    await house.set(NOON + timedelta(days=1))
    await house.file(NOON.date())
    with pytest.raises(ForgedMessage):
        await wary.file(NOON.date())
    await wary.close()
    assert house.channel.notification({}, house.pushed[0]).order_no == order.order_no


async def test_brackets_and_signs_in_texts_arrive_whole_or_not_at_all(house: House) -> None:
    account = PartyAccount("6222021234567890123", "A&B={C}[D]|E")
    order = house.order(Operation.PAYOUT, 5_000, account=account, description="a&b={c}")
    assert (await house.channel.send(order)).verdict == Verdict.ACCEPTED
    answer = await house.ended(order)
    assert (answer.verdict, answer.message) == (Verdict.SUCCESS, "成功[0000000]")
    ours: AcquiringChannel = house.channel
    assert ours.settlement_of(f"银联商户清算 20260901 {MER_ID}") == NOON.date()
