"""A merchant for the tests of the UnionPay sandbox, written from the protocol's facts and sharing no code with it."""

import asyncio
import base64
import hashlib
import io
import json
import sys
import zipfile
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, timezone
from functools import cache
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import parse_qsl, urlencode

from aiohttp import ClientSession, web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from zhangfang_sandbox.common.process import Served, serve
from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.unionpay.parts import build
from zhangfang_sandbox.unionpay.wire import keys

CHINA = timezone(timedelta(hours=8))
MER_ID = "777290058110048"
FRONT, BACK = "/gateway/api/frontTransReq.do", "/gateway/api/backTransReq.do"
QUERY, FILE = "/gateway/api/queryTrans.do", "/"
NOON = datetime(2026, 9, 1, 12, 0, tzinfo=CHINA)
CARD = "6212341234567890123"
NOBODY = "http://127.0.0.1:9/back"

ZM = [3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2]
ZM += [6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98]
ZME = [3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135]

Fields = Mapping[str, str]
T = TypeVar("T")


def text_to_sign(fields: Fields) -> str:
    """All but the signature, sorted, joined."""
    return "&".join(f"{k}={fields[k]}" for k in sorted(fields) if k != "signature" and fields[k].strip())


def keyed_signature(text: str, secure_key: str) -> str:
    """signMethod 11."""
    inner = hashlib.sha256(secure_key.encode()).hexdigest()
    return hashlib.sha256(f"{text}&{inner}".encode()).hexdigest()


def split_answer(text: str) -> dict[str, str]:
    """A bare `k=v&k=v` body, in which brackets may hold both signs."""
    parts, depth, start = [], 0, 0
    for at, letter in enumerate(text):
        depth += (letter in "{[") - (letter in "}]")
        if letter == "&" and depth == 0:
            parts.append(text[start:at])
            start = at + 1
    parts.append(text[start:])
    found = dict(part.split("=", 1) for part in parts)
    assert len(found) == len(parts)
    return found


@cache
def bank_keys() -> dict[str, str]:
    """Keys are slow to make; the tests' banks share theirs."""
    return keys.create()


