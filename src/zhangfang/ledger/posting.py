"""The posting templates (记账模板), read from `templates.csv`. Nobody writes a debit or a credit anywhere else.

A line's `how`: `post` moves money, `hold` is a pending without timeout. A template that has no lines of its own says
what it does: `post O1` and `void O1` resolve that template's holds, `mirror R1 …` is made by `mirror`, `manual` by
`adjustment`, `crossing` by `crossings.cross`, and `state` moves nothing.
Where a line names several accounts (`2351|2331|2332`), the first is meant, or the one that the template's name ends
in: `R4.2331`. A minus (P9) marks the second subject of the same code; `subjects` has it under the negative code.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Final
from uuid import UUID

from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import numbered
from zhangfang.ledger.chart import CHART, PLATFORM, account, book_named, read_table
from zhangfang.ledger.model import NO_ID, Account, Book, Transfer, TransferFlag

POST_LINE, VOID_LINE = 254, 255  # the lines of a voucher that resolve its holds
CASH: Final = frozenset({1002, 1003, 1004})  # moves on a bank line only
_MANUAL = "M1"


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a template. `kind` is its stable number, `debit` and `credit` the codes to choose from."""

    template: str
    line: int
    kind: int
    book: Book | None
    debit: tuple[int, ...]
    credit: tuple[int, ...]
    amount: str
    how: str
    zh: str
    en: str


def _codes(text: str) -> tuple[int, ...]:
    return tuple(int(code) for code in text.split("|")) if text else ()


def _read_templates() -> dict[str, tuple[Line, ...]]:
    templates: dict[str, tuple[Line, ...]] = {}
    for row in read_table("templates.csv"):
        numbers, book = (int(row["line"]), int(row["kind"])), book_named(row["book"]) if row["book"] else None
        texts = (row[name] for name in ("amount", "how", "zh", "en"))
        line = Line(row["id"], *numbers, book, _codes(row["debit"]), _codes(row["credit"]), *texts)
        templates[line.template] = (*templates.get(line.template, ()), line)
    return templates


TEMPLATES: Final = _read_templates()
KINDS: Final = {line.kind: line for lines in TEMPLATES.values() for line in lines}


def kind_name(kind: int) -> str:
    """Return what people call a movement: 收款手续费 Payment fee."""
    return f"{KINDS[kind].zh} {KINDS[kind].en}"


def voucher(
    template: str,
    voucher_id: UUID,
    *,
    subjects: Mapping[int, str],
    amounts: Mapping[str, int],
    business_date: date,
    memo: UUID = NO_ID,
    reverses: UUID = NO_ID,
) -> list[Transfer]:
    """Return the transfers of a template as one linked chain; lines whose amount is 0 are left out.

    `subjects` says whose account each code means, `amounts` what each symbol is in fen; both may hold more than the
    template needs. An unknown template, a missing subject or symbol and a negative amount are `InvalidInput`.
    """
    lines, chosen = _find(template)
    made = []
    for line in lines:
        amount = _amount(line, amounts)
        if not amount:
            continue
        if line.book is None:
            raise InvalidInput("template", template, f"one with lines of its own; {template} is: {line.how}")
        hold = TransferFlag.PENDING if line.how == "hold" else TransferFlag.NONE
        transfer = Transfer(
            id=numbered(voucher_id, line.line),
            debit=_account(line, line.debit, chosen, subjects).id,
            credit=_account(line, line.credit, chosen, subjects).id,
            amount=amount,
            book=line.book,
            kind=line.kind,
            voucher=voucher_id,
            business_date=business_date,
            flags=hold,
            reverses=reverses,
            memo=memo,
        )
        made.append(transfer)
    return _linked(made)


def accounts_for(template: str, subjects: Mapping[int, str]) -> list[Account]:
    """Return the accounts that a template touches, each once, so that they can be opened."""
    lines, chosen = _find(template)
    sides = [(line, codes) for line in lines for codes in (line.debit, line.credit) if codes]
    return list(dict.fromkeys(_account(line, codes, chosen, subjects) for line, codes in sides))


def mirror(
    transfers: Sequence[Transfer], voucher_id: UUID, *, business_date: date, memo: UUID = NO_ID
) -> list[Transfer]:
    """Return the reversal of a posted voucher: sides exchanged, last line first, `reverses` naming it.

    The order makes a fee come back before the principal is taken. Lines keep their kind, so that a kind's net falls.
    """
    made = [
        replace(
            one,
            id=numbered(voucher_id, number),
            debit=one.credit,
            credit=one.debit,
            voucher=voucher_id,
            business_date=business_date,
            flags=TransferFlag.NONE,
            reverses=one.voucher,
            memo=memo,
        )
        for number, one in enumerate(reversed(transfers), 1)
    ]
    return _linked(made)


