"""What all six banks say to us, as they say it: one genuine exchange for each method of a connector that reads bytes."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from operator import attrgetter
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tests.clock import SetClock
from tests.unit.unionpay_bank import (
    MER_ID,
    NOW,
    bank_signs,
    config,
    content,
    order,
    stopped_clock,
    text_of,
    zm_row,
)
from tests.wire import cmb_site, epcc_network, genericbank_site
from tests.wire.app_bank import NAMES, Shop, shop_of
from tests.wire.unionpay_sandbox_client import eventually
from zhangfang.channels.abilities import Batch
from zhangfang.channels.app_purchase import Payloads
from zhangfang.channels.port import FileNotReady, Operation
from zhangfang.channels.transport import Received
from zhangfang.channels.unionpay import UnionPay
from zhangfang.channels.unionpay.packing import deflated
from zhangfang.kernel.clock import in_china


class Numbers:
    """Stands for chance in CMB's request numbers: each is used once, and the bank's answer repeats it."""

    def __init__(self) -> None:
        self.last = 0

    def randbelow(self, _: int) -> int:
        self.last += 1
        return self.last


NUMBERS = Numbers()


@dataclass(frozen=True)
class Said:
    """One message of a peer: its body, and the headers that carry a signature."""

    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, answer: Any) -> "Said":
        if isinstance(answer, bytes):
            return cls(answer)
        if isinstance(answer, Received):
            return cls(answer.body, {name: answer.headers[name] for name in answer.headers})
        return cls(answer[0], {"X-Signature": answer[1]})


_ENDS: dict[
    str, tuple[str, Callable[[Said], Any]]
] = {  # where a connector's HTTP ends, and how an answer looks there
    "unionpay": ("_transport.post", lambda said: said.body),
    "chinaums": ("_transport.post", lambda said: Received(said.headers, said.body)),
    "lakala": ("_transport.post", lambda said: Received(said.headers, said.body)),
    "epcc": ("_exchange._transport.post", lambda said: said.body),
    "cmb": ("_bank._post", lambda said: said.body),
    "genericbank": ("_post", lambda said: (said.body, said.headers["X-Signature"])),
}


class Wire:
    """Stands where a connector's HTTP ends: writes down what the bank says, or says what a test wants."""

    def __init__(self, channel: Any) -> None:
        path, self._shape = _ENDS[channel.name]
        owner, _, name = path.rpartition(".")
        holder = attrgetter(owner)(channel) if owner else channel
        self._real = getattr(holder, name)
        self.heard: list[Said] = []
        self._says: list[Said | Exception] = []
        self._asked = 0
        setattr(holder, name, self._post)

    def say(self, messages: Sequence[Said | Exception]) -> None:
        """From now on: these, one after the other, and then the last of them for good. An error is raised."""
        self._says, self._asked = list(messages), 0

    async def _post(self, *args: Any, **named: Any) -> Any:
        if not self._says:
            answer = await self._real(*args, **named)
            self.heard.append(Said.of(answer))
            return answer
        self._asked += 1
        assert self._asked < 100, "it asks without end"
        said = self._says[min(self._asked, len(self._says)) - 1]
        if isinstance(said, Exception):
            raise said
        return self._shape(said)


@dataclass(frozen=True)
class Parser:
    """A method of a connector, what a bank told it, and what it then made of that."""

    channel: Any
    read: Callable[[Sequence[Any]], Awaitable[Any]]
    genuine: Sequence[Said]
    result: Any


class Recording:
    """Parsers by name, as they are learned."""

    def __init__(self) -> None:
        self.parsers: dict[str, Parser] = {}

    async def learn(self, name: str, channel: Any, wire: Wire, call: Callable[[], Awaitable[Any]]) -> Any:
        """Do a genuine exchange and keep it."""
        wire.heard.clear()
        before = NUMBERS.last
        return self.keep(name, channel, wire, call, await call(), wire.heard, before)

    def keep(
        self,
        name: str,
        channel: Any,
        wire: Wire,
        call: Callable[[], Awaitable[Any]],
        result: Any,
        said: Sequence[Said],
        before: int = 0,
    ) -> Any:
        """Keep an exchange; it is read again at the same moment, for questions carry their time."""
        moment = channel._clock.now()

        async def read(messages: Sequence[Said | Exception]) -> Any:
            wire.say(messages)
            channel._clock.set(moment)
            NUMBERS.last = before
            return await call()

        self.parsers[f"{channel.name}.{name}"] = Parser(channel, read, tuple(said), result)
        return result

    def push(self, name: str, channel: Any, said: Said) -> None:
        """Keep a notification."""

        async def read(messages: Sequence[Said]) -> Any:
            return channel.notification(messages[0].headers, messages[0].body)

        result = channel.notification(said.headers, said.body)
        self.parsers[f"{channel.name}.{name}"] = Parser(channel, read, (said,), result)

    def text(self, channel: Any, text: str) -> None:
        """Keep what a bank line says of a settlement."""

        async def read(messages: Sequence[Said]) -> Any:
            return channel.settlement_of(messages[0].body.decode("utf-8", "replace"))

        name = f"{channel.name}.settlement_of"
        self.parsers[name] = Parser(channel, read, (Said(text.encode()),), channel.settlement_of(text))


