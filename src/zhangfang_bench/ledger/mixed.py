"""The mixed stream of `zhangfang bench ledger`: holds, their ends, chains, and plain transfers.

Of all transfers 40 % are plain, 20 % hold money for three days, 15 % post such a hold (three in ten of these in part),
5 % void one, and 20 % are in chains of two to four with one payer (一借多贷). Of the posts and voids, nine in ten
are for a hold of some thousand transfers ago, one in ten for one of the same frame, and one in a hundred is for a hold
that was posted or voided already. The hot account is on one side of half of what is moved.
"""

from collections import deque

import numpy as np

from zhangfang.ledger import NO_ID, TransferFlag
from zhangfang.ledger.wire import Records
from zhangfang_bench.ledger.workloads import Fill, Numbers, Workload, account_ids, pay, payees, payers

PLAIN, PENDING, POST, VOID, CHAIN = range(5)
SHARES = (0.40, 0.20, 0.15, 0.05, 0.20)  # of the transfers, in that order
CHAIN_LENGTHS = (2, 3, 4)
SAME_FRAME, LATE, IN_PART = 0.10, 0.01, 0.30
HELD = 5_000  # holds that wait before the first is posted
HOLD_SECONDS = 3 * 86_400
_FLAGS = {POST: TransferFlag.POST, VOID: TransferFlag.VOID}
Hold = tuple[bytes, int]  # id and amount


def mixed() -> Fill:
    """Return a function that turns frames of plain transfers, in order, into mixed ones."""
    waiting: deque[Hold] = deque()
    ended: deque[Hold] = deque(maxlen=100)

    def fill(rng: np.random.Generator, records: Records, workload: Workload) -> Records:
        kinds, first = units(rng, len(records))
        _chain(rng, records, kinds, first, workload)
        records["flags"][kinds == PENDING] = int(TransferFlag.PENDING)
        records["timeout"][kinds == PENDING] = HOLD_SECONDS
        held: list[Hold] = []
        enough = min(HELD, workload.transfers // 100)
        for place in np.flatnonzero((kinds > PLAIN) & (kinds < CHAIN)).tolist():
            if kinds[place] == PENDING:
                held.append((records["id"][place].tobytes(), int(records["amount"][place])))
            elif hold := _pick(rng, held, waiting, ended, enough):
                _end(rng, records, place, int(kinds[place]), hold)
        waiting.extend(held)
        return records

    return fill


def units(rng: np.random.Generator, size: int) -> tuple[Numbers, Numbers]:
    """Draw the kind of each place, and the place where its unit starts: a chain is one unit, anything else is its own."""
    weights = np.array(SHARES) / (1, 1, 1, 1, np.mean(CHAIN_LENGTHS))
    drawn = rng.choice(5, size, p=weights / weights.sum())
    lengths = np.where(drawn == CHAIN, rng.choice(CHAIN_LENGTHS, size), 1)
    starts = np.cumsum(lengths) - lengths
    return np.repeat(drawn, lengths)[:size], np.repeat(starts, lengths)[:size]


def _chain(
    rng: np.random.Generator, records: Records, kinds: Numbers, first: Numbers, workload: Workload
) -> None:
    """Give the members of each chain one payer and link them; the last transfer of a frame is not linked."""
    payer = payers(rng, len(records), workload)[first]
    pay(records, payer, payees(rng, payer, workload), account_ids(workload.limited))
    linked = (kinds[:-1] == CHAIN) & (first[:-1] == first[1:])
    records["flags"][:-1][linked] = int(TransferFlag.LINKED)


def _pick(
    rng: np.random.Generator, held: list[Hold], waiting: deque[Hold], ended: deque[Hold], enough: int
) -> Hold | None:
    """Choose the hold to end, or none while there are too few: then the transfer stays a plain one."""
    one = rng.random()
    if one < LATE and ended:
        return ended[-1]
    if one < LATE + SAME_FRAME and held:
        ended.append(held.pop())
    elif len(waiting) >= enough:
        ended.append(waiting.popleft())
    else:
        return None
    return ended[-1]


def _end(rng: np.random.Generator, records: Records, place: int, kind: int, hold: Hold) -> None:
    """Write a post or a void of a hold over a plain transfer; it names no account and, unless in part, no amount."""
    id_, amount = hold
    in_part = kind == POST and amount > 1 and rng.random() < IN_PART
    one = records[place]
    one["debit"] = one["credit"] = NO_ID.bytes
    one["amount"] = rng.integers(1, amount) if in_part else 0
    one["kind"], one["flags"], one["pending_id"] = 0, int(_FLAGS[kind]), id_
