"""Pure decisions: whether a mandate covers a collection, and what may be asked of a mandate."""

import re
from datetime import datetime

from zhangfang.kernel.calendar import china_day
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.money import check_amount, fen_to_yuan
from zhangfang.kernel.text.checks import check_account, check_key, check_number
from zhangfang.kernel.text.texts import check_text
from zhangfang.mandates.errors import MandateEnded, MandateLimit, NoMandate
from zhangfang.mandates.model import Mandate, MandateState, NewMandate

_CODE = re.compile(r"[0-9]{4,8}")
_ACCOUNT = ("number", "name", "medium", "id_no", "phone")  # what is checked of a mandate's account


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
    check_number(new.mandate_no, "mandate_no")
    check_key(new.idempotency_key)
    check_account(new.account, _ACCOUNT)
    for name in ("limit_each", "limit_day", "limit_month"):
        check_amount(getattr(new, name), name)
    if not new.limit_each <= new.limit_day <= new.limit_month:
        raise InvalidInput("limit_day", "limits out of order", "limit_each ≤ limit_day ≤ limit_month")
    if not max(new.valid_from, china_day(at)) <= new.valid_until:
        raise InvalidInput("valid_until", f"the date {new.valid_until}", "from valid_from and from today on")
    if new.channel and new.evidence:
        raise InvalidInput("evidence", "a reference", "none where the mandate is signed at a channel")
    if not new.channel and not new.evidence:
        raise InvalidInput("evidence", "nothing", "a reference to what was signed, or a channel to sign at")
    check_text("evidence", new.evidence, 100, least=0)


def check_code(code: str) -> None:
    """Raise `InvalidInput` unless it has the form of a code that a payer receives."""
    if not _CODE.fullmatch(code):
        raise InvalidInput("code", f"{len(code)} characters", "the 4 to 8 digits that the payer received")
