"""The cost of a message: CPU time for building and signing it, and for verifying and parsing its answer. It is
compared with the cryptographic operation alone.

Every exchange is real, with the process of a sandbox bank. The CPU clock of this thread is read when the connector
passes its bytes to HTTP and when it gets them back, so the figures contain neither HTTP nor the bank's work. A figure
is the median.
"""

import hmac
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from operator import attrgetter
from statistics import median
from typing import Any, NamedTuple

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from gmssl_pyx import sm2_key_generate, sm2_sign, sm2_verify

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.cmb import CLIENT_MONEY as AT_CMB
from zhangfang.assembly.sandbox.control import ask
from zhangfang.assembly.sandbox.genericbank import CLIENT_MONEY as AT_GENERICBANK
from zhangfang.channels.abilities import Signing
from zhangfang.channels.abilities import order_number as number
from zhangfang.channels.port import Operation, Order, PartyAccount
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang_bench.payments.bench import BenchFailed

AIM = 1.5  # times the operation alone, with the same key
BARE = {  # the operation of each channel's requests and of its answers
    "unionpay": ("rsa_sign", "rsa_verify"),
    "chinaums": ("hmac", None),  # its answers have no signature, only TLS
    "lakala": ("rsa_sign", "rsa_verify"),
    "epcc": ("rsa_sign", "rsa_verify"),
    "cmb": ("sm2_sign", "sm2_verify"),
    "genericbank": ("rsa_sign", "rsa_verify"),
}
PERSON = PartyAccount("6222021234567890123", "王小明", "card", "", "110101199003070011", "13800000000")
_ENDS = {  # where a connector's HTTP begins
    "unionpay": "_transport.post",
    "chinaums": "_transport.post",
    "lakala": "_transport.post",
    "epcc": "_exchange._transport.post",
    "cmb": "_bank._post",
    "genericbank": "_post",
}
_MESSAGE = bytes(500)  # about the size of a request

Tick = Callable[[int], None]


@dataclass
class Gauge:
    """Reads the CPU clock before and after a connector's HTTP."""

    channel: Any
    made_us: list[float] = field(default_factory=list)
    read_us: list[float] = field(default_factory=list)
    _at: float = 0.0

    def __post_init__(self) -> None:
        """Put this object between the connector and its HTTP."""
        owner, _, name = _ENDS[self.channel.name].rpartition(".")
        holder = attrgetter(owner)(self.channel) if owner else self.channel
        through = getattr(holder, name)

        async def post(*args: Any, **named: Any) -> Any:
            self.made_us.append((time.thread_time() - self._at) * 1e6)
            answer = await through(*args, **named)
            self._at = time.thread_time()
            return answer

        setattr(holder, name, post)

    async def time(self, call: Callable[[], Awaitable[Any]]) -> Any:
        """Do one exchange."""
        before, self._at = len(self.made_us), time.thread_time()
        answer = await call()
        self.read_us.append((time.thread_time() - self._at) * 1e6)
        if len(self.made_us) != before + 1:
            raise BenchFailed(f"{self.channel.name}: a request made {len(self.made_us) - before} exchanges")
        return answer


class Costs(NamedTuple):
    """Microseconds of each exchange: requests made, queries made, answers to requests read, answers to queries read."""

    request: list[float]
    query: list[float]
    answer: list[float]
    found: list[float]


async def exchanges(
    house: House, channels: Mapping[str, Any], clock: Clock, count: int, tick: Tick
) -> dict[str, Any]:
    """Measure `count` orders and as many queries on every channel, and the operations alone in between."""
    made: dict[str, Any] = {}
    for name, channel in channels.items():
        bare = bare_operations(count)
        made[name] = figures(name, await _measured(house, channel, clock, count, tick), bare)
    return made


def figures(name: str, costs: Costs, bare: Mapping[str, float]) -> dict[str, Any]:
    """Return a channel's medians, and their ratios to the operations alone."""
    sign, verify = BARE[name]
    query, found = median(costs.query), median(costs.found)
    pairs = {
        "build_sign": (median(costs.request), [sign]),
        "build_sign_query": (query, [sign]),
        "verify_parse": (found, [verify] if verify else []),
        "query_and_answer": (query + found, [sign, verify] if verify else []),
    }
    return {what: _beside(us, operations, bare) for what, (us, operations) in pairs.items()}


def _beside(us: float, operations: Sequence[str], bare: Mapping[str, float]) -> dict[str, Any]:
    """Return a figure with its ratio to the cryptographic operations that it needs; no ratio if nothing is signed."""
    least = sum(bare[operation] for operation in operations)
    return {
        "us": round(us, 1),
        "bare": " + ".join(operations),
        "bare_us": round(least, 1) if operations else None,
        "ratio": round(us / least, 2) if operations else None,
    }


