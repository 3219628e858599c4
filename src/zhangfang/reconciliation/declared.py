"""A bank line that pays one or several files together, by a rule that two persons have made.

A rule names the account, what stands in the line, the channels, and how long before the line a file's date may lie. A line
pays the matched files of these dates that have not arrived and whose net amounts come to its own. Exactly one such set is
taken; several open a break that lists them. The set is stored before it is booked, so a crash changes nothing.
"""

import unicodedata
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.sql import load
from zhangfang.reconciliation.combining import MOST, combinations_of
from zhangfang.reconciliation.rules import signed

queries = load(__package__, "declared.sql")

_NOTE = 500  # characters of a break's note


def speaks(rule: Any, line: Any) -> bool:
    """Whether a rule's text stands in a line's counterparty or text, in any case and width of its letters."""
    return _folded(rule["says"]) in _folded(f"{line['counterparty']} {line['text']}")


def _folded(text: str) -> str:
    return unicodedata.normalize("NFKC", text).casefold()


class Several(Exception):
    """More than one set of files comes to the line's amount, or too many files are open; the text lists them."""


class Waits(Exception):
    """A file that the line may pay is not matched yet."""


async def files_of(pool: asyncpg.Pool, clock: Clock, account: str, line: Any) -> list[Any]:
    """Return the files that a line pays, stored before or found by the first rule that finds some; empty for none.

    Raises `Several`; `Waits` while one of the dates has no matched file and the line is no older than the rule's days.
    """
    if stored := await pool.fetch(queries.paid_by, account, line["sequence"]):
        return list(stored)
    age = china_day(clock.now()) - line["business_date"]
    for rule in await pool.fetch(queries.rules_of, account):
        if not speaks(rule, line):
            continue
        first = line["business_date"] - timedelta(days=rule["days"])
        window = (rule["channels"], first, line["business_date"])
        chosen = _chosen(await pool.fetch(queries.open_files, *window, MOST + 1), signed(line))
        if chosen:
            return await _store(pool, clock, account, line, rule["id"], chosen)
        if age <= timedelta(days=rule["days"]) and await pool.fetchval(queries.unmatched, *window):
            raise Waits
    return []


def _chosen(files: Sequence[Any], total: int) -> list[Any]:
    if len(files) > MOST:
        raise Several(f"more than {MOST} files of these dates have not arrived")
    found = combinations_of([file["net_fen"] for file in files], total)
    if len(found) > 1:
        sets = (
            ", ".join(f"{files[n]['channel']} {files[n]['settle_date']}" for n in one)
            for one in sorted(found)
        )
        raise Several(("it may pay: " + "; or ".join(sets))[:_NOTE])
    return [files[n] for n in found[0]] if found else []


async def _store(
    pool: asyncpg.Pool, clock: Clock, account: str, line: Any, rule: UUID, files: Sequence[Any]
) -> list[Any]:
    channels, days = [one["channel"] for one in files], [one["settle_date"] for one in files]
    await pool.execute(queries.pay, channels, days, account, line["sequence"], rule, clock.now())
    return list(await pool.fetch(queries.paid_by, account, line["sequence"]))
