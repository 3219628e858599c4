"""What the channels charge us, beside what we charge: for each line of a file, and by merchant and channel for a month.

What a channel should charge follows from the rules that are agreed for it, by the engine of the merchants' fees. Where its
file says another figure, the line is listed: so a wrong bill is found before it is paid (S8).
"""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

import asyncpg

from zhangfang.fees.agreeing import rules_of
from zhangfang.fees.arithmetic import fee, given_back
from zhangfang.fees.choice import Ask, rule_for
from zhangfang.fees.month import end_of
from zhangfang.kernel.sql import load
from zhangfang.merchants import FeeKind, FeeRule, NoFeeRule, OnRefund

queries = load(__package__, "cost.sql")

MOST_LISTED = 200


@dataclass(frozen=True, slots=True)
class Cost:
    """A line of a channel's file: our income from it, the channel's charge, and what its rules make of it. Fen.

    `rule` charged the payment. `expected` is None if no rule of the channel fits. Income and charges that are given back
    are below zero.
    """

    id: UUID
    kind: str
    merchant: str
    order_no: str
    channel: str
    settle_date: date
    line_no: int
    amount: int
    income: int
    charged: int
    expected: int | None
    rule: UUID | None

    @property
    def differs(self) -> bool:
        """Whether the channel charged another amount than its rules say."""
        return self.expected is not None and self.expected != self.charged


@dataclass(slots=True)
class Margin:
    """A merchant's month at a channel: sums of its lines. `expected` sums the lines that a rule fits. Fen."""

    channel: str
    merchant: str
    lines: int = 0
    amount: int = 0
    income: int = 0
    charged: int = 0
    expected: int = 0
    without_rule: int = 0
    differing: int = 0

    def add(self, line: Cost) -> None:
        """Count a line."""
        self.lines += 1
        self.amount += line.amount if line.kind in list(FeeKind) else -line.amount
        self.income += line.income
        self.charged += line.charged
        self.expected += line.expected or 0
        self.without_rule += line.expected is None
        self.differing += line.differs


async def margin(pool: asyncpg.Pool, month: date) -> tuple[Sequence[Margin], Sequence[Cost]]:
    """Return a month's sums by channel and merchant, and up to `MOST_LISTED` lines whose charge differs.

    The month's matched files are read one after the other.
    """
    sums: dict[tuple[str, str], Margin] = {}
    differing: list[Cost] = []
    async for line in costs(pool, month):
        key = line.channel, line.merchant
        sums.setdefault(key, Margin(*key)).add(line)
        if line.differs and len(differing) < MOST_LISTED:
            differing.append(line)
    return [sums[key] for key in sorted(sums)], differing


async def costs(pool: asyncpg.Pool, month: date) -> AsyncIterator[Cost]:
    """Yield the lines of a month's matched files that stand for payments of ours, file by file."""
    rules: dict[str, Sequence[FeeRule]] = {}
    for file in await pool.fetch(queries.files, month, end_of(month)):
        channel, day = file["channel"], file["settle_date"]
        if channel not in rules:
            rules[channel] = await rules_of(pool, channel)
        for row in await pool.fetch(queries.lines, channel, day):
            yield _cost(rules[channel], channel, day, row)


def _cost(rules: Sequence[FeeRule], channel: str, day: date, row: Any) -> Cost:
    return Cost(
        row["id"], row["kind"], row["merchant"], row["order_no"], channel, day, row["line_no"], row["amount"],
        row["income"], row["charged"], expected(rules, day, row), row["rule"],
    )  # fmt: skip


def expected(rules: Sequence[FeeRule], day: date, row: Any) -> int | None:
    """Return what a channel's rules make of a line; None if none fits.

    Of a refund: what is given back of the payment's charge, below zero. A channel keeps its charge unless its rule says
    otherwise. Each refund is worked out as if it were the payment's first.
    """
    of = "" if row["original_kind"] is None else "original_"
    ask = Ask(
        FeeKind(row[f"{of}kind"]), "", row[f"{of}product"], row[f"{of}instalments"], row[f"{of}account_type"],
        row[f"{of}fee_by"],
    )  # fmt: skip
    try:
        rule = rule_for(rules, ask, day)
    except NoFeeRule:
        return None
    charge = fee(rule, row[f"{of}amount"])
    how = rule.on_refund or OnRefund.KEPT
    return -given_back(how, charge, row["original_amount"], row["amount"], 0, 0) if of else charge
