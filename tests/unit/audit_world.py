"""A small world for the auditor's tests: books written by SQL, the banks' books beside them, and a server for those.

It is one business day, Tuesday 1 September 2026, looked at on the next day at noon, with one of everything: settled
and unsettled payments, a voided pair, refunds proven, open and failed, payouts on the statement, in transit, held,
failed and returned, and a receipt that nobody can explain.
"""

import json
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import asyncpg

D1, D2 = date(2026, 9, 1), date(2026, 9, 2)
NOON = datetime(2026, 9, 2, 4, tzinfo=UTC)  # 12:00 in China
ACCOUNT = "7559000001058119"
OWN = frozenset({1222, 2242, 6001, 6401, 2202})
PAY_INS = ("purchase", "collection")
Side = tuple[int, str]


@dataclass
class World:
    """Writes rows as the platform would, and keeps the banks' books. `banks` is what their control planes answer."""

    connection: asyncpg.Connection
    banks: dict[str, Any] = field(default_factory=dict)
    intents: dict[str, dict[str, Any]] = field(default_factory=dict)
    vouchers: dict[str, UUID] = field(default_factory=dict)
    _born: int = 0
    _seq: int = 0
    _balance: Counter[UUID] = field(default_factory=Counter)
    _accounts: dict[Side, UUID] = field(default_factory=dict)

    def id(self) -> UUID:
        """Return a new UUIDv7 of the day."""
        self._born += 1
        millis = int(datetime(2026, 9, 1, tzinfo=UTC).timestamp() * 1000) + self._born
        return UUID(int=(millis << 80) | (7 << 76) | (2 << 62) | (self._born << 8))

    async def insert(self, table: str, **row: Any) -> None:
        """Write a row of a table."""
        names, places = ", ".join(row), ", ".join(f"${n}" for n in range(1, len(row) + 1))
        await self.connection.execute(f"INSERT INTO {table} ({names}) VALUES ({places})", *row.values())

    async def account(self, side: Side) -> UUID:
        """Return the account of a code and subject, opened the first time."""
        if side not in self._accounts:
            self._accounts[side] = self.id()
            book = 2 if side[0] in OWN else 1
            await self.insert(
                "account", shard=0, id=self._accounts[side], book=book, code=side[0], subject=side[1], flags=0,
                **{'"limit"': 0}, opened_at=NOON,
            )  # fmt: skip
        return self._accounts[side]

    async def post(
        self, voucher: UUID, debit: Side, credit: Side, fen: int, day: date = D1, flags: int = 0
    ) -> None:
        """Write one entry and move `head` on. Flag 2 is a hold: it moves nothing."""
        one, other = await self.account(debit), await self.account(credit)
        if not flags & 2:
            self._balance[one] += fen
            self._balance[other] -= fen
        self._seq += 1
        await self.insert(
            "transfer", shard=0, id=self.id(), seq=self._seq, debit=one, credit=other, amount=fen,
            book=2 if debit[0] in OWN else 1, kind=1, flags=flags, timeout=0, voucher=voucher, business_date=day,
            posted_at=NOON, debit_balance=self._balance[one], credit_balance=self._balance[other],
            digest=voucher,
        )  # fmt: skip
        await self.connection.execute("UPDATE head SET seq = $1", self._seq)

    async def intent(
        self, name: str, kind: str, merchant: str, amount: int, fee: int, state: str, **rest: Any
    ) -> dict[str, Any]:
        """Write an intent. `name` is the merchant's order number; dates and marks as columns."""
        made: dict[str, Any] = {
            "id": self.id(), "kind": kind, "merchant": merchant, "order_no": name, "idempotency_key": f"{kind} {name}",
            "request_digest": b"-", "amount": amount, "fee": fee, "description": "", "requested_at": NOON,
            "channel": "cmb" if kind == "payout" else "unionpay", "business_date": D1, "voucher": self.id(),
            "undo_voucher": self.id(), "state": state, "created_at": NOON, "updated_at": NOON,
            "template": {"purchase": "P1", "collection": "P2", "refund": "R1", "void": "V1", "payout": "O1"}[kind],
        } | rest  # fmt: skip
        made.setdefault("channel_order_no", made["id"].hex)
        matched_on = made.pop("matched_on", None)
        await self.insert("intent", **made)
        if matched_on:
            await self.insert("intent_match", intent=made["id"], matched_on=matched_on)
            made["matched_on"] = matched_on
        self.intents[name] = made
        return made

    async def pay_in(self, name: str, kind: str, merchant: str, amount: int, fee: int, **rest: Any) -> None:
        """Write a successful pay-in, its posting, and the order in the channel's book."""
        made = await self.intent(name, kind, merchant, amount, fee, "SUCCESS", **rest)
        day = made["settle_date"]
        await self.post(made["voucher"], (3011, "unionpay"), (2321, merchant), amount, day)
        await self.post(made["voucher"], (2321, merchant), (2361, "platform"), fee, day)
        self.order(name, kind, settled=made.get("matched_on"))

    async def give_back(
        self,
        name: str,
        kind: str,
        original: str,
        amount: int,
        fee: int,
        state: str,
        claim: int = 2321,
        **rest: Any,
    ) -> None:
        """Write a refund or void and what it posts before it is sent, and on failure after that."""
        merchant = self.intents[original]["merchant"]
        claim = 2322 if rest.get("template") == "R2" else 2321
        made = await self.intent(
            name, kind, merchant, amount, fee, state, original=self.intents[original]["id"], **rest
        )
        day = made["business_date"]
        await self.post(made["voucher"], (2361, "platform"), (claim, merchant), fee, day)
        await self.post(made["voucher"], (claim, merchant), (3013, "unionpay"), amount, day)
        if state == "FAILED":
            await self.post(made["undo_voucher"], (3013, "unionpay"), (claim, merchant), amount, day)
            await self.post(made["undo_voucher"], (claim, merchant), (2361, "platform"), fee, day)
        else:
            self.order(name, kind, of=original, settled=made.get("matched_on"))

    async def payout(self, name: str, merchant: str, amount: int, fee: int, state: str, **rest: Any) -> None:
        """Write a payout: its holds and, unless it is only created, their posting."""
        made = await self.intent(name, "payout", merchant, amount, fee, state, business_date=D2, **rest)
        sides = (((2322, merchant), (3014, "cmb"), amount), ((2322, merchant), (2361, "platform"), fee))
        for flags in (2, 4 | 16) if state != "CREATED" else (2,):
            for debit, credit, fen in sides:
                await self.post(made["voucher"], debit, credit, fen, D2, flags)
        if state == "FAILED":
            for debit, credit, fen in sides:
                await self.post(made["undo_voucher"], credit, debit, fen, D2)
        if made.get("returned_at"):
            await self.post(made["undo_voucher"], (3015, "cmb"), (2322, merchant), amount, D2)
        told = {"SUCCESS": "RETURNED" if made.get("returned_at") else "SUCCESS", "FAILED": "FAILED"}
        self.banks["/cmb/movements"].append(
            {
                "order_no": made["channel_order_no"], "operation": "payout", "amount": amount, "key": name,
                "state": told.get(state, "PENDING"), "original": "",
            }
        )  # fmt: skip

    async def bank_line(
        self,
        fen: int,
        template: str,
        voucher: UUID,
        intent: str | None = None,
        at: str = "2026-09-02T01:30:00+00:00",
    ) -> UUID:
        """Write a line of our statement and the same line into the bank's own book; return the line's voucher."""
        book = self.banks["/cmb/book"]
        number = len(book["lines"]) + 1
        book["balance_fen"] += fen
        direction = "C" if fen > 0 else "D"
        book["lines"].append({"seq": number, "at": at, "direction": direction, "amount_fen": abs(fen)})
        await self.insert(
            "bank_line", account="cmb", sequence=f"C{number:014d}", booked_at=NOON, business_date=D2, amount=abs(fen),
            credit=fen > 0, balance=book["balance_fen"], reference="", request_no="", counterparty="", text="",
            reversal=False, raw="", template=template, voucher=voucher, posted_at=NOON,
            intent=self.intents[intent]["id"] if intent else None,
        )  # fmt: skip
        return voucher

    def order(
        self, name: str, kind: str, *, of: str | None = None, settled: date | None = None, **rest: Any
    ) -> None:
        """Add an order to the channel's book, under the number of the intent `name`."""
        made = self.intents[name]
        self.banks["/unionpay/movements"].append(
            {
                "order_no": made["channel_order_no"], "operation": kind, "amount": made["amount"], "key": name,
                "state": "VOIDED" if made.get("voided") else "SUCCESS",
                "original": self.intents[of]["channel_order_no"] if of else "",
                # a voided pair stands in no file and is never transferred
                "settled_in": settled.isoformat() if settled and kind != "void" and not made.get("voided") else None,
            } | rest
        )  # fmt: skip

    def ask_banks(self, path: str) -> Any:
        """Return what a control plane answers; the summary follows from the book unless a test has set one."""
        if path == "/unionpay/book/summary" and path not in self.banks:
            sign = {"purchase": 1, "collection": 1, "refund": -1, "void": 0}
            rows = self.banks["/unionpay/movements"]
            owed = sum(
                sign[r["operation"]] * r["amount"]
                for r in rows
                if r["state"] == "SUCCESS" and not r["settled_in"]
            )
            return {"owed_fen": owed, "double_debits": 0, "days": {}}
        return self.banks.get(path)

    def row(self, name: str) -> dict[str, Any]:
        """Return the channel's order of an intent."""
        rows: list[dict[str, Any]] = self.banks["/unionpay/movements"]
        return next(row for row in rows if row["order_no"] == self.intents[name]["channel_order_no"])


