"""What every reader of statements shares: amounts, limits, and the proof that a statement is whole.

A statement is whole if its opening balance and its movements add up to its closing balance.
"""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from pathlib import Path

from zhangfang.bills.model import BillRefused, Statement
from zhangfang.channels.port import StatementLine
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.money import fen_to_yuan
from zhangfang.kernel.text.masking import masked_cards, masked_name
from zhangfang.kernel.text.texts import storable

MOST_BYTES = 64 * 1024**2
MOST_ENTRIES = 200_000
_MOST_TEXT = 500
_YUAN = re.compile(r"([0-9]{1,12})(?:\.([0-9]{0,2})0*)?")
_NUMBER = re.compile(r"[!-\[\]-~]{1,64}")


@dataclass(frozen=True, slots=True)
class Entry:
    """One movement as a statement tells it; `place` names it in errors. Amounts are fen, `booked` a day or a moment."""

    place: str
    sequence: str
    booked: date
    amount: int
    credit: bool
    reference: str = ""
    request_no: str = ""
    counterparty: str = ""
    text: str = ""
    reversal: bool = False


def content(source: Path) -> bytes:
    """Return a statement's bytes. Raises `BillRefused` if there are too many."""
    if (size := source.stat().st_size) > MOST_BYTES:
        raise BillRefused(f"{size} bytes; at most {MOST_BYTES} of a statement are read")
    return source.read_bytes()


def fen(text: str, place: str) -> int:
    """Return fen for yuan with a point, never below zero; zeros after the second decimal are passed over."""
    found = _YUAN.fullmatch(text)
    if found is None:
        raise BillRefused(f"{place}: got {len(text)} characters; allowed: yuan with at most two decimals")
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0"))


def whole(number: str, account: str, opening: int, closing: int, entries: Sequence[Entry]) -> Statement:
    """Return the statement that the movements make. Raises `BillRefused` if they do not add up."""
    if len(entries) > MOST_ENTRIES:
        raise BillRefused(f"{len(entries)} movements; at most {MOST_ENTRIES} of a statement are read")
    seen: Counter[str] = Counter()
    lines, balance = [], opening
    for n, one in enumerate(entries):
        balance += one.amount if one.credit else -one.amount
        seen[one.sequence] += 1
        lines.append(_line(account, n, one, seen[one.sequence], balance))
    if balance != closing:
        raise BillRefused(
            f"the opening balance and {len(entries)} movements make {fen_to_yuan(balance)}, and the closing balance is "
            f"{fen_to_yuan(closing)}: the statement is not complete"
        )
    return Statement(number, account, opening, closing, lines)


def _line(account: str, n: int, one: Entry, times: int, balance: int) -> StatementLine:
    """Return a line. A number that comes again within a statement gets its count, so that each line has one of its own."""
    sequence = one.sequence if times == 1 else f"{one.sequence}/{times}"
    for what, text in (("number", sequence), ("reference", one.reference or "-")):
        if not _NUMBER.fullmatch(text):
            raise BillRefused(
                f"{one.place}, {what}: got {len(text)} characters; allowed: 1 to 64 visible ASCII characters"
            )
    return StatementLine(
        account, sequence, _moment(one.booked, n), one.amount, one.credit, balance, reference=one.reference,
        request_no=one.request_no[:64], counterparty=masked_name(one.counterparty) if one.counterparty else "",
        text=masked_cards(storable(one.text))[:_MOST_TEXT], reversal=one.reversal,
        raw=f"{one.place}: {one.booked} {'+' if one.credit else '-'}{fen_to_yuan(one.amount)} {sequence}",
    )  # fmt: skip


def _moment(booked: date, n: int) -> datetime:
    """Return the moment of a movement; one that has a day alone gets its start, and a millisecond for each line before."""
    if isinstance(booked, datetime):
        return booked if booked.tzinfo else booked.replace(tzinfo=CHINA)
    return datetime.combine(booked, time(), CHINA) + timedelta(milliseconds=n)
