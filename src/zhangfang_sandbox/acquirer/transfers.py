"""The transfer of a day's net into the merchant's account at another bank, at 09:30 of the morning after the day [K, G]."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from zhangfang_sandbox.acquirer.closing import passed
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.store import Store

_AFTER = timedelta(days=1, hours=9, minutes=30)
_TICK = 0.05
_RETRY = 0.5


class Transfers:
    """Pays the net of each closed day once.

    `name` is how the bank names itself as the payer, `prefix` begins the transfer's id. `parts` are pairs of columns of
    `listing`: when a transfer is paid, the first one is set for all rows whose second one is the day.
    """

    def __init__(
        self, store: Store, clock: BankClock, name: str, prefix: str, parts: Sequence[tuple[str, str]]
    ) -> None:
        self._store, self._clock, self._name, self._prefix, self._parts = store, clock, name, prefix, parts
        self._http = ClientSession(timeout=ClientTimeout(total=10))

    async def work(self) -> None:
        """Pay for ever what is due. What is not acknowledged is tried again."""
        while True:
            acknowledged = [await self._pay(*due) for due in self._payable()]
            await asyncio.sleep(_TICK if all(acknowledged) else _RETRY)

    async def close(self) -> None:
        """Stop talking to the other bank."""
        await self._http.close()

    def _payable(self) -> list[tuple[str, str, int, str | None, str | None]]:
        """Merchant, day, net, and the account to pay: what is closed, due and not paid. A net of 0 needs no account."""
        last = passed(self._clock.now(), _AFTER).isoformat()
        return self._store.read(
            "SELECT mer_id,settle_date,net_fen,url,account FROM days LEFT JOIN accounts USING(mer_id)"
            " WHERE transferred=0 AND settle_date<=? AND (net_fen=0 OR url IS NOT NULL) ORDER BY settle_date",
            (last,),
        )

    async def _pay(self, mer_id: str, iso: str, net: int, url: str | None, account: str | None) -> bool:
        await self._store.committed()
        day = iso.replace("-", "")
        order = {
            "id": f"{self._prefix}-{mer_id}-{day}",
            "account": account,
            "amount_fen": abs(net),
            "counterparty_name": self._name,
            "counterparty_account": f"{self._prefix}0001000000000001",
            "text": f"{self._name} {day} {mer_id}",
        }
        if net and not await self._ask(f"{url}/{'credit' if net > 0 else 'debit'}", order):
            return False
        names = (iso, mer_id, iso)
        self._store.write("UPDATE days SET transferred=1 WHERE mer_id=? AND settle_date=?", names[1:])
        for settled, listed in self._parts:
            self._store.write(f"UPDATE listing SET {settled}=? WHERE mer_id=? AND {listed}=?", names)  # noqa: S608
        return True

    async def _ask(self, url: str, order: dict[str, Any]) -> bool:
        """Ask the other bank to book it. Its `id` makes asking again harmless."""
        try:
            async with self._http.post(url, json=order) as response:
                await response.read()
                return response.status < 300
        except (ClientError, TimeoutError):
            return False
