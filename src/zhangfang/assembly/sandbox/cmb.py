"""Setting up the sandbox CMB: our SM2 key, an enterprise, our client-money account, and where its notices go."""

from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import CLIENT_MONEY as ACCOUNTS
from zhangfang.assembly.sandbox.control import ask
from zhangfang.channels.cmb import make_enterprise_key, public_key_of
from zhangfang.kernel.clock import Clock

ENTERPRISE = "U0058119"
CLIENT_MONEY = ACCOUNTS["cmb"]
BOOK = {"account": CLIENT_MONEY, "alias": "cmb"}


def made(_house: House, _clock: Clock) -> dict[str, Any]:
    """Return settings with a new key. The sandbox's throttle is off, so we need not wait between two enquiries."""
    return {
        "uid": ENTERPRISE,
        "account": CLIENT_MONEY,
        "private_key": make_enterprise_key()[0],
        "timeout_seconds": 2.0,
        "query_gap_seconds": 0,
        "statement_gap_seconds": 0,
    }


def register(house: House, held: dict[str, Any], _clock: Clock) -> dict[str, Any]:
    """Register us and our account; return what the bank tells us."""
    control, notices = house.control("cmb"), f"{house.url}/notify/cmb"
    enterprise = {"uid": ENTERPRISE, "public_key": public_key_of(held["private_key"]), "notify_url": notices}
    learned: dict[str, Any] = ask("POST", f"{control}/enterprises", enterprise)
    account = {"number": CLIENT_MONEY, "name": "账房客户备付金", "opening_fen": 0, "enterprise": ENTERPRISE}
    ask("POST", f"{control}/accounts", account)
    return learned | {"base_url": house.wire("cmb")}
