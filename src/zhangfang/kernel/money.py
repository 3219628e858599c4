"""Money is an integer of fen. Yuan with two decimals exist only in channels' messages and in what people see."""

import re
from decimal import ROUND_HALF_UP, Decimal

from zhangfang.kernel.errors import InvalidInput

MAX_FEN = 10**12 - 1  # twelve digits: the widest amount that UnionPay's message and file can carry
_YUAN = re.compile(r"-?\d{1,15}(\.\d{1,2})?", re.ASCII)


def yuan_to_fen(text: str, field: str = "amount") -> int:
    """Return fen for yuan such as `12`, `12.3` or `12.30`. Raises `InvalidInput` for anything else."""
    if not _YUAN.fullmatch(text):
        raise InvalidInput(
            field, f"text of {len(text)} characters", "yuan with at most two decimals, such as 12.30"
        )
    return int(Decimal(text).scaleb(2))


def fen_to_yuan(fen: int) -> str:
    """Return fen as yuan with two decimals: 1230 is `12.30`, -5 is `-0.05`."""
    return f"{'-' if fen < 0 else ''}{abs(fen) // 100}.{abs(fen) % 100:02d}"


def check_amount(fen: int, field: str = "amount") -> int:
    """Return `fen` if it is from 1 to 999,999,999,999. Raises `InvalidInput` otherwise."""
    if not 1 <= fen <= MAX_FEN:
        raise InvalidInput(field, "an integer out of range", f"fen from 1 to {MAX_FEN}")
    return fen


def share(amount: int, rate: int, whole: int) -> int:
    """Return `amount × rate / whole`, rounded half up, in integers."""
    return int((Decimal(amount) * rate / whole).to_integral_value(ROUND_HALF_UP))
