"""Do debits equal credits at the end of a date? The trial balance by code, by subject, and of one of either."""

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from starlette.responses import Response

from zhangfang.closing import roll, trial
from zhangfang.closing.trial import LEVELS, SHEETS, Balance, Columns, Row
from zhangfang.console import sentences
from zhangfang.console.pages.payments import download
from zhangfang.console.reading import books
from zhangfang.console.visit import Visit
from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.errors import InvalidInput
from zhangfang.ledger import headings
from zhangfang.web.export import Fen
from zhangfang.web.tables import SUBJECTS
from zhangfang.web.visit import gather, read
from zhangfang.web.words import LANGUAGES, N_, Words

AUDIT_LINKS = {  # where a figure of the audit is made of lines that a page shows
    "bank_gap_fen": "/reconciliation",
    "channel_gap_fen": "/reconciliation",
    "double_debits": "/duplicates",
    "unknown_open": "/unknown",
}
BOOKS = {1: N_("Customers' money"), 2: N_("Own money"), 3: N_("Custodian's money")}
PARAMETERS = ("date", "by", "code", "subject", "after")
MOST = 200  # subjects on one page
_PAGE = 250  # rows of a file that are handed on at once


@dataclass(frozen=True, slots=True)
class Asked:
    """What the address asks for. With a code or a subject, only its accounts are shown."""

    day: date
    by: str
    code: int | None
    subject: str
    after: str


async def page(visit: Visit) -> Response:
    """Draw the trial balance of a business date."""
    asked = _asked(visit)
    balances, standing = await gather(
        visit, trial.trial_balance(visit.pool, asked.day, asked.code), roll.standing(visit.pool, visit.now)
    )
    whole = asked.code is None and not asked.subject
    gap = trial.gap(balances) if balances is not None and whole else None
    rows, next_after = _shown(asked, balances or ())
    names = await read(visit, books.merchant_names(visit.pool, {row.subject for row in rows}))
    return await visit.page(
        "trial_balance.html",
        here="trial-balance",
        say=sentences.trial_balance(visit.words, gap, asked.day) if whole else None,
        asked=asked,
        whole=whole,
        standing=standing,
        tables=_tables(rows),
        read=balances is not None,
        books=BOOKS,
        audit_links={name: visit.href(path) for name, path in AUDIT_LINKS.items()},
        merchants=names or {},
        name_at=LANGUAGES.index(visit.words.lang),
        next_after=next_after,
        first_unequal=await read(visit, books.first_unequal(visit.pool)) if gap else None,
    )


def _shown(asked: Asked, balances: Sequence[Balance]) -> tuple[list[Row], str]:
    """Return the rows of a page, and after which subject the next page begins."""
    if asked.subject:
        of_subject = [balance for balance in balances if balance.subject == asked.subject]
        return [row for row in SHEETS["subject"](of_subject) if row.level == "account"], ""
    if asked.code is not None:
        return _cut([row for row in SHEETS["subject"](balances) if row.level == "account"], asked.after)
    rows = SHEETS[asked.by](balances)
    if asked.by == "code":
        return list(rows), ""
    return _cut([row for row in rows if row.level == "subject"], asked.after)


def _cut(rows: Sequence[Row], after: str) -> tuple[list[Row], str]:
    subjects = sorted({row.subject for row in rows if row.subject > after})
    shown = set(subjects[:MOST])
    return [row for row in rows if row.subject in shown], subjects[MOST - 1] if len(subjects) > MOST else ""


def _tables(rows: Sequence[Row]) -> list[tuple[int, list[Row], Columns]]:
    """Return the rows of each book with their total; headings are not counted twice."""
    tables = [(book, list(several)) for book, several in groupby(rows, key=lambda row: row.book)]
    return [
        (book, several, trial.totals(row.columns for row in several if row.level not in LEVELS))
        for book, several in tables
    ]


async def as_xlsx(visit: Visit) -> Response:
    """Give every account of a business date as a workbook."""
    _ = visit.words
    head = [
        N_("Book"), N_("Code"), N_("Subject name"), N_("Subject"), N_("Opening debit"), N_("Opening credit"),
        N_("Debit"), N_("Credit"), N_("Closing debit"), N_("Closing credit"), N_("Abnormal side"), N_("Class"),
    ]  # fmt: skip
    balances = await trial.trial_balance(visit.pool, _asked(visit).day)
    pages = _in_pages(balances)
    return await download(visit, "trial-balance", "xlsx", head, pages, lambda balance: _cells(_, balance))


async def _in_pages(balances: Sequence[Balance]) -> AsyncIterator[Sequence[Balance]]:
    for at in range(0, len(balances), _PAGE):
        yield balances[at : at + _PAGE]


def _cells(_: Words, balance: Balance) -> list[object]:
    mark = _(N_("abnormal")) if trial.is_abnormal(balance) else None
    above = _.of(headings(balance.code)[0])
    name = _.of(SUBJECTS[balance.code])
    book = str(_(BOOKS[balance.book]))
    return [book, str(balance.code), name, balance.subject, *map(Fen, trial.sides(balance)), mark, above]


def _asked(visit: Visit) -> Asked:
    query = visit.query
    by = query.get("by", "") or "code"
    if by not in SHEETS:
        raise InvalidInput("by", f"{len(by)} characters", ", ".join(SHEETS))
    return Asked(_day(visit), by, _code(visit), query.get("subject", "")[:40], query.get("after", "")[:40])


def _day(visit: Visit) -> date:
    text = visit.query.get("date", "")
    try:
        return date.fromisoformat(text) if text else settlement_day(visit.now)
    except ValueError:
        raise InvalidInput("date", f"{len(text)} characters", "YYYY-MM-DD") from None


def _code(visit: Visit) -> int | None:
    text = visit.query.get("code", "")
    if text and text not in map(str, SUBJECTS):
        raise InvalidInput("code", f"{len(text)} characters", "a code of the chart of accounts")
    return int(text) if text else None
