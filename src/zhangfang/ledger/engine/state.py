"""The decision: what each transfer of a batch becomes. It is pure: memory in, rows out, no clock and no database.

The sieve proves which rows are certain, the law decides the others, and all rows that stand are booked at once. The
answers do not depend on how the requests were cut into batches. Memory does not know everything (a very old id, a
pending resolved long ago): before `decide`, ask `unknown` what to read from the database, and give it to `recall`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from heapq import heappop
from typing import Any

import numpy as np
import numpy.typing as npt

from zhangfang.ledger.engine.booking import book, standing
from zhangfang.ledger.engine.checks import Checks
from zhangfang.ledger.engine.law import Law
from zhangfang.ledger.engine.memory import Memory
from zhangfang.ledger.engine.places import halves
from zhangfang.ledger.engine.recent import KNOWN
from zhangfang.ledger.engine.rows import rows_of
from zhangfang.ledger.engine.rules import (
    CREDIT_FLOOR,
    DEBIT_FLOOR,
    FLOORS,
    LINKED,
    NONE,
    PENDING,
    RESOLVES,
    Ask,
    Pending,
)
from zhangfang.ledger.engine.sieve import Mask, Sifted, nothing, sift
from zhangfang.ledger.engine.tail import Tail
from zhangfang.ledger.engine.verdicts import MICROSECONDS
from zhangfang.ledger.model import Account, Result
from zhangfang.ledger.wire import RESULT, Records

SIEVE_FROM = 16  # rows; the law alone is faster for fewer
MOVE, END, CHAIN = range(3)  # how the law takes a row
NO_CHAIN = np.array(NONE, "V16")
REFUSAL = np.dtype([("id", "V16"), ("result", "<u2"), ("seq", "<i8"), ("digest", "V16")])


@dataclass(slots=True)
class Decision:
    """What a batch becomes: an answer for each request's row, in order, and what is to be stored."""

    answers: Records  # RESULT
    rows: Records  # ROW: the entries, in order
    refusals: Records  # REFUSAL; `seq` is that of the last entry before


