"""Setting up the sandbox UnionPay: our certificate, its chain, where its notices go and where it pays us."""

import json
from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.cmb import CLIENT_MONEY
from zhangfang.assembly.sandbox.control import ask
from zhangfang.channels.unionpay import make_merchant_certificate
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import write_private

MER_ID = "777290058119001"


def provision(house: House, clock: Clock) -> None:
    """Write `channels/unionpay.json`; at a later start keep our key, and tell either side the other's present address."""
    path, control = house.home / "channels" / "unionpay.json", house.control("unionpay")
    held = json.loads(path.read_text()) if path.exists() else _made(clock)
    merchant = {
        "merId": MER_ID,
        "name": "账房演示 Zhangfang demo",
        "certificate": held["sign_cert_pem"],
    }
    chain = ask("POST", f"{control}/merchants", merchant)
    paid_into = {"merId": MER_ID, "url": house.control("cmb"), "account": CLIENT_MONEY}
    ask("POST", f"{control}/settlement_account", paid_into)
    now = held | {
        "base_url": house.wire("unionpay"),
        "file_url": house.wire("unionpay"),
        "back_url": f"{house.url}/notify/unionpay",
        "root_pem": chain["root"],
        "middle_pem": chain["middle"],
        "encrypt_cert_pem": chain["encrypt"],
    }
    if not path.exists() or now != json.loads(path.read_text()):
        write_private(path, json.dumps(now))


def book(house: House) -> dict[str, Any]:
    """Return where the auditor finds the bank's own book."""
    return {"control": house.control("unionpay"), "merId": MER_ID}


def _made(clock: Clock) -> dict[str, Any]:
    key, certificate = make_merchant_certificate(MER_ID, clock)
    return {"mer_id": MER_ID, "sign_key_pem": key, "sign_cert_pem": certificate, "timeout_seconds": 2.0}
