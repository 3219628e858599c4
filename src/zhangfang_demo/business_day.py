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
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from zhangfang.assembly.house import House
from zhangfang.assembly.parts import open_desk
from zhangfang.assembly.sandbox.caller import Caller, Tally, pay
from zhangfang.assembly.sandbox.first_routes import SHARES, share_payouts
from zhangfang.assembly.sandbox.staff import agree_account, staff
from zhangfang.channels.port import PAY_INS
from zhangfang.kernel import database
from zhangfang.kernel.calendar import UNIONPAY_CUTOFF, add_working_days
from zhangfang.kernel.clock import CHINA, set_clock
from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.settings import Settings
from zhangfang.merchants import NewMerchant
from zhangfang_demo import mandates, planted
from zhangfang_demo.day_faults import FAULTS
from zhangfang_demo.orders import DemoOrder, business_day
from zhangfang_demo.spectator import RATE, Spectator, Stuck, queries

AT_ONCE = 24  # callers at the same time
SEED = 20260526
PAYER_REFUSES, PAYER_LEAVES = 0.006, 0.006
AWAY = (*database.AWAY, ZhangfangError)
EVENING = time(22)  # what was asked for in the morning, and is still unknown, is asked about until then
MORNING = (  # of each working day: when, what it is called, which task is then done, "{}" being its date
    (time(9, 5), "渠道对账文件 Channel files", "file", "{}"),
    (time(9, 40), "清算到账 Money arrives", "arrival", "{}"),
    (time(10, 31), "结算 Settlement", "settlement", "{}"),
    (time(11, 5), "日终 Closing", "close", "{}"),
    (time(11, 35), "对账单 Statements", "statements", "{}"),
)


@dataclass(frozen=True, slots=True)
class Plan:
    """The orders of a day and the merchants that they belong to."""

    orders: Sequence[DemoOrder]
    merchants: Sequence[NewMerchant]
    faults: Mapping[str, Mapping[str, float]] = field(default_factory=lambda: FAULTS)

    @property
    def day(self) -> date:
        """Return the business day: the China date of the first order."""
        return business_day(self.orders)

    @property
    def days(self) -> tuple[date, ...]:
        """Return the business day and the three working days after it, which its money needs to its end."""
        return tuple(add_working_days(self.day, n) for n in range(4))


