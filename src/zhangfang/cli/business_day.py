"""The script of the demo's day: who asks for what and when, and which faults the banks have."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, time
from functools import partial
from hashlib import sha256
from typing import Any

import aiohttp
import asyncpg
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zhangfang.cli import planted
from zhangfang.cli.caller import Caller, pay
from zhangfang.cli.house import House
from zhangfang.cli.orders import PAY_INS, DemoOrder, business_day
from zhangfang.cli.parts import open_desk
from zhangfang.cli.sandbox import HouseError
from zhangfang.cli.spectator import RATE, Spectator, Stuck, queries
from zhangfang.kernel.calendar import UNIONPAY_CUTOFF, add_working_days
from zhangfang.kernel.clock import CHINA, set_clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import NewMerchant

RATE = 10.0  # business seconds a second, between the jumps
AT_ONCE = 24  # callers at the same time
SEED = 20260526
FAULTS = {
    "unionpay": {
        "lost_answer": 0.015,
        "late_answer": 0.010,
        "notify_lost": 0.012,
        "notify_repeated": 0.015,
        "notify_late": 0.005,
        "not_found_first": 0.012,
        "pending_first": 0.008,
        "garbled_answer": 0.003,
        "bad_signature": 0.003,
        "wrong_chain": 0.002,
        "refused": 0.004,
        "throttle": 0.003,
        "decline": 0.010,
    },
    "cmb": {
        "lost_answer": 0.05,
        "pending_first": 0.05,
        "not_found_first": 0.03,
        "decline": 0.02,
        "return_later": 0.03,
    },
}
PAYER_REFUSES, PAYER_LEAVES = 0.006, 0.006


@dataclass(frozen=True, slots=True)
class Plan:
    """The orders of a day and the merchants that they belong to."""

    orders: Sequence[DemoOrder]
    merchants: Sequence[NewMerchant]
    faults: dict[str, dict[str, float]] = field(default_factory=lambda: FAULTS)

    @property
    def day(self) -> date:
        """Return the business day: the China date of the first order."""
        return business_day(self.orders)


class BusinessDay:
    """Plays a plan in a house that has been started."""

    def __init__(self, house: House, plan: Plan) -> None:
        """Take the first working days that the day's money needs to its end."""
        self.house = house
        self.plan = plan
        self.first = plan.day
        self.second = add_working_days(plan.day, 1)
        self.third = add_working_days(plan.day, 2)
        self.last = add_working_days(plan.day, 3)
        self.settings = Settings(home=house.home, port=house.port)
        self.planted = 0
        self.payments: dict[tuple[str, str], str] = {}
        self.left: set[str] = set()  # purchases whose payer never came
        self._keys: dict[str, str] = {}
        self._progress = Progress(
            TextColumn("{task.description:34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )

    def set_first_moment(self) -> None:
        """Set the platform's clock before any of its processes starts."""
        from zhangfang.kernel.clock import set_clock

        set_clock(self.house.home / "clock.json", _at(self.first, time(6, 50)), RATE)

    async def play(self) -> dict[str, Any]:
        """Play all of it and return what the auditor found at the end."""
        set_time(self.house, _at(self.first, time(6, 50)), RATE)
        for bank in ("unionpay", "cmb"):
            self._faults(bank, self.plan.faults[bank])
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self.session:
            with self._progress:
                await self._merchants()
                await self._orders()
                await self._first_morning()
                await self._second_morning()
                await self._last_morning()
                return await self._audit()

    # --- the day ----------------------------------------------------------------------------------------------

    async def _merchants(self) -> None:
        admin = Caller(self.session, self.house.url, (self.house.home / "admin-key").read_text())

        async def one(merchant: NewMerchant) -> None:
            _, made = await admin.call("POST", "/v1/merchants", _merchant_body(merchant))
            _, key = await admin.call("POST", f"/v1/merchants/{made['id']}/keys")
            self._keys[merchant.external_ref or ""] = key["secret"]

        await self._each("商户 Merchants sign up", self.plan.merchants, one)

    async def _orders(self) -> None:
        """Pay-ins and refunds of the day, hour by hour; what comes after the cut-off belongs to the next date."""
        today = [order for order in self.plan.orders if order.time.astimezone(CHINA).date() == self.first]
        hours = sorted({order.time.astimezone(CHINA).hour for order in today})
        task = self._progress.add_task("收款与退款 Pay-ins and refunds", total=len(today))
        for hour in hours:
            if hour >= 23:
                await self.quiet()
                self.plant_in_file()
            set_time(self.house, _at(self.first, time(hour, 0)), RATE)
            due = [order for order in today if order.time.astimezone(CHINA).hour == hour]
            await self._all([o for o in due if o.kind != "refund"], self.order, task)
            await self._all([o for o in due if o.kind == "refund"], self.order, task)
        await self.quiet()

    async def _first_morning(self) -> None:
        """The file, the money, settlement and payouts of the next working day."""
        if not self.planted:
            self.plant_in_file()
        await self._routine(self.second, self.first)
        late = [order for order in self.plan.orders if order.time.astimezone(CHINA).date() != self.first]
        task = self._progress.add_task("出金与退款 Payouts and later refunds", total=len(late))
        for hour in sorted({order.time.astimezone(CHINA).hour for order in late}):
            set_time(self.house, _at(self.second, time(hour, 0)), RATE)
            await self._all([o for o in late if o.time.astimezone(CHINA).hour == hour], self.order, task)
        await self.quiet()
        self._plant_on_statement()
        await self.until("银行流水 Bank statement read", self._statement_read)
        await self._fill_in()

    async def _second_morning(self) -> None:
        """The next file brings the late line and the correction; the bank takes its two mistakes back."""
        self._faults("cmb", {})
        self._bank_corrects(self.third)
        await self._routine(self.third, self.second)

    async def _last_morning(self) -> None:
        """What was paid out on the day before comes to rest: returns, the last file, the last closing."""
        await self._routine(self.last, self.third)

    async def _routine(self, morning: date, business: date) -> None:
        """Let a morning pass: 09:05 file, 09:35 money, 10:31 settlement, 11:05 closing, 11:35 statements."""
        for hour, title, key in (
            (time(9, 5), "渠道对账文件 Channel file", ("file", f"unionpay/{business}")),
            (time(9, 40), "清算到账 Money arrives", None),
            (time(10, 31), "结算 Settlement", ("settlement", str(morning))),
            (time(11, 5), "日终 Closing", ("close", str(business))),
            (time(11, 35), "对账单 Statements", ("statements", str(business))),
        ):
            set_time(self.house, _at(morning, hour), RATE)
            ready = partial(self._done, *key) if key else partial(self._arrived, business)
            await self.until(f"{title} {business}", ready)
            await self.quiet()

    # --- one order --------------------------------------------------------------------------------------------

    async def order(self, order: DemoOrder) -> None:
        """Ask for one order as its merchant, and be its payer."""
        merchant = Caller(self.session, self.house.url, self._keys[order.merchant])
        status, made = await self._ask_for(merchant, order)
        if status not in (200, 201):
            raise AssertionError(f"{order.order_no}: {status} {made}")
        if order.kind in ("purchase", "collection"):
            self.payments[order.merchant, order.order_no] = made["id"]
        if order.kind == "purchase" and "redirect" in made:
            choice = _payer(order.order_no)
            if choice is None:
                self.left.add(made["id"])
            else:
                await pay(self.session, made["redirect"], choice)

    async def _ask_for(self, merchant: Caller, order: DemoOrder) -> tuple[int, Any]:
        body: dict[str, Any] = {"order_no": order.order_no, "amount": order.amount}
        if order.account:
            body["account"] = {"number": order.account.number, "name": order.account.name}
        if order.kind == "payout":
            return await merchant.post("/v1/payouts", body, order.order_no)
        if order.kind == "refund":
            original = self.payments[order.merchant, order.original or ""]
            if original in self.left or (await merchant.final(f"/v1/payments/{original}"))["state"] != "SUCCESS":
                return 200, None  # it was never paid: there is nothing to refund
            return await merchant.post(f"/v1/payments/{original}/refunds", body, order.order_no)
        return await merchant.post("/v1/payments", body | {"kind": order.kind}, order.order_no)

    # --- waiting ----------------------------------------------------------------------------------------------

    async def quiet(self) -> None:
        """Wait until every intent that has left has its outcome; those whose payer never came wait for the file."""
        await self.until("", self._settled_down)

    async def until(self, title: str, ready: Callable[[], Awaitable[bool]], seconds: float = 120.0) -> None:
        """Wait for something, and move the clock on by minutes where the platform waits for its own next look."""
        task = self._progress.add_task(title, total=1) if title else None
        loop = asyncio.get_running_loop()
        until, nudge = loop.time() + seconds, loop.time() + 2.0
        while not await ready():
            if loop.time() > until:
                raise AssertionError(
                    f"{title or 'quiet'}: not reached within {seconds:.0f} s\n{await self.open_work()}"
                )
            if loop.time() > nudge:
                set_time(self.house, self.settings.clock().now() + timedelta(minutes=2), RATE)
                nudge = loop.time() + 1.0
            await asyncio.sleep(0.1)
        if task is not None:
            self._progress.update(task, completed=1)

    async def _query(self, sql: str, *values: Any) -> Any:
        """Look into the database as a spectator; while it is away, the answer is None."""
        import asyncpg

        try:
            connection = await asyncpg.connect(self.settings.database, timeout=3)
        except (OSError, asyncpg.PostgresError):
            return None
        try:
            return await connection.fetchval(sql, *values, timeout=5)
        except (OSError, asyncpg.PostgresError, TimeoutError):
            return None
        finally:
            connection.terminate()

    async def _settled_down(self) -> bool:
        return bool(await self._query(_OPEN) == 0)

    async def _done(self, kind: str, key: str) -> bool:
        return bool(
            await self._query("SELECT done_at IS NOT NULL FROM task WHERE kind = $1 AND key = $2", kind, key)
        )

    async def _arrived(self, business: date) -> bool:
        return bool(await self._query(_ARRIVED, business))

    async def _statement_read(self) -> bool:
        book = ask("GET", f"{self.house.control('cmb')}/book?account={CLIENT_MONEY}")
        return bool(await self._query(_POSTED, OUR_ACCOUNT) == len(book["lines"]))

    async def open_work(self) -> str:
        """Return what is still open, for the message of a day that got stuck."""
        return str(await self._query(_OPEN_WORK))

    # --- the bank's side --------------------------------------------------------------------------------------

    def _faults(self, bank: str, rates: dict[str, float]) -> None:
        ask("PUT", self.house.control(bank) + "/faults", {"seed": SEED, "rates": rates, "keyed": {}})

    def plant_in_file(self) -> None:
        """Plant three breaks in the file: a line left out, a line too much, a line one fen off."""
        rows = ask("GET", self.house.control("unionpay") + "/book")
        undone = {row["origQryId"] for row in rows}
        whole = sorted(
            row["key"]
            for row in rows
            if row["txnType"] == "11" and row["state"] == "SUCCESS" and row["queryId"] not in undone
            and row["settleDate"] == str(self.first)
        )  # fmt: skip
        late = _plain(self.plan, whole)
        extra = {
            "settleDate": str(self.first),
            "amount": 8800,
            "key": "M001-STATIC-CODE-1",
            "account": "6222000000000018",
        }
        ask(
            "PUT",
            self.house.control("unionpay") + "/plant",
            {"merId": MER_ID, "missing": [late[0]], "off_by_one": [late[1]], "extra": [extra]},
        )
        self.planted += 3

    def _plant_on_statement(self) -> None:
        """Plant two breaks on the bank's statement: money from nowhere, and a charge that is not ours."""
        base = {
            "account": CLIENT_MONEY,
            "counterparty_name": "误入账户",
            "counterparty_account": "7559000009999999",
        }
        for kind, amount, text in (("credit", 66600, "汇错款"), ("debit", 3500, "账户管理费")):
            body = base | {"id": f"planted-{kind}", "amount_fen": amount, "text": text, "reversal": False}
            ask("POST", self.house.control("cmb") + f"/{kind}", body)
        self.planted += 2

    def _bank_corrects(self, morning: date) -> None:
        """The bank takes both back the next morning, each by a reversal line."""
        set_time(self.house, _at(morning, time(8, 30)), RATE)
        base = {
            "account": CLIENT_MONEY,
            "counterparty_name": "误入账户",
            "counterparty_account": "7559000009999999",
        }
        for kind, amount, text in (("debit", 66600, "冲正 汇错款"), ("credit", 3500, "冲正 账户管理费")):
            body = base | {"id": f"corrected-{kind}", "amount_fen": amount, "text": text, "reversal": True}
            ask("POST", self.house.control("cmb") + f"/{kind}", body)

    async def _fill_in(self) -> None:
        """Two people agree that the line nobody asked for is a payment to M001."""
        async with open_desk(self.settings, 2) as desk:
            row = await desk.pool.fetchrow(_EXTRA)
            assert row is not None, "the line too much was not found by reconciliation"
            await propose(desk, row["id"], "B2", "lin", merchant=row["merchant"])
            await approve(desk, row["id"], "wang")

    async def _audit(self) -> dict[str, Any]:
        path = self.house.home / "audit.json"
        command = [
            sys.executable,
            "-m",
            "zhangfang_audit",
            "books",
            "--home",
            str(self.house.home),
            "--json",
            str(path),
        ]
        done = await asyncio.to_thread(
            subprocess.run, [*command, "--record"], capture_output=True, text=True, env=None, check=False
        )
        if done.returncode not in (0, 1):
            raise AssertionError(f"the auditor failed:\n{done.stdout}\n{done.stderr}")
        held: dict[str, Any] = json.loads(path.read_text())
        return held

    # --- doing many things at once ----------------------------------------------------------------------------

    async def _each(self, title: str, items: Sequence[Any], work: Callable[[Any], Awaitable[None]]) -> None:
        await self._all(items, work, self._progress.add_task(title, total=len(items)))

    async def _all(self, items: Sequence[Any], work: Callable[[Any], Awaitable[None]], task: Any) -> None:
        places = asyncio.Semaphore(AT_ONCE)

        async def one(item: Any) -> None:
            async with places:
                await work(item)
                self._progress.advance(task)

        async with asyncio.TaskGroup() as group:
            for item in items:
                group.create_task(one(item))


_OPEN = """
SELECT count(*)::int FROM intent
WHERE state IN ('CREATED', 'SENDING', 'ACCEPTED', 'UNKNOWN', 'MANUAL')
   OR state = 'REDIRECTED' AND absent_since IS NOT NULL
"""
_OPEN_WORK = """
SELECT json_build_object(
    'intents', (SELECT json_agg(x) FROM (SELECT kind, order_no, state, code, message, queries, not_found
        FROM intent WHERE state NOT IN ('SUCCESS', 'FAILED', 'REFUSED', 'CLOSED') LIMIT 10) x),
    'tasks', (SELECT json_agg(t) FROM (SELECT kind, key, note, next_action_at FROM task WHERE state = 'WAITING') t),
    'bank', (SELECT json_agg(b) FROM (SELECT sequence, text, amount, credit FROM bank_line WHERE posted_at IS NULL) b))
"""
_ARRIVED = """
SELECT arrived_at IS NOT NULL OR net_fen = 0 FROM channel_file WHERE channel = 'unionpay' AND settle_date = $1
"""
_POSTED = "SELECT count(*)::int FROM bank_line WHERE account = $1 AND posted_at IS NOT NULL"
_EXTRA = """
SELECT b.id, m.id AS merchant FROM break b, merchant m
WHERE b.class = 'missing_here' AND b.cleared_at IS NULL AND m.external_ref = 'M001'
"""


def _plain(plan: Plan, keys: Sequence[str]) -> list[str]:
    """Return keys of payments that no later refund names: their lines can be late without holding a refund up."""
    refunded = {order.original for order in plan.orders if order.kind == "refund"}
    return [key for key in keys if key not in refunded]


def _payer(order_no: str) -> str | None:
    """Return what the payer of an order does, by its number alone: pays mostly, refuses, or never comes."""
    import hashlib

    chance = int.from_bytes(hashlib.sha256(f"payer/{order_no}".encode()).digest()[:8]) / 2**64
    if chance < PAYER_LEAVES:
        return None
    return "refuse" if chance < PAYER_LEAVES + PAYER_REFUSES else "pay"


def _merchant_body(merchant: NewMerchant) -> dict[str, Any]:
    """Return the request that creates a merchant."""
    rules = [
        {"kind": rule.kind.value, "rate_ppm": rule.rate_ppm, "fixed_fen": rule.fixed_fen}
        for rule in merchant.fee_rules
    ]
    account = merchant.settlement_account
    return {
        "name": merchant.name,
        "external_ref": merchant.external_ref,
        "auto_payout": merchant.auto_payout,
        "settlement_days": merchant.settlement_days,
        "fee_rules": rules,
        "settlement_account": asdict(account) if account else None,
    }


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, CHINA)
