"""Setting up the EPCC-style sandbox: our two key pairs, our registration, both sites, the first control
digits, and where the network pays us."""

import asyncio
from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.control import NAME, ask, join
from zhangfang.channels.epcc import Epcc, EpccConfig, make_key_and_request
from zhangfang.kernel.clock import Clock

ISSR_ID = "Z2026058119001"
PAYEE_ACCOUNT = "243300058119001"
BOOK = {"merId": ISSR_ID}


def made(house: House, _clock: Clock) -> dict[str, Any]:
    """Make two keys, have the network issue their certificates, and return the settings."""
    (tls_key, tls_csr), (sign_key, sign_csr) = (make_key_and_request(ISSR_ID) for _ in range(2))
    asked = _member(house) | {"name": NAME, "tls_csr": tls_csr, "sign_csr": sign_csr}
    told = ask("POST", f"{house.control('epcc')}/merchants", asked)
    return {
        "issr_id": ISSR_ID,
        "payee_account": PAYEE_ACCOUNT,
        "payee_name": "账房客户备付金",
        "digits_file": str(house.home / "epcc-digits.json"),
        "ca_pem": told["ca"],
        "tls_key_pem": tls_key,
        "tls_cert_pem": told["tls_certificate"],
        "sign_key_pem": sign_key,
        "sign_cert_pem": told["sign_certificate"],
        "epcc_sign_cert_pem": told["sign"],
        "epcc_encrypt_cert_pem": told["encrypt"],
        "timeout_seconds": 2.0,
    }


def register(house: House, held: dict[str, Any], clock: Clock) -> dict[str, Any]:
    """Register our present address, renew the digits, and return where both sites are."""
    join(house, "epcc", _member(house), paid_into="cmb")
    sites = ask("GET", f"{house.control('epcc')}/sites")
    now = {"sites": {site["name"]: f"https://127.0.0.1:{site['port']}" for site in sites.values()}}
    asyncio.run(_renew(EpccConfig(**held | now), clock))
    return now


def _member(house: House) -> dict[str, Any]:
    return {"merId": ISSR_ID, "notify_url": f"{house.url}/notify/epcc"}


async def _renew(config: EpccConfig, clock: Clock) -> None:
    channel = Epcc(config, clock)
    try:
        await channel.upkeep()
    finally:
        await channel.close()
