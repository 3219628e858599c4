"""Setting up the sandbox CMB: our SM2 key, an enterprise, our client-money account, and where its notices go."""

import json
from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import ask
from zhangfang.channels.cmb import make_enterprise_key, public_key_of
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import write_private

ENTERPRISE = "U0058119"
CLIENT_MONEY = "7559000001058119"  # our client-money account there


def provision(house: House, clock: Clock) -> None:
    """Write `channels/cmb.json`; at a later start keep our key, and tell either side the other's present address."""
    path, control = house.home / "channels" / "cmb.json", house.control("cmb")
    held = json.loads(path.read_text()) if path.exists() else _made()
    enterprise = {"uid": ENTERPRISE, "public_key": public_key_of(held["private_key"])}
    learned = ask("POST", f"{control}/enterprises", enterprise | {"notify_url": f"{house.url}/notify/cmb"})
    account = {"number": CLIENT_MONEY, "name": "账房客户备付金", "opening_fen": 0, "enterprise": ENTERPRISE}
    ask("POST", f"{control}/accounts", account)
    now = held | learned | {"base_url": house.wire("cmb")}
    if not path.exists() or now != json.loads(path.read_text()):
        write_private(path, json.dumps(now))


def book(house: House) -> dict[str, Any]:
    """Return where the auditor finds the bank's own book."""
    return {"control": house.control("cmb"), "account": CLIENT_MONEY, "alias": "cmb"}


def _made() -> dict[str, Any]:
    """Return a new key of ours. The sandbox's throttle is off, so we need not wait between two enquiries."""
    return {
        "uid": ENTERPRISE,
        "account": CLIENT_MONEY,
        "private_key": make_enterprise_key()[0],
        "timeout_seconds": 2.0,
        "query_gap_seconds": 0,
        "statement_gap_seconds": 0,
    }
