"""The books as papers: what stands in the tables of trial balance, general ledger, subsidiary ledger and vouchers."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime, time, timedelta
from itertools import groupby
from typing import Final

from zhangfang.closing import trial
from zhangfang.closing.files.month import Month
from zhangfang.closing.trial import BOOKS, Balance
from zhangfang.kernel.clock import CHINA
from zhangfang.kernel.money import yuan_to_fen
from zhangfang.ledger import CHART, Book
from zhangfang.papers import Cell, Column, Fen, Paper, Table

Row = Sequence[Cell]
Leg = dict[str, str]
_MONEY: Final = 26
_SIX: Final = (
    "期初借 Opening Dr",
    "期初贷 Opening Cr",
    "借方 Debit",
    "贷方 Credit",
    "期末借 Closing Dr",
    "期末贷 Closing Cr",
)
_TRIAL = (
    Column("科目 Account", 62),
    Column("主体 Subject", 44),
    *(Column(text, _MONEY, True) for text in _SIX),
)
_LEDGER = (
    Column("日期 Date", 22), Column("凭证 Voucher", 18), Column("摘要 Summary", 52), Column("借方 Debit", _MONEY, True),
    Column("贷方 Credit", _MONEY, True), Column("方向 Side", 12), Column("余额 Balance", _MONEY, True),
)  # fmt: skip
_VOUCHERS = (
    Column("凭证 Voucher", 18), Column("日期 Date", 22), Column("行 Line", 10), Column("摘要 Summary", 46),
    Column("科目 Account", 52), Column("主体 Subject", 40), Column("借方 Debit", _MONEY, True),
    Column("贷方 Credit", _MONEY, True),
)  # fmt: skip


def _paper(title: str, month: Month, tables: Sequence[Table]) -> Paper:
    period = f"{month.first} – {month.last}"
    at = datetime.combine(
        month.last + timedelta(days=1), time(0), CHINA
    )  # so that the same month is the same bytes
    return Paper(f"{title} {period}", at, tables, (("期间 Period", period), ("单位 Unit", "元 CNY")))


def trial_balance(month: Month) -> Paper:
    """Return the trial balance (试算平衡表): by code under the headings, then by subject, a table a book."""
    tables = [
        Table(f"{name} {title}", _TRIAL, [_trial_row(row) for row in rows], [_total(rows)])
        for by, title in (("code", "按科目 by code"), ("subject", "按主体 by subject"))
        for book, name in BOOKS.items()
        if (rows := [row for row in trial.SHEETS[by](month.balances) if row.book == book])
    ]
    return _paper("试算平衡表 Trial balance", month, tables)


def _trial_row(row: trial.Row) -> Row:
    name = "" if row.level == "subject" else f"{row.prefix} {row.name[0]}"
    return name, row.subject, *map(_fen, row.columns)


def _total(rows: Sequence[trial.Row]) -> Row:
    return "合计 Total", "", *map(Fen, trial.total_of(rows))


def _fen(fen: int) -> Cell:
    return Fen(fen) if fen else None


def account_title(book: int, code: int, subject: str = "") -> str:
    """Return an account's code and name, and whose it is."""
    chapter = CHART[code, Book(book)]
    return f"{code} {chapter.zh} {chapter.en}" + (f" · {subject}" if subject else "")


def side_of(balance: int) -> str:
    """Return on which side a balance stands: 借 debit, 贷 credit, 平 even."""
    return "借 Dr" if balance > 0 else "贷 Cr" if balance < 0 else "平"


def general_ledger(month: Month) -> Paper:
    """Return the general ledger (总账): for each code its opening, the turnover of each date, and its closing."""
    rows = [row for balance in _moved(month) for row in _general(month, balance)]
    return _paper("总账 General ledger", month, [Table("总账 General ledger", _LEDGER, rows)])


def _moved(month: Month) -> Iterator[Balance]:
    """Yield each code that had or has a balance, or moved."""
    return (one for one in trial.by_code(month.balances) if one.opening or one.debit or one.credit)


def _general(month: Month, balance: Balance) -> Iterator[Row]:
    yield "", "", account_title(balance.book, balance.code), None, None, "", None
    yield _carried(month.first.isoformat(), "期初余额 Opening", balance.opening)
    now = balance.opening
    for day, (debit, credit) in sorted(month.turnover.get((balance.book, balance.code), {}).items()):
        now += debit - credit
        yield day.isoformat(), "", "本日合计 Day", _fen(debit), _fen(credit), side_of(now), Fen(abs(now))
    yield (
        month.last.isoformat(), "", "本期合计 Period", Fen(balance.debit), Fen(balance.credit), side_of(now), Fen(abs(now))
    )  # fmt: skip


def _carried(day: str, text: str, balance: int) -> Row:
    return day, "", text, None, None, side_of(balance), Fen(abs(balance))


def subsidiary_ledger(month: Month, legs: Iterable[Leg]) -> Paper:
    """Return the subsidiary ledger (明细账): every leg of every account with the balance after it.

    `legs` are sorted by book, code and subject.
    """
    rows = _subsidiary(_by_owner(month.balances), legs)
    return _paper("明细账 Subsidiary ledger", month, [Table("明细账 Subsidiary ledger", _LEDGER, rows)])


def _by_owner(balances: Iterable[Balance]) -> dict[tuple[int, int, str], Balance]:
    """Return balances by book, code and subject: an account of a channel exists once in each shard."""
    found: dict[tuple[int, int, str], Balance] = {}
    for one in balances:
        key = one.book, one.code, one.subject
        known = found.get(key, replace(one, opening=0, debit=0, credit=0))
        sums = known.opening + one.opening, known.debit + one.debit, known.credit + one.credit
        found[key] = replace(known, opening=sums[0], debit=sums[1], credit=sums[2])
    return found


def _subsidiary(balances: dict[tuple[int, int, str], Balance], legs: Iterable[Leg]) -> Iterator[Row]:
    for key, several in groupby(
        legs, key=lambda leg: (int(leg["book"]), int(leg["account"]), leg["subject"])
    ):
        balance = balances[key]
        yield "", "", account_title(*key), None, None, "", None
        yield _carried("", "期初余额 Opening", balance.opening)
        now = balance.opening
        for leg in several:
            debit, credit = _sides(leg)
            now += debit - credit
            yield (
                leg["date"], f"记-{leg['voucher_number']}", leg["summary"], _fen(debit), _fen(credit), side_of(now),
                Fen(abs(now)),
            )  # fmt: skip
        yield "", "", "本期合计 Period", Fen(balance.debit), Fen(balance.credit), side_of(now), Fen(abs(now))


def vouchers(month: Month, legs: Iterable[Leg]) -> Paper:
    """Return the vouchers (记账凭证), leg by leg in the ledger's order."""
    rows = (_voucher(leg) for leg in legs)
    return _paper("记账凭证 Vouchers", month, [Table("记账凭证 Vouchers", _VOUCHERS, rows)])


def _voucher(leg: Leg) -> Row:
    debit, credit = _sides(leg)
    name = f"{leg['account']} {leg['account_zh']}"
    return (
        f"记-{leg['voucher_number']}", leg["date"], int(leg["line"]), leg["summary"], name, leg["subject"], _fen(debit),
        _fen(credit),
    )  # fmt: skip


def _sides(leg: Leg) -> tuple[int, int]:
    return tuple(yuan_to_fen(leg[side], side) if leg[side] else 0 for side in ("debit", "credit"))  # type: ignore[return-value]
