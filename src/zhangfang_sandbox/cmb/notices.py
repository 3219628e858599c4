"""Notices to enterprises: YQN02030 (a payment ended, FINS, or came back, FINB) and YQN01010 (an account moved).

The envelope is that of one public client [V]: JSON of `corpNbr` and `enptData`, which is base64 of SM4-CTR under a key
of its own, the vector being corpNbr filled with `0` to 16; inside, JSON whose text, with the placeholder in the place of
`sigdat`, the bank signs by SM2 with the user id 1234567812345678. How it is sent is invented [G]: a POST to a URL that
the control plane was given, accepted if the answer is 200, else sent again after 1, 2, 4 and 5 minutes of bank time.
"""

import asyncio
import base64
import json
import sqlite3
from datetime import datetime, timedelta
from typing import Any

from aiohttp import ClientError, ClientSession, ClientTimeout, TCPConnector
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CTR

from zhangfang_sandbox.cmb import payments
from zhangfang_sandbox.cmb.bank import Bank
from zhangfang_sandbox.cmb.wire import rows
from zhangfang_sandbox.cmb.wire.envelope import PLACEHOLDER, canonical, padded
from zhangfang_sandbox.cmb.wire.sm2 import PrivateKey
from zhangfang_sandbox.common.times import in_china, stored

USER_ID = b"1234567812345678"
KINDS = {"FINS": "YQN02030", "FINB": "YQN02030", "NCCRTTRS": "YQN01010", "NCDBTTRS": "YQN01010"}
GAPS = (1, 2, 4, 5)  # minutes
COPIES = 3
FAULTS = ("notify_lost", "notify_late", "notify_repeated", "notify_disordered")


def sealed(
    enterprise: sqlite3.Row, key: PrivateKey, message: dict[str, Any], at: datetime, number: int
) -> bytes:
    """Return the bytes of a notice."""
    payload = {
        "sigtim": f"{in_china(at):%Y%m%d%H%M%S}",
        "sigdat": PLACEHOLDER,
        "notdat": canonical(message).decode(),
        "notkey": str(number),
        "usrnbr": enterprise["uid"],
        "notnbr": str(number),
        "nottyp": KINDS[message["msgtyp"]],
    }
    signature = base64.b64encode(key.sign(canonical(payload), USER_ID)).decode()
    plain = canonical(payload | {"sigdat": signature})
    cipher = Cipher(
        SM4(bytes.fromhex(enterprise["notify_key"])), CTR(padded(enterprise["corp_nbr"]))
    ).encryptor()
    data = base64.b64encode(cipher.update(plain) + cipher.finalize()).decode()
    return json.dumps({"corpNbr": enterprise["corp_nbr"], "enptData": data}).encode()


def message_of(bank: Bank, notice: sqlite3.Row) -> dict[str, Any]:
    """Return the content of a notice. A payment has the status of the time when the notice became due."""
    if notice["line"] is not None:
        sql = "SELECT lines.*, '' AS yur_ref FROM lines WHERE seq = ?"
        return {"msgtyp": notice["kind"], "msgdat": rows.movement_notice(bank.store.one(sql, notice["line"]))}
    sql = "SELECT payments.*, accounts.name FROM payments JOIN accounts ON number = account WHERE id = ?"
    row = bank.store.one(sql, notice["payment"])
    if notice["kind"] == "FINB":
        return {"msgtyp": "FINB", "msgdat": {"backInfo": rows.returned(row) | {"rtnNar": row["err_txt"]}}}
    state = {"reqSts": notice["req_sts"], "rtnFlg": notice["rtn_flg"]}
    return {"msgtyp": "FINS", "msgdat": {"trsInfo": rows.payment_state(row) | state}}


class Notifier:
    """Sends what is due, one task for each notice."""

    def __init__(self, bank: Bank) -> None:
        """Send nothing yet."""
        self._bank = bank
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._http = ClientSession(
            connector=TCPConnector(limit=32), timeout=ClientTimeout(total=None, sock_connect=10, sock_read=10)
        )

    def release(self) -> None:
        """Start to send what has fallen due."""
        sql = "SELECT * FROM notices WHERE due <= ? ORDER BY due, id LIMIT 64"
        for notice in self._bank.store.rows(sql, stored(self._bank.clock.now())):
            if notice["id"] not in self._under_way:
                self._under_way[notice["id"]] = asyncio.create_task(self._send(notice))

    async def close(self) -> None:
        """Stop sending; the store keeps what was not sent."""
        tasks = list(self._under_way.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._http.close()

    async def _send(self, notice: sqlite3.Row) -> None:
        """Send a notice once, or as the faults of its order say."""
        try:
            await self._tell(notice)
        finally:
            del self._under_way[notice["id"]]

    async def _tell(self, notice: sqlite3.Row) -> None:
        faults = self._bank.faults
        key = payments.by_id(self._bank.store, notice["payment"])["key"] if notice["line"] is None else ""
        met = [fault for fault in FAULTS if notice["sends"] == 0 and faults.meets(fault, key)]
        await self._bank.store.committed()  # never send what a crash could still undo
        taken = "notify_lost" in met
        if not taken:
            await asyncio.sleep(faults.plan.late_seconds if "notify_late" in met else 0)
            taken = await self._post(notice, message_of(self._bank, notice))
            for _ in range(COPIES - 1 if "notify_repeated" in met else 0):
                await self._post(notice, message_of(self._bank, notice))
            if "notify_disordered" in met:
                await self._post(notice, self._earlier(notice))
        self._sent(notice, taken)

    def _earlier(self, notice: sqlite3.Row) -> dict[str, Any]:
        """Return the same payment in an earlier state: still being processed by the bank."""
        earlier = message_of(self._bank, notice)
        for told in earlier["msgdat"].values():
            told |= {"reqSts": "BNK", "rtnFlg": ""}
        return earlier | {"msgtyp": "FINS", "msgdat": {"trsInfo": next(iter(earlier["msgdat"].values()))}}

    def _sent(self, notice: sqlite3.Row, taken: bool) -> None:
        if taken or notice["sends"] == len(GAPS):
            self._bank.store.write("DELETE FROM notices WHERE id = ?", (notice["id"],))
            return
        due = self._bank.clock.now() + timedelta(minutes=GAPS[notice["sends"]])
        sql = "UPDATE notices SET sends = sends + 1, due = ? WHERE id = ?"
        self._bank.store.write(sql, (stored(due), notice["id"]))

    async def _post(self, notice: sqlite3.Row, message: dict[str, Any]) -> bool:
        enterprise = self._bank.store.one("SELECT * FROM enterprises WHERE uid = ?", notice["uid"])
        body = sealed(enterprise, self._bank.key, message, self._bank.clock.now(), notice["id"])
        kind = {"Content-Type": "application/json;charset=UTF-8"}
        try:
            async with self._http.post(
                enterprise["notify_url"], data=body, headers=kind, allow_redirects=False
            ) as answer:
                await answer.read()
                return answer.status == 200
        except (ClientError, TimeoutError, ValueError):
            return False  # the receiver is down or unknown: the next try may reach it
