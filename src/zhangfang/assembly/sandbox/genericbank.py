"""Setting up the sandbox of a generic bank: our RSA key, a client, and our client-money account."""

from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import CLIENT_MONEY as ACCOUNTS
from zhangfang.assembly.sandbox.control import ask
from zhangfang.channels.genericbank import make_client_key, public_pem_of
from zhangfang.kernel.clock import Clock

CLIENT = "ZF0058119"
CLIENT_MONEY = ACCOUNTS["genericbank"]
BOOK = {"account": CLIENT_MONEY, "alias": "genericbank"}


def made(_house: House, _clock: Clock) -> dict[str, Any]:
    """Return settings with a new key."""
    key = make_client_key()
    return {"client_id": CLIENT, "account": CLIENT_MONEY, "sign_key_pem": key, "timeout_seconds": 2.0}


def register(house: House, held: dict[str, Any], _clock: Clock) -> dict[str, Any]:
    """Register us and our account; return what the bank tells us."""
    control = house.control("genericbank")
    client = {"client": CLIENT, "public_key": public_pem_of(held["sign_key_pem"])}
    bank = ask("POST", f"{control}/clients", client)
    account = {"number": CLIENT_MONEY, "name": "账房客户备付金", "opening_fen": 0, "client": CLIENT}
    ask("POST", f"{control}/accounts", account)
    return {"base_url": house.wire("genericbank"), "bank_key_pem": bank["bank_public_key"]}
