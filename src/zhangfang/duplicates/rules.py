"""Pure decisions about double payments: which payment stays, whether the other can be reversed, and how.

Only the merchant's order number makes two payments a pair. Two rents of one tenant on one day have the same payer,
amount and day, and are no double payment.
"""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

from zhangfang.channels.port import Operation
from zhangfang.payments import Intent, State


def unfit(goes: Intent, keep: Intent) -> str:
    """Return why a payment cannot be reversed automatically as the double of `keep`; nothing if it can."""
    if goes.state is not State.SUCCESS or keep.state is not State.SUCCESS:
        return "one of the two is not a payment that succeeded"
    if goes.amount != keep.amount:
        return "the two amounts differ: only the merchant knows which one is right"
    if goes.voided or goes.refunded:
        return "it has been refunded already, or a part of it: what is left may be meant to stay"
    if keep.voided or keep.refunded:
        return "the payment that would stay has been refunded, or a part of it: the payer may have been helped already"
    return ""


def unfit_line(line: Mapping[str, Any], keep: Intent) -> str:
    """Return why a line of the channel cannot be refunded as the double of `keep`; nothing if it can."""
    if line["operation"] is None:
        return "the channel does not say what kind of payment the line is"
    if line["channel_ref"] == keep.channel_ref or not line["channel_ref"]:
        return "the channel lists one number of its own twice: a refund would give the payment itself back"
    if keep.state is not State.SUCCESS or keep.amount != line["amount"]:
        return "no payment of the same amount succeeded"
    if keep.voided or keep.refunded:
        return "the payment that would stay has been refunded, or a part of it: the payer may have been helped already"
    return ""


def kept(line: Mapping[str, Any], holders: Sequence[Intent]) -> Intent | None:
    """Return the payment that a line of the channel repeats; None if there is none, or if its merchant is not certain.

    `holders` are all pay-ins, of any state and merchant, that have the line's business key.
    """
    if len({one.merchant for one in holders}) != 1:
        return None
    paid = [one for one in holders if one.state is State.SUCCESS and one.amount == line["amount"]]
    return min(paid, key=lambda one: one.id) if paid else None


def way(goes: Intent, operations: Collection[Operation], today: date, *, first: bool) -> Operation:
    """Return how a payment is reversed: by a void before the channel's cut-off, if it has voids, otherwise by a refund.

    After a failed void comes a refund: `first` is whether this is the first attempt.
    """
    before = goes.settle_date == today and goes.settlement is None
    return Operation.VOID if first and before and Operation.VOID in operations else Operation.REFUND
