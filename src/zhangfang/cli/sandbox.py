"""Setting up the sandbox: our keys are made, the sandbox banks learn our public ones, and we learn theirs.

With real channels a person does this at the bank's counter; the result is the same files in `channels/`.
"""

import http.client
import json
import secrets
import time
import urllib.error
import urllib.request
from datetime import datetime
from pathlib import Path
from typing import Any

from zhangfang.channels.cmb import make_enterprise_key
from zhangfang.channels.unionpay import make_merchant_certificate
from zhangfang.cli.house import House, HouseError
from zhangfang.kernel.clock import Clock, SystemClock, set_clock
from zhangfang.kernel.settings import write_private
from zhangfang.vault import create_key_file

MER_ID = "777290058119001"
ENTERPRISE = "U0058119"
CLIENT_MONEY = "7559000001058119"  # our client-money account at the CMB sandbox
BANK_AWAY_SECONDS = 20.0


def ask(method: str, url: str, body: Any = None) -> Any:
    """Speak to a control plane: JSON out, JSON in; a refusal is a `HouseError` with the bank's own words.

    A bank that is away may be starting again: it is asked again for a while. Every call of a control plane can be
    repeated.
    """
    until = time.monotonic() + BANK_AWAY_SECONDS
    while True:
        try:
            return _ask(method, url, body)
        except (OSError, http.client.HTTPException) as error:
            if time.monotonic() > until:
                raise HouseError(f"{method} {url}: {error}") from None
        time.sleep(0.1)


def _ask(method: str, url: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")[:300]
        raise HouseError(f"{method} {url}: {error.code} {said}") from None


def provision(house: House) -> None:
    """Make what is missing: vault keys, our certificates and keys, the banks' registrations and channel files."""
    if not (house.home / "vault.json").exists():
        create_key_file(house.home / "vault.json")
    if not (house.home / "admin-key").exists():
        write_private(house.home / "admin-key", f"zf_admin_{secrets.token_urlsafe(32)}")
    clock = SystemClock()
    if not (house.home / "channels" / "unionpay.json").exists():
        _unionpay(house, clock)
    if not (house.home / "channels" / "cmb.json").exists():
        _cmb(house)
    ask(
        "POST",
        house.control("unionpay") + "/settlement_account",
        {"merId": MER_ID, "url": house.control("cmb"), "account": CLIENT_MONEY},
    )
    _rebase(house.home / "channels" / "unionpay.json", {"back_url": f"{house.url}/notify/unionpay"})
    write_private(house.home / "banks.json", json.dumps(_books(house)))


def _books(house: House) -> dict[str, Any]:
    """Return where the auditor finds the banks' own books."""
    return {
        "unionpay": {"control": house.control("unionpay"), "merId": MER_ID},
        "cmb": {"control": house.control("cmb"), "account": CLIENT_MONEY, "alias": "cmb"},
    }


def _unionpay(house: House, clock: Clock) -> None:
    key, certificate = make_merchant_certificate(MER_ID, clock)
    chain = ask(
        "POST",
        house.control("unionpay") + "/merchants",
        {"merId": MER_ID, "name": "账房演示 Zhangfang demo", "certificate": certificate},
    )
    config = {
        "mer_id": MER_ID,
        "base_url": house.wire("unionpay"),
        "file_url": house.wire("unionpay"),
        "back_url": f"{house.url}/notify/unionpay",
        "sign_key_pem": key,
        "sign_cert_pem": certificate,
        "root_pem": chain["root"],
        "middle_pem": chain["middle"],
        "encrypt_cert_pem": chain["encrypt"],
        "timeout_seconds": 2.0,
    }
    write_private(house.home / "channels" / "unionpay.json", json.dumps(config))


def _cmb(house: House) -> None:
    private, public = make_enterprise_key()
    bank = ask("POST", house.control("cmb") + "/enterprises", {"uid": ENTERPRISE, "public_key": public})
    ask(
        "POST",
        house.control("cmb") + "/accounts",
        {"number": CLIENT_MONEY, "name": "账房客户备付金", "opening_fen": 0, "enterprise": ENTERPRISE},
    )
    config = {
        "uid": ENTERPRISE,
        "base_url": house.wire("cmb"),
        "account": CLIENT_MONEY,
        "private_key": private,
        "bank_public_key": bank["bank_public_key"],
        "sm4_key": bank["sm4_key"],
        "timeout_seconds": 2.0,
    }
    write_private(house.home / "channels" / "cmb.json", json.dumps(config))


def _rebase(path: Path, changed: dict[str, str]) -> None:
    """Change addresses in a channel's file: the API may listen on another port than last time."""
    held = json.loads(path.read_text())
    if held | changed != held:
        write_private(path, json.dumps(held | changed))


def set_time(house: House, now: datetime, rate: float = 1.0) -> None:
    """Set the virtual clock of the banks and of the platform."""
    for bank in ("unionpay", "cmb"):
        ask("PUT", house.control(bank) + "/clock", {"now": now.isoformat(), "rate": rate})
    set_clock(house.home / "clock.json", now, rate)
    time.sleep(0.05)  # until every process has seen it: no request carries the time before the jump
