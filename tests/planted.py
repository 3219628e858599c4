"""What is planted: for each class of break, and for each cure of it, one disagreement, with what must come of it.

A plant says which lines the channel's file and the bank's statement have of it, the breaks that must be found, how each
ends, and what the merchant and we have of it in the end, in fen. Its amounts are its own, so a break leads back to it.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from tests.treasury import Treasury, corrected, listed, stray
from tests.unit.test_cures_carried_out import by_acquirer, payee, shown
from zhangfang.channels.port import Answer, FileLine, Operation, Verdict
from zhangfang.merchants import Merchant
from zhangfang.payments import Intent, State, StepKind, weigh

PROOF = "letter 113"
PAYOUT_FEE = 100


@dataclass(frozen=True)
class Found:
    """A break that must be found: its class, the template that booked it, its difference, and the cure that ends it."""

    kind: str
    template: str
    fen: int
    cure: str


@dataclass(frozen=True)
class Move:
    """A movement on the bank's statement."""

    signed: int
    reference: str = ""
    text: str = ""
    reversal: bool = False


@dataclass(frozen=True)
class Plant:
    """One disagreement. `file` and `bank` are of the first day, which shows `found`; `later` and `after` show `then`."""

    found: tuple[Found, ...]
    file: tuple[FileLine, ...] = ()
    bank: tuple[Move, ...] = ()
    later: tuple[FileLine, ...] = ()
    after: tuple[Move, ...] = ()
    then: tuple[Found, ...] = ()
    said: Callable[[Any], dict[str, Any]] = field(default=lambda _: {})
    merchants: int = 0
    ours: tuple[int, ...] = ()


Make = Callable[[Treasury, Merchant], Awaitable[Plant]]


def net(fen: int) -> int:
    """Return what a merchant gets of a payment, less its 0.6 %."""
    return fen - (fen * 6 + 500) // 1000


def proof(_: Any) -> dict[str, Any]:
    return {"proof": PROOF}


def of_day(day: date) -> Callable[[Any], dict[str, Any]]:
    return lambda _: {"channel": "unionpay", "day": day}


async def filled_in(_: Treasury, merchant: Merchant) -> Plant:
    found = Found("missing_here", "B1", 8801, "B2")
    return Plant(
        (found,),
        (stray(0, 8801, note="STATIC-1"),),
        said=lambda _: {"merchant": merchant.id},
        merchants=net(8801),
    )


async def sent_back(_: Treasury, __: Merchant) -> Plant:
    return Plant((Found("missing_here", "B1", 8802, "B3"),), (stray(0, 8802),))


async def late_payment(house: Treasury, merchant: Merchant) -> Plant:
    closed = await house.asked(merchant, 8803, Operation.PURCHASE, State.CLOSED)
    return Plant((Found("missing_here", "B1", 8803, "R4"),), (listed(0, closed),))


async def kept(_: Treasury, __: Merchant) -> Plant:
    return Plant((Found("missing_here", "B1", 8804, "B8"),), (stray(0, 8804),), ours=(8804,))


async def returned_otherwise(house: Treasury, merchant: Merchant) -> Plant:
    out = await by_acquirer(house, merchant, 8815)
    back = FileLine(0, "", "Q8805", Operation.PAYOUT, 8805, True, 0, adjustment=True,
                    original_order_no=out.channel_order_no)  # fmt: skip
    found = Found("missing_here", "B1", 8805, "B2.return")
    return Plant((found,), (listed(0, out), back), merchants=8805 - 8815 - PAYOUT_FEE)


async def refund_of_nobody(_: Treasury, __: Merchant) -> Plant:
    return Plant((Found("missing_here", "B5-", -8806, "B7"),), (stray(0, 8806, credit=False),), ours=(-8806,))


async def false_success(house: Treasury, merchant: Merchant) -> Plant:
    await house.paid(merchant, 4001)
    return Plant((Found("missing_there", "B4", -4001, "B6"),), said=proof)


async def listed_after_it_was_written_off(house: Treasury, merchant: Merchant) -> Plant:
    line = listed(0, await house.paid(merchant, 4002))
    lost, back = Found("missing_there", "B4", -4002, "B7"), Found("duplicate", "B1", 4002, "B8")
    return Plant((lost,), later=(line,), then=(back,), merchants=net(4002), ours=(-4002, 4002))


