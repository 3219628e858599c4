"""The books as lines of text: a trial balance with aligned columns, and where the books stand."""

from collections.abc import Sequence

from zhangfang.approvals import PREFIX, Proposal
from zhangfang.cli.aligned import aligned
from zhangfang.closing import trial
from zhangfang.closing.period import REOPEN, Asked, Closing, Reopening
from zhangfang.closing.roll import Standing
from zhangfang.closing.trial import Balance, Row
from zhangfang.kernel.ids import prefixed
from zhangfang.kernel.money import fen_to_yuan

HEAD = ("", "opening Dr", "opening Cr", "debit", "credit", "closing Dr", "closing Cr", "")
INDENT = {"class": 0, "group": 1, "code": 2, "subject": 0, "account": 1}


def sheet(by: str, balances: Sequence[Balance]) -> list[str]:
    """Return a trial balance as lines of text: a table for each book, with its total."""
    rows = trial.SHEETS[by](balances)
    lines: list[str] = []
    for book, name in trial.BOOKS.items():
        own = [row for row in rows if row.book == book]
        if own:
            cells = [_cells(row) for row in own]
            total = ("total", *_yuan(trial.total_of(own)), "")
            lines += [name, *aligned([HEAD, *cells, total], range(1, 7)), ""]
    return lines


def _cells(row: Row) -> tuple[str, ...]:
    name = row.subject if row.level == "subject" else f"{row.prefix} {row.name[1]}"
    mark = f"abnormal: {row.abnormal} of {row.accounts}" if row.abnormal else ""
    return ("  " * INDENT[row.level] + name, *_yuan(row.columns), mark)


def _yuan(columns: Sequence[int]) -> tuple[str, ...]:
    return tuple(fen_to_yuan(fen) if fen else "" for fen in columns)


def where(standing: Standing, asked: Sequence[Asked], waiting: Sequence[Proposal] = ()) -> list[str]:
    """Return the books' status as lines."""
    return [
        f"business date   {standing.business_date}",
        f"rolled through  {standing.rolled_through or 'no date yet'}",
        f"closed through  {standing.closed_through or 'no period yet'}",
        f"ledger at       {standing.ledger_seq}, of which {standing.rolled_seq} are in the roll",
        *(f"{prefixed(PREFIX, one.id)}  {_proposed(one)}" for one in waiting),
        *(_request(one) for one in asked),
    ]


def _proposed(one: Proposal) -> str:
    reopens = one.kind == REOPEN
    what = (
        f"reopen after {one.holds(Reopening).to}"
        if reopens
        else f"close through {one.holds(Closing).through}"
    )
    return f"{what}, proposed by {one.proposed_by}: {one.reason}"


def _request(one: Asked) -> str:
    what = f"{one.what} {one.business_date}, asked by {one.asked_by}" + (
        f": {one.reason}" if one.reason else ""
    )
    if one.ended_at is None:
        return f"{one.id}  {what}  (not finished: approve it again)"
    both = f", approved by {one.approved_by}" if one.approved_by else ""
    end = f"entry {one.seq}" if one.seq else f"refused: {one.result}"
    return f"{one.id}  {what}{both}  ({end})"
