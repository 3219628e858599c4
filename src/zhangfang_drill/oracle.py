"""The law, checked from outside: the banks' books against our intents, our ledger and the files.

What is wrong is a `Violation` that names the rule of the law and the order. A definite failure that the bank itself
contradicts by its book is no violation of ours: it is counted, and has to be found by the day's file.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from uuid import UUID

from zhangfang.kernel.sql import load
from zhangfang_drill.adapters import ADAPTERS
from zhangfang_drill.movements import Movement, Truth
from zhangfang_drill.world import World

queries = load(__package__, "oracle.sql")

FINAL = frozenset({"SUCCESS", "FAILED", "REFUSED", "CLOSED"})
DEBITS = frozenset({"purchase", "collection"})
ACQUIRED = frozenset({"purchase", "collection", "refund", "void"})


@dataclass(frozen=True, slots=True)
class Violation:
    """A rule of the law that was broken: its number (0: books and files), what is wrong, and the intent if it has one."""

    rule: int
    what: str
    intent: UUID | None = None
    order_no: str = ""


@dataclass(slots=True)
class Found:
    """What a check found."""

    violations: list[Violation] = field(default_factory=list)
    contradictions: set[str] = field(default_factory=set)
    waiting: int = 0

    def wrong(self, rule: int, what: str, row: Mapping[str, Any] | None = None, order_no: str = "") -> None:
        """Note a violation."""
        intent = row["id"] if row else None
        self.violations.append(Violation(rule, what, intent, order_no or (row["order_no"] if row else "")))


class Oracle:
    """Remembers what was final, so that a later change of it is seen."""

    def __init__(self, world: World) -> None:
        """Watch a world."""
        self._world = world
        self._final: dict[UUID, str] = {}

    async def check(self, truth: Truth, closed: datetime, day: date) -> Found:
        """Compare everything; orders asked for before `closed` must be over, and `day` is closed in the books."""
        found = Found()
        pool = self._world.pool
        intents = await pool.fetch(queries.intents)
        attempts = {(row["channel"], row["number"]): row for row in await pool.fetch(queries.attempts)}
        evidence = {row["intent"]: row for row in await pool.fetch(queries.evidence)}
        self._known(found, truth, attempts)
        for row in intents:
            self._remember(found, row, evidence.get(row["id"]))
            _one(found, truth, row, evidence.get(row["id"]), attempts, closed)
        _debited_once(found, truth, attempts)
        await self._contradictions_found(found, attempts, day)
        await self._ledger(found, intents)
        denied = {row["channel"] for at, row in attempts.items() if at[1] in found.contradictions}
        await self._banks(found, denied)
        return found

    def _known(self, found: Found, truth: Truth, attempts: Mapping[Any, Any]) -> None:
        """Rules 1 and 4: a bank knows no order that was not stored before it was sent."""
        for at, movement in truth.of.items():
            row = attempts.get(at)
            if row is None and not planted(movement):
                found.wrong(1, f"{at[0]} has an order that no attempt of ours knows", order_no=movement.key)
            elif row is not None and (movement.operation, movement.amount) != (row["kind"], row["amount"]):
                what = f"{at[0]} has a {movement.operation} of {movement.amount} fen"
                found.wrong(4, f"{what}, ours is a {row['kind']} of {row['amount']}", row)
        for bank, number in truth.doubled:
            found.wrong(6, f"{bank} has done one order number twice", attempts.get((bank, number)))

    def _remember(self, found: Found, row: Any, evidence: Any) -> None:
        """Rule 5: what was final stays so."""
        before = self._final.get(row["id"])
        if before is not None and before != row["state"]:
            found.wrong(5, f"was {before} and is {row['state']}", row)
        elif evidence is not None and evidence["ends"] > 1:
            found.wrong(5, f"has ended {evidence['ends']} times", row)
        if row["state"] in FINAL:
            self._final[row["id"]] = row["state"]

    async def _contradictions_found(self, found: Found, attempts: Mapping[Any, Any], day: date) -> None:
        """A channel that contradicts itself is found by the day's file at the latest."""
        known = {row["intent"] for row in await self._world.pool.fetch(queries.breaks_of_intents)}
        for number in found.contradictions:
            row = next(one for one in attempts.values() if one["number"] == number)
            if row["id"] not in known and row["business_date"] <= day:
                found.wrong(6, "the channel contradicts its answer, and no file or statement found it", row)

    async def _ledger(self, found: Found, intents: Sequence[Any]) -> None:
        """Merchants' balances again from what their orders came to, and the trial balance."""
        due: dict[str, int] = defaultdict(int)
        for row in intents:
            due[row["merchant"]] += _claim(row)
        pool = self._world.pool
        for row in await pool.fetch(queries.claims):
            if row["fen"] != due.pop(row["merchant"], 0):
                found.wrong(0, f"merchant {row['merchant']}: the ledger has {row['fen']} fen")
        for merchant, fen in due.items():
            if fen:
                found.wrong(0, f"merchant {merchant}: the ledger has nothing, due are {fen} fen")
        trial = await pool.fetchrow(queries.trial)
        if trial["fen"]:
            found.wrong(0, f"the trial balance is off by {trial['fen']} fen")

    async def _banks(self, found: Found, denied: set[str]) -> None:
        """What each channel owes, and what lies on each account, by our books and by the bank's own.

        A channel of which something is not known yet is left for a later day.
        """
        world = self._world
        unclear = {row["channel"] for row in await world.pool.fetch(queries.unclear)} | denied
        ours = {row["channel"]: row["fen"] for row in await world.pool.fetch(queries.positions)}
        for bank in world.banks.names:
            if ADAPTERS[bank].acquirer and bank not in unclear:
                owed = (await world.banks.ask("GET", bank, "/book/summary"))["owed_fen"]
                if owed != ours.get(bank, 0):
                    found.wrong(0, f"{bank} owes {owed} fen by its own book, {ours.get(bank, 0)} by ours")
        if not await world.pool.fetchval(queries.unread_lines):
            await self._cash(found)

    async def _cash(self, found: Found) -> None:
        held = {row["alias"]: row["fen"] for row in await self._world.pool.fetch(queries.cash)}
        books = json.loads((self._world.house.home / "banks.json").read_text())
        for bank, at in books.items():
            if "account" in at:
                book = await self._world.banks.ask("GET", bank, f"/book?account={at['account']}")
                there, here = book["balance_fen"] - book["opening_fen"], held.get(bank, 0)
                read = await self._world.pool.fetchval(queries.lines_of, bank)
                if there != here and read == len(book["lines"]):
                    found.wrong(0, f"{bank} holds {there} fen by its own book, {here} by ours")