async def listed_later(house: Treasury, merchant: Merchant) -> Plant:
    paid = await house.paid(merchant, 4003)
    found = Found("missing_there", "B4", -4003, "B5")
    return Plant((found,), later=(listed(0, paid),), merchants=net(4003))


async def refunded(house: Treasury, merchant: Merchant, fen: int) -> tuple[FileLine, Intent]:
    """Return the line of a payment, and its whole refund, which no file lists yet."""
    paid = await house.paid(merchant, fen)
    return listed(0, paid), await house.undo(merchant, paid, fen)


async def refund_never_made(house: Treasury, merchant: Merchant) -> Plant:
    line, _ = await refunded(house, merchant, 4004)
    return Plant((Found("missing_there", "", 4004, "R5"),), (line,), said=proof, merchants=net(4004))


async def refund_listed_later(house: Treasury, merchant: Merchant) -> Plant:
    line, refund = await refunded(house, merchant, 4005)
    return Plant((Found("missing_there", "", 4005, "S2"),), (line,), later=(listed(0, refund),))


async def payout_never_made(house: Treasury, merchant: Merchant) -> Plant:
    await by_acquirer(house, merchant, 4006)
    return Plant((Found("missing_there", "", 4006, "O6"),), said=proof)


async def payout_listed_later(house: Treasury, merchant: Merchant) -> Plant:
    out = await by_acquirer(house, merchant, 4007)
    found = Found("missing_there", "", 4007, "S3")
    return Plant((found,), later=(listed(0, out),), merchants=-4007 - PAYOUT_FEE)


def otherwise(asked: int, told: int, cure: str) -> Make:
    """Return the plant of a payment that the file lists with another amount; a mirror corrects it in a later file."""

    async def make(house: Treasury, merchant: Merchant) -> Plant:
        line, more = listed(0, await house.paid(merchant, asked), told), told - asked
        found = Found("amount_differs", "B1" if more > 0 else "B5-", more, cure)
        if cure == "mirror":
            return Plant((found,), (line,), later=(corrected(0, line, -more),), merchants=net(asked))
        return Plant((found,), (line,), merchants=net(asked), ours=(more,))

    return make


async def paid_twice(house: Treasury, merchant: Merchant) -> Plant:
    line = listed(0, await house.paid(merchant, 3001))
    again = replace(line, channel_ref="Q-another")
    return Plant((Found("duplicate", "B1", 3001, "B3"),), (line, again), merchants=net(3001))


async def listed_twice(house: Treasury, merchant: Merchant) -> Plant:
    line = listed(0, await house.paid(merchant, 3002))
    return Plant((Found("duplicate", "B1", 3002, "B8"),), (line, line), merchants=net(3002), ours=(3002,))


async def refund_listed_twice(house: Treasury, merchant: Merchant) -> Plant:
    line, refund = await refunded(house, merchant, 3003)
    found = Found("duplicate", "B5-", -3003, "B7")
    return Plant((found,), (line, listed(0, refund), listed(0, refund)), ours=(-3003,))


async def unread(_: Treasury, __: Merchant) -> Plant:
    line = FileLine(0, "x", "", Operation.PURCHASE, 0, True, 0, raw="?", unread="the time")
    return Plant((Found("unread", "", 0, "seen"),), (line,))


async def contradicted(house: Treasury, merchant: Merchant, fen: int) -> Intent:
    """Return a payment that the channel first refused and then confirmed."""
    intent = await house.asked(merchant, fen)
    await weigh(house.desk, intent, StepKind.QUERY, Answer(Verdict.FAILED))
    await weigh(house.desk, await house.now(intent), StepKind.QUERY, Answer(Verdict.SUCCESS, amount=fen))
    return await house.now(intent)


async def contradiction_alone(house: Treasury, merchant: Merchant) -> Plant:
    await contradicted(house, merchant, 700)
    return Plant((Found("contradiction", "", 0, "seen"),))


async def contradiction_listed(house: Treasury, merchant: Merchant) -> Plant:
    line = listed(0, await contradicted(house, merchant, 701))
    both = Found("contradiction", "", 0, "file"), Found("missing_here", "B1", 701, "B3")
    return Plant(both, (line,))


