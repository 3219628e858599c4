"""Check the rules from outside: compare the banks' books with our intents, our ledger and the files."""

import json
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from zhangfang.kernel.sql import load
from zhangfang_drill.law import judging
from zhangfang_drill.law.books import Books
from zhangfang_drill.law.judging import FINAL, LATE_LINE, Found
from zhangfang_drill.law.movements import Truth
from zhangfang_drill.world.adapters import ADAPTERS
from zhangfang_drill.world.world import World

queries = load(__package__, "oracle.sql")

PENDING, AVAILABLE, CASH = 2321, 2322, 1003
POSITIONS = (3011, 3012, 3013, 3014, 3015, 1242)  # a channel's debt to us, less what it paid out for us


class Oracle:
    """Checks a world day by day; remembers final states, so that it notices a later change."""

    def __init__(self, world: World) -> None:
        """Take the world to check."""
        self._world = world
        self._final: dict[UUID, str] = {}
        self.compared: Counter[str] = Counter()  # by channel: days on which its debt was compared
        self.books = Books()

    async def check(self, truth: Truth, closed: datetime, day: date) -> Found:
        """Compare everything. Orders asked for before `closed` must be final; `day` is closed in the books."""
        found = Found()
        pool = self._world.pool
        await self.books.read(pool)
        intents = await pool.fetch(queries.intents)
        attempts = {(row["channel"], row["number"]): row for row in await pool.fetch(queries.attempts)}
        evidence = {row["intent"]: row for row in await pool.fetch(queries.evidence)}
        judging.known(found, truth, attempts)
        for row in intents:
            self._remember(found, row, evidence.get(row["id"]))
            judging.judge(found, truth, row, evidence.get(row["id"]), closed)
        judging.debited_once(found, truth, attempts)
        hidden = await self._contradictions_found(found, truth, attempts, day)
        self._ledger(found, intents)
        hidden |= judging.coming_back(found, truth, intents, day) | judging.made_up(truth)
        await self._banks(found, hidden)
        return found

    def _remember(self, found: Found, row: Any, evidence: Any) -> None:
        """Rule 5: a final state never changes, and an intent ends once."""
        before = self._final.get(row["id"])
        if before is not None and before != row["state"]:
            found.wrong(5, f"was {before} and is {row['state']}", row)
        elif evidence is not None and evidence["ends"] > 1:
            found.wrong(5, f"has ended {evidence['ends']} times", row)
        if row["state"] in FINAL:
            self._final[row["id"]] = row["state"]

    async def _contradictions_found(
        self, found: Found, truth: Truth, attempts: Mapping[Any, Any], day: date
    ) -> set[str]:
        """Check that each contradiction has a break; the file's line may be LATE_LINE late. Return channels still without.

        A void that the channel executed and denied is in no file: there the voided payment is missing instead.
        """
        hidden = set()
        known = {row["intent"] for row in await self._world.pool.fetch(queries.breaks_of_intents)}
        for at, row in attempts.items():
            movement = truth.of.get(at) if at[1] in found.contradictions else None
            if movement is None:
                continue
            shows = attempts.get((at[0], movement.original), row) if movement.operation == "void" else row
            if shows["id"] in known:
                continue
            hidden.add(at[0])
            if date.fromisoformat(movement.settle_date or str(row["business_date"])) <= day - LATE_LINE:
                found.wrong(6, "the channel's book contradicts its answer, and there is no break for it", row)
        return hidden

    def _ledger(self, found: Found, intents: Sequence[Any]) -> None:
        """Compare merchants' balances with what their orders add up to, and check the trial balance."""
        due: dict[str, int] = defaultdict(int)
        for row in intents:
            due[row["merchant"]] += judging.claim(row)
        held = self.books.of(PENDING, AVAILABLE)
        for merchant in due.keys() | held.keys():
            if -held.get(merchant, 0) != due.get(merchant, 0):
                what = f"the ledger has {-held.get(merchant, 0)} fen, its orders give {due.get(merchant, 0)}"
                found.wrong(0, f"merchant {merchant}: {what}")
        if self.books.trial:
            found.wrong(0, f"the trial balance is off by {self.books.trial} fen")

    async def _banks(self, found: Found, hidden: set[str]) -> None:
        """Compare what each channel owes us, and the balance of each bank account, by our books and by the bank's.

        The first is skipped for a channel with open orders, an open break, or events that it has not reported yet.
        """
        world = self._world
        unclear = {row["channel"] for row in await world.pool.fetch(queries.unclear)} | hidden
        ours = self.books.of(*POSITIONS)
        for bank in world.banks.names:
            if ADAPTERS[bank].acquirer and bank not in unclear:
                self.compared[bank] += 1
                owed = (await world.banks.ask("GET", bank, "/book/summary"))["owed_fen"]
                if owed != ours.get(bank, 0):
                    found.wrong(0, f"{bank} owes {owed} fen by its own book, {ours.get(bank, 0)} by ours")
        if not await world.pool.fetchval(queries.unread_lines):
            await self._cash(found)

    async def _cash(self, found: Found) -> None:
        held = self.books.of(CASH)
        books = json.loads((self._world.house.home / "banks.json").read_text())
        for bank, at in books.items():
            if "account" in at:
                book = await self._world.banks.ask("GET", bank, f"/book?account={at['account']}")
                there, here = book["balance_fen"] - book["opening_fen"], held.get(bank, 0)
                read = await self._world.pool.fetchval(queries.lines_of, bank)
                if there != here and read == len(book["lines"]):
                    found.wrong(0, f"{bank} holds {there} fen by its own book, {here} by ours")
