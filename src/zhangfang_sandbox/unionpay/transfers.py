"""The transfer of a day's net into the merchant's account at another bank.

It leaves at 09:30 of the morning after the day, half an hour after the file. Unverified: that time.
"""

import asyncio
from datetime import timedelta
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout

from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.unionpay.days import passed

_AFTER = timedelta(days=1, hours=9, minutes=30)
_TICK = 0.05
_RETRY = 0.5


class Transfers:
    """Pays what closed days come to, each once."""

    def __init__(self, store: Store, clock: BankClock) -> None:
        self._store, self._clock = store, clock
        self._http = ClientSession(timeout=ClientTimeout(total=10))

    async def work(self) -> None:
        """Pay what is due for ever, asking again until it is acknowledged."""
        while True:
            acknowledged = [await self._pay(*due) for due in self._payable()]
            await asyncio.sleep(_TICK if all(acknowledged) else _RETRY)

    async def close(self) -> None:
        """Stop talking to the other bank."""
        await self._http.close()

    def _payable(self) -> list[tuple[str, str, int, str | None, str | None]]:
        """Merchant, day, net, and where to: what is closed, due and not paid. A net of nothing needs no account."""
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
            "id": f"UP-{mer_id}-{day}",
            "account": account,
            "amount_fen": abs(net),
            "counterparty_name": "银联商户清算",
            "counterparty_account": "UP0001000000000001",
            "text": f"银联商户清算 {day} {mer_id}",
        }
        if net and not await self._ask(f"{url}/{'credit' if net > 0 else 'debit'}", order):
            return False
        names = (iso, mer_id, iso)
        self._store.write("UPDATE days SET transferred=1 WHERE mer_id=? AND settle_date=?", names[1:])
        self._store.write("UPDATE listing SET settled_in=? WHERE mer_id=? AND listed_in=?", names)
        for settled, listed in (
            ("correction_settled_in", "corrected_in"),
            ("return_settled_in", "return_listed_in"),
        ):
            self._store.write(f"UPDATE listing SET {settled}=? WHERE mer_id=? AND {listed}=?", names)  # noqa: S608
        return True

    async def _ask(self, url: str, order: dict[str, Any]) -> bool:
        """The id makes asking again harmless."""
        try:
            async with self._http.post(url, json=order) as response:
                await response.read()
                return response.status < 300
        except (ClientError, TimeoutError):
            return False