@cache
def merchant_identity() -> tuple[rsa.RSAPrivateKey, x509.Certificate]:
    """A merchant's key and certificate."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "merchant")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    builder = builder.not_valid_before(datetime(2020, 1, 1, tzinfo=UTC))
    builder = builder.not_valid_after(datetime(2040, 1, 1, tzinfo=UTC))
    return key, builder.sign(key, hashes.SHA256())


def pem_of(certificate: x509.Certificate) -> str:
    """As the control plane takes it."""
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


async def eventually(look: Callable[[], Awaitable[T]]) -> T:
    """Ask until the answer is something; what is not so after half a minute never will be."""
    async with asyncio.timeout(30):
        while True:
            if found := await look():
                return found
            await asyncio.sleep(0.01)


async def until(look: Callable[[], T]) -> T:
    """Wait for something to become true."""

    async def ask() -> T:
        return look()

    return await eventually(ask)


@dataclass
class Receiver:
    """A server that takes what banks post: notifications, transfers. `statuses` are answered first, then 200."""

    url: str = ""
    got: list[dict[str, str]] = field(default_factory=list)
    transfers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    statuses: list[int] = field(default_factory=list)

    async def handle(self, request: web.BaseRequest) -> web.Response:
        """Note it, answer."""
        body = await request.read()
        if request.path in {"/credit", "/debit"}:
            self.transfers.append((request.path, json.loads(body)))
        else:
            self.got.append(dict(parse_qsl(body.decode(), keep_blank_values=True, strict_parsing=True)))
        return web.Response(status=self.statuses.pop(0) if self.statuses else 200)


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    """A receiver on a free port."""
    receiver = Receiver()
    runner = web.ServerRunner(web.Server(receiver.handle, access_log=None))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    receiver.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
    try:
        yield receiver
    finally:
        await runner.cleanup()


@dataclass
class Merchant:
    """Speaks to one bank as one merchant."""

    http: ClientSession
    port: int
    control_port: int
    back_url: str
    certificates: dict[str, str] = field(default_factory=dict)
    now: datetime = NOON

    async def control(self, method: str, path: str, data: Any = None) -> Any:
        """The control plane's JSON; asserts success."""
        status, answer = await self.control_status(method, path, data)
        assert status == 200, answer
        return answer

    async def control_status(self, method: str, path: str, data: Any = None) -> tuple[int, Any]:
        """The control plane's status and JSON."""
        url = f"http://127.0.0.1:{self.control_port}{path}"
        async with self.http.request(method, url, json=data) as response:
            return response.status, await response.json()

    async def set_clock(self, now: datetime, rate: float = 0) -> None:
        """It is `now` at the bank and at the merchant's; the bank's clock stands unless it has a rate."""
        self.now = now
        await self.control("PUT", "/clock", {"now": now.isoformat(), "rate": rate})

    async def fault(self, **plan: Any) -> None:
        """Plan faults; late things happen after a fifth of a second."""
        await self.control("PUT", "/faults", {"late_seconds": 0.2, **plan})

    def sign(self, fields: Fields) -> dict[str, str]:
        """signMethod 01."""
        key, certificate = merchant_identity()
        told = {**fields, "certId": str(certificate.serial_number), "signMethod": "01"}
        once = hashlib.sha256(text_to_sign(told).encode(told.get("encoding", "UTF-8"))).hexdigest()
        raw = key.sign(once.encode(), padding.PKCS1v15(), hashes.SHA256())
        return told | {"signature": base64.b64encode(raw).decode()}

    async def post(self, path: str, fields: Fields) -> str:
        """Post fields as they are; the body of the answer."""
        encoding = fields.get("encoding", "UTF-8")
        async with self.http.post(
            f"http://127.0.0.1:{self.port}{path}", data=urlencode(fields, encoding=encoding).encode()
        ) as response:
            assert response.status == 200
            return (await response.read()).decode(encoding)

    async def ask(self, path: str, fields: Fields) -> dict[str, str]:
        """Sign, post, verify; the answer's fields."""
        answer = split_answer(await self.post(path, self.sign(fields)))
        assert self.genuine(answer)
        return answer

    def genuine(self, fields: Fields) -> bool:
        """Whether the bank said this: chain, name, validity, signature."""
        leaf = x509.load_pem_x509_certificate(fields["signPubKeyCert"].encode())
        middle = x509.load_pem_x509_certificate(self.certificates["middle"].encode())
        root = x509.load_pem_x509_certificate(self.certificates["root"].encode())
        try:
            middle.verify_directly_issued_by(root)
            leaf.verify_directly_issued_by(middle)
            name = leaf.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value
            assert str(name).split("@")[-1] == "中国银联股份有限公司"
            assert leaf.not_valid_before_utc < self.now < leaf.not_valid_after_utc
            key = leaf.public_key()
            assert isinstance(key, rsa.RSAPublicKey)
            once = hashlib.sha256(text_to_sign(fields).encode(fields["encoding"])).hexdigest()
            signature = base64.b64decode(fields["signature"])
            key.verify(signature, once.encode(), padding.PKCS1v15(), hashes.SHA256())
        except Exception:  # any way to fail is the same to a merchant
            return False
        return True

    def common(self, txn_type: str, sub_type: str, biz_type: str, order_id: str) -> dict[str, str]:
        """The fields of every request."""
        return {
            "version": "5.1.0",
            "encoding": "UTF-8",
            "txnType": txn_type,
            "txnSubType": sub_type,
            "bizType": biz_type,
            "accessType": "0",
            "merId": MER_ID,
            "orderId": order_id,
            "txnTime": f"{self.now.astimezone(CHINA):%Y%m%d%H%M%S}",
        }

    def money(self, kind: str, order_id: str, amount: int, **more: str) -> dict[str, str]:
        """A request that moves money; `key` is the order's number unless it is given as reqReserved."""
        types = {
            "purchase": ("01", "01", "000201"),
            "collection": ("11", "03", "000501"),
            "refund": ("04", "00", "000501"),
            "void": ("31", "00", "000501"),
            "payout": ("12", "00", "000401"),
        }
        fields = self.common(*types[kind], order_id) | {
            "channelType": "07",
            "txnAmt": str(amount),
            "currencyCode": "156",
            "backUrl": self.back_url,
            "reqReserved": order_id,
        }
        if kind == "collection":
            fields["accNo"] = CARD
        return fields | more

    async def collect(self, order_id: str, amount: int = 1000, **more: str) -> dict[str, str]:
        """A collection's synchronous answer."""
        return await self.ask(BACK, self.money("collection", order_id, amount, **more))

    async def give_back(self, kind: str, order_id: str, original: str, amount: int, **more: str) -> str:
        """A refund's or void's respCode."""
        fields = self.money(kind, order_id, amount, origQryId=original, **more)
        return (await self.ask(BACK, fields))["respCode"]

    async def query(self, order_id: str) -> dict[str, str]:
        """A query's answer; assumes the order was made at the merchant's `now`."""
        return await self.ask(QUERY, self.common("00", "00", "000000", order_id))

    async def book(self, **filters: str) -> list[dict[str, Any]]:
        """The bank's book."""
        rows: list[dict[str, Any]] = await self.control("GET", f"/book?{urlencode(filters)}")
        return rows

    async def file(self, day: str) -> tuple[str, list[list[str]], list[list[str]]]:
        """respCode, ZM rows and ZME rows of the file of MMDD `day`, each row its columns."""
        fields = self.common("76", "01", "000000", "")
        fields |= {"fileType": "00", "settleDate": day}
        answer = await self.ask(FILE, fields)
        if answer["respCode"] != "00":
            return answer["respCode"], [], []
        zipped = zipfile.ZipFile(io.BytesIO(zlib.decompress(base64.b64decode(answer["fileContent"]))))
        by_mark = {name.split("_")[0][-3:]: zipped.read(name) for name in zipped.namelist()}
        return answer["respCode"], cut(by_mark["8ZM"], ZM), cut(by_mark["ZME"], ZME)


