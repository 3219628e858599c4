"""Do debits equal credits at this moment, and how did a balance come about?"""

from datetime import date
from typing import Any
from uuid import UUID

from starlette.responses import Response

from zhangfang.kernel.calendar import settlement_day
from zhangfang.kernel.errors import InvalidInput
from zhangfang.operations import books
from zhangfang.operations.model import Balance, Entry
from zhangfang.portal import sentences
from zhangfang.portal.export import LIMIT, Fen
from zhangfang.portal.pages.payments import download
from zhangfang.portal.tables import SUBJECTS
from zhangfang.portal.visit import Missing, Visit, gather
from zhangfang.portal.words import N_, Words

ROWS = 50
BOOKS = {1: N_("Customers' money"), 2: N_("Own money"), 3: N_("Custodian's money")}
_SIDES = ("opening_dr", "opening_cr", "debit", "credit", "closing_dr", "closing_cr")


async def trial_balance(visit: Visit) -> Response:
    """Draw the trial balance of a business date, by code, or the accounts of one code."""
    day, code = _day(visit), _code(visit)
    balances, first_unequal = await gather(
        visit, books.trial_balance(visit.pool, day, code), books.first_unequal(visit.pool)
    )
    rows = balances if code is not None or balances is None else books.by_code(balances)
    tables = [(book, [row for row in rows if row.book == book]) for book in BOOKS] if rows else []
    gap = None if balances is None else _gap(balances) if code is None else 0
    return await visit.page(
        "trial_balance.html",
        here="trial-balance",
        say=sentences.trial_balance(visit.words, gap, day) if code is None else None,
        asked_day=day,
        code=code,
        tables=[(book, several, totals(several)) for book, several in tables if several],
        read=balances is not None,
        books=BOOKS,
        sides=sides,
        first_unequal=first_unequal,
    )


async def trial_balance_xlsx(visit: Visit) -> Response:
    """Give every account of a business date as a workbook."""
    _ = visit.words
    head = [
        N_("Book"), N_("Code"), N_("Subject name"), N_("Subject"), N_("Opening debit"), N_("Opening credit"),
        N_("Debit"), N_("Credit"), N_("Closing debit"), N_("Closing credit"),
    ]  # fmt: skip
    rows = [
        [str(_(BOOKS[b.book])), str(b.code), name_of(_, b.code), b.subject, *map(Fen, sides(b))]
        for b in await books.trial_balance(visit.pool, _day(visit))
    ]
    return download(visit, "trial-balance", "xlsx", head, rows)


async def account(visit: Visit) -> Response:
    """Draw an account's entries with the balance after each, newest first."""
    found = await books.account_of(visit.pool, _uuid(visit))
    if found is None:
        raise Missing("account")
    before = _before(visit)
    entries = await books.history(visit.pool, found.id, before, ROWS + 1)
    more = len(entries) > ROWS
    return await visit.page(
        "account.html",
        here="trial-balance",
        account=found,
        normal=SUBJECTS[found.code].normal,
        entries=entries[:ROWS],
        first=before is None,
        next_href=visit.href(f"/accounts/{found.id}", before=entries[ROWS - 1].seq) if more else None,
        books=BOOKS,
    )


async def account_export(visit: Visit) -> Response:
    """Give an account's whole history; more than the limit is refused, never cut."""
    kind = visit.request.path_params["kind"]
    found = await books.account_of(visit.pool, _uuid(visit))
    if found is None or kind not in ("csv", "xlsx"):
        raise Missing("account")
    entries: list[Entry] = []
    async for entry in books.every_entry(visit.pool, found.id):
        entries.append(entry)
        if len(entries) > LIMIT:
            return await visit.page("error.html", 413, what="too_many", count=len(entries), limit=LIMIT)
    head = [
        N_("Sequence"), N_("Posted at"), N_("Business date"), N_("Voucher"), N_("Payment"), N_("Debit"), N_("Credit"),
        N_("Balance after (debit positive)"),
    ]  # fmt: skip
    rows = [
        [
            e.seq,
            e.posted_at,
            e.business_date,
            e.voucher,
            e.intent,
            _fen(e.debit),
            _fen(e.credit),
            Fen(e.balance),
        ]
        for e in entries
    ]
    return download(visit, f"account-{found.code}", kind, head, rows)


async def voucher(visit: Visit) -> Response:
    """Draw one voucher with all its lines."""
    lines = await books.voucher(visit.pool, _uuid(visit))
    if not lines:
        raise Missing("voucher")
    return await visit.page(
        "voucher.html",
        here="trial-balance",
        lines=lines,
        debits=sum(line.debit or 0 for line in lines),
        credits=sum(line.credit or 0 for line in lines),
    )


def sides(balance: Balance) -> tuple[int, int, int, int, int, int]:
    """Return opening, turnover and closing, each as debit and credit, as a trial balance has them."""
    opening, closing = balance.opening, balance.closing
    return max(opening, 0), max(-opening, 0), balance.debit, balance.credit, max(closing, 0), max(-closing, 0)


def totals(rows: list[Balance]) -> tuple[int, ...]:
    """Return the sums of the six columns."""
    return tuple(sum(column) for column in zip(*(sides(row) for row in rows), strict=True))


def name_of(_: Words, code: int) -> str:
    """Return what an account code is called."""
    return _.of(SUBJECTS[code])


def _gap(balances: tuple[Balance, ...]) -> int:
    gaps = [sum(b.closing for b in balances if b.book == book) for book in BOOKS]
    return max(gaps, key=abs)


def _fen(amount: int | None) -> Any:
    return None if amount is None else Fen(amount)


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


def _before(visit: Visit) -> int | None:
    text = visit.query.get("before", "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise InvalidInput("before", f"{len(text)} characters", "a sequence number")
    return int(text) if text else None


def _uuid(visit: Visit) -> UUID:
    try:
        return UUID(hex=visit.request.path_params["id"])
    except ValueError:
        raise Missing("id") from None
