"""Checks what has to agree with history at one point of it: the checkpoint, the head, the sums of each book."""

from collections.abc import Collection, Mapping

import numpy as np

from zhangfang_audit.ledger import Row
from zhangfang_audit.verify.accounts import CLOSED, FIGURES, FROZEN, Accounts
from zhangfang_audit.verify.found import Found, Ints, day, moment
from zhangfang_audit.verify.pendings import Hold
from zhangfang_audit.verify.replay import Replay
from zhangfang_audit.verify.rows import NEVER, Before


def check_checkpoint(
    accounts: Accounts, replay: Replay, status: Ints, point: Row, oldest: int | None, found: Found
) -> None:
    """Compare the accounts' rows with the replay, which stands at the checkpoint; `oldest` is the oldest open hold."""
    n = len(accounts)
    pairs = {name: (accounts.figures[name], replay.figures[name][:n]) for name in FIGURES}
    pairs["flags"] = (accounts.flags[:n] & (FROZEN | CLOSED), status[:n])
    for name, (stored, due) in pairs.items():
        for one in np.flatnonzero(stored != due):
            _point(found, f"{accounts.name(int(one))}: {name}", int(stored[one]), int(due[one]))
    late = (accounts.as_of > point["seq"]) | (accounts.as_of < replay.touched[:n])
    for one in np.flatnonzero(late):
        due_from = f"from {replay.touched[one]} to {point['seq']}"
        _point(found, f"{accounts.name(int(one))}: as_of_seq", int(accounts.as_of[one]), due_from)
    if oldest is not None and point["oldest_pending"] > oldest:
        _point(found, "oldest_pending", point["oldest_pending"], f"at most {oldest}")


def check_holds(listed: Collection[bytes], held: Mapping[bytes, Hold], found: Found) -> None:
    """Compare the list of open holds with those that are open where the last page ends."""
    for id_ in sorted(held.keys() - set(listed), key=lambda id_: held[id_].seq):
        found.line(
            "checkpoint", "ledger_hold", "not listed", "listed: it was open", seq=held[id_].seq, id_=id_
        )
    for id_ in sorted(set(listed) - held.keys()):
        found.line("checkpoint", "ledger_hold", "listed", "not listed: no open hold", id_=id_)


def check_point(point: Row, last: int, found: Found) -> None:
    """Check the checkpoint by itself; `last` is the last entry."""
    if not 0 <= point["seq"] <= last:
        _point(found, "seq", point["seq"], f"from 0 to {last}")
    if point["paged"] not in (0, point["seq"]):
        _point(found, "paged", point["paged"], f"{point['seq']}, or 0 for a ledger from before pages")


def check_head(head: Row, before: Before, found: Found) -> None:
    """Compare the head with the last entry."""
    if head["seq"] != before.seq:
        found.line("sequence", "head: seq", head["seq"], before.seq, seq=before.seq, id_=before.id)
    if head["at"] < before.at:
        due = f"not before {moment(before.at)}"
        found.line("time", "head: at", moment(head["at"]), due, seq=before.seq, id_=before.id)
    stored = NEVER if head["closed_through"] is None else head["closed_through"]
    if stored != before.closed_through:
        pair = (day(one) if one > NEVER else "none" for one in (stored, before.closed_through))
        found.line("periods", "head: closed_through", *pair)


def check_books(accounts: Accounts, replay: Replay, found: Found) -> None:
    """Check that debits equal credits in each book, in history and in the checkpoint, holds too."""
    n = len(accounts)
    for whose, figures in (("history", replay.figures), ("the checkpoint", accounts.figures)):
        for book in np.unique(accounts.book[:n]):
            mine = accounts.book[:n] == book
            debits, credits_, held, promised = (sum(figures[name][:n][mine].tolist()) for name in FIGURES)
            for what, one, other in (("debits and credits", debits, credits_), ("holds", held, promised)):
                if one != other:
                    found.line("books", f"book {book} of {whose}: {what}", one, other)


def _point(found: Found, what: str, stored: int | str, due: int | str) -> None:
    found.line("checkpoint", what, stored, due)