class State(Memory):
    """Memory that decides."""

    def __init__(
        self, shard: int, seq: int, at: int, horizon: bytes = bytes(16), closed_through: int = 0
    ) -> None:
        """Start after entry `seq` of moment `at` (microseconds since 1970); see `Memory`."""
        super().__init__(shard, seq, at, horizon, closed_through)
        self.tail = Tail()
        self.paged = seq  # the entries up to it are on pages

    def open(self, accounts: Sequence[Account]) -> list[Result]:
        """Open accounts; the caller stores those whose answer is CREATED."""
        ids = [account.id.bytes for account in accounts]
        numbers = self.accounts.numbers(np.array(ids, "V16"))
        held = self.accounts.lend(numbers)
        terms = {
            id_: (one.flags & FLOORS, one.limit)
            for id_, number, one in zip(ids, numbers.tolist(), held, strict=True)
            if number
        }
        results, new = [], []
        for account, id_ in zip(accounts, ids, strict=True):
            result = self._openable(account, terms.get(id_))
            if result is Result.CREATED:
                terms[id_] = int(account.flags), account.limit
                new.append(account)
            results.append(result)
        if new:
            new_ids, named = zip(*((one.id.bytes, (one.code, one.subject)) for one in new), strict=True)
            fields = np.array([(one.book, int(one.flags), one.limit) for one in new], np.int64)
            figures = np.zeros((len(new), 4), np.int64)
            self.accounts.add(
                np.array(new_ids, "V16"), named, fields[:, 0], fields[:, 1], fields[:, 2], figures
            )
        return results

    def _openable(self, account: Account, terms: tuple[int, int] | None) -> Result:
        """Return the answer for an account that is open already with `terms` (floors, limit), or for a new one."""
        named = 1 <= len(account.subject) <= 40 and account.subject.isprintable()
        if not (named and 1 <= account.code <= 9999 and account.shard == self.shard):
            return Result.ID_INVALID
        if account.flags not in (0, CREDIT_FLOOR, DEBIT_FLOOR):
            return Result.FLAGS_INVALID
        if account.limit < 0:
            return Result.AMOUNT_INVALID
        if terms is None:
            return Result.CREATED
        return Result.EXISTS if terms == (int(account.flags), account.limit) else Result.EXISTS_DIFFERENT

    def decide(self, asks: Records, sizes: Sequence[int], now: int) -> Decision:
        """Decide a batch of TRANSFER records, `sizes` of them in each request, at `now` or at the last moment."""
        self.at = max(self.at, now)
        checks = Checks(self)
        law = Law(self, len(asks))
        self._expire(law)
        ids = halves(asks["id"])
        rows = rows_of(asks, ids, self)
        starts = chain_starts(rows["flags"], sizes)
        sifted = sift(self, rows, ids, starts) if len(rows) >= SIEVE_FROM else nothing(len(rows))
        self._judge(law, rows, starts, sifted)
        decision = self._book(law, rows, starts, sifted.certain.copy(), checks)
        self.holds.forget()
        return decision

    def _expire(self, law: Law) -> None:
        """Give back what timed out, an entry each, before anything else is decided."""
        deadlines = self.holds.deadlines
        while self.due(self.at):
            deadline, id_ = heappop(deadlines)
            pending = self.holds.open.get(id_)
            if pending is not None and pending.deadline == deadline:
                law.expire(pending)

    def _judge(self, law: Law, rows: Records, starts: npt.NDArray[np.int64], sifted: Sifted) -> None:
        """Take the rows that are not certain to the law, in order, chain by chain."""
        at = np.flatnonzero(~sifted.certain)
        if not len(at):  # nearly every large batch
            return
        moves, ends = sifted.moves[at], sifted.ends[at]
        law.borrow(self._touched(rows[at]))
        sorts = np.where(moves, MOVE, np.where(ends, END, CHAIN))
        move = zip(
            *_lists(rows[at[moves]], "position", "debit_at", "credit_at", "amount", "flags"), strict=True
        )
        end = zip(
            *_lists(rows[at[ends]], "position", "pending_id", "amount", "flags", "book", "kind"), strict=True
        )
        whole = map(Ask._make, rows[at[~moves & ~ends]].tolist())
        chain: list[Ask] = []
        last = 0
        for sort, start in zip(sorts.tolist(), starts[at].tolist(), strict=True):
            if chain and start != last:
                law.chain(chain, last < 0)
                chain = []
            if sort == MOVE:
                law.move(*next(move))
            elif sort == END:
                law.end(*next(end))
            else:
                chain.append(next(whole))
            last = start
        if chain:
            law.chain(chain, last < 0)

    def _touched(self, rows: Records) -> set[int]:
        """Return the accounts that rows name, and those of the pendings that they name."""
        numbers = {*rows["debit_at"].tolist(), *rows["credit_at"].tolist()}
        for pending in map(self.holds.open.get, rows["pending_id"][rows["flags"] & RESOLVES != 0].tolist()):
            if pending:
                numbers |= {pending.debit_at, pending.credit_at}
        return numbers

    def _book(
        self, law: Law, rows: Records, starts: npt.NDArray[np.int64], sure: Mask, checks: Checks
    ) -> Decision:
        sure[law.created] = True
        sure[[one.position for one in law.resolutions]] = True
        out = standing(rows, self.accounts, np.flatnonzero(sure), law.resolutions, law.made)
        before = self.seq
        booked = None
        if len(out):
            booked = book(out, self.accounts, before)
            self.seq += len(out)
            self.tail.add(out)
        for number, flags in law.flagged.items():
            self.accounts.flags[number] = flags
        answers = _answers(law, rows, out)
        self._hold(law, rows, out, starts)
        refusals = _refusals(law, rows, out, before)
        self._remember(out, refusals)
        checks.run(out, booked, refusals)
        return Decision(answers, out, refusals)

    def _hold(self, law: Law, rows: Records, out: Records, starts: npt.NDArray[np.int64]) -> None:
        """Take in the holds that the sieve let pass; those of the law are there and get their sequence numbers."""
        holds = out[out["flags"] & PENDING != 0]
        if not len(holds):
            return
        seqs = dict(zip(holds["position"].tolist(), holds["seq"].tolist(), strict=True))
        for pending, position in law.held:
            pending.seq = seqs.pop(position)
        lengths = np.bincount(starts[starts >= 0], minlength=len(rows))
        let_pass = holds[np.isin(holds["position"], list(seqs))]
        begins = starts[let_pass["position"]]
        timeouts = let_pass["timeout"].astype(np.int64) * MICROSECONDS
        deadlines = np.where(timeouts > 0, timeouts + self.at, 0).tolist()
        chains = np.where(lengths[begins] > 1, rows["id"][begins], NO_CHAIN).tolist()
        named = _lists(
            let_pass, "id", "seq", "debit_at", "credit_at", "amount", "book", "kind", "voucher", "memo"
        )
        days = let_pass["business_date"].tolist()
        for id_, seq, debit, credit, amount, book_, kind, voucher, memo, day, chain, deadline in zip(
            *named, days, chains, deadlines, strict=True
        ):
            group = None if chain == NONE else chain
            self.holds.hold(
                Pending(id_, seq, debit, credit, amount, book_, kind, group, deadline, voucher, memo, day)
            )

    def _remember(self, out: Records, refusals: Records) -> None:
        known = np.zeros(len(out) + len(refusals), KNOWN)
        known["result"][: len(out)] = Result.EXISTS
        known["seq"][: len(out)] = out["seq"]
        known["digest"] = np.concatenate([out["digest"], refusals["digest"]])
        known["result"][len(out) :] = refusals["result"]
        self.recent.add(np.concatenate([out["id"], refusals["id"]]), known)


