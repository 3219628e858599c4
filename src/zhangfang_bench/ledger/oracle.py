"""The oracle of the bench: the ledger's rules again, one transfer at a time, in plain Python.

It knows only what the workloads use: credit limits, holds that are posted or voided, chains, repeated ids. It shares
no code with the writer.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from zhangfang.ledger import Balance, Result, TransferFlag
from zhangfang.ledger.wire import RESULT, Records

LINKED, PENDING, POST, VOID = (
    int(flag) for flag in (TransferFlag.LINKED, TransferFlag.PENDING, TransferFlag.POST, TransferFlag.VOID)
)
CREATED, EXISTS, LINKED_FAILED = int(Result.CREATED), int(Result.EXISTS), int(Result.LINKED_FAILED)
EXCEEDS_CREDITS, EXCEEDS_PENDING = int(Result.EXCEEDS_CREDITS), int(Result.EXCEEDS_PENDING)
NOT_FOUND = int(Result.PENDING_NOT_FOUND)
POSTED, VOIDED = int(Result.PENDING_ALREADY_POSTED), int(Result.PENDING_ALREADY_VOIDED)
DEBITS, CREDITS, DEBITS_PENDING, CREDITS_PENDING = range(4)
Answer = tuple[int, int]  # result and sequence number, 0 for a refusal
Record = tuple[Any, ...]  # of wire.TRANSFER


class Oracle:
    """Accounts as lists of four totals in fen, holds by id, and the sequence number of the last entry."""

    def __init__(self, limits: Mapping[bytes, int | None], *, retries: bool = False) -> None:
        """Take the accounts' overdrafts by id, None for one without a limit.

        Answers are kept by id only with `retries`; otherwise every id counts as new.
        """
        self.totals = {id_: [0, 0, 0, 0] for id_ in limits}
        self.limits = limits
        self.seq = 0
        self.holds: dict[bytes, tuple[bytes, bytes, int]] = {}
        self.ended: dict[bytes, int] = {}
        self._retries = retries
        self._answers: dict[bytes, Answer] = {}

    def decide(self, records: Records) -> Records:
        """Answer a frame as the ledger must."""
        answers: list[Answer] = []
        chain: list[Record] = []
        for record in records.tolist():
            chain.append(record)
            if not record[6] & LINKED:
                answers += self._chain(chain) if len(chain) > 1 else [self._single(record)]
                chain = []
        return np.array(answers, RESULT)

    def balances(self) -> dict[bytes, tuple[int, ...]]:
        """Return the four totals of each account."""
        return {id_: tuple(totals) for id_, totals in self.totals.items()}

    def _single(self, record: Record) -> Answer:
        if not self._retries:
            return self._one(record)
        known = self._answers.get(record[0])
        if known is None:
            result, seq = known = self._one(record)
            self._answers[record[0]] = (EXISTS, seq) if result == CREATED else known
        return known

    def _chain(self, chain: Sequence[Record]) -> list[Answer]:
        """All or nothing: a chain of this bench moves money or holds it, and ends no hold."""
        seq = self.seq
        before = {id_: list(self.totals[id_]) for record in chain for id_ in record[1:3]}
        answers = []
        for n, record in enumerate(chain):
            answers.append(self._one(record))
            if answers[n][0] != CREATED:
                self.totals.update(before)
                self.seq = seq
                for member in chain:
                    self.holds.pop(member[0], None)
                return [answers[n] if m == n else (LINKED_FAILED, 0) for m in range(len(chain))]
        return answers

    def _one(self, record: Record) -> Answer:
        result = self._end(record) if record[6] & (POST | VOID) else self._move(record)
        if result != CREATED:
            return result, 0
        self.seq += 1
        return CREATED, self.seq

    def _move(self, record: Record) -> int:
        id_, debit, credit, amount, _, _, flags = record[:7]
        payer, payee = self.totals[debit], self.totals[credit]
        limit = self.limits[debit]
        taken = payer[DEBITS] + payer[DEBITS_PENDING] + amount
        if limit is not None and taken > payer[CREDITS] + limit:
            return EXCEEDS_CREDITS
        if flags & PENDING:
            payer[DEBITS_PENDING] += amount
            payee[CREDITS_PENDING] += amount
            self.holds[id_] = (debit, credit, amount)
        else:
            payer[DEBITS] += amount
            payee[CREDITS] += amount
        return CREATED

    def _end(self, record: Record) -> int:
        wanted, flags, id_ = record[3], record[6], record[7]
        if id_ not in self.holds:
            return self.ended.get(id_, NOT_FOUND)
        debit, credit, amount = self.holds[id_]
        if wanted > amount:
            return EXCEEDS_PENDING
        del self.holds[id_]
        posted = (wanted or amount) if flags & POST else 0
        self.totals[debit][DEBITS_PENDING] -= amount
        self.totals[debit][DEBITS] += posted
        self.totals[credit][CREDITS_PENDING] -= amount
        self.totals[credit][CREDITS] += posted
        self.ended[id_] = POSTED if flags & POST else VOIDED
        return CREATED


def differences(
    oracle: Oracle, frames: Iterable[Records], answers: Iterable[Records], tick: Callable[[int], None]
) -> Iterator[str]:
    """Let the oracle decide frames in order; return the answers that differ, at most one line per frame."""
    for number, (records, given) in enumerate(zip(frames, answers, strict=True)):
        expected = oracle.decide(records)
        tick(len(records))
        places = np.flatnonzero(expected != given)
        if len(places):
            one = int(places[0])
            yield (
                f"frame {number}: {len(places)} of {len(records)} answers differ; the first, at {one}, is "
                f"{given[one].tolist()} where the oracle says {expected[one].tolist()} (result, seq)"
            )


def balance_differences(oracle: Oracle, balances: Iterable[Balance], seq: int) -> Iterator[str]:
    """Return where final balances (with pendings) or the last sequence number differ from the oracle's."""
    if seq != oracle.seq:
        yield f"the ledger ends at entry {seq}, the oracle at {oracle.seq}"
    expected = oracle.balances()
    for one in balances:
        given = (one.debits, one.credits, one.debits_pending, one.credits_pending)
        if given != expected.pop(one.account.bytes):
            yield f"account {one.account} ends with {given}"
    if expected:
        yield f"{len(expected)} accounts have no balance"
