"""Setting up the EPCC-style sandbox: our two key pairs, our registration, both sites, the first control
digits, and where the network pays us."""

import asyncio
import json
from typing import Any

from zhangfang.assembly.house import House
from zhangfang.assembly.sandbox.cmb import CLIENT_MONEY
from zhangfang.assembly.sandbox.control import ask
from zhangfang.channels.epcc import Epcc, EpccConfig, make_key_and_request
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.settings import write_private

ISSR_ID = "Z2026058119001"
PAYEE_ACCOUNT = "243300058119001"


def provision(house: House, clock: Clock) -> None:
    """Write `channels/epcc.json`; at a later start keep keys and certificates, and renew addresses and digits."""
    path, control = house.home / "channels" / "epcc.json", house.control("epcc")
    member = {"merId": ISSR_ID, "name": "账房演示 Zhangfang demo", "notify_url": f"{house.url}/notify/epcc"}
    held = json.loads(path.read_text()) if path.exists() else {}
    if held:
        ask("POST", f"{control}/merchants", member)
    else:
        held = _joined(house, control, member)
    paid_into = {"merId": ISSR_ID, "url": house.control("cmb"), "account": CLIENT_MONEY}
    ask("POST", f"{control}/settlement_account", paid_into)
    sites = ask("GET", f"{control}/sites")
    now = held | {"sites": {site["name"]: f"https://127.0.0.1:{site['port']}" for site in sites.values()}}
    if not path.exists() or now != json.loads(path.read_text()):
        write_private(path, json.dumps(now))
    asyncio.run(_renew(EpccConfig(**now), clock))


def book(house: House) -> dict[str, Any]:
    """Return where the auditor finds the network's own book."""
    return {"control": house.control("epcc"), "merId": ISSR_ID}


def _joined(house: House, control: str, member: dict[str, str]) -> dict[str, Any]:
    """Make two keys, have the network issue their certificates, and return the settings."""
    (tls_key, tls_csr), (sign_key, sign_csr) = (make_key_and_request(ISSR_ID) for _ in range(2))
    told = ask("POST", f"{control}/merchants", member | {"tls_csr": tls_csr, "sign_csr": sign_csr})
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


async def _renew(config: EpccConfig, clock: Clock) -> None:
    channel = Epcc(config, clock)
    try:
        await channel.upkeep()
    finally:
        await channel.close()