async def came_alone(house: Treasury, merchant: Merchant) -> Plant:
    paid = await house.paid(merchant, 5001)
    found = Found("unknown_receipt", "X1", 5001, "X3.3011"), Found("missing_there", "B4", -5001, "mirror")
    return Plant(found, bank=(Move(5001),), said=lambda _: {"payment": shown(paid)}, merchants=net(5001))


async def payout_came_back(house: Treasury, merchant: Merchant) -> Plant:
    out = await house.payout(merchant, 5002)
    return Plant(
        (Found("unknown_receipt", "X1", 5002, "X3.3015"),),
        bank=(Move(-5002, out.channel_order_no), Move(5002)),
        said=lambda _: {"payment": shown(out)},
        merchants=-PAYOUT_FEE,
    )


async def merchants_own(_: Treasury, merchant: Merchant) -> Plant:
    return Plant(
        (Found("unknown_receipt", "X1", 5003, "X3.2322"),), bank=(Move(5003),),
        said=lambda _: {"merchant": merchant.id, "proof": PROOF}, merchants=5003,
    )  # fmt: skip


async def from_nowhere(house: Treasury, _: Merchant) -> Plant:
    found = Found("unknown_receipt", "X1", 5004, "X4")
    return Plant((found,), bank=(Move(5004),), said=lambda row: payee(house, row))


async def receipt_kept(_: Treasury, __: Merchant) -> Plant:
    return Plant((Found("unknown_receipt", "X1", 5005, "B8.receipt"),), bank=(Move(5005),), ours=(5005,))


async def interest(_: Treasury, __: Merchant) -> Plant:
    return Plant((Found("unknown_receipt", "X1", 5007, "I1.receipt"),), bank=(Move(5007),))


def reversed_by_the_bank(signed: int) -> Make:
    """Return the plant of a line that the bank takes back itself."""

    async def make(_: Treasury, __: Merchant) -> Plant:
        kind, template = ("unknown_receipt", "X1") if signed > 0 else ("unknown_debit", "X2")
        found = Found(kind, template, signed, "mirror")
        return Plant((found,), bank=(Move(signed),), after=(Move(-signed, reversal=True),))

    return make


async def payout_without_number(house: Treasury, merchant: Merchant) -> Plant:
    out = await house.payout(merchant, 6001)
    return Plant(
        (Found("unknown_debit", "X2", -6001, "X3.debit.3014"),), bank=(Move(-6001),),
        said=lambda _: {"payment": shown(out)}, merchants=-6001 - PAYOUT_FEE,
    )  # fmt: skip


async def refund_left_alone(house: Treasury, merchant: Merchant) -> Plant:
    line, refund = await refunded(house, merchant, 6002)
    cure = "X3.debit.3013"
    found = Found("unknown_debit", "X2", -6002, cure), Found("missing_there", "", 6002, cure)
    return Plant(found, (line,), bank=(Move(-6002),), said=lambda _: {"payment": shown(refund)})


async def bank_charge(_: Treasury, __: Merchant) -> Plant:
    return Plant((Found("unknown_debit", "X2", -6003, "B7.debit"),), bank=(Move(-6003),), ours=(-6003,))


PLANTS: tuple[tuple[Make, str], ...] = (  # and what a format has to be able to tell
    (filled_in, ""), (sent_back, ""), (late_payment, ""), (kept, ""), (returned_otherwise, "payout"),
    (refund_of_nobody, ""), (false_success, ""), (listed_after_it_was_written_off, ""), (listed_later, ""),
    (refund_never_made, ""),
    (refund_listed_later, ""), (payout_never_made, "payout"), (payout_listed_later, "payout"),
    (otherwise(2001, 2008, "B8"), ""), (otherwise(2002, 2010, "mirror"), "adjustment"),
    (otherwise(2003, 1994, "B7"), ""), (otherwise(2004, 1994, "mirror"), "adjustment"),
    (paid_twice, ""), (listed_twice, ""), (refund_listed_twice, ""), (unread, ""),
    (contradiction_alone, ""), (contradiction_listed, ""),
    (came_alone, ""), (payout_came_back, ""), (merchants_own, ""), (from_nowhere, ""), (receipt_kept, ""), (interest, ""),
    (reversed_by_the_bank(5006), "reversal"), (payout_without_number, ""), (refund_left_alone, ""), (bank_charge, ""),
    (reversed_by_the_bank(-6004), "reversal"),
)  # fmt: skip
