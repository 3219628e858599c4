"""What has to be true after each batch. It is checked when the batch is decided and before any of it is stored.

The cheap checks read the batch's rows and the accounts that these touch, and always run. A ledger that is started with
the environment variable ZHANGFANG_LEDGER_CHECKS=all computes everything in memory again after each batch; this is for
tests. A check that fails raises `DecisionBroken`. None of them can fail unless the engine has an error.
"""

from collections import defaultdict

import numpy as np
import numpy.typing as npt

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.ledger.engine.accounts import CREDITS, CREDITS_PENDING, DEBITS, DEBITS_PENDING, Ints, count_on
from zhangfang.ledger.engine.booking import Booked
from zhangfang.ledger.engine.memory import Memory
from zhangfang.ledger.engine.places import halves
from zhangfang.ledger.engine.recent import Known
from zhangfang.ledger.engine.rules import CREDIT_FLOOR, DEBIT_FLOOR, PENDING
from zhangfang.ledger.model import Book, Result
from zhangfang.ledger.wire import Records


class DecisionBroken(ZhangfangError):
    """A decided batch breaks a rule of the books. Memory is wrong now; the writer stops and stores nothing of it."""


class Checks:
    """The checks of one batch. They are made before it is decided, and run when it is booked.

    Small batches come by the thousand in a second, so the cheap checks make few calls of NumPy: each costs about 1 µs.
    """

    def __init__(self, memory: Memory) -> None:
        """Note what memory says before the batch."""
        self._memory = memory
        self._accounts = memory.accounts
        self._seq = memory.seq
        self._open = len(memory.holds.open)
        self._answered = memory.recent.taken

    def run(self, rows: Records, booked: Booked | None, refusals: Records) -> None:
        """Raise `DecisionBroken` if the rows, or memory after them, break a rule; `booked` is None without rows."""
        self._rows = rows
        moved, held = rows["moved"], rows["held"]
        end = self._seq + len(rows)
        self._demand((rows["seq"] == np.arange(self._seq + 1, end + 1)).all(), "the sequence has a gap")
        self._demand(self._memory.seq == end, "memory is not at the end of the sequence")
        if booked:
            self._figures(booked, [int(np.add.reduce(moved))] * 2 + [int(np.add.reduce(held))] * 2)
        # A hold adds to what is held; the row that resolves it takes that away.
        left = self._open + np.count_nonzero(held > 0) - np.count_nonzero(held < 0)
        self._demand(len(self._memory.holds.open) == left, "memory has other pendings than the rows leave")
        answered = self._memory.recent.taken - self._answered
        self._demand(answered == len(rows) + len(refusals), "an answer is not remembered")
        if self._memory.checked_whole:
            self._whole_memory(booked, refusals)

    def _demand(self, holds: bool | np.bool_, what: str) -> None:
        if not holds:
            last = self._seq + len(self._rows)
            raise DecisionBroken(f"shard {self._memory.shard}, entries {self._seq + 1} to {last}: {what}")

    # --- cheap: the batch's rows and the accounts that they touch ------------------------------------------------

    def _figures(self, booked: Booked, due: list[int]) -> None:
        """Check the accounts of a batch whose rows add `due` to all debits, credits, and the pendings of both."""
        accounts, touched = self._accounts, booked.touched
        after, owner = accounts.figures.take(touched, axis=0), accounts.book.take(touched)
        grown = after - booked.before
        same = np.add.reduce(grown).tolist() == due
        self._demand(same, "accounts did not grow by what the rows move and hold")
        if (owner != owner[0]).any():  # `due` is balanced, and so is the only book of a batch
            self._balanced(grown.T, owner)
        balance = after[:, DEBITS] - after[:, CREDITS]
        balances = np.empty(2 * len(self._rows), np.int64)
        balances[0::2], balances[1::2] = self._rows["debit_balance"], self._rows["credit_balance"]
        same = (balances.take(booked.last) == balance).all()
        self._demand(same, "an account's balance is not that of its last row")
        self._limits(after, balance, accounts.flags.take(touched), accounts.limit.take(touched))

    def _balanced(self, figures: Ints, owner: npt.NDArray[np.uint16]) -> None:
        """In each book debits equal credits, and so do the pendings of both sides."""
        debits, credits_, debits_pending, credits_pending = figures
        posted, pending = (np.zeros(max(Book) + 1, np.int64) for _ in range(2))
        np.add.at(posted, owner, debits - credits_)
        np.add.at(pending, owner, debits_pending - credits_pending)
        self._demand(not (posted.any() or pending.any()), "debits and credits of a book differ")

    def _limits(self, figures: Ints, balance: Ints, flags: Ints, limit: Ints) -> None:
        """No figure is below zero, and no account beyond its limit, pendings included; `balance` is debits − credits."""
        self._demand(np.minimum.reduce(figures, axis=None, initial=0) == 0, "a figure is below zero")
        some = np.bitwise_or.reduce(flags)
        for floor, beyond in ((CREDIT_FLOOR, balance), (DEBIT_FLOOR, -balance)):
            if some & floor:
                pending = figures[:, DEBITS_PENDING if floor == CREDIT_FLOOR else CREDITS_PENDING]
                over = (beyond + pending > limit) & (flags & floor != 0)
                self._demand(not over.any(), "an account is beyond its limit")

    # --- dear: all of memory, computed again ---------------------------------------------------------------------

    def _whole_memory(self, booked: Booked | None, refusals: Records) -> None:
        accounts, everyone = self._accounts, slice(len(self._accounts) + 1)
        figures = accounts.figures[everyone]
        self._balanced(figures.T, accounts.book[everyone])
        balance = figures[:, DEBITS] - figures[:, CREDITS]
        self._limits(figures, balance, accounts.flags[everyone], accounts.limit[everyone])
        if booked:
            self._booked_again(booked)
        self._pendings()
        self._answers(refusals)

    def _booked_again(self, booked: Booked) -> None:
        """Booked one after the other, the rows give the same balances, and none breaks a limit, pendings included."""
        held = dict(zip(booked.touched.tolist(), self._accounts.lend(booked.touched), strict=True))
        for one, before in zip(held.values(), booked.before.tolist(), strict=True):
            one.debits, one.credits, one.debits_pending, one.credits_pending = before
        names = ("debit_at", "credit_at", "moved", "held", "debit_balance", "credit_balance")
        for at, to, moved, pending, *balances in self._rows[list(names)].tolist():
            debit, credit = held[at], held[to]
            count_on(debit, credit, moved, pending)
            same = balances == [debit.debits - debit.credits, credit.debits - credit.credits]
            self._demand(same, "a row's balance does not follow from the rows before it")
            short = debit.debits + debit.debits_pending - debit.credits > debit.limit
            over = credit.credits + credit.credits_pending - credit.debits > credit.limit
            beyond = (debit.flags & CREDIT_FLOOR and short) or (credit.flags & DEBIT_FLOOR and over)
            self._demand(not beyond, "an account was beyond its limit between two rows")

    def _pendings(self) -> None:
        """The accounts count the open pendings, all those of the batch are there, and no chain or deadline is lost."""
        holds, due = self._memory.holds, np.zeros_like(self._accounts.figures[:, DEBITS_PENDING:])
        chains = defaultdict[bytes | int, list[bytes]](list)
        for one in sorted(holds.open.values(), key=lambda pending: pending.seq):
            due[one.debit_at, 0] += one.amount
            due[one.credit_at, 1] += one.amount
            if one.chain is not None:
                chains[one.chain].append(one.id)
        same = np.array_equal(due, self._accounts.figures[:, DEBITS_PENDING:])
        self._demand(same, "the accounts count other pendings than are open")
        kept = {name: list(ids) for name, ids in holds.chains.items()}
        self._demand(kept == chains, "a chain of pendings is not complete")
        deadlines = {(one.deadline, one.id) for one in holds.open.values() if one.deadline}
        self._demand(deadlines <= set(holds.deadlines), "a pending has lost its deadline")
        made = self._rows[self._rows["flags"] & PENDING != 0][["id", "seq"]].tolist()
        there = {(one.id, one.seq) for one in holds.open.values()}
        lost = [id_ for id_, seq in made if (id_, seq) not in there and id_ not in holds.resolved]
        self._demand(not lost, "a pending of the batch is not in memory")

    def _answers(self, refusals: Records) -> None:
        """Every answer given for good is remembered as it is stored."""
        recent, rows = self._memory.recent, self._rows
        due = [Known(Result.EXISTS, seq, digest) for seq, digest in rows[["seq", "digest"]].tolist()]
        due += [
            Known(Result(result), 0, digest) for result, digest in refusals[["result", "digest"]].tolist()
        ]
        numbers = recent.find(halves(np.concatenate([rows["id"], refusals["id"]]))).tolist()
        known = [recent.known(number) if number else None for number in numbers]
        self._demand(known == due, "an answer is remembered otherwise than it is stored")
