"""Setting up the sandbox ChinaUMS: its two secrets, where its notices go and where it pays us."""

from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import join
from zhangfang.kernel.clock import Clock

MID, TID, SOURCE = "898340158119001", "88880001", "3194"
BOOK = {"merId": MID}


def made(_house: House, _clock: Clock) -> dict[str, Any]:
    """Return settings without secrets: the bank makes them."""
    return {"mid": MID, "tid": TID, "source": SOURCE, "timeout_seconds": 2.0}


def register(house: House, _held: dict[str, Any], _clock: Clock) -> dict[str, Any]:
    """Register us; return what the bank tells us."""
    secrets = join(house, "chinaums", {"merId": MID, "tid": TID, "source": SOURCE}, paid_into="cmb")
    return {
        "app_id": secrets["appId"],
        "app_key": secrets["appKey"],
        "notify_key": secrets["notifyKey"],
        "base_url": house.wire("chinaums"),
        "notify_url": f"{house.url}/notify/chinaums",
    }