class BusinessDay:
    """Plays a plan in a house that has been started. `phase` says for others what is being played."""

    def __init__(self, house: House, plan: Plan, progress: Progress | None = None) -> None:
        """Take a house and the plan that is played in it."""
        self.house = house
        self.plan = plan
        self.first, self.second, self.third, self.last = plan.days
        self.settings = Settings(home=house.home, port=house.port)
        self.spectator = Spectator(house)
        self.phase = "before"
        self.planted = 0
        self.tally = Tally()
        self.payments: dict[tuple[str, str], str] = {}
        self.left: set[str] = set()  # purchases whose payer never came
        self._keys: dict[str, str] = {}
        self._progress = progress or Progress(
            TextColumn("{task.description:34}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
        )

    def set_first_moment(self) -> None:
        """Set the platform's clock before any of its processes starts."""
        set_clock(self.house.home / "clock.json", _at(self.first, time(6, 50)), RATE)

    async def play(self) -> dict[str, Any]:
        """Play all of it and return what the auditor found at the end."""
        await self.spectator.set_time(_at(self.first, time(6, 50)))
        for bank in self.house.banks:
            await self._faults(bank, self.plan.faults[bank])
        # The driver plans from the day on which it first runs: a short day would be over before that.
        await self.spectator.until("the day is planned", partial(self.spectator.planned, self.first))
        try:
            async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as self.session:
                with self._progress:
                    await self._merchants()
                    await self._mandates()
                    await self._routes()
                    await self._orders()
                    await self._first_morning()
                    await self._second_morning()
                    await self._last_morning()
                    return await self._audit()
        finally:
            self.spectator.close()

    # --- the day ----------------------------------------------------------------------------------------------

    async def _merchants(self) -> None:
        """Create them; two people agree on where each is paid out."""
        admin = Caller(self.session, self.house.url, (self.house.home / "admin-key").read_text(), self.tally)
        signed_up: list[str] = []

        async def one(merchant: NewMerchant) -> None:
            _, made = await admin.call("POST", "/v1/merchants", _merchant_body(merchant))
            _, key = await admin.call("POST", f"/v1/merchants/{made['id']}/keys")
            self._keys[merchant.external_ref or ""] = key["secret"]
            if merchant.settlement_account:
                signed_up.append(made["id"])

        task = self._progress.add_task("商户 Merchants sign up", total=len(self.plan.merchants))
        await self._at_once([[merchant] for merchant in self.plan.merchants], one, task)
        async with open_desk(self.settings, 2) as desk:
            people = await staff(self.settings.owner_database, desk.clock, "lin", "wang")
            for id_ in signed_up:
                await agree_account(desk, people, id_)

    async def _mandates(self) -> None:
        """Payers of collections give their consent: most on paper, some by a code that the clearing network sends them."""
        asked = {
            (order.merchant, order.account.number): order for order in self.plan.orders
            if order.kind == "collection" and order.account
        }  # fmt: skip
        task = self._progress.add_task("代收协议 Mandates signed", total=len(asked))
        callers = {
            code: Caller(self.session, self.house.url, key, self.tally) for code, key in self._keys.items()
        }

        async def one(order: DemoOrder) -> None:
            await mandates.sign(self.spectator, callers[order.merchant], order, self.first)

        await self._at_once([[order] for order in asked.values()], one, task)

    async def _routes(self) -> None:
        """Where every channel is there, payouts go by all that pay."""
        if set(SHARES) <= set(self.house.banks):
            task = self._progress.add_task("出款路由 Payout routes released", total=1)
            await share_payouts(self.settings)
            self._progress.advance(task)

    async def _orders(self) -> None:
        """Pay-ins and refunds of the day, hour by hour; what comes after the cut-off belongs to the next date."""
        today = [order for order in self.plan.orders if order.time.astimezone(CHINA).date() == self.first]
        self.phase = "orders"
        await self._ask_hourly("收款与退款 Pay-ins and refunds", self.first, today)
        if not self.planted:
            await self._plant_in_file()

    async def _first_morning(self) -> None:
        """The file, the money, settlement and payouts of the next working day."""
        await self._routine(self.second, self.first)
        late = [order for order in self.plan.orders if order.time.astimezone(CHINA).date() != self.first]
        self.phase = "payouts"
        await self._ask_hourly("出金与退款 Payouts and later refunds", self.second, late)
        self.planted += await planted.plant_on_statement(self.spectator)
        await self._until("银行流水 Bank statement read", self.spectator.statement_read)
        await self._until("补单 Payment filled in", self._filled_in)

    async def _second_morning(self) -> None:
        """The next file brings the late line and the correction; the bank takes its two mistakes back."""
        await self._faults("cmb", {})
        await self.spectator.set_time(_at(self.third, time(8, 30)))
        await planted.take_back(self.spectator)
        await self._routine(self.third, self.second)

    async def _last_morning(self) -> None:
        """What was paid out on the day before comes to rest: returns, the last file, the last closing."""
        await self._routine(self.last, self.third)

    async def _routine(self, morning: date, business: date) -> None:
        """Let a morning pass; settlement is of its own date, all else of the business date before it."""
        for hour, title, kind, key in MORNING:
            self.phase = kind
            await self.spectator.set_time(_at(morning, hour))
            day = morning if kind == "settlement" else business
            ready = {
                "arrival": partial(self.spectator.arrived, business),
                "file": partial(self.spectator.files_read, business),
            }.get(kind, partial(self.spectator.done, kind, key.format(day)))
            await self._until(f"{title} {business}", ready)
            await self.spectator.quiet()

    # --- orders -----------------------------------------------------------------------------------------------

    async def _ask_hourly(self, title: str, day: date, orders: Sequence[DemoOrder]) -> None:
        """Pay-ins of an hour come all at once, then refunds and payouts, those of a merchant one after the other."""
        task = self._progress.add_task(title, total=len(orders))
        for hour in sorted({order.time.astimezone(CHINA).hour for order in orders}):
            if hour >= UNIONPAY_CUTOFF.hour and day == self.first:
                await self.spectator.quiet(_at(day, EVENING))
                await self._plant_in_file()
            await self.spectator.set_time(_at(day, time(hour)))
            due = [order for order in orders if order.time.astimezone(CHINA).hour == hour]
            await self._at_once([[order] for order in due if order.kind in PAY_INS], self.order, task)
            rest = [order for order in due if order.kind not in PAY_INS]
            await self._at_once(_by_merchant(rest), self.order, task)
        await self.spectator.quiet(_at(day, EVENING))

    async def order(self, order: DemoOrder) -> None:
        """Ask for one order as its merchant, and be its payer."""
        merchant = Caller(self.session, self.house.url, self._keys[order.merchant], self.tally)
        status, made = await self._ask_for(merchant, order)
        if status not in (200, 201):
            raise AssertionError(f"{order.order_no}: {status} {made}")
        if made is not None and order.kind in PAY_INS:
            self.payments[order.merchant, order.order_no] = made["id"]
        if order.kind == "purchase" and made["state"] == "REDIRECTED":
            await self._pay(merchant, order, made)

    async def _pay(self, merchant: Caller, order: DemoOrder, made: Any) -> None:
        """Be the payer: at the cashier, or in the wallet's app, whose SDK has what the merchant's app handed to it."""
        choice = _payer(order.order_no)
        if choice is None:
            self.left.add(made["id"])
            return
        shown = await merchant.presented(f"/v1/payments/{made['id']}", made)
        if "redirect" in shown:
            await pay(self.session, shown["redirect"], choice)
        elif "app" in shown:
            act = {"order_no": made["channel_order_no"], "action": choice}
            await self.spectator.ask("POST", made["channel"], "/payers", act)
        else:
            self.left.add(made["id"])

    async def _ask_for(self, merchant: Caller, order: DemoOrder) -> tuple[int, Any]:
        body: dict[str, Any] = {"order_no": order.order_no, "amount": order.amount}
        if order.account:
            body["account"] = {"number": order.account.number, "name": order.account.name}
        if order.kind == "payout":
            return await merchant.post("/v1/payouts", body, order.order_no)
        if order.kind == "refund":
            original = self.payments[order.merchant, order.original or ""]
            if (
                original in self.left
                or (await merchant.final(f"/v1/payments/{original}"))["state"] != "SUCCESS"
            ):
                return 200, None  # it was never paid: there is nothing to refund
            return await merchant.post(f"/v1/payments/{original}/refunds", body, order.order_no)
        body |= {"kind": order.kind, "product": order.product, "instalments": order.instalments}
        body["fee_by"] = "payer" if order.instalments else ""
        return await merchant.post("/v1/payments", body, order.order_no)

    async def _at_once(
        self, several: Sequence[Sequence[Any]], work: Callable[[Any], Awaitable[None]], task: Any
    ) -> None:
        """Do several things at once, each of them one step after the other."""
        places = asyncio.Semaphore(AT_ONCE)

        async def one(steps: Sequence[Any]) -> None:
            async with places:
                for step in steps:
                    await work(step)
                    self._progress.advance(task)

        async with asyncio.TaskGroup() as group:
            for steps in several:
                group.create_task(one(steps))

    # --- banks, people and the auditor ------------------------------------------------------------------------

    async def _faults(self, bank: str, rates: Mapping[str, float]) -> None:
        await self.spectator.ask("PUT", bank, "/faults", {"seed": SEED, "rates": rates, "keyed": {}})

    async def _plant_in_file(self) -> None:
        self.planted += await planted.plant_in_file(self.spectator, self.plan.orders, self.first)

    async def _filled_in(self) -> bool:
        """Two people cure the line nobody asked for; if a part of the platform is away, they try again."""
        found = await self.spectator.query(queries.static_code_break)
        if found is None:
            return False
        held = json.loads(found)
        if held["cleared"]:
            return True
        try:
            async with open_desk(self.settings, 2) as desk:
                people = await staff(self.settings.owner_database, desk.clock, "lin", "wang")
                await planted.fill_in(desk, people, held)
        except AWAY:
            return False
        return True

    async def _until(self, title: str, ready: Callable[[], Awaitable[bool]]) -> None:
        task = self._progress.add_task(title, total=1)
        await self.spectator.until(title, ready)
        self._progress.update(task, completed=1)

    async def _audit(self) -> dict[str, Any]:
        """Start the auditor, a program of its own; a bank that is just starting again is asked again."""
        path = self.house.home / "audit.json"
        command = [sys.executable, "-m", "zhangfang_audit", "books", "--home", str(self.house.home)]
        command += ["--json", str(path), "--record"]
        for _ in range(5):
            done = await asyncio.to_thread(
                subprocess.run, command, capture_output=True, text=True, check=False
            )
            if done.returncode in (0, 1):
                held: dict[str, Any] = json.loads(path.read_text())
                return held
            await asyncio.sleep(1)
        raise Stuck(f"the auditor failed:\n{done.stdout}\n{done.stderr}")


def _by_merchant(orders: Sequence[DemoOrder]) -> list[list[DemoOrder]]:
    """What draws on the same money comes in its own order: the fen that a division leaves depend on it."""
    several: dict[str, list[DemoOrder]] = {}
    for order in orders:
        several.setdefault(order.merchant, []).append(order)
    return list(several.values())


def _payer(order_no: str) -> str | None:
    """Return what the payer of an order does, by its number alone: pays mostly, refuses, or never comes."""
    chance = int.from_bytes(sha256(f"payer/{order_no}".encode()).digest()[:8]) / 2**64
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
    alike = ("name", "external_ref", "auto_payout", "settlement_days")
    own = {"fee_rules": rules, "settlement_account": asdict(account) if account else None}
    return {name: getattr(merchant, name) for name in alike} | own


def _at(day: date, hour: time) -> datetime:
    return datetime.combine(day, hour, CHINA)
