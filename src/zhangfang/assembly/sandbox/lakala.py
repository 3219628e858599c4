"""Setting up the sandbox Lakala: our certificate, the platform's, where its notices go and where it pays us."""

import json
from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import ask
from zhangfang.assembly.sandbox.genericbank import CLIENT_MONEY
from zhangfang.channels.lakala import make_merchant_certificate
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import write_private

MERCHANT_NO, TERM_NO, APPID = "822290058119001", "A0073841", "OP10000581"


def provision(house: House, clock: Clock) -> None:
    """Write `channels/lakala.json`; at a later start keep our key, and tell either side the other's present address."""
    path, control = house.home / "channels" / "lakala.json", house.control("lakala")
    held = json.loads(path.read_text()) if path.exists() else _made(clock)
    merchant = {
        "merId": MERCHANT_NO,
        "term_no": TERM_NO,
        "appid": APPID,
        "name": "账房演示 Zhangfang demo",
        "certificate": held["sign_cert_pem"],
    }
    told = ask("POST", f"{control}/merchants", merchant)
    paid_into = {"merId": MERCHANT_NO, "url": house.control("genericbank"), "account": CLIENT_MONEY}
    ask("POST", f"{control}/settlement_account", paid_into)
    now = held | {
        "platform_cert_pem": told["platform_certificate"],
        "base_url": house.wire("lakala"),
        "notify_url": f"{house.url}/notify/lakala",
    }
    if not path.exists() or now != json.loads(path.read_text()):
        write_private(path, json.dumps(now))


def book(house: House) -> dict[str, Any]:
    """Return where the auditor finds the bank's own book."""
    return {"control": house.control("lakala"), "merId": MERCHANT_NO}


def _made(clock: Clock) -> dict[str, Any]:
    key, certificate = make_merchant_certificate(MERCHANT_NO, clock)
    return {
        "merchant_no": MERCHANT_NO,
        "term_no": TERM_NO,
        "appid": APPID,
        "sign_key_pem": key,
        "sign_cert_pem": certificate,
        "timeout_seconds": 2.0,
    }