def planted(movement: Movement) -> bool:
    """Whether the bank has made an order up (file_extra): nobody asked for it, and its file has to show that."""
    return not movement.key or movement.key.startswith("extra")


def _one(
    found: Found, truth: Truth, row: Any, evidence: Any, attempts: Mapping[Any, Any], closed: datetime
) -> None:
    movement = truth.of_order(row["channel"], row["channel_order_no"])
    state = row["state"]
    if state not in FINAL:
        _still_open(found, row, movement, closed)
    elif state == "SUCCESS" and (movement is None or not movement.moved):
        found.wrong(2, f"is SUCCESS, the bank says {movement.state if movement else 'not found'}", row)
    elif state != "SUCCESS" and movement is not None and movement.moved:
        if evidence is not None and evidence["failed"]:  # it was the channel's own word
            found.contradictions.add(row["channel_order_no"])
        else:
            found.wrong(
                3 if evidence and evidence["absent"] else 2, f"is {state}, and the bank has done it", row
            )


def _still_open(found: Found, row: Any, movement: Movement | None, closed: datetime) -> None:
    """What is without outcome needs a reason: it is young, its payer may still pay, or people are asking."""
    found.waiting += 1
    reason = (
        row["created_at"] > closed
        or row["state"] in ("MANUAL", "PARKED")
        or (row["state"] == "REDIRECTED" and movement is not None and movement.state == "PENDING")
    )
    if not reason:
        said = movement.state if movement else "not found"
        found.wrong(2, f"is {row['state']} without a reason; the bank says {said}", row)


def _debited_once(found: Found, truth: Truth, attempts: Mapping[Any, Any]) -> None:
    """Rule 6: one order of a merchant has at most one debit (or credit) that stands, over all banks and attempts."""
    several: dict[tuple[str, str], list[Movement]] = defaultdict(list)
    back: dict[tuple[str, str], int] = defaultdict(int)
    for movement in truth.of.values():
        if movement.operation == "refund" and movement.moved:
            back[movement.bank, movement.original] += movement.amount
    for at, movement in truth.of.items():
        row = attempts.get(at)
        name = (row["merchant"], row["order_no"]) if row else ("", movement.key)
        whole = back[at] >= movement.amount
        if movement.stands and not whole and not planted(movement) and at[1] not in found.contradictions:
            several[f"{movement.operation}/{name[0]}", name[1]].append(movement)
    for (_, order_no), done in several.items():
        if len(done) > 1:
            where = ", ".join(f"{one.bank} {one.amount} fen" for one in done)
            row = attempts.get((done[0].bank, done[0].order_no))
            found.wrong(6, f"stands {len(done)} times: {where}", row, order_no)


def _claim(row: Any) -> int:
    """Return what an intent adds to its merchant's pending and available money, in fen."""
    kind, state = row["kind"], row["state"]
    net: int = row["amount"] - row["fee"]
    if kind in DEBITS:
        return net if state == "SUCCESS" else 0
    if kind in ("refund", "void"):
        return 0 if state in ("FAILED", "REFUSED") or (state == "CREATED" and not row["booked"]) else -net
    if state in ("FAILED", "REFUSED") or not row["booked"]:
        return 0
    fee: int = row["fee"]
    paid_out: int = row["amount"] + fee
    return -fee if row["returned_at"] else -paid_out


def named(several: Iterable[Violation]) -> list[str]:
    """Return violations as one line each."""
    return [f"rule {one.rule}: {one.order_no or '-'} {one.what}" for one in several]