async def recorded(folder: Path) -> dict[str, Parser]:
    """Return every parser of every connector, each with a genuine message for it."""
    made = Recording()
    for name in ("cmb", "payroll", "genericbank"):
        (folder / name).mkdir()
    await _unionpay(made)
    for bank in ("chinaums", "lakala"):
        async with shop_of(bank, folder / bank, SetClock()) as shop:
            await _app(made, shop)
    async with epcc_network.network(folder / "epcc") as net:
        await _epcc(made, net)
    async with cmb_site.served(folder / "cmb") as site:
        await _cmb(made, site)
    async with cmb_site.served(folder / "payroll", payroll_mode="00101", account_name="账房") as site:
        await _payroll(made, site)
    async with genericbank_site.served(folder / "genericbank") as bank_site:
        await _genericbank(made, bank_site)
    return made.parsers


async def _unionpay(made: Recording) -> None:
    channel, one = UnionPay(config(), stopped_clock()), order()
    wire = Wire(channel)
    batch = Batch(Operation.COLLECTION, "0007", NOW, [one])
    told = {"merId": MER_ID, "orderId": one.order_no, "txnTime": "20261231110000", "respMsg": "成功[00]"}
    paid = told | {
        "txnAmt": "12345",
        "currencyCode": "156",
        "queryId": "1" * 21,
        "settleDate": "1231",
        "respCode": "00",
    }
    whole = told | {"batchNo": "0007", "txnSubType": "02", "respCode": "00"}
    result = f"{MER_ID}|0007|20261231110000|11|1|12345|1|12345\n{one.order_no}|20261231110000|12345|00|{'2' * 21}|0101|ok\n"
    file = {"settleDate": "1231", "fileName": f"{MER_ID}_20261231.zip", "respCode": "00", "merId": MER_ID}
    day, zipped = date(2026, 12, 31), content({"ZM_": zm_row() + b"\n"})
    answers: list[tuple[str, dict[str, str], Callable[[], Awaitable[Any]]]] = [
        ("send", paid | {"txnType": "11"}, lambda: channel.send(one)),
        ("query", paid | {"txnType": "00", "origRespCode": "00"}, lambda: channel.query(one)),
        ("send_batch", whole | {"txnType": "21"}, lambda: channel.send_batch(batch)),
        (
            "query_batch",
            whole | {"txnType": "22", "fileContent": deflated(result.encode())},
            lambda: channel.query_batch(batch),
        ),
        ("file", file | {"txnType": "76", "fileContent": zipped}, lambda: channel.file(day)),
    ]
    for name, fields, call in answers:
        said = [Said(text_of(bank_signs(fields)).encode())]
        wire.say(said)
        made.keep(name, channel, wire, call, await call(), said)
    made.push("notification", channel, Said(urlencode(bank_signs(paid | {"txnType": "11"})).encode()))
    made.text(channel, f"银联商户清算 20260901 {MER_ID}")


async def _app(made: Recording, shop: Shop) -> None:
    channel = shop.connector
    pushed: list[Said] = []
    hear = channel.notification

    def listen(headers: Mapping[str, str], body: bytes) -> Any:
        pushed.append(Said(body, dict(headers)))
        return hear(headers, body)

    channel.notification = listen
    wire, paid = Wire(channel), shop.order()

    async def present() -> Any:
        channel._payloads = Payloads()  # else it would not ask twice
        return await channel.present(paid, "https://shop.example/back")

    await made.learn("present", channel, wire, present)
    await shop.payer(paid)
    await made.learn("query", channel, wire, lambda: channel.query(paid))
    refund = shop.undo(paid, 4000)
    await made.learn("send", channel, wire, lambda: channel.send(refund))
    await made.learn("query:refund", channel, wire, lambda: channel.query(refund))
    await eventually(lambda: _once(pushed))
    made.push("notification", channel, pushed[0])
    day = in_china(shop.clock.now()).date()
    await shop.advance(days=1)
    await _file(made, channel, wire, day)
    made.text(channel, f"{NAMES[shop.bank]} 20260901 {_own_number(channel)}")