async def play(connection: asyncpg.Connection) -> World:
    """Write the day."""
    world = World(connection)
    world.banks = {
        "/unionpay/movements": [],
        "/cmb/book": {"account": ACCOUNT, "opening_fen": 0, "balance_fen": 0, "lines": []},
        "/cmb/movements": [],
    }
    await connection.execute("SELECT ledger_open_month('2026-09-01Z')")
    await world.insert("head", shard=0, epoch=1, seq=0, at=NOON)
    batch = world.id()
    listed: dict[str, Any] = {"settle_date": D1, "matched_on": D1}
    await world.pay_in("A", "collection", "m1", 10000, 60, settlement=batch, **listed)
    await world.pay_in("B", "purchase", "m2", 5000, 30, **listed)
    await world.pay_in("C", "purchase", "m1", 3000, 18, settle_date=D2)
    await world.pay_in("D", "collection", "m2", 700, 4, voided=True, **listed)
    await world.give_back("D-void", "void", "D", 700, 4, "SUCCESS", **listed)
    await world.give_back("B-refund", "refund", "B", 1000, 6, "SUCCESS", **listed)
    await world.give_back("B-failed", "refund", "B", 200, 1, "FAILED")
    await _file(world)
    await _settle(world, batch)
    await world.give_back("A-refund", "refund", "A", 500, 3, "UNKNOWN", template="R2", business_date=D2)
    await _payouts(world)
    await _unknown_receipt(world)
    await _close(world)
    return world