def chain_starts(flags: npt.NDArray[np.uint16], sizes: Sequence[int]) -> npt.NDArray[np.int64]:
    """Return where each row's chain begins; below zero (−1 − that) for the rows of a chain that its request left open."""
    linked = flags & LINKED != 0
    if not linked.any():
        return np.arange(len(flags))
    ends = np.cumsum(sizes, dtype=np.int64) - 1
    ends = ends[np.asarray(sizes) > 0]
    begins = np.ones(len(flags), np.bool_)
    begins[1:] = ~linked[:-1]
    begins[ends[:-1] + 1] = True
    starts = np.maximum.accumulate(np.where(begins, np.arange(len(flags)), 0))
    left_open = starts[ends[linked[ends]]]
    if len(left_open):
        cut = np.isin(starts, left_open)
        starts[cut] = -1 - starts[cut]
    return starts


def _lists(rows: Records, *names: str) -> list[list[Any]]:
    return [rows[name].tolist() for name in names]


def _answers(law: Law, rows: Records, out: Records) -> Records:
    """Return the answer to each row: the sequence number where it stands, or what the law said."""
    answers = np.zeros(len(rows), RESULT)
    positions = out["position"]
    last = positions >= 0
    last[:-1] &= positions[1:] != positions[:-1]  # of a request's rows its own comes last
    answers["seq"][positions[last]] = out["seq"][last]
    answers["result"] = law.results
    if law.retold:
        position, result, seq, as_at = (np.array(column) for column in zip(*law.retold, strict=True))
        answers["result"][position] = result
        answers["seq"][position] = np.where(as_at >= 0, answers["seq"][as_at], seq)
    return answers


def _refusals(law: Law, rows: Records, out: Records, before: int) -> Records:
    made = np.zeros(len(law.refusals), REFUSAL)
    if law.refusals:
        position, after, result = (np.array(column, np.int64) for column in zip(*law.refusals, strict=True))
        made["id"], made["digest"] = rows["id"][position], rows["digest"][position]
        made["result"] = result
        made["seq"] = before + np.searchsorted(out["position"], after)
    return made
