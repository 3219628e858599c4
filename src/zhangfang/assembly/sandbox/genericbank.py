"""Setting up the sandbox of a generic bank: our RSA key, a client, and our client-money account."""

import json
from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import ask
from zhangfang.channels.genericbank import make_client_key, public_pem_of
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import write_private

CLIENT = "ZF0058119"
CLIENT_MONEY = "8050000001058119"  # our client-money account there


def provision(house: House, clock: Clock) -> None:
    """Write `channels/genericbank.json`; at a later start keep our key and learn the bank's present address."""
    path, control = house.home / "channels" / "genericbank.json", house.control("genericbank")
    held = json.loads(path.read_text()) if path.exists() else _made()
    client = {"client": CLIENT, "public_key": public_pem_of(held["sign_key_pem"])}
    bank = ask("POST", f"{control}/clients", client)
    account = {"number": CLIENT_MONEY, "name": "账房客户备付金", "opening_fen": 0, "client": CLIENT}
    ask("POST", f"{control}/accounts", account)
    now = held | {"base_url": house.wire("genericbank"), "bank_key_pem": bank["bank_public_key"]}
    if not path.exists() or now != json.loads(path.read_text()):
        write_private(path, json.dumps(now))


def book(house: House) -> dict[str, Any]:
    """Return where the auditor finds the bank's own book."""
    return {"control": house.control("genericbank"), "account": CLIENT_MONEY, "alias": "genericbank"}


def _made() -> dict[str, Any]:
    return {
        "client_id": CLIENT,
        "account": CLIENT_MONEY,
        "sign_key_pem": make_client_key(),
        "timeout_seconds": 2.0,
    }