async def _file(world: World) -> None:
    """The file of the day is matched and its money arrives: 15000 of pay-ins, 1000 of refunds, 45 of fees."""
    ids = {name: world.id() for name in ("S1", "S2", "S4", "S10", "S5")}
    world.vouchers |= ids
    names = ("pay_in_voucher", "refund_voucher", "fee_voucher", "void_voucher", "arrival_voucher")
    await world.insert(
        "channel_file", channel="unionpay", settle_date=D1, name="", digest="", lines=3, received_at=NOON,
        **dict(zip(names, ids.values(), strict=True)), pay_in_fen=15000, refund_fen=1000, fee_fen=45, net_fen=13955,
        placed_at=NOON, matched_at=NOON, arrived_at=NOON, arrived_seq="C00000000000001",
    )  # fmt: skip
    for number, (name, credit) in enumerate((("A", True), ("B", True), ("B-refund", False)), 1):
        made = world.intents[name]
        await world.insert(
            "file_line", channel="unionpay", settle_date=D1, line_no=number, order_no=made["channel_order_no"],
            channel_ref="", amount=made["amount"], credit=credit, fee=0, adjustment=False, original_order_no="",
            note="", raw="", intent=made["id"], status="matched",
        )  # fmt: skip
    await world.post(ids["S1"], (3012, "unionpay"), (3011, "unionpay"), 15000)
    await world.post(ids["S2"], (3013, "unionpay"), (3012, "unionpay"), 1000)
    await world.post(ids["S4"], (6401, "unionpay"), (2202, "unionpay"), 45)
    await world.post(ids["S10"], (3013, "unionpay"), (3011, "unionpay"), 700)
    await world.post(ids["S5"], (1003, "cmb"), (3012, "unionpay"), 13955, D2)
    await world.post(ids["S5"], (1241, "platform"), (3012, "unionpay"), 45, D2)
    await world.post(ids["S5"], (2202, "unionpay"), (2242, "platform"), 45, D2)
    await world.bank_line(13955, "S5", world.id())


