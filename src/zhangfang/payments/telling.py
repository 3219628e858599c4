"""What a merchant is told about an intent: the event's name and its payload."""

from datetime import datetime

import msgspec

from zhangfang.channels.port import Operation
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.ids import new_id, prefixed
from zhangfang.payments.model import Intent, State
from zhangfang.payments.store import Told

PREFIX = {
    Operation.PURCHASE: "pay",
    Operation.COLLECTION: "pay",
    Operation.REFUND: "ref",
    Operation.VOID: "ref",
    Operation.PAYOUT: "pot",
}
NOUN = {"pay": "payment", "ref": "refund", "pot": "payout"}
ENDS = {
    State.SUCCESS: "succeeded",
    State.FAILED: "failed",
    State.REFUSED: "refused",
    State.CLOSED: "closed",
}


def end_of(clock: Clock, intent: Intent, state: State, at: datetime) -> Told:
    """Return the event that tells the merchant of a final state."""
    return event_of(clock, intent, f"{NOUN[PREFIX[intent.kind]]}.{ENDS[state]}", state, at)


def event_of(clock: Clock, intent: Intent, event: str, state: State, at: datetime) -> Told:
    """Return an event about the intent, with its payload."""
    data = {
        "id": prefixed(PREFIX[intent.kind], intent.id),
        "kind": intent.kind.value,
        "order_no": intent.order_no,
        "amount": intent.amount,
        "fee": intent.fee,
        "currency": "CNY",
        "state": state.value,
    }
    if intent.surcharge:
        data["surcharge"] = intent.surcharge
    payload = {"type": event, "timestamp": at.isoformat(), "data": data}
    return Told(new_id(clock), event, msgspec.json.encode(payload).decode())
