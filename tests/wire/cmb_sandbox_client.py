"""A little CDC client for the tests of the sandbox bank, made of another crypto library than the bank's (GmSSL)."""

import base64
import itertools
import json
import urllib.parse
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import aiohttp
import gmssl_pyx
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature, encode_dss_signature

from zhangfang_sandbox.cmb.__main__ import build
from zhangfang_sandbox.common.process import serve

CHINA = ZoneInfo("Asia/Shanghai")
PLACEHOLDER = "__signature_sigdat__"
_numbers = itertools.count(1)

Json = dict[str, Any]


class Forged(Exception):
    """The bank's signature does not verify."""


def der_to_raw(der: bytes) -> bytes:
    """r || s of a DER signature."""
    r, s = decode_dss_signature(der)
    return r.to_bytes(32, "big") + s.to_bytes(32, "big")


def raw_to_der(raw: bytes) -> bytes:
    """DER of r || s."""
    return encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))


def canonical(message: object) -> bytes:
    """Sorted, without white space, UTF-8."""
    return json.dumps(message, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


@dataclass
class Client:
    """One enterprise that talks to one bank."""

    session: aiohttp.ClientSession
    wire: str
    control: str
    uid: str = "N002432758"
    account: str = "755900000000001"
    keys: tuple[bytes, bytes] = field(default_factory=gmssl_pyx.sm2_key_generate)  # public, private
    bank_key: bytes = b""
    sm4: bytes = b""

    @property
    def iv(self) -> bytes:
        return (self.uid + "0" * 16)[:16].encode()

    async def join(self, opening_fen: int = 100_000_00, **more: Any) -> None:
        """Register and open an account."""
        public = self.keys[0].hex()
        told = await self.ask("POST", "/enterprises", {"uid": self.uid, "public_key": public})
        self.bank_key, self.sm4 = bytes.fromhex(told["bank_public_key"]), bytes.fromhex(told["sm4_key"])
        account = {"number": self.account, "name": "账房测试企业", "enterprise": self.uid, **more}
        await self.ask("POST", "/accounts", {**account, "opening_fen": opening_fen})

    async def ask(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        """Use the control plane."""
        async with self.session.request(method, self.control + path, json=body) as answer:
            said = await answer.json()
            assert answer.status == status, said
            return said

    async def bank_time(self) -> datetime:
        now = (await self.ask("GET", "/clock"))["now"]
        return datetime.fromisoformat(now).astimezone(CHINA)

    async def set_time(self, now: str | datetime, rate: float = 0) -> None:
        """Set the bank's clock; by default it then stands."""
        moment = now if isinstance(now, str) else now.isoformat()
        await self.ask("PUT", "/clock", {"now": moment, "rate": rate})

    async def wait(self, **amount: float) -> None:
        """Let bank time pass at once."""
        await self.set_time(await self.bank_time() + timedelta(**amount))

    def message(self, funcode: str, body: object, now: datetime, **head: str) -> Json:
        """An unsigned request."""
        reqid = f"{now:%Y%m%d%H%M%S}{now.microsecond // 1000:03d}z{next(_numbers)}"
        full = {"funcode": funcode, "userid": self.uid, "reqid": reqid, **head}
        signature = {"sigtim": f"{now:%Y%m%d%H%M%S}", "sigdat": PLACEHOLDER}
        return {"request": {"head": full, "body": body}, "signature": signature}

    def signed(self, message: Json) -> Json:
        """Put the signature in."""
        der = gmssl_pyx.sm2_sign(self.keys[1], self.keys[0], canonical(message), self.iv)
        signature = {**message["signature"], "sigdat": base64.b64encode(der_to_raw(der)).decode()}
        return {**message, "signature": signature}

    def form(self, plain: bytes, funcode: str, **fields: str) -> bytes:
        """Encrypt and write the form."""
        data = base64.b64encode(gmssl_pyx.sm4_cbc_padding_encrypt(self.sm4, self.iv, plain)).decode()
        full = {"UID": self.uid, "FUNCODE": funcode, "ALG": "SM", "DATA": data, **fields}
        return urllib.parse.urlencode(full).encode()

    async def post(self, raw: bytes) -> tuple[int, str]:
        """Send bytes; return status and text."""
        async with self.session.post(
            self.wire,
            data=raw,
            headers={"Content-Type": "application/x-www-form-urlencoded"},
            timeout=aiohttp.ClientTimeout(30),
        ) as answer:
            return answer.status, await answer.text()

    def read(self, text: str) -> Json:
        """Decrypt and verify an answer; return its response part."""
        plain = gmssl_pyx.sm4_cbc_padding_decrypt(self.sm4, self.iv, base64.b64decode(text, validate=True))
        message: Json = json.loads(plain)
        raw = base64.b64decode(message["signature"]["sigdat"])
        message["signature"]["sigdat"] = PLACEHOLDER
        if not gmssl_pyx.sm2_verify(self.bank_key, canonical(message), raw_to_der(raw), self.iv):
            raise Forged
        response: Json = message["response"]
        return response

    async def call(self, funcode: str, body: object) -> Json:
        """Do a whole exchange; return the response's head and body."""
        message = self.signed(self.message(funcode, body, await self.bank_time()))
        status, text = await self.post(self.form(canonical(message), funcode))
        assert status == 200, text
        return self.read(text)

    async def good(self, funcode: str, body: object) -> Json:
        """Do an exchange that the bank accepts; return the body."""
        response = await self.call(funcode, body)
        assert response["head"]["resultcode"] == "SUC0000", response
        found: Json = response["body"]
        return found

    def payment(self, yur_ref: str, amount: str = "12.30", key: str = "", **more: str) -> Json:
        """The body of BB1PAYOP."""
        item = {
            "dbtAcc": self.account,
            "crtAcc": "6225880100000001",
            "crtNam": "张三",
            "ccyNbr": "10",
            "trsAmt": amount,
            "nusAge": "货款",
            "yurRef": yur_ref,
            "busNar": key,
            "bnkFlg": "N",
            "brdNbr": "308584000013",
        }
        return {"bb1paybmx1": [{"busMod": "00001", "busCod": "N02030"}], "bb1payopx1": [{**item, **more}]}

    async def pay(self, yur_ref: str, amount: str = "12.30", key: str = "", **more: str) -> Json:
        """Pay and return the one record of the answer."""
        body = await self.good("BB1PAYOP", self.payment(yur_ref, amount, key, **more))
        record: Json = body["bb1payopz1"][0]
        return record

    async def query(self, yur_ref: str) -> list[Json]:
        """Return the records of a reference."""
        body = await self.good("BB1PAYQR", {"bb1payqrx1": [{"busCod": "N02030", "yurRef": yur_ref}]})
        found: list[Json] = body["bb1payqrz1"]
        return found

    async def state(self, yur_ref: str) -> str:
        """Return reqSts/rtnFlg of the newest record of a reference."""
        last = (await self.query(yur_ref))[-1]
        return "/".join(filter(None, (last["reqSts"], last["rtnFlg"])))

    async def page(self, cursor: Json | None, **more: str) -> Json:
        """Read a page of the statement of the bank's today."""
        today = f"{await self.bank_time():%Y%m%d}"
        query = {"cardNbr": self.account, "beginDate": today, "endDate": today, **more}
        body: Json = {"TRANSQUERYBYBREAKPOINT_X1": [query]}
        if cursor:
            body["TRANSQUERYBYBREAKPOINT_Y1"] = [cursor]
        return await self.good("trsQryByBreakPoint", body)

    async def balance(self) -> int:
        """Return the account's balance in the book, fen."""
        told = await self.ask("GET", f"/book?account={self.account}")
        balance: int = told["balance_fen"]
        return balance


async def act(client: Client, yur_ref: str, sts: str, flg: str = "", status: int = 200) -> None:
    """Bring a payment to a status, as a person would."""
    await client.ask("POST", "/payments/status", {"yurRef": yur_ref, "reqSts": sts, "rtnFlg": flg}, status)


def credit(number: str, account: str, amount_fen: int) -> dict[str, object]:
    """Money from outside."""
    return {
        "id": number,
        "account": account,
        "amount_fen": amount_fen,
        "counterparty_name": "银联",
        "counterparty_account": "1",
        "text": "清算",
    }


@asynccontextmanager
async def served_bank(folder: Path) -> AsyncIterator[Client]:
    """Run a bank in this process; give a client of it that has not joined yet."""
    served = await serve(await build(folder), 0, 0)
    try:
        async with aiohttp.ClientSession() as session:
            wire = f"http://127.0.0.1:{served.port}/cdcserver/api/v2"
            yield Client(session, wire, f"http://127.0.0.1:{served.control_port}")
    finally:
        await served.stop()
