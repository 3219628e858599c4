"""Which vouchers a person may propose, read from `allowed.csv`, and what each of them books. No side effects.

`whose` says what a person names: a merchant, a channel, or both sides of M1 as `code/subject`. The ledger's templates and
chart say the rest.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from importlib.resources import files
from typing import Final
from uuid import UUID

from zhangfang.adjustments.model import Adjustment, Line, Making
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import check_amount
from zhangfang.kernel.text.texts import check_characters
from zhangfang.ledger import (
    CHART,
    NO_ID,
    TEMPLATES,
    Account,
    Transfer,
    account,
    accounts_for,
    adjustment,
    exchanged,
    kind_name,
    mirror,
    subjects_of,
    voucher,
)

MANUAL: Final = "M1"
FREEZING: Final = "T4"
FROZEN: Final = 2324  # moved by freezes alone: their amounts are what the account holds
FILES_MOST: Final = 10
_SUBJECT_MOST = 40


@dataclass(frozen=True, slots=True)
class Allowed:
    """A template that people may use: what they name, the reasons that count, and whether evidence has to be attached."""

    template: str
    whose: tuple[str, ...]
    reasons: tuple[str, ...]
    evidence: bool


def _read() -> dict[str, Allowed]:
    text = files("zhangfang.adjustments").joinpath("allowed.csv").read_text("utf-8")
    rows = csv.DictReader(text.splitlines())
    return {
        row["template"]: Allowed(
            row["template"],
            tuple(row["whose"].split()),
            tuple(row["reasons"].split()),
            row["evidence"] == "yes",
        )
        for row in rows
    }


ALLOWED: Final[Mapping[str, Allowed]] = _read()


def check(said: Adjustment) -> Adjustment:
    """Return an adjustment whose form is right, with the lines of its voucher. Raises `InvalidInput`."""
    if (allowed := ALLOWED.get(said.template)) is None:
        raise InvalidInput("template", f"{len(said.template)} characters", ", ".join(ALLOWED))
    check_amount(said.amount)
    if said.code not in allowed.reasons:
        raise InvalidInput("code", f"{len(said.code)} characters", ", ".join(allowed.reasons))
    if said.subjects.keys() != set(allowed.whose):
        raise InvalidInput("subjects", f"{len(said.subjects)} of them", ", ".join(allowed.whose))
    check_characters("refers", said.refers, 64, least=3)
    if allowed.evidence and not said.files:
        raise InvalidInput("files", "none", f"1 to {FILES_MOST}: {said.template} needs evidence")
    if len(said.files) > FILES_MOST:
        raise InvalidInput("files", f"{len(said.files)} of them", f"at most {FILES_MOST}")
    return said


def transfers(making: Making, id_: UUID, day: date) -> list[Transfer]:
    """Return the transfers of a voucher; a template with a trailing `-` has its sides exchanged. Raises `InvalidInput`."""
    if making.template == MANUAL:
        debit, credit = side("debit", making.subjects["debit"]), side("credit", making.subjects["credit"])
        if FROZEN in (debit[0], credit[0]):
            raise InvalidInput(
                "accounts", f"{FROZEN}", "another one: frozen money is moved by freezes and thaws"
            )
        return adjustment(id_, debit=debit, credit=credit, amount=making.amount, business_date=day, memo=id_)
    template = making.template.removesuffix("-")
    amounts = {line.amount: making.amount for line in TEMPLATES[template]}
    names = _subjects(making)
    made = voucher(template, id_, subjects=names, amounts=amounts, business_date=day, memo=id_)
    return exchanged(made) if making.template != template else made


def reversal(making: Making, of: UUID, id_: UUID, day: date) -> list[Transfer]:
    """Return the transfers that undo a posted voucher of this making."""
    return mirror(transfers(making, of, day), id_, business_date=day, memo=id_)


def accounts(making: Making) -> dict[UUID, Account]:
    """Return the accounts that a voucher touches, by id."""
    if making.template == MANUAL:
        found: Iterable[Account] = (
            account(*side(name, making.subjects[name])) for name in ("debit", "credit")
        )
    else:
        found = accounts_for(making.template.removesuffix("-"), _subjects(making))
    return {one.id: one for one in found}


def lines(making: Making, made: Sequence[Transfer]) -> tuple[Line, ...]:
    """Return a voucher's transfers as people see them."""
    known = accounts(making)
    return tuple(
        Line(kind_name(one.kind), shown(known[one.debit]), shown(known[one.credit]), one.amount)
        for one in made
    )


def legs(making: Making, made: Sequence[Transfer]) -> list[tuple[int, int, str, int]]:
    """Return what a voucher does to each account: book, code, subject, and fen with a debit above zero."""
    known, sums = accounts(making), dict.fromkeys(accounts(making), 0)
    for one in made:
        sums[one.debit] += one.amount
        sums[one.credit] -= one.amount
    return [
        (int(known[id_].book), known[id_].code, known[id_].subject, fen) for id_, fen in sums.items() if fen
    ]


def preview(making: Making, reverses: UUID | None = None) -> tuple[Line, ...]:
    """Return the lines that a voucher will have; of a reversal, those that undo it."""
    day, id_ = date(2000, 1, 1), NO_ID
    made = transfers(making, id_, day) if reverses is None else reversal(making, reverses, id_, day)
    return lines(making, made)


def shown(one: Account) -> str:
    """Return an account as people write it: `2322/mer_…`."""
    return f"{one.code}/{one.subject}"


def side(field: str, text: str) -> tuple[int, str]:
    """Return code and subject of an account that a person wrote as `2322/mer_…`. Raises `InvalidInput`."""
    code, _, subject = text.strip().partition("/")
    known = {str(number) for number, _ in CHART}
    if code not in known or not 1 <= len(subject) <= _SUBJECT_MOST or not subject.isascii():
        raise InvalidInput(
            field, f"{len(text)} characters", "an account such as 2322/mer_…: a code of the chart and whose"
        )
    return int(code), subject


def _subjects(making: Making) -> dict[int, str]:
    return {code: whose for kind, whose in making.subjects.items() for code in subjects_of(kind, whose)}
