"""The accounts of a shard as arrays: who is meant by an id, what each forbids, what its checkpoint says."""

from collections.abc import Sequence
from itertools import count
from uuid import NAMESPACE_OID, uuid5

import numpy as np
import numpy.typing as npt

from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.found import Flags, Found, Ids, Ints, named
from zhangfang_audit.verify.read import COLUMNS, Rows, records

CREDIT_FLOOR, DEBIT_FLOOR, FROZEN, CLOSED = 1, 2, 4, 8
FIGURES = ("debits", "credits", "debits_pending", "credits_pending")
_Keys = npt.NDArray[np.uint64]


class Accounts:
    """The accounts by number. Two more numbers stand for an id that no account has, and for the id of zeros."""

    def __init__(self, rows: Sequence[Row]) -> None:
        """Take the rows of the table."""
        self.ids = [row["id"].bytes for row in rows]
        self.book, self.flags, self.limit = (_column(rows, name, 2) for name in ("book", "flags", "limit"))
        self.figures = {name: _column(rows, name) for name in FIGURES}  # as the checkpoint has them
        self.as_of = _column(rows, "as_of_seq")
        self.unknown, self.nobody = len(rows), len(rows) + 1
        self._halves = _halves(
            np.array([*self.ids, b"\xff" * 16], "V16")
        )  # and one for a key beyond the last
        # so that no two accounts have one key
        self._salt = next(salt for salt in map(np.uint64, count(1, 2)) if _differ(_keys(self._halves, salt)))
        keys = _keys(self._halves, self._salt)
        order = np.argsort(keys)
        self._keys, self._order = keys[order], np.append(order, self.unknown)
        # most are found at the place that the first bits of their key say
        self._shift = np.uint64(62 - len(keys).bit_length())
        self._places = np.full(1 << 64 - int(self._shift), self.unknown)
        self._places[keys >> self._shift] = np.arange(len(keys))

    def __len__(self) -> int:
        """Return how many accounts there are."""
        return len(self.ids)

    def find(self, ids: Ids) -> Ints:
        """Return the numbers of accounts."""
        halves = _halves(ids)
        keys = _keys(halves, self._salt)
        number: Ints = self._places[keys >> self._shift]
        missed = np.flatnonzero(_other(halves, self._halves[number]))
        number[missed] = self._search(halves[missed], keys[missed])
        return number

    def _search(self, halves: _Keys, keys: _Keys) -> Ints:
        number: Ints = self._order[np.searchsorted(self._keys, keys)]
        none = np.where(_other(halves, np.zeros_like(halves)), self.unknown, self.nobody)
        return np.where(_other(halves, self._halves[number]), none, number)

    def name(self, number: int) -> str:
        """Name an account by its number."""
        return (
            f"account {named(self.ids[number])}" if number < len(self) else "an account that does not exist"
        )


def read_accounts(rows: Sequence[Row], shard: int, found: Found) -> Accounts:
    """Make the arrays, and check what an account is by itself: its id, its flags, its limit."""
    for row in rows:
        _check(row, shard, found)
    return Accounts(rows)


def numbered(raw: bytes, accounts: Accounts) -> Rows:
    """Make rows of what was read, with numbers in place of the accounts' ids."""
    made = records(raw)
    ints = {name: made[name].astype(np.int64) for name, of in COLUMNS.items() if of != "V16"}
    ids = {name: np.ascontiguousarray(made[name]) for name, of in COLUMNS.items() if of == "V16"}
    sides = ids["debit"], ids["credit"]
    debit, credit = map(accounts.find, sides)
    return Rows(
        id=ids["id"], pending_id=ids["pending_id"], debit=debit, credit=credit, accounts=sides, **ints
    )


def _check(row: Row, shard: int, found: Found) -> None:
    who = f"account {row['id']}"
    due = uuid5(NAMESPACE_OID, f"zhangfang/{shard}/{row['book']}/{row['code']}/{row['subject']}")
    if row["id"] != due:
        found.line("accounts", f"{who}: the id of its book, code and subject", str(row["id"]), str(due))
    if (
        row["flags"] & (CREDIT_FLOOR | DEBIT_FLOOR) == CREDIT_FLOOR | DEBIT_FLOOR
        or not 0 <= row["flags"] < 16
    ):
        found.line("accounts", f"{who}: flags", row["flags"], "at most one floor, and 4 and 8")
    if row["limit"] < 0:
        found.line("accounts", f"{who}: limit", row["limit"], "0 or more")


def _column(rows: Sequence[Row], name: str, more: int = 0) -> Ints:
    return np.array([row[name] for row in rows] + [0] * more, np.int64)


def _halves(ids: Ids) -> _Keys:
    return ids.view("<u8").reshape(-1, 2)


def _keys(halves: _Keys, salt: np.uint64) -> _Keys:
    """Return one number for each id."""
    return halves[:, 0] ^ halves[:, 1] * salt


def _other(one: _Keys, other: _Keys) -> Flags:
    return np.asarray((one[:, 0] != other[:, 0]) | (one[:, 1] != other[:, 1]))


def _differ(keys: _Keys) -> bool:
    return len(np.unique(keys)) == len(keys)
