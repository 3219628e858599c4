"""Setting up the sandbox UnionPay: our certificate, its chain, where its notices go and where it pays us."""

from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import join
from zhangfang.channels.unionpay import make_merchant_certificate
from zhangfang.kernel.clock import Clock

MER_ID = "777290058119001"
BOOK = {"merId": MER_ID}


def made(_house: House, clock: Clock) -> dict[str, Any]:
    """Return settings with a new key."""
    key, certificate = make_merchant_certificate(MER_ID, clock)
    return {"mer_id": MER_ID, "sign_key_pem": key, "sign_cert_pem": certificate, "timeout_seconds": 2.0}


def register(house: House, held: dict[str, Any], _clock: Clock) -> dict[str, Any]:
    """Register us; return what the bank tells us."""
    ours = {"merId": MER_ID, "certificate": held["sign_cert_pem"]}
    chain = join(house, "unionpay", ours, paid_into="cmb")
    return {
        "base_url": house.wire("unionpay"),
        "file_url": house.wire("unionpay"),
        "back_url": f"{house.url}/notify/unionpay",
        "root_pem": chain["root"],
        "middle_pem": chain["middle"],
        "encrypt_cert_pem": chain["encrypt"],
    }