def joined(*vouchers: Sequence[Transfer]) -> list[Transfer]:
    """Return the lines of several templates as one voucher: one chain in this order, numbered from 1.

    All of them are made under that voucher's id.
    """
    made = [one for several in vouchers for one in several]
    return _linked([replace(one, id=numbered(one.voucher, n)) for n, one in enumerate(made, 1)])


def exchanged(made: Sequence[Transfer]) -> list[Transfer]:
    """Return a voucher that was not posted with its sides exchanged: it reverses nothing that was booked before."""
    return [
        replace(one, reverses=NO_ID)
        for one in mirror(made, made[0].voucher, business_date=made[0].business_date, memo=made[0].memo)
    ]


def resolve(template: str, held: Sequence[Transfer], *, business_date: date) -> list[Transfer]:
    """Return the transfer of a template such as O2 or O3, which resolves the holds of the voucher `held`."""
    how, _, of = _find(template)[0][0].how.partition(" ")
    if how not in _RESOLVE or any(KINDS[one.kind].template != of for one in held):
        raise InvalidInput("template", template, "one that resolves the holds of the given voucher")
    return _RESOLVE[how](held, business_date=business_date)


def post(held: Sequence[Transfer], *, business_date: date) -> list[Transfer]:
    """Return the transfer that posts every hold of the voucher `held`, whole and at once, as part of that voucher.

    Its entries have the kinds of the holds.
    """
    return _resolved(held, TransferFlag.POST, POST_LINE, business_date)


def void(held: Sequence[Transfer], *, business_date: date) -> list[Transfer]:
    """Return the transfer that gives back every hold of the voucher `held`, as part of that voucher."""
    return _resolved(held, TransferFlag.VOID, VOID_LINE, business_date)


_RESOLVE: Final = {"post": post, "void": void}


def _resolved(held: Sequence[Transfer], flag: TransferFlag, line: int, business_date: date) -> list[Transfer]:
    first = next((one for one in held if one.flags & TransferFlag.PENDING), None)
    if first is None:
        raise InvalidInput("held", f"{len(held)} transfers without a hold", "a voucher with a hold")
    whole = Transfer(
        id=numbered(first.voucher, line),
        debit=NO_ID,
        credit=NO_ID,
        amount=0,
        book=first.book,
        kind=0,
        voucher=first.voucher,
        business_date=business_date,
        flags=flag | TransferFlag.CHAIN,
        pending_id=first.id,
        memo=first.memo,
    )
    return [whole]


def adjustment(
    voucher_id: UUID,
    *,
    debit: tuple[int, str],
    credit: tuple[int, str],
    amount: int,
    business_date: date,
    memo: UUID,
    reverses: UUID = NO_ID,
) -> list[Transfer]:
    """Return M1, a manual adjustment between two (code, subject) of one book; cash is not moved by hand."""
    one, other = account(*debit), account(*credit)
    if one.book != other.book or {one.code, other.code} & CASH:
        raise InvalidInput("accounts", f"{one.code} and {other.code}", "two of one book, none of 1002–1004")
    if amount <= 0:
        raise InvalidInput("amount", "zero or less", "fen above 0")
    kind = TEMPLATES[_MANUAL][0].kind
    made = Transfer(
        numbered(voucher_id, 1), one.id, other.id, amount, one.book, kind, voucher_id, business_date,
        reverses=reverses, memo=memo,
    )  # fmt: skip
    return [made]


@lru_cache(maxsize=256)
def _find(template: str) -> tuple[tuple[Line, ...], int]:
    """Return a template's lines and the code its name chooses, 0 for none."""
    if template in TEMPLATES:
        return TEMPLATES[template], 0
    name, _, code = template.rpartition(".")
    lines = TEMPLATES.get(name, ())
    if code.isdigit() and any(int(code) in (*line.debit, *line.credit) for line in lines):
        return lines, int(code)
    raise InvalidInput("template", f"{template!r}", ", ".join(TEMPLATES))


def _amount(line: Line, amounts: Mapping[str, int]) -> int:
    if line.amount not in amounts and line.amount:
        raise InvalidInput(f"amounts of {line.template}", f"no {line.amount}", f"fen for {line.amount}")
    amount = amounts.get(line.amount, 1)  # a template without lines has no amount; its caller refuses it
    if amount < 0:
        raise InvalidInput(f"amount {line.amount} of {line.template}", "a negative number", "fen from 0")
    return amount


def _account(line: Line, codes: tuple[int, ...], chosen: int, subjects: Mapping[int, str]) -> Account:
    code = chosen if chosen in codes else codes[0]
    subject = subjects.get(code)
    if subject is None and line.book and CHART[abs(code), line.book].subject == PLATFORM:
        subject = PLATFORM
    if not subject:
        raise InvalidInput(f"subjects of {line.template}", f"none for {code}", f"whose {code} it is")
    return account(abs(code), subject, line.book)


def _linked(made: Sequence[Transfer]) -> list[Transfer]:
    return [replace(one, flags=one.flags | TransferFlag.LINKED) for one in made[:-1]] + list(made[-1:])
