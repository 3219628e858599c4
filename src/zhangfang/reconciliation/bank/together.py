"""Bank lines that pay files together, by a rule that two persons have made: one line or a few, one file or several.

A rule names the account, what stands in a line, the channels, and how long before the line a file's date may lie. A line
pays the matched files of these dates that have not arrived and whose net amounts come to its own. Where the rule lets lines
go together, the next lines of the account that it speaks of are added one by one, in the bank's order, until they come to
such files. Exactly one solution is taken; several open a break that lists them. It is stored before it is booked.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.sql import load
from zhangfang.ledger import Transfer
from zhangfang.reconciliation import books
from zhangfang.reconciliation.bank.combining import MOST, Found, clear, pairs, parts
from zhangfang.reconciliation.bank.model import WAITS, Booked, Booking
from zhangfang.reconciliation.bank.model import queries as stored
from zhangfang.reconciliation.bank.unknown import unknown
from zhangfang.reconciliation.rules import signed, unknown_bank_line

queries = load(__package__, "together.sql")

_NOTE = 500  # characters of a break's note
_AHEAD = 500  # lines that are looked through for those that go together


class Several(Exception):
    """More than one set of files comes to the lines' amount, or too many files are open; the text lists them."""


@dataclass(frozen=True, slots=True)
class Match:
    """Lines that pay files, both in the order in which they are paired."""

    lines: Sequence[Any]
    files: Sequence[Any]


async def declared(at: Booking) -> Booked | None:
    """Book lines that pay files by a declared rule: S5 or S9 for each part. Nothing is found for a reversal."""
    new = unknown_bank_line(at.line)
    opened = (at.account.alias, new.kind, new.key)
    if at.line["reversal"] or await at.pool.fetchrow(stored.break_of_line, *opened) is not None:
        return None
    try:
        found = await _stored(at) or await _found(at)
    except Several as several:
        return await unknown(at, unknown_bank_line(at.line, note=str(several)))
    return await _book(at, found) if isinstance(found, Match) else found


async def _stored(at: Booking) -> Match | None:
    line = (at.account.alias, at.line["sequence"])
    files = await at.pool.fetch(queries.paid_by, *line)
    return Match([at.line, *await at.pool.fetch(queries.lines_with, *line)], files) if files else None


async def _found(at: Booking) -> Match | Booked | None:
    """Return the match by the first rule that finds one, stored; `WAITS` while a file or a further line may still come."""
    age = china_day(at.now) - at.day
    for rule in await at.pool.fetch(queries.rules_of, at.account.alias):
        if not speaks(rule, at.line):
            continue
        window = (rule["channels"], at.day - timedelta(days=rule["days"]), at.day)
        lines = await _lines(at, rule)
        files = await at.pool.fetch(queries.open_files, *window, MOST + 1)
        if match := _chosen(lines, files):
            await _store(at, rule, match)
            return match
        more = len(lines) < rule["lines"] and age <= timedelta(days=rule["apart"])
        if more or (
            age <= timedelta(days=rule["days"]) and await at.pool.fetchval(queries.unmatched, *window)
        ):
            return WAITS
    return None


def speaks(rule: Any, line: Any) -> bool:
    """Whether a rule's text stands in a line's counterparty or text, in any case and width of its letters."""
    return _folded(rule["says"]) in _folded(f"{line['counterparty']} {line['text']}")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


async def _lines(at: Booking, rule: Any) -> list[Any]:
    """Return the line and those behind it that may go with it: same direction, not booked, within the rule's days."""
    if rule["lines"] == 1:
        return [at.line]
    first = (at.line["booked_at"], len(at.line["sequence"]), at.line["sequence"])
    last = at.day + timedelta(days=rule["apart"])
    rows = await at.pool.fetch(
        queries.lines_behind, at.account.alias, *first, last, at.line["credit"], _AHEAD
    )
    fitting = [
        row for row in rows if speaks(rule, row) and (not rule["same_text"] or row["text"] == at.line["text"])
    ]
    return [at.line, *fitting][: rule["lines"]]


def _chosen(lines: Sequence[Any], files: Sequence[Any]) -> Match | None:
    if len(files) > MOST:
        raise Several(f"more than {MOST} files of these dates have not arrived")
    found = pairs([signed(line) for line in lines], [file["net_fen"] for file in files])
    if not found:
        return None
    if not clear(found):
        raise Several(("it may pay: " + "; or ".join(_said(one, files) for one in sorted(found)))[:_NOTE])
    count, places = found[0]
    return Match(lines[:count], [files[n] for n in places])


def _said(one: Found, files: Sequence[Any]) -> str:
    count, places = one
    sets = ", ".join(f"{files[n]['channel']} {files[n]['settle_date']}" for n in places)
    return sets if count == 1 else f"with the next {count - 1} of its kind {sets}"


async def _store(at: Booking, rule: Any, match: Match) -> None:
    channels, days = [one["channel"] for one in match.files], [one["settle_date"] for one in match.files]
    line = (at.account.alias, at.line["sequence"])
    async with at.pool.acquire() as connection, connection.transaction():
        await connection.execute(queries.pay, channels, days, *line, rule["id"], at.now)
        further = [one["sequence"] for one in match.lines[1:]]
        await connection.execute(queries.go_with, *line, further, at.now)


async def _book(at: Booking, match: Match) -> Booked:
    """Book each part on its line's day. The part that ends a file has the file's voucher and fee; others end their line."""
    pays = parts([signed(line) for line in match.lines], [file["net_fen"] for file in match.files])
    ends = {file: line for line, file, _ in pays}
    await at.book([one for part in pays for one in _part(at, match, *part, ends=ends)])
    also: list[Sequence[Any]] = [
        (stored.arrived, file["channel"], file["settle_date"], at.now, match.lines[ends[n]]["sequence"])
        for n, file in enumerate(match.files)
    ]
    template = "S5" if at.line["credit"] else "S9"
    also += [
        (stored.posted_line, at.account.alias, one["sequence"], template, None, at.now)
        for one in match.lines[1:]
    ]
    await at.done(template, *also)
    return frozenset(one["sequence"] for one in match.lines)


def _part(
    at: Booking, match: Match, line_at: int, file_at: int, fen: int, *, ends: dict[int, int]
) -> list[Transfer]:
    line, file = match.lines[line_at], match.files[file_at]
    names = books.subjects(at.account.alias, file["channel"])
    last = ends[file_at] == line_at
    voucher, fee = (file["arrival_voucher"], file["fee_fen"]) if last else (line["voucher"], 0)
    template = "S5" if fen > 0 else "S9"
    return books.with_fee(template, voucher, names, line["business_date"], fee=fee, net=abs(fen))
