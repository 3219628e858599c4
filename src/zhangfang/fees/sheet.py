"""A month's fees payment by payment: by which rule it was charged, our income, and the channel's charge beside it."""

from collections.abc import Iterable, Mapping
from datetime import date
from uuid import UUID

import asyncpg

from zhangfang.fees.cost import Cost, costs
from zhangfang.fees.words import rule_in_words
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.text.sheets import Cell, Fen
from zhangfang.merchants import FeeRule, get_merchant
from zhangfang.papers import Column, Paper, Table

LINES = (
    Column("清算日 Settled", 24), Column("渠道 Channel", 20), Column("行 Line", 12, right=True),
    Column("交易 Payment", 66), Column("商户 Merchant", 52), Column("单号 Order", 40), Column("类型 Kind", 20),
    Column("规则 Rule", 12, right=True), Column("交易额 Amount", 24, right=True),
    Column("手续费收入 Income", 24, right=True), Column("渠道成本 Cost", 24, right=True),
    Column("应收成本 Expected", 24, right=True), Column("毛利 Margin", 24, right=True),
)  # fmt: skip
RULES = (
    Column("规则 Rule", 12, right=True), Column("编号 Id", 66), Column("费率", 110), Column("What it says", 110),
)  # fmt: skip


async def sheet(pool: asyncpg.Pool, clock: Clock, month: date) -> Paper:
    """Return the paper of a month: a line for each line of the channels' matched files that stands for a payment of ours."""
    lines = [line async for line in costs(pool, month)]
    rules = await _rules(pool, lines)
    number = {id_: n for n, id_ in enumerate(rules, 1)}
    sums = [Fen(sum(column)) for column in zip(*(_money(one) for one in lines), strict=True)] or [Fen(0)] * 3
    total = (None, None, None, "合计 Total", *(None,) * 5, sums[0], sums[1], None, sums[2])
    tables = [
        Table("逐笔手续费与成本 Fees and costs", LINES, [_line(one, number) for one in lines], [total]),
        Table("费率 Rules", RULES, _said(rules)),
    ]
    facts = [("月份 Month", f"{month:%Y-%m}"), ("单位 Unit", "人民币元 CNY")]
    return Paper("手续费收入与渠道成本 Fee income and channel cost", clock.now(), tables, facts)


def _money(one: Cost) -> tuple[int, int, int]:
    return one.income, one.charged, one.income - one.charged


def _line(one: Cost, number: Mapping[UUID, int]) -> tuple[Cell, ...]:
    income, charged, left = map(Fen, _money(one))
    return (
        one.settle_date, one.channel, one.line_no, one.id, one.merchant, one.order_no, one.kind,
        number.get(one.rule) if one.rule else None, Fen(one.amount), income, charged,
        None if one.expected is None else Fen(one.expected), left,
    )  # fmt: skip


async def _rules(pool: asyncpg.Pool, lines: Iterable[Cost]) -> dict[UUID, FeeRule]:
    """Return the rules that charged these payments, in the order of their first payment."""
    held: dict[UUID, FeeRule] = {}
    for who in dict.fromkeys(one.merchant for one in lines):
        if who.startswith("mer_"):
            held |= {rule.id: rule for rule in (await get_merchant(pool, who)).fee_rules if rule.id}
    return {one.rule: held[one.rule] for one in lines if one.rule in held}


def _said(rules: Mapping[UUID, FeeRule]) -> list[tuple[Cell, ...]]:
    return [
        (n, id_, rule_in_words(rule, "zh"), rule_in_words(rule, "en"))
        for n, (id_, rule) in enumerate(rules.items(), 1)
    ]
