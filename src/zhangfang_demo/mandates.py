"""The demo's payers give their consent to be debited: on paper, or by a code that the clearing network sends them."""

from datetime import date, timedelta
from typing import Any
from zlib import crc32

from zhangfang.assembly.house import HouseError
from zhangfang.assembly.sandbox.caller import Caller, GaveUp
from zhangfang_demo.orders import DemoOrder
from zhangfang_demo.spectator import Spectator

WIDE = 100_000_000_00  # fen: the demo's days never reach it
BY_CODE = 8  # one payer of so many signs at the network
A_YEAR = timedelta(days=365)
_TRIES = 60


def request(order: DemoOrder, day: date) -> dict[str, Any]:
    """Return what a merchant asks for so that it may debit the payer of a collection, for a year from a day on."""
    assert order.account is not None, "a collection has an account"
    number = f"man-{order.account.number}"
    return {
        "mandate_no": number,
        "account": {"number": order.account.number, "name": order.account.name, **_person(number)},
        **dict.fromkeys(("limit_each", "limit_day", "limit_month"), WIDE),
        "valid_from": str(day),
        "valid_until": str(day + A_YEAR),
    }


async def sign(banks: Spectator, merchant: Caller, order: DemoOrder, day: date) -> None:
    """Have the payer of a collection sign a mandate; safe to repeat."""
    body = request(order, day)
    number = body["mandate_no"]
    if crc32(number.encode()) % BY_CODE or "epcc" not in banks.banks:
        _made(await merchant.post("/v1/mandates", body | {"evidence": "signed on paper"}, number))
        return
    made = _made(await merchant.post("/v1/mandates", body | {"channel": "epcc"}, number))
    path = f"/v1/mandates/{made['id']}"
    for _ in range(_TRIES):
        if made["state"] == "ACTIVE":
            return
        try:
            received = await banks.ask("GET", "epcc", f"/codes?order_no={made['channel_order_no']}")
            made = _made(await merchant.call("POST", f"{path}/confirm", {"code": received["code"]}))
        except HouseError:  # the message with the code was lost on its way to the network
            made = _made(await merchant.call("POST", f"{path}/code"))
    raise GaveUp(f"{path}: not signed")


def _person(number: str) -> dict[str, str]:
    """Return the rest of an invented payer: no identity document and no telephone begins like these."""
    digits = f"{crc32(number.encode()):010d}"
    return {"id_no": f"99000019{digits}", "phone": f"1{digits}"}


def _made(answer: tuple[int, Any]) -> Any:
    status, made = answer
    if status not in (200, 201):
        raise GaveUp(f"mandate: {status} {made}")
    return made
