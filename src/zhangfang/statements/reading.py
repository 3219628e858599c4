"""Reads statements from the ledger and the payments, those of several merchants at once."""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import date
from itertools import groupby
from operator import itemgetter
from typing import Any
from uuid import UUID

import asyncpg
import msgspec

from zhangfang.channels.port import Operation
from zhangfang.fees import rule_in_words
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.sql import load
from zhangfang.merchants import FeeRule
from zhangfang.payments import PREFIX
from zhangfang.statements.model import Entry, Payment, Rule, Statement

queries = load(__package__, "statements.sql")


async def statement(pool: asyncpg.Pool, merchant: str, name: str, day: date) -> Statement:
    """Read a merchant's statement as it would be released now."""
    (made,) = await read(pool, {merchant: name}, day, await openings(pool, day, merchant))
    return made


async def openings(pool: asyncpg.Pool, day: date, merchant: str | None = None) -> dict[str, int]:
    """Return the balance of each merchant, or of one, before a business date."""
    rows = await pool.fetch(queries.openings, day, merchant)
    return {row["merchant"]: row["opening"] for row in rows}


async def read(
    pool: asyncpg.Pool, names: Mapping[str, str], day: date, openings: Mapping[str, int]
) -> list[Statement]:
    """Read the statements of several merchants at once, so that entries without an account page are scanned only once."""
    rows = await pool.fetch(queries.entries, list(names), day)
    moved: dict[UUID, int] = defaultdict(int)
    for row in rows:
        if row["intent"] is not None:
            moved[row["intent"]] += row["credit"] - row["debit"]
    found = {row["id"]: row for row in await pool.fetch(queries.payments, list(moved))}
    paid = [found[id_] for id_ in moved]  # in the order of their first movement
    paid += [row for row in await pool.fetch(queries.unmoved, list(names), day) if row["id"] not in moved]
    rules = await _rules(pool, {row["fee_rule"] for row in paid} - {None})
    entries, payments = _by_merchant(rows), _by_merchant(sorted(paid, key=itemgetter("merchant")))
    return [
        Statement(
            merchant,
            name,
            day,
            openings.get(merchant, 0),
            [_payment(row, moved.get(row["id"], 0)) for row in payments.get(merchant, ())],
            [_entry(row) for row in entries.get(merchant, ())],
            [
                rules[id_]
                for id_ in dict.fromkeys(row["fee_rule"] for row in payments.get(merchant, ()))
                if id_ in rules
            ],
        )
        for merchant, name in names.items()
    ]


async def _rules(pool: asyncpg.Pool, ids: Collection[UUID]) -> dict[UUID, Rule]:
    found = {}
    for row in await pool.fetch(queries.rules, list(ids)):
        said = msgspec.json.decode(row["rule"], type=FeeRule)
        found[row["id"]] = Rule(row["id"], rule_in_words(said, "zh"), rule_in_words(said, "en"))
    return found


def _by_merchant(rows: Iterable[Any]) -> dict[str, Sequence[Any]]:
    return {merchant: list(several) for merchant, several in groupby(rows, key=itemgetter("merchant"))}


def _payment(row: Any, moved: int) -> Payment:
    return Payment(
        id=public(row["kind"], row["id"]),
        kind=row["kind"],
        order_no=row["order_no"],
        original=row["original"],
        channel=row["channel"],
        state=row["state"],
        amount=row["amount"],
        fee=row["fee"] if row["state"] == "SUCCESS" else 0,
        moved=moved,
        at=row["decided_at"],
        rule=row["fee_rule"],
    )


def _entry(row: Any) -> Entry:
    return Entry(
        seq=row["seq"],
        at=row["posted_at"],
        code=row["code"],
        kind=row["kind"],
        other=row["other"],
        voucher=row["voucher"],
        payment=public(row["operation"], row["intent"]) if row["intent"] is not None else "",
        order_no=row["order_no"] or "",
        debit=row["debit"],
        credit=row["credit"],
    )


def public(kind: str, intent: UUID) -> str:
    """Return a payment's id as its merchant knows it."""
    return prefixed(PREFIX[Operation(kind)], intent)
