"""The decision: what each transfer of a batch becomes. It is pure: memory in, rows out, no clock and no database.

Exact and sequential, so that the answer is the same however the requests were cut into batches. What cannot be decided
from memory alone (an id older than memory goes back, a pending resolved long ago) is asked for by `unknown` and told by
`recall` before `decide`.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from heapq import heappop, heappush

from zhangfang.ledger.model import DURABLE, Account, Result
from zhangfang.ledger.rules import (
    CHAIN,
    CLOSED,
    CREDIT_FLOOR,
    DEBIT_FLOOR,
    EXPIRED,
    FIRST_DAY,
    FLOORS,
    FROZEN,
    LAST_DAY,
    LINKED,
    NONE,
    PENDING,
    POST,
    SET_FLAGS,
    VOID,
    Held,
    Known,
    Pending,
    Refusal,
    Row,
    chains,
    derived,
    malformed,
    or_none,
    refused,
)
from zhangfang.ledger.wire import Ask, to_date

REMEMBERED = 50_000  # ids kept in memory; at twice as many the older half goes
_EPOCH = datetime.fromtimestamp(0, UTC)
Answer = tuple[Result, int]


@dataclass(slots=True)
class Decision:
    """What a batch comes to: rows to store, and the answers of each request in order."""

    rows: list[Row] = field(default_factory=list)
    refusals: list[Refusal] = field(default_factory=list)
    answers: list[list[Answer]] = field(default_factory=list)


class State:
    """The books of one shard as the last decision left them."""

    def __init__(self, shard: int, seq: int, at: datetime, horizon: bytes = NONE) -> None:
        """Start after entry `seq` of moment `at`; every id above `horizon` that is not in memory is new."""
        self.shard = shard
        self.seq = seq
        self.at = at
        self.horizon = horizon
        self.months: list[tuple[int, int]] = []  # the open partitions, in milliseconds since 1970
        self.accounts: dict[bytes, Held] = {}
        self.pendings: dict[bytes, Pending] = {}
        self.chains: dict[int, dict[bytes, None]] = {}  # the open pendings of each chain, in order
        self.resolved: dict[bytes, tuple[Pending, Result]] = {}
        self.recent: dict[bytes, Known] = {}
        self.touched: set[bytes] = set()  # accounts changed since the last checkpoint
        self._deadlines: list[tuple[datetime, bytes]] = []
        self._undo: list[Callable[[], object]] = []
        self._out = Decision()

    # --- what memory holds -------------------------------------------------------------------------------------

    def hold(self, pending: Pending) -> None:
        """Take in an open pending (its amount is counted in its accounts elsewhere)."""
        self.pendings[pending.id] = pending
        self.chains.setdefault(pending.chain, {})[pending.id] = None
        if pending.deadline:
            heappush(self._deadlines, (pending.deadline, pending.id))

    def _release(self, pending: Pending) -> None:
        self.pendings.pop(pending.id, None)
        chain = self.chains.get(pending.chain, {})
        chain.pop(pending.id, None)
        if not chain:
            self.chains.pop(pending.chain, None)

    def unknown(self, requests: Iterable[Iterable[Ask]]) -> tuple[set[bytes], set[bytes]]:
        """Return the transfers' ids and the pendings' ids that memory cannot speak about."""
        ids, pendings = set(), set()
        for asks in requests:
            for ask in asks:
                if ask.id <= self.horizon and ask.id not in self.recent:
                    ids.add(ask.id)
                wanted = ask.pending_id
                if wanted != NONE and wanted not in self.pendings and wanted not in self.resolved:
                    pendings.add(wanted)
        return ids, pendings

    def recall(
        self, known: Iterable[tuple[bytes, Known]], resolved: Iterable[tuple[Pending, Result]]
    ) -> None:
        """Take back into memory what the database knows of what was `unknown`."""
        self.recent.update(known)
        self.resolved.update((pending.id, (pending, result)) for pending, result in resolved)

    def _forget(self) -> None:
        if len(self.recent) > 2 * REMEMBERED:
            dropped = sorted(self.recent)[:REMEMBERED]
            for id_ in dropped:
                del self.recent[id_]
            self.horizon = max(self.horizon, dropped[-1])
        while len(self.resolved) > REMEMBERED:
            del self.resolved[next(iter(self.resolved))]

    def due(self, now: datetime) -> bool:
        """Tell whether a timeout has run out."""
        return bool(self._deadlines) and self._deadlines[0][0] <= now

    # --- deciding ----------------------------------------------------------------------------------------------

    def open(self, account: Account, id_: bytes) -> Result:
        """Open an account, whose id is `id_`; the caller stores it when the answer is CREATED."""
        named = 1 <= len(account.subject) <= 40 and account.subject.isprintable()
        if not (named and 1 <= account.code <= 9999 and account.shard == self.shard):
            return Result.ID_INVALID
        if account.flags not in (0, CREDIT_FLOOR, DEBIT_FLOOR):
            return Result.FLAGS_INVALID
        if account.limit < 0:
            return Result.AMOUNT_INVALID
        held = self.accounts.get(id_)
        if held:
            floors = held.flags & FLOORS
            same = (floors, held.limit) == (account.flags, account.limit)
            return Result.EXISTS if same else Result.EXISTS_DIFFERENT
        self.accounts[id_] = Held(
            id_, account.book, account.code, account.subject, int(account.flags), account.limit
        )
        return Result.CREATED

    def decide(self, requests: Iterable[Sequence[Ask]], now: datetime) -> Decision:
        """Decide the requests in order, at `now` or at the last moment if that is later."""
        self.at = max(self.at, now)
        out = self._out = Decision()
        self._expire()
        for asks in requests:
            answers: list[Answer] = []
            for chain, is_open in chains(asks):
                answers += self._chain(chain, is_open)
            out.answers.append(answers)
        self._forget()
        return out

    def _chain(self, chain: Sequence[Ask], is_open: bool) -> list[Answer]:
        """Decide a chain: all or nothing, and one answer for ever, for every member."""
        known = [self._known(ask) for ask in chain]
        if any(known):
            return [(one.result, one.seq) if one else (Result.LINKED_FAILED, 0) for one in known]
        if is_open:
            return [(Result.LINKED_FAILED, 0)] * (len(chain) - 1) + [(Result.CHAIN_OPEN, 0)]
        rows, before = len(self._out.rows), self.seq
        self._undo.clear()
        answers: list[Answer] = []
        for n, ask in enumerate(chain):
            result = self._one(ask, before + 1)
            if result is not Result.CREATED:
                self._take_back(rows, before)
                results = [Result.LINKED_FAILED] * len(chain)
                results[n] = result
                if result in DURABLE:
                    self._remember_refusals(chain, results)
                return [(one, 0) for one in results]
            answers.append((result, self.seq))
        return answers

    def _known(self, ask: Ask) -> Known | None:
        """Return what was answered to this very request before."""
        known = self.recent.get(ask.id)
        return known if known and known.digest == ask.digest else None

    def _take_back(self, rows: int, seq: int) -> None:
        for row in self._out.rows[rows:]:
            del self.recent[row.id]
        del self._out.rows[rows:]
        self.seq = seq
        while self._undo:
            self._undo.pop()()

    def _remember_refusals(self, chain: Sequence[Ask], results: Sequence[Result]) -> None:
        for ask, result in zip(chain, results, strict=True):
            self.recent[ask.id] = Known(result, 0, ask.digest)
            self._out.refusals.append(Refusal(ask.id, result, self.seq, self.at, ask.digest))

    def _one(self, ask: Ask, chain: int) -> Result:  # noqa: PLR0911 - a precedence reads from the top
        """Decide one transfer that is new under its id, and apply it when the answer is CREATED."""
        result = malformed(ask, self.months)
        if result is not Result.CREATED:
            return result
        if ask.id in self.recent:
            return Result.EXISTS_DIFFERENT
        if ask.flags & (POST | VOID):
            return self._resolve(ask)
        debit = self.accounts.get(ask.debit)
        if debit is None:
            return Result.DEBIT_NOT_FOUND
        credit = self.accounts.get(ask.credit)
        if credit is None:
            return Result.CREDIT_NOT_FOUND
        if not debit.book == credit.book == ask.book:
            return Result.BOOK_DIFFERENT
        if not FIRST_DAY <= ask.business_date <= LAST_DAY:
            return Result.PERIOD_CLOSED
        if ask.flags & SET_FLAGS:
            self._set_flags(debit, ask)
            return Result.CREATED
        result = refused(debit, credit, ask.amount)
        if result is Result.CREATED:
            self._move(debit, credit, ask, chain)
        return result

    def _move(self, debit: Held, credit: Held, ask: Ask, chain: int) -> None:
        self._touch(debit, credit)
        if ask.flags & PENDING:
            debit.debits_pending += ask.amount
            credit.credits_pending += ask.amount
        else:
            debit.debits += ask.amount
            credit.credits += ask.amount
        self._write(ask, ask.id, ask.debit, ask.credit, ask.amount, ask.book, ask.kind, ask.flags)
        if ask.flags & PENDING:
            deadline = self.at + timedelta(seconds=ask.timeout) if ask.timeout else None
            pending = Pending(
                ask.id,
                self.seq,
                ask.debit,
                ask.credit,
                ask.amount,
                ask.book,
                ask.kind,
                ask.voucher,
                ask.memo,
                ask.business_date,
                deadline,
                chain,
            )
            self.hold(pending)
            self._undo.append(partial(self._release, pending))

    def _set_flags(self, account: Held, ask: Ask) -> None:
        self._touch(account, account)
        account.flags = account.flags & FLOORS | ask.kind
        self._write(ask, ask.id, ask.debit, ask.credit, 0, ask.book, ask.kind, ask.flags)

    def _resolve(self, ask: Ask) -> Result:  # noqa: PLR0911, PLR0912 - a precedence reads from the top
        """Post or void what a pending holds, or all that its chain still holds."""
        for id_, missing in (
            (ask.debit, Result.DEBIT_NOT_FOUND),
            (ask.credit, Result.CREDIT_NOT_FOUND),
        ):
            if id_ != NONE and id_ not in self.accounts:
                return missing
        if any(id_ != NONE and self.accounts[id_].book != ask.book for id_ in (ask.debit, ask.credit)):
            return Result.BOOK_DIFFERENT
        if not FIRST_DAY <= ask.business_date <= LAST_DAY:
            return Result.PERIOD_CLOSED
        pending, result = self._find(ask.pending_id)
        if pending is None:
            return result
        if (
            ask.debit not in (NONE, pending.debit)
            or ask.credit not in (NONE, pending.credit)
            or ask.book != pending.book
        ):
            return Result.PENDING_DIFFERENT
        if result is not Result.CREATED:
            return result
        if ask.amount > pending.amount:
            return Result.EXCEEDS_PENDING
        members = [pending]
        if ask.flags & CHAIN:
            members = [self.pendings[id_] for id_ in self.chains[pending.chain]]
        if ask.flags & POST:
            for flag, which in ((FROZEN, Result.ACCOUNT_FROZEN), (CLOSED, Result.ACCOUNT_CLOSED)):
                if any(self._blocked(member, flag) for member in members):
                    return which
        for n, member in enumerate(members, 1 - len(members)):
            self._settle(member, ask, n)
        return Result.CREATED

    def _find(self, id_: bytes) -> tuple[Pending | None, Result]:
        """Return a pending, and CREATED if it is open or what became of it."""
        if id_ in self.pendings:
            return self.pendings[id_], Result.CREATED
        return self.resolved.get(id_, (None, Result.PENDING_NOT_FOUND))

    def _blocked(self, pending: Pending, flag: int) -> bool:
        sides = self.accounts[pending.debit].flags
        if flag == CLOSED:
            sides |= self.accounts[pending.credit].flags
        return bool(sides & flag)

    def _settle(self, pending: Pending, ask: Ask, before_last: int) -> None:
        """Resolve one pending. The last of a chain takes the request's own id, those before it derived ones."""
        posted = (ask.amount or pending.amount) if ask.flags & POST else 0
        flags = ask.flags
        id_ = ask.id
        if before_last:
            id_ = derived(ask.id, int.from_bytes(ask.id[:6], "big"), -before_last)
            flags |= LINKED
        result = Result.PENDING_ALREADY_POSTED if flags & POST else Result.PENDING_ALREADY_VOIDED
        if flags & EXPIRED:
            result = Result.PENDING_EXPIRED
        debit, credit = self.accounts[pending.debit], self.accounts[pending.credit]
        self._touch(debit, credit)
        debit.debits_pending -= pending.amount
        credit.credits_pending -= pending.amount
        debit.debits += posted
        credit.credits += posted
        self._release(pending)
        self.resolved[pending.id] = (pending, result)
        self._undo.append(partial(self._reopen, pending))
        self._write(
            ask,
            id_,
            pending.debit,
            pending.credit,
            posted or pending.amount,
            pending.book,
            ask.kind or pending.kind,
            flags,
            pending.id,
        )

    def _reopen(self, pending: Pending) -> None:
        del self.resolved[pending.id]
        self.hold(pending)
        members = self.chains[pending.chain]
        self.chains[pending.chain] = dict.fromkeys(sorted(members, key=lambda id_: self.pendings[id_].seq))

    def _expire(self) -> None:
        """Give back what timed out: an entry each, under an id that follows from the pending's."""
        self._undo.clear()
        while self.due(self.at):
            deadline, pending_id = heappop(self._deadlines)
            pending = self.pendings.get(pending_id)
            if pending is None or pending.deadline != deadline:
                continue
            id_ = derived(pending_id, (deadline - _EPOCH) // timedelta(milliseconds=1), 0)
            ask = Ask(
                id_,
                NONE,
                NONE,
                0,
                pending.book,
                0,
                VOID | EXPIRED,
                pending_id,
                0,
                pending.voucher,
                NONE,
                pending.memo,
                pending.business_date,
                id_,
            )
            self._settle(pending, ask, 0)

    def _touch(self, *accounts: Held) -> None:
        for account in accounts:
            self._undo.append(partial(account.restore, account.figures()))
            self.touched.add(account.id)

    def _write(
        self,
        ask: Ask,
        id_: bytes,
        debit: bytes,
        credit: bytes,
        amount: int,
        book: int,
        kind: int,
        flags: int,
        pending_id: bytes = NONE,
    ) -> None:
        """Write the entry of what has just been applied."""
        self.seq += 1
        one, other = self.accounts[debit], self.accounts[credit]
        self._out.rows.append(
            Row(
                id_,
                self.seq,
                debit,
                credit,
                amount,
                book,
                kind,
                flags,
                or_none(pending_id),
                ask.timeout,
                ask.voucher,
                or_none(ask.reverses),
                or_none(ask.memo),
                to_date(ask.business_date),
                self.at,
                one.debits - one.credits,
                other.debits - other.credits,
                ask.digest,
            )
        )
        self.recent[id_] = Known(Result.EXISTS, self.seq, ask.digest)
