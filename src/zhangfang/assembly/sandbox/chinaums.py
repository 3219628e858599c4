"""Setting up the sandbox ChinaUMS: its two secrets, where its notices go and where it pays us."""

import json
from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.cmb import CLIENT_MONEY
from zhangfang.assembly.sandbox.control import ask
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import write_private

MID, TID, SOURCE = "898340158119001", "88880001", "3194"


def provision(house: House, _clock: Clock) -> None:
    """Write `channels/chinaums.json`; at a later start only what has changed, such as the addresses."""
    path, control = house.home / "channels" / "chinaums.json", house.control("chinaums")
    merchant = {"merId": MID, "tid": TID, "source": SOURCE, "name": "账房演示 Zhangfang demo"}
    secrets = ask("POST", f"{control}/merchants", merchant)
    paid_into = {"merId": MID, "url": house.control("cmb"), "account": CLIENT_MONEY}
    ask("POST", f"{control}/settlement_account", paid_into)
    held = json.loads(path.read_text()) if path.exists() else {"timeout_seconds": 2.0}
    now = held | {
        "mid": MID,
        "tid": TID,
        "source": SOURCE,
        "app_id": secrets["appId"],
        "app_key": secrets["appKey"],
        "notify_key": secrets["notifyKey"],
        "base_url": house.wire("chinaums"),
        "notify_url": f"{house.url}/notify/chinaums",
    }
    if now != held:
        write_private(path, json.dumps(now))


def book(house: House) -> dict[str, Any]:
    """Return where the auditor finds the bank's own book."""
    return {"control": house.control("chinaums"), "merId": MID}
