"""Speaking to a sandbox bank's control plane: what a real bank's counter, statement desk and misfortune would do."""

import http.client
import json
import time
import urllib.error
import urllib.request
from typing import Any

from zhangfang.assembly.house import House, HouseError

BANK_AWAY_SECONDS = 20.0
CLIENT_MONEY = {"cmb": "7559000001058119", "genericbank": "8050000001058119"}  # our accounts there
NAME = "账房演示 Zhangfang demo"  # under which we are known at the banks


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


def join(house: House, bank: str, ours: dict[str, Any], paid_into: str) -> Any:
    """Register us as a merchant of an acquirer, which pays us into our account at another bank; return its answer."""
    told = ask("POST", f"{house.control(bank)}/merchants", {"name": NAME} | ours)
    account = {"url": house.control(paid_into), "account": CLIENT_MONEY[paid_into]}
    ask("POST", f"{house.control(bank)}/settlement_account", {"merId": ours["merId"]} | account)
    return told


def _ask(method: str, url: str, body: Any) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)  # noqa: S310 - loopback
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")
    except urllib.error.HTTPError as error:
        said = error.read().decode(errors="replace")[:300]
        raise HouseError(f"{method} {url}: {error.code} {said}") from None
