"""Setting up the sandbox Lakala: our certificate, the platform's, where its notices go and where it pays us."""

from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import join
from zhangfang.channels.lakala import make_merchant_certificate
from zhangfang.kernel.clock import Clock

MERCHANT_NO, TERM_NO, APPID = "822290058119001", "A0073841", "OP10000581"
BOOK = {"merId": MERCHANT_NO}


def made(_house: House, clock: Clock) -> dict[str, Any]:
    """Return settings with a new key."""
    key, certificate = make_merchant_certificate(MERCHANT_NO, clock)
    ours = {"merchant_no": MERCHANT_NO, "term_no": TERM_NO, "appid": APPID, "timeout_seconds": 2.0}
    return ours | {"sign_key_pem": key, "sign_cert_pem": certificate}


def register(house: House, held: dict[str, Any], _clock: Clock) -> dict[str, Any]:
    """Register us; return what the bank tells us."""
    ours = {"merId": MERCHANT_NO, "term_no": TERM_NO, "appid": APPID, "certificate": held["sign_cert_pem"]}
    told = join(house, "lakala", ours, paid_into="genericbank")
    return {
        "platform_cert_pem": told["platform_certificate"],
        "base_url": house.wire("lakala"),
        "notify_url": f"{house.url}/notify/lakala",
    }
