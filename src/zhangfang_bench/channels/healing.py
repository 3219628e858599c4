"""How fast the platform resolves collections whose answers were lost, and whether it keeps CMB's pace.

The collections are accepted as the API accepts them and sent to a bank that executes them but sends no answer. They
stay UNKNOWN until the driver, a separate process, queries each. The limit of the bank is measured before and after by
a minimal client, which signs its queries in advance, verifies no answer, and stores nothing.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from datetime import datetime, timedelta
from statistics import fmean
from typing import Any
from urllib.parse import urlsplit

import asyncpg

from zhangfang.api import admit
from zhangfang.assembly.accounts import open_platform_accounts
from zhangfang.assembly.house import House
from zhangfang.assembly.parts import open_desk
from zhangfang.assembly.sandbox.cmb import CLIENT_MONEY
from zhangfang.assembly.sandbox.control import ask
from zhangfang.assembly.sandbox.counter import set_time
from zhangfang.channels.cmb import Cmb, CmbConfig
from zhangfang.channels.encoded import form_body
from zhangfang.channels.port import ChannelError, Operation, Order, PartyAccount, Verdict
from zhangfang.channels.unionpay import RsaSigner, UnionPayConfig
from zhangfang.channels.unionpay.requests import query
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id
from zhangfang.kernel.settings import Settings
from zhangfang.ledger import LedgerClient
from zhangfang.mandates import Mandates, NewMandate
from zhangfang.merchants import FeeKind, FeeRule, Merchant, NewMerchant
from zhangfang.payments import Desk, Request, accept
from zhangfang_bench.channels.wire import PERSON, Tick
from zhangfang_bench.http import Wire
from zhangfang_bench.payments.bench import BenchFailed

AIM = 0.7  # of the bank's own limit
AT_ONCE = 64  # as many as the driver handles at once
PAYERS = 50
_WIDE = 10**11
_MOST_REPLAYED = 3_000
_SILENT = {"rates": {"lost_answer": 1.0, "notify_lost": 1.0}}
_PATH = "/gateway/api/queryTrans.do"
_FORM = "Content-Type: application/x-www-form-urlencoded"


async def healing(
    house: House, settings: Settings, orders: int, noon: datetime, bar: Callable[[str, int], Tick]
) -> dict[str, Any]:
    """Make `orders` unknown collections, have the driver end them, and return the figures."""
    control = house.control("unionpay")
    async with LedgerClient(settings.ledger_socket) as ledger:
        await open_platform_accounts(ledger)
    async with open_desk(settings) as desk:
        ask("PUT", control + "/faults", _SILENT)
        await _unknowns(desk, await _merchant(desk), orders, bar("unknown collections", orders))
        ask("PUT", control + "/faults", {"rates": {}})
        before = await most(
            desk.pool, desk.clock, settings, bar("the bank's most, before", min(orders, _MOST_REPLAYED))
        )
        seconds = await _healed(house, desk.pool, orders, noon + timedelta(hours=1), bar("healing", orders))
        after = await most(
            desk.pool, desk.clock, settings, bar("the bank's most, after", min(orders, _MOST_REPLAYED))
        )
        queries = await desk.pool.fetchval("SELECT count(*) FROM step WHERE kind = 'query'")
        await _check(desk.pool, control, orders)
    bank = fmean((before, after))
    return {
        "orders": orders,
        "per_s": round(orders / seconds, 1),
        "seconds": round(seconds, 2),
        "queries": queries,
        "bank_per_s": {"before": round(before, 1), "after": round(after, 1)},
        "ratio": round(orders / seconds / bank, 3),
    }


async def _merchant(desk: Desk) -> Merchant:
    fees = (FeeRule(FeeKind.COLLECTION, 6_000),)
    return await admit(desk, NewMerchant("压测商户", fee_rules=fees))


async def _unknowns(desk: Desk, merchant: Merchant, orders: int, tick: Tick) -> None:
    # The breaker would close a channel that answers nothing, as it should; here it must go on being asked.
    desk.gate.router.report = lambda *_: None  # type: ignore[method-assign]
    payers = [_payer(n) for n in range(PAYERS)]
    mandates = Mandates(desk.pool, desk.vault, desk.clock, desk.channels)
    today = china_day(desk.clock.now())
    for n, payer in enumerate(payers):
        await mandates.create(
            merchant.id,
            NewMandate(
                f"M{n}", f"M{n}", payer, _WIDE, _WIDE, _WIDE, today, today + timedelta(days=365), "", "bench"
            ),
        )
    done = 0
    while done < orders:
        portion = range(done, min(done + AT_ONCE, orders))
        asked = [
            Request(Operation.COLLECTION, f"b{n}", 100 + n, f"b{n}", "物业费", account=payers[n % PAYERS])
            for n in portion
        ]
        await asyncio.gather(*(accept(desk, merchant, one) for one in asked))
        done = portion.stop
        await _until(desk.pool, "UNKNOWN", done)
        tick(len(portion))


def _payer(n: int) -> PartyAccount:
    return PartyAccount(f"622202{n:013d}", f"付款人{n}", "card", "", PERSON.id_no, PERSON.phone)


async def _until(pool: asyncpg.Pool, state: str, count: int) -> None:
    async with asyncio.timeout(120):
        while await _count(pool, state) < count:  # noqa: ASYNC110 - the journal is looked at as any reader does
            await asyncio.sleep(0.01)


async def _count(pool: asyncpg.Pool, state: str) -> int:
    return int(await pool.fetchval("SELECT count(*) FROM intent WHERE state = $1", state))


async def most(pool: asyncpg.Pool, clock: Clock, settings: Settings, tick: Tick) -> float:
    """Return how many queries a second the bank answers to a client that does nothing but ask."""
    config = UnionPayConfig(**(settings.channel("unionpay") or {}))
    signer = RsaSigner(config, clock)
    rows = await pool.fetch(
        "SELECT channel_order_no, requested_at, amount FROM intent ORDER BY id LIMIT $1", _MOST_REPLAYED
    )
    asked = [
        form_body(signer.sign(query(Order(Operation.COLLECTION, row[0], row[1], row[2], "bench"), config)))
        for row in rows
    ]
    url = urlsplit(config.base_url)
    messages = iter([_post(body) for body in asked])
    wires = [await Wire(url.port or 80).open() for _ in range(AT_ONCE)]
    began = time.monotonic()
    await asyncio.gather(*(_replay(wire, messages, tick) for wire in wires))
    return len(asked) / (time.monotonic() - began)


def _post(body: bytes) -> bytes:
    lines = (f"POST {_PATH} HTTP/1.1", "Host: 127.0.0.1", _FORM, f"Content-Length: {len(body)}", "", "")
    return "\r\n".join(lines).encode() + body


async def _replay(wire: Wire, messages: Any, tick: Tick) -> None:
    for message in messages:
        status, body = await wire.ask(message)
        if status != 200 or b"origRespCode=" not in body:
            raise BenchFailed(f"the bank answered a replayed query with {status} {body[:80]!r}")
        tick(1)


async def _healed(house: House, pool: asyncpg.Pool, orders: int, at: datetime, tick: Tick) -> float:
    """Start the driver while nothing is due, then let an hour pass; return the seconds until none is unknown."""
    house.processes["work"].start()
    await asyncio.sleep(3)  # it is ready and looks for due work
    began = time.monotonic()
    await asyncio.to_thread(set_time, house, at, 0)
    left = orders
    while left:
        if not house.processes["work"].running():
            raise BenchFailed(f"the driver ended:\n{house.log_tail('work')}")
        await asyncio.sleep(0.05)
        now = await _count(pool, "UNKNOWN")
        tick(left - now)
        left = now
    seconds = time.monotonic() - began
    house.processes["work"].stop()  # CMB's pace is that of one process: it must not ask beside us
    return seconds


async def _check(pool: asyncpg.Pool, control: str, orders: int) -> None:
    """Compare journal and bank, order by order; a difference makes the figures worthless."""
    rows = await pool.fetch("SELECT channel_order_no, amount FROM intent WHERE state = 'SUCCESS'")
    ours = {row["channel_order_no"]: row["amount"] for row in rows}
    theirs = {row["orderId"]: row["amount"] for row in ask("GET", control + "/book?state=SUCCESS")}
    if len(ours) != orders or not ours.items() <= theirs.items():
        raise BenchFailed(
            f"{orders} collections: {len(ours)} succeeded here, not all of them in the bank's book"
        )


async def paced(house: House, settings: Settings, clock: Clock, payouts: int, tick: Tick) -> dict[str, Any]:
    """Query many unknown payouts at once at the sandbox CMB with its throttle on, and read the statement meanwhile."""
    control = house.control("cmb")
    held = dict(settings.channel("cmb") or {})
    del held["query_gap_seconds"], held["statement_gap_seconds"]  # the bank's own pace
    config = CmbConfig(**held)
    async with _connected(config, clock) as bank:
        await asyncio.sleep(config.statement_gap_seconds)  # others may just have asked
        ask("PUT", control + "/throttle", {"on": True})
        ask("PUT", control + "/faults", _SILENT)
        orders = [_payout(clock, n) for n in range(payouts)]
        sent = await asyncio.gather(*(bank.send(order) for order in orders))
        ask("PUT", control + "/faults", {"rates": {}})
        began = time.monotonic()
        found = await asyncio.gather(*(_asked(bank, order, tick) for order in orders), _statements(bank))
        seconds = time.monotonic() - began
        said = ask("GET", control + "/throttle")
        ask("PUT", control + "/throttle", {"on": False})
    return {
        "payouts": payouts,
        "unknown": sum(answer.verdict is Verdict.UNKNOWN for answer in sent),
        "resolved": sum(verdict is not Verdict.UNKNOWN for verdict in found[:-1]),
        "statements": found[-1],
        "seconds": round(seconds, 1),
        "gap_seconds": said["query_seconds"],
        "throttled": said["refused"],
    }


def _payout(clock: Clock, n: int) -> Order:
    at = clock.now().replace(microsecond=0)
    return Order(Operation.PAYOUT, new_id(clock).hex, at, 100 + n, f"paced-{n}", "货款", PERSON)


async def _asked(bank: Cmb, order: Order, tick: Tick) -> Verdict:
    """Ask until the query gets its turn, as the driver does."""
    while True:
        answer = await bank.query(order)
        if not answer.message.startswith("not asked"):
            tick(1)
            return answer.verdict
        await asyncio.sleep(0.5)


async def _statements(bank: Cmb) -> int:
    """Read the statement twice; return how many of the reads succeeded."""
    read = 0
    for _ in range(2):
        with suppress(ChannelError):  # the bank counts what it refuses
            await bank.statement(CLIENT_MONEY, "")
            read += 1
    return read


@asynccontextmanager
async def _connected(config: CmbConfig, clock: Clock) -> AsyncIterator[Cmb]:
    bank = Cmb(config, clock)
    try:
        yield bank
    finally:
        await bank.close()