def bare_operations(count: int) -> dict[str, float]:
    """Return the median microseconds of the operations alone: RSA of 2048 bits, SM2, HMAC-SHA256."""
    key = rsa.generate_private_key(65537, 2048)
    pad, sha = padding.PKCS1v15(), hashes.SHA256()
    signature, shared = key.sign(_MESSAGE, pad, sha), b"k" * 32
    theirs = key.public_key()
    public, private = sm2_key_generate()
    stamp, who = sm2_sign(private, public, _MESSAGE, b"1" * 16), b"1" * 16
    return {
        "rsa_sign": _median(count, lambda: key.sign(_MESSAGE, pad, sha)),
        "rsa_verify": _median(count, lambda: theirs.verify(signature, _MESSAGE, pad, sha)),
        "sm2_sign": _median(count, lambda: sm2_sign(private, public, _MESSAGE, who)),
        "sm2_verify": _median(count, lambda: sm2_verify(public, _MESSAGE, stamp, who)),
        "hmac": _median(count, lambda: hmac.digest(shared, _MESSAGE, "sha256")),
    }


def _median(count: int, work: Callable[[], Any]) -> float:
    times = []
    for _ in range(max(20, count)):
        began = time.thread_time()
        work()
        times.append((time.thread_time() - began) * 1e6)
    return median(times)


async def _measured(house: House, channel: Any, clock: Clock, count: int, tick: Tick) -> Costs:
    orders = await _ORDERS[channel.name](house, channel, clock, count)
    gauge = Gauge(channel)
    for order in orders:
        await gauge.time(partial(channel.send, order))
        answer = await gauge.time(partial(channel.query, order))
        if not answer.code:
            raise BenchFailed(f"{channel.name}: a query was not answered ({answer.message})")
        tick(1)
    return Costs(gauge.made_us[::2], gauge.made_us[1::2], gauge.read_us[::2], gauge.read_us[1::2])


async def _plain(house: House, channel: Any, clock: Clock, count: int) -> Iterator[Order]:
    """Collections at UnionPay; payouts at a bank after our account there was credited."""
    operation = Operation.COLLECTION if channel.name == "unionpay" else Operation.PAYOUT
    if operation is Operation.PAYOUT:
        account = {"cmb": AT_CMB, "genericbank": AT_GENERICBANK}[channel.name]
        named = dict.fromkeys(("id", "text", "counterparty_name", "counterparty_account"), "bench")
        credit = {"account": account, "amount_fen": 10**9, **named}
        ask("POST", house.control(channel.name) + "/credit", credit)
    return (_order(channel, clock, operation, n, account=PERSON) for n in range(count))


async def _agreed(house: House, channel: Any, clock: Clock, count: int) -> Iterator[Order]:
    """Collections under a mandate, which is signed first."""
    signing = Signing(number(channel, new_id(clock), clock.now()), _second(clock), PERSON)
    await channel.request_code(signing)
    code = ask("GET", house.control("epcc") + f"/codes?order_no={signing.order_no}")["code"]
    agreement = (await channel.sign(signing, code)).agreement
    return (
        _order(channel, clock, Operation.COLLECTION, n, account=PERSON, agreement=agreement)
        for n in range(count)
    )


async def _refunds(house: House, channel: Any, clock: Clock, count: int) -> Iterator[Order]:
    """Refunds of one purchase, one fen each, because a purchase in an app is never sent by us."""
    paid = _order(channel, clock, Operation.PURCHASE, -1, amount=10_000 + count)
    await channel.present(paid, "https://shop.example/back")
    ask("POST", house.control(channel.name) + "/payers", {"order_no": paid.order_no, "action": "pay"})
    return (
        _order(
            channel,
            clock,
            Operation.REFUND,
            n,
            amount=1,
            original_order_no=paid.order_no,
            original_requested_at=paid.requested_at,
            original_operation=Operation.PURCHASE,
            original_amount=paid.amount,
        )
        for n in range(count)
    )


_ORDERS = {
    "unionpay": _plain,
    "cmb": _plain,
    "genericbank": _plain,
    "epcc": _agreed,
    "chinaums": _refunds,
    "lakala": _refunds,
}


def _order(
    channel: Any, clock: Clock, operation: Operation, n: int, amount: int = 100, **other: Any
) -> Order:
    at = _second(clock)
    order_no = number(channel, new_id(clock), at)
    return Order(operation, order_no, at, amount, f"bench-{operation}-{n}", "物业费", **other)


def _second(clock: Clock) -> datetime:
    return clock.now().replace(microsecond=0)