def cut(data: bytes, widths: list[int]) -> list[list[str]]:
    """Rows of fixed width, sliced by bytes; column 1 is at index 1."""
    rows = []
    for line in data.split(b"\r\n")[:-1]:
        assert len(line) == sum(widths) + len(widths) - 1
        columns, at = [""], 0
        for width in widths:
            columns.append(line[at : at + width].decode("gbk").strip())
            at += width + 1
        rows.append(columns)
    return rows


def give_keys(folder: Path) -> None:
    """Put ready-made keys into the bank's folder."""
    folder.mkdir(exist_ok=True)
    store = Store(folder / "bank.db", "")
    store.put("keys", bank_keys())
    store.close()


@asynccontextmanager
async def bank(folder: Path) -> AsyncIterator[Served]:
    """The bank in this process, on the folder, with ready-made keys."""
    give_keys(folder)
    served = await serve(await build(folder, null_signatures=False), 0, 0)
    try:
        yield served
    finally:
        await served.stop()


@asynccontextmanager
async def merchant_of(port: int, control_port: int, back_url: str) -> AsyncIterator[Merchant]:
    """A registered merchant."""
    async with ClientSession() as http:
        merchant = Merchant(http, port, control_port, back_url)
        data = {"merId": MER_ID, "name": "测试商户 <b>", "certificate": pem_of(merchant_identity()[1])}
        merchant.certificates = await merchant.control("POST", "/merchants", data)
        yield merchant


@asynccontextmanager
async def merchant_on(folder: Path, back_url: str = NOBODY) -> AsyncIterator[Merchant]:
    """A bank in this process and its merchant."""
    async with bank(folder) as served, merchant_of(served.port, served.control_port, back_url) as merchant:
        yield merchant


@asynccontextmanager
async def merchant_at_noon(folder: Path) -> AsyncIterator[tuple[Merchant, Receiver]]:
    """Bank, receiver and merchant; the bank's clock stands at noon of 1 September 2026."""
    async with receiving() as receiver, merchant_on(folder, f"{receiver.url}/back") as merchant:
        await merchant.set_clock(NOON)
        yield merchant, receiver


@asynccontextmanager
async def process(
    folder: Path, *options: str, back_url: str = NOBODY
) -> AsyncIterator[tuple[asyncio.subprocess.Process, Merchant]]:
    """The bank as a process of its own, and its merchant."""
    command = [sys.executable, "-m", "zhangfang_sandbox.unionpay", "--data", str(folder)]
    command += ["--port", "0", "--control-port", "0", *options]
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    try:
        assert child.stdout is not None
        ports = json.loads(await child.stdout.readline())
        async with merchant_of(ports["port"], ports["control_port"], back_url) as merchant:
            yield child, merchant
    finally:
        if child.returncode is None:
            child.kill()
        await child.wait()
