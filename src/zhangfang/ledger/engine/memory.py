"""What the writer of a shard holds in memory: accounts, open pendings, what was answered lately, what is closed."""

import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from heapq import heappush

import numpy as np

from zhangfang.ledger.engine.accounts import Accounts
from zhangfang.ledger.engine.places import halves
from zhangfang.ledger.engine.recent import REMEMBERED, Known, Recent
from zhangfang.ledger.engine.rules import NONE, RESOLVES, Pending
from zhangfang.ledger.model import Result
from zhangfang.ledger.wire import Records


@dataclass(slots=True)
class Holds:
    """Pendings: the open ones by id and by chain, when they run out, and what became of the last that were resolved.

    `opened` and `ended` say what changed since the last checkpoint.
    """

    open: dict[bytes, Pending] = field(default_factory=dict)
    chains: dict[bytes | int, dict[bytes, None]] = field(default_factory=dict)  # the open ones, in order
    deadlines: list[tuple[int, bytes]] = field(default_factory=list)  # a heap; some are resolved already
    resolved: dict[bytes, tuple[Pending, Result]] = field(default_factory=dict)
    opened: set[bytes] = field(default_factory=set)
    ended: set[bytes] = field(default_factory=set)

    def hold(self, pending: Pending) -> None:
        """Take in an open pending (its amount is counted in its accounts elsewhere)."""
        self.open[pending.id] = pending
        self.opened.add(pending.id)
        if pending.chain is not None:
            self.chains.setdefault(pending.chain, {})[pending.id] = None
        if pending.deadline:
            heappush(self.deadlines, (pending.deadline, pending.id))

    def drop(self, pending: Pending) -> None:
        """Forget a pending as if it had never been made."""
        self.open.pop(pending.id, None)
        self.opened.discard(pending.id)
        if pending.chain is not None:
            chain = self.chains.get(pending.chain, {})
            chain.pop(pending.id, None)
            if not chain:
                self.chains.pop(pending.chain, None)

    def resolve(self, pending: Pending, result: Result) -> None:
        """End a pending; whoever asks for it again is told `result`."""
        fresh = pending.id in self.opened
        self.drop(pending)
        if not fresh:
            self.ended.add(pending.id)
        self.resolved[pending.id] = (pending, result)

    def reopen(self, pending: Pending, fresh: bool) -> None:
        """Take back `resolve`; `fresh` says whether it was in `opened`."""
        del self.resolved[pending.id]
        self.hold(pending)
        if not fresh:
            self.opened.discard(pending.id)
            self.ended.discard(pending.id)
        if pending.chain is not None:
            members = sorted(self.chains[pending.chain], key=lambda id_: self.open[id_].seq)
            self.chains[pending.chain] = dict.fromkeys(members)

    def forget(self) -> None:
        """Keep what became of the latest ones; for the others the database is asked."""
        while len(self.resolved) > REMEMBERED:
            del self.resolved[next(iter(self.resolved))]


CHECKS = "ZHANGFANG_LEDGER_CHECKS"  # the environment variable; `all`: see `checks`
_NEWER = np.uint64(2**64 - 1)  # than any id


class Memory:
    """All that a decision needs. Times are microseconds since 1970, dates days since then."""

    def __init__(self, shard: int, seq: int, at: int, horizon: bytes = NONE, closed_through: int = 0) -> None:
        """Start after entry `seq` of moment `at`; every id above `horizon` that is not in memory is new."""
        self.shard = shard
        self.seq = seq
        self.at = at
        self.closed_through = closed_through  # business dates up to it take no postings
        self.months: list[tuple[int, int]] = []  # that have a partition: first, end; milliseconds since 1970
        self.accounts = Accounts()
        self.holds = Holds()
        self.recent = Recent(horizon)
        self.checked_whole = os.environ.get(CHECKS) == "all"

    def unknown(self, asks: Records) -> tuple[set[bytes], set[bytes]]:
        """Return the ids of transfers, and those of pendings, that have to be looked for in the database."""
        first = halves(asks["id"])
        resolves = asks["flags"] & RESOLVES != 0
        if not resolves.any() and first[:, 0].min(initial=_NEWER) > self.recent.horizon:
            return set(), set()  # nearly every batch
        old = np.flatnonzero(first[:, 0] <= np.uint64(self.recent.horizon))
        old = old[self.recent.find(first[old]) == 0]
        wanted = asks["pending_id"][resolves]
        named = halves(wanted)
        # an id above the horizon that is not here does not exist
        somewhere = (named[:, 0] <= np.uint64(self.recent.horizon)) | (self.recent.find(named) > 0)
        gone = {
            id_
            for id_ in wanted[somewhere].tolist()
            if id_ not in self.holds.open and id_ not in self.holds.resolved
        }
        return set(asks["id"][old].tolist()), gone - {NONE}

    def recall(
        self, known: Iterable[tuple[bytes, Known]], resolved: Iterable[tuple[Pending, Result]]
    ) -> None:
        """Take back into memory what the database knows of what was `unknown`."""
        self.recent.recall(known)
        self.holds.resolved.update((pending.id, (pending, result)) for pending, result in resolved)

    def due(self, now: int) -> bool:
        """Tell whether a timeout has run out."""
        deadlines = self.holds.deadlines
        return bool(deadlines) and deadlines[0][0] <= now
