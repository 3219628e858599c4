"""What connectors share whose purchases are paid in an app: payloads that are kept, and orders that are closed in time."""

import re
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from datetime import date, datetime, timedelta
from typing import Any

from zhangfang.channels.port import (
    Answer,
    ChannelError,
    FileNotReady,
    MalformedMessage,
    NotPresented,
    Operation,
    Order,
    Verdict,
)
from zhangfang.channels.strict_json import text
from zhangfang.channels.transport import NotConnectedError
from zhangfang.channels.verdicts import Codes

Fields = Mapping[str, Any]  # the JSON of a message

PAY_TIME = timedelta(minutes=15)
_MOST_PAYLOADS = 10_000
_DAY = re.compile(r"[0-9]{8}")


class Payloads:
    """What channels gave for the payer's app, by order number: at most 10,000, in this process alone."""

    def __init__(self) -> None:
        """Know nothing yet."""
        self._held: OrderedDict[str, Mapping[str, str]] = OrderedDict()

    def get(self, order_no: str) -> dict[str, str] | None:
        """Return the payload of an order, None if this process has none."""
        held = self._held.get(order_no)
        return dict(held) if held is not None else None

    def keep(self, order_no: str, payload: Mapping[str, str]) -> None:
        """Keep a payload; the oldest gives way."""
        self._held[order_no] = payload
        if len(self._held) > _MOST_PAYLOADS:
            self._held.popitem(last=False)


def time_is_over(order: Order, now: datetime) -> bool:
    """Whether a purchase may no longer be presented, and is closed if it still waits."""
    return now >= order.requested_at + PAY_TIME


async def query_and_close(
    order: Order,
    now: datetime,
    query: Callable[[Order], Awaitable[Answer]],
    close: Callable[[Order], Awaitable[None]],
) -> Answer:
    """Ask what became of an order; a purchase that still waits when its time is over is closed and asked for again.

    Closing may lose a race with the payer, so only the second query says how it ended. If closing does not work, the
    order still waits, and is closed with the next query.
    """
    answer = await query(order)
    waits = order.operation is Operation.PURCHASE and answer.verdict is Verdict.ACCEPTED
    if not (waits and time_is_over(order, now)):
        return answer
    try:
        await close(order)
    except ChannelError:
        return answer
    return await query(order)


async def judged(
    asking: Awaitable[Fields], read: Callable[[Fields], Answer], shown: Callable[[Fields], str]
) -> Answer:
    """Return the answer's verdict, UNKNOWN for whatever cannot be believed; `NotConnectedError` goes through."""
    received: Fields = {}
    try:
        received = await asking
        return read(received)
    except NotConnectedError:
        raise
    except ChannelError as error:
        return Answer(Verdict.UNKNOWN, message=f"unproven: {error}", raw=shown(received))


async def payload_of(
    channel: str,
    asking: Awaitable[Fields],
    refused: Callable[[Fields], str],
    read: Callable[[Fields], dict[str, str]],
) -> dict[str, str]:
    """Return what the payer's app needs of an order that is being made. Raises `NotPresented`, which names `channel`."""
    try:
        received = await asking
        code = refused(received)
        if not code:
            return read(received)
    except ChannelError as error:
        raise NotPresented(f"{channel} gave nothing to pay with: {error}") from None
    raise NotPresented(f"{channel} gave nothing to pay with: {code[:100]}")


def app_fields(found: Any, name: str) -> dict[str, str]:
    """Return the object of texts that the field `name` has to be. Raises `MalformedMessage`."""
    if not isinstance(found, dict) or not found:
        raise MalformedMessage(f"{name}: got {type(found).__name__}; allowed: an object")
    return {key: text(found, key) for key in found}


def check_file(code: str, codes: Codes, settle_date: date) -> None:
    """Raise `FileNotReady` for a refusal that asking again may mend, `MalformedMessage` for any other; "" is none."""
    if code and codes.of(Operation.PURCHASE, code).sent is Verdict.UNKNOWN:
        raise FileNotReady(f"file of {settle_date}: {code[:100]}; ask again later")
    if code:
        raise MalformedMessage(f"file of {settle_date}: refused with {code[:100]}")


def settlement_date(text: str, prefix: str, merchant: str) -> date | None:
    """Return the date in a bank line's `<prefix> <YYYYMMDD> <merchant>`, None for any other text."""
    words = text.split()
    if len(words) != 3 or (words[0], words[2]) != (prefix, merchant) or not _DAY.fullmatch(words[1]):
        return None
    try:
        return datetime.strptime(words[1], "%Y%m%d").date()  # noqa: DTZ007 - a date has no zone
    except ValueError:
        return None
