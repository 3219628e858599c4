"""Which cures a break can have, by its class and by the template that booked its difference. Pure.

The first cure of a row is the one to look at first. `AUTOMATIC` says what ends a break without a person.
"""

from collections.abc import Callable, Mapping
from typing import Any

from zhangfang.reconciliation.rules import MIRROR, SEEN, BreakClass

Row = Mapping[str, Any]  # a break, with `kind` and `state` of its payment (None if it has none)

CURES: Mapping[tuple[BreakClass, str], tuple[str, ...]] = {
    (BreakClass.MISSING_HERE, "B1"): ("B2", "B3", "B2.return", "B8"),
    (BreakClass.MISSING_HERE, "B5-"): ("B7",),
    (BreakClass.MISSING_THERE, "B4"): ("B6", "B7"),
    (BreakClass.MISSING_THERE, ""): ("R5", "O6"),
    (BreakClass.AMOUNT_DIFFERS, "B1"): ("B8",),
    (BreakClass.AMOUNT_DIFFERS, "B5-"): ("B7",),
    (BreakClass.DUPLICATE, "B1"): ("B3", "B8"),
    (BreakClass.DUPLICATE, "B5-"): ("B7",),
    (BreakClass.UNKNOWN_RECEIPT, "X1"): (
        "X3.3012",
        "X3.3015",
        "X3.3011",
        "X3.2322",
        "X4",
        "B8.receipt",
        "I1.receipt",
    ),
    (BreakClass.UNKNOWN_DEBIT, "X2"): ("X3.debit.3014", "X3.debit.3012", "X3.debit.3013", "B7.debit"),
    (BreakClass.CONTRADICTION, ""): (SEEN,),
    (BreakClass.UNREAD, ""): (SEEN,),
}
AUTOMATIC: Mapping[tuple[BreakClass, str], tuple[str, ...]] = {
    (BreakClass.MISSING_HERE, "B1"): ("R4",),  # of a closed order
    (BreakClass.MISSING_THERE, "B4"): ("B5",),
    (BreakClass.MISSING_THERE, ""): ("S2", "S3"),
    (BreakClass.AMOUNT_DIFFERS, "B1"): (MIRROR,),
    (BreakClass.AMOUNT_DIFFERS, "B5-"): (MIRROR,),
    (BreakClass.UNKNOWN_RECEIPT, "X1"): (MIRROR,),
    (BreakClass.UNKNOWN_DEBIT, "X2"): (MIRROR,),
    (BreakClass.CONTRADICTION, ""): ("file",),
}
NEEDS: Mapping[str, tuple[str, ...]] = {  # what people have to say beside the cure
    "B2": ("merchant",),
    "B6": ("proof",),
    "R5": ("proof",),
    "O6": ("proof",),
    "X3.3012": ("channel", "day"),
    "X3.3015": ("payment",),
    "X3.3011": ("payment",),
    "X3.2322": ("merchant", "proof"),
    "X4": ("account_number", "account_name", "proof"),
    "X3.debit.3014": ("payment",),
    "X3.debit.3012": ("channel", "day"),
    "X3.debit.3013": ("payment",),
}
BACK = ("B3", "R4", "X4")  # the money goes back to its payer by an intent, and the break waits for its end
_FITS: Mapping[str, Callable[[Row], bool]] = {  # what its payment has to be; any, where a cure is not named
    "B2": lambda row: row["intent"] is None,
    "B3": lambda row: row.get("kind") != "payout",
    "B2.return": lambda row: row.get("kind") == "payout",
    "R5": lambda row: row.get("kind") in ("refund", None),
    "O6": lambda row: row.get("kind") in ("payout", None),
}


def cures(row: Row) -> tuple[str, ...]:
    """Return the cures that two people may choose for a break, the one to look at first before the others."""
    could_be = CURES.get((row["class"], row["template"]), ())
    return tuple(cure for cure in could_be if cure not in _FITS or _FITS[cure](row))


def limited_as(cure: str) -> str:
    """Return which limit of a role a cure has: one that gives up a difference for good has its own."""
    return "write_off" if cure.partition(".")[0] in ("B7", "B8") else "cure"


def in_bulk(cure: str) -> bool:
    """Whether many breaks can have a cure at once: it needs nothing that differs from break to break."""
    return NEEDS.get(cure, ()) in ((), ("proof",))
