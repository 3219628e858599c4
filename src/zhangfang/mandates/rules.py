"""Pure decisions: whether a mandate covers a collection, and what may be asked of a mandate."""

import re
from datetime import datetime

from zhangfang.channels.port import PartyAccount
from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import check_amount, fen_to_yuan
from zhangfang.mandates.errors import MandateEnded, MandateLimit, NoMandate
from zhangfang.mandates.model import Mandate, MandateState, NewMandate

_NUMBER = re.compile(r"[A-Za-z0-9._:/#@-]{1,64}")
_CODE = re.compile(r"[0-9]{4,8}")
_ACCOUNT = {
    "number": (re.compile(r"[0-9]{8,32}"), "8 to 32 digits"),
    "name": (re.compile(r".{1,60}"), "1 to 60 printable characters"),
    "medium": (
        re.compile(r"card|credit|passbook|virtual|corporate"),
        "card, credit, passbook, virtual or corporate",
    ),
    "id_no": (re.compile(r"[0-9A-Za-z]{0,18}"), "at most 18 letters and digits"),
    "phone": (re.compile(r"[0-9]{0,11}"), "at most 11 digits"),
}


def check(mandate: Mandate | None, amount: int, used_day: int, used_month: int, at: datetime) -> None:
    """Raise `NoMandate`, `MandateEnded` or `MandateLimit` unless the mandate covers `amount` more at `at`.

    `used_day` and `used_month` (fen) are the sums of the collections under it on the day and in the month of `at` in
    China. All count that have not definitely failed: an UNKNOWN collection counts.
    """
    if mandate is None or mandate.state is MandateState.SIGNING:
        raise NoMandate(
            "account: no signed mandate covers it; allowed: an account whose owner has signed one"
        )
    _check_days(mandate, at)
    _check_limit(mandate, "each", mandate.limit_each, 0, amount)
    _check_limit(mandate, "day", mandate.limit_day, used_day, amount)
    _check_limit(mandate, "month", mandate.limit_month, used_month, amount)


def _check_days(mandate: Mandate, at: datetime) -> None:
    if mandate.state is MandateState.REVOKED:
        raise MandateEnded(f"mandate {mandate.mandate_no}: revoked; allowed: a new mandate")
    day = china_day(at)
    if not mandate.valid_from <= day <= mandate.valid_until:
        raise MandateEnded(
            f"mandate {mandate.mandate_no}: not in force on {day}; allowed: {mandate.valid_from} to {mandate.valid_until}"
        )


def _check_limit(mandate: Mandate, span: str, limit: int, used: int, amount: int) -> None:
    if used + amount > limit:
        left = max(limit - used, 0)
        raise MandateLimit(
            f"amount: {amount} fen; mandate {mandate.mandate_no} allows {limit} fen a {_WORDS[span]}, of which {used} "
            f"are used; allowed: at most {left} fen ({fen_to_yuan(left)} yuan)"
        )


_WORDS = {"each": "debit", "day": "day", "month": "month"}


def check_new(new: NewMandate, at: datetime) -> None:
    """Raise `InvalidInput` naming the field of a new mandate that is not allowed."""
    check_number(new.mandate_no)
    key = new.idempotency_key
    if not 1 <= len(key) <= 255 or not key.isascii() or not key.isprintable():
        raise InvalidInput("Idempotency-Key", f"{len(key)} characters", "1 to 255 printable ASCII characters")
    _check_account(new.account)
    for name in ("limit_each", "limit_day", "limit_month"):
        check_amount(getattr(new, name), name)
    if not new.limit_each <= new.limit_day <= new.limit_month:
        raise InvalidInput("limit_day", "limits out of order", "limit_each ≤ limit_day ≤ limit_month")
    if not max(new.valid_from, china_day(at)) <= new.valid_until:
        raise InvalidInput("valid_until", f"the date {new.valid_until}", "from valid_from and from today on")
    if new.channel and new.evidence:
        raise InvalidInput("evidence", "a reference", "none where the mandate is signed at a channel")
    if not new.channel and not (1 <= len(new.evidence) <= 100 and new.evidence.isprintable()):
        shape = f"{len(new.evidence)} characters"
        raise InvalidInput("evidence", shape, "1 to 100 printable characters, or a channel to sign at")


def check_number(number: str) -> None:
    """Raise `InvalidInput` unless it can be a merchant's own mandate number."""
    if not _NUMBER.fullmatch(number):
        shape = f"{len(number)} characters"
        raise InvalidInput("mandate_no", shape, "1 to 64 of letters, digits and - _ . : / # @")


def check_code(code: str) -> None:
    """Raise `InvalidInput` unless it has the form of a code that a payer receives."""
    if not _CODE.fullmatch(code):
        raise InvalidInput("code", f"{len(code)} characters", "the 4 to 8 digits that the payer received")


def _check_account(account: PartyAccount) -> None:
    for name, (pattern, allowed) in _ACCOUNT.items():
        value = getattr(account, name)
        if not pattern.fullmatch(value) or not value.isprintable():
            raise InvalidInput(f"account.{name}", f"{len(value)} characters", allowed)