async def _epcc(made: Recording, net: epcc_network.Net) -> None:
    channel = net.channel
    wire, signing = Wire(channel), net.signing()

    async def renewed() -> Any:
        await channel.upkeep()
        return channel._digits.usable()

    await made.learn("upkeep", channel, wire, renewed)
    await made.learn("request_code", channel, wire, lambda: channel.request_code(signing))
    code = (await net.control("GET", f"/codes?order_no={signing.order_no}"))["code"]
    signed = await made.learn("sign", channel, wire, lambda: channel.sign(signing, code))
    collection = net.collection()
    await made.learn("send", channel, wire, lambda: channel.send(collection))
    await made.learn("query", channel, wire, lambda: channel.query(collection))
    refund = net.refund(collection, 45)
    await made.learn("send:refund", channel, wire, lambda: channel.send(refund))
    await made.learn("revoke", channel, wire, lambda: channel.revoke(signing, signed.agreement))
    await epcc_network.until(lambda: net.receiver.bodies)
    made.push("notification", channel, Said(net.receiver.bodies[0]))
    day = in_china(net.clock.now()).date()
    await net.days_on(1)
    await _file(made, channel, wire, day)
    made.text(channel, f"网联清算 20260901 {epcc_network.ISSR_ID}")


async def _cmb(made: Recording, site: cmb_site.Site) -> None:
    channel = site.bank
    wire, one, back = Wire(channel), site.order("M-1"), site.order("M-2")
    await site.plan("M-2", "returned")
    await made.learn("send", channel, wire, lambda: channel.send(one))
    await channel.send(back)
    batch = site.batch(site.order("M-3"), site.order("M-4"))
    await made.learn("send_batch", channel, wire, lambda: channel.send_batch(batch))
    await site.wait(minutes=10)
    await made.learn("query", channel, wire, lambda: channel.query(one))
    await made.learn("query_batch", channel, wire, lambda: channel.query_batch(batch))
    await made.learn("reachable_accounts", channel, wire, channel.reachable_accounts)
    await site.noticed(2)
    made.push("notification", channel, await _about_order(site))
    await site.wait(days=2)
    first = in_china(one.requested_at).date()
    last = first + timedelta(days=2)
    await made.learn("late_returns", channel, wire, lambda: channel.late_returns(first, last))
    await made.learn("query:returned", channel, wire, lambda: channel.query(back))
    await made.learn("statement", channel, wire, lambda: channel.statement(cmb_site.ACCOUNT, ""))
    made.push("notification:returned", channel, await _about_order(site, -1))


async def _payroll(made: Recording, site: cmb_site.Site) -> None:
    channel = site.bank
    wire, home = Wire(channel), cmb_site.AT_HOME
    batch = site.batch(site.order("M-1", payee=home), site.order("M-2", payee=home))
    await site.plan("M-2", "returned")
    await made.learn("send_batch:payroll", channel, wire, lambda: channel.send_batch(batch))
    await site.wait(minutes=10)
    await made.learn("query_batch:payroll", channel, wire, lambda: channel.query_batch(batch))
    await site.wait(days=2)
    first = in_china(batch.requested_at).date()
    last = first + timedelta(days=2)
    await made.learn("late_returns:payroll", channel, wire, lambda: channel.late_returns(first, last))


async def _genericbank(made: Recording, site: genericbank_site.Site) -> None:
    channel, one = site.bank, site.order()
    wire = Wire(channel)
    await made.learn("send", channel, wire, lambda: channel.send(one))
    await site.wait(minutes=10)
    await made.learn("query", channel, wire, lambda: channel.query(one))
    await made.learn("statement", channel, wire, lambda: channel.statement(genericbank_site.ACCOUNT, ""))


async def _file(made: Recording, channel: Any, wire: Wire, day: date) -> None:
    async def ready() -> Any:
        try:
            return await made.learn("file", channel, wire, lambda: channel.file(day))
        except FileNotReady:
            return None

    await eventually(ready)


async def _once(pushed: list[Said]) -> bool:
    return bool(pushed)


def _own_number(channel: Any) -> str:
    return str(getattr(channel._config, "mid", "") or channel._config.merchant_no)


async def _about_order(site: cmb_site.Site, which: int = 0) -> Said:
    """A notice about a payout, once there is one: others are about the account, and say nothing of an order."""
    while not (about := [body for body in site.notices if site.bank.notification({}, body)]):
        await site.noticed(len(site.notices) + 1)
    return Said(about[which])
