"""Every class of break has a way out, and which one depends on where its difference is booked."""

from itertools import product
from uuid import UUID

import pytest

from zhangfang.ledger import TEMPLATES
from zhangfang.reconciliation import AUTOMATIC, CURES, NEEDS, SEEN, BreakClass, cures
from zhangfang.reconciliation.cures.table import BACK
from zhangfang.reconciliation.cures.ways import WAYS
from zhangfang.web.tables import TERMS

OURS = UUID(int=256)
OPENED = {  # (class, template) of every break that the code opens, and what its payment can be
    (BreakClass.MISSING_HERE, "B1"): (None, "collection", "refund", "payout"),
    (BreakClass.MISSING_HERE, "B5-"): (None, "collection", "refund", "payout"),
    (BreakClass.MISSING_THERE, "B4"): ("collection", "purchase"),
    (BreakClass.MISSING_THERE, ""): ("refund", "payout"),
    (BreakClass.AMOUNT_DIFFERS, "B1"): (None, "collection", "refund", "payout"),
    (BreakClass.AMOUNT_DIFFERS, "B5-"): (None, "collection", "refund", "payout"),
    (BreakClass.DUPLICATE, "B1"): ("collection", "payout"),
    (BreakClass.DUPLICATE, "B5-"): ("refund", "payout"),
    (BreakClass.UNKNOWN_RECEIPT, "X1"): (None, "payout"),
    (BreakClass.UNKNOWN_DEBIT, "X2"): (None, "payout"),
    (BreakClass.CONTRADICTION, ""): ("collection", "refund", "payout"),
    (BreakClass.UNREAD, ""): (None,),
}


@pytest.mark.parametrize(("at", "kind"), [(at, kind) for at, kinds in OPENED.items() for kind in kinds])
def test_every_break_has_a_way_out_that_two_people_can_choose(
    at: tuple[BreakClass, str], kind: str | None
) -> None:
    row = {"class": at[0], "template": at[1], "intent": OURS if kind else None, "kind": kind}
    assert cures(row) != ()


def test_the_table_has_no_row_that_the_code_never_opens() -> None:
    assert CURES.keys() == OPENED.keys()
    assert AUTOMATIC.keys() <= OPENED.keys()


def test_each_cure_can_be_carried_out_and_has_a_name_and_a_voucher() -> None:
    named = {cure for row in CURES.values() for cure in row}
    assert named == WAYS.keys()
    assert named >= NEEDS.keys()
    assert all(cure in TERMS["cure"] for cure in named)
    of_ledger = {cure for cure in named if cure in TEMPLATES or cure.rpartition(".")[0] in TEMPLATES}
    assert named - of_ledger == {SEEN}
    assert set(BACK) - named == {"R4"}, "which needs nobody"


def test_only_what_needs_nothing_of_the_single_break_is_done_in_bulk() -> None:
    from zhangfang.reconciliation import in_bulk

    assert {cure for cure in WAYS if in_bulk(cure)} == {
        "B2.return", "B3", "B6", "B7", "B7.debit", "B8", "B8.receipt", "I1.receipt", "O6", "R5", SEEN,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("at", "kind", "allowed"),
    [
        ((BreakClass.MISSING_HERE, "B1"), None, ("B2", "B3", "B8")),
        ((BreakClass.MISSING_HERE, "B1"), "collection", ("B3", "B8")),
        ((BreakClass.MISSING_HERE, "B1"), "payout", ("B2.return", "B8")),
        ((BreakClass.MISSING_THERE, ""), "refund", ("R5",)),
        ((BreakClass.MISSING_THERE, ""), "payout", ("O6",)),
        ((BreakClass.MISSING_THERE, "B4"), "purchase", ("B6", "B7")),
        ((BreakClass.DUPLICATE, "B1"), "collection", ("B3", "B8")),
        ((BreakClass.UNREAD, ""), None, (SEEN,)),
    ],
)
def test_a_cure_depends_on_where_the_money_stands(
    at: tuple[BreakClass, str], kind: str | None, allowed: tuple[str, ...]
) -> None:
    assert (
        cures({"class": at[0], "template": at[1], "intent": OURS if kind else None, "kind": kind}) == allowed
    )


def test_what_is_booked_nowhere_else_has_no_cure() -> None:
    for kind, template in product(BreakClass, ("B1", "B4", "B5-", "X1", "X2", "")):
        if (kind, template) not in OPENED:
            assert cures({"class": kind, "template": template, "intent": None}) == ()