async def _settle(world: World, batch: UUID) -> None:
    world.vouchers["T1"] = world.id()
    await world.insert(
        "settlement", id=batch, merchant="m1", run_date=D2, number=1, voucher=world.vouchers["T1"], amount=9940,
        lines=1, posted_at=NOON, created_at=NOON,
    )  # fmt: skip
    await world.post(world.vouchers["T1"], (2321, "m1"), (2322, "m1"), 9940, D2)


async def _payouts(world: World) -> None:
    await world.payout("paid", "m1", 6000, 40, "SUCCESS")
    await world.payout("sent", "m1", 1000, 10, "ACCEPTED")
    await world.payout("back", "m1", 500, 5, "SUCCESS", returned_at=NOON)
    await world.payout("held", "m1", 100, 1, "CREATED")
    await world.payout("failed", "m1", 300, 3, "FAILED")
    for name, fen, template in (("paid", -6000, "O5"), ("back", -500, "O5"), ("back", 500, "O8")):
        voucher = world.vouchers[f"{name} {template}"] = await world.bank_line(
            fen, template, world.id(), name
        )
        sides: tuple[Side, Side] = (
            ((3014, "cmb"), (1003, "cmb")) if fen < 0 else ((1003, "cmb"), (3015, "cmb"))
        )
        await world.post(voucher, *sides, abs(fen), D2)


async def _unknown_receipt(world: World) -> None:
    world.vouchers["X1"] = world.id()
    await world.bank_line(66600, "X1", world.id())
    await world.insert(
        "break", id=world.id(), **{"class": "unknown_receipt"}, channel="cmb", settle_date=D2, key="C00000000000005",
        theirs=66600, difference=66600, note="", template="X1", voucher=world.vouchers["X1"], opened_at=NOON,
        cure_voucher=world.id(),
    )  # fmt: skip
    await world.post(world.vouchers["X1"], (1003, "cmb"), (2352, "cmb"), 66600, D2)


async def _close(world: World) -> None:
    """Day-end: 84 fen of fees are recognised (60 + 30 + 4 − 4 − 6)."""
    world.vouchers["D1"] = world.id()
    await world.insert(
        "task",
        kind="close",
        key=D1.isoformat(),
        state="DONE",
        ids=[world.vouchers["D1"], world.id()],
        done_at=NOON,
    )
    await world.post(world.vouchers["D1"], (1222, "platform"), (6001, "fees"), 84)


@contextmanager
def served(world: World) -> Iterator[str]:
    """Serve the banks' control planes on loopback; a path that nobody has set is 404."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            held = world.ask_banks(urlsplit(self.path).path)
            body = held if isinstance(held, bytes) else json.dumps(held).encode()
            self.send_response(404 if held is None else 200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def furnish(folder: Path, database_url: str, banks_url: str, now: datetime = NOON) -> None:
    """Write the home folder that the auditor is given; its clock stands at `now`."""
    (folder / "database-url").write_text(database_url + "\n")
    banks = {
        "unionpay": {"control": f"{banks_url}/unionpay"},
        "cmb": {"control": f"{banks_url}/cmb", "account": ACCOUNT, "alias": "cmb"},
    }
    (folder / "banks.json").write_text(json.dumps(banks))
    set_now(folder, now)


def set_now(folder: Path, now: datetime) -> None:
    """Stop the business clock at a moment."""
    (folder / "clock.json").write_text(
        json.dumps({"real": time.monotonic(), "now": now.isoformat(), "rate": 0})
    )
