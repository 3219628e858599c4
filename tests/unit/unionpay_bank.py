"""UnionPay's side for the connector's tests: a chain of certificates, signatures and file rows, written on its own."""

import base64
import hashlib
import io
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.x509.oid import NameOID

from tests.clock import SetClock
from zhangfang.channels.port import Operation, Order, PartyAccount
from zhangfang.channels.unionpay import UnionPayConfig, make_merchant_certificate

NOW = datetime(2026, 12, 31, 3, 0, 0, tzinfo=UTC)  # 11:00 in China
MER_ID = "777290058110048"
CN = "041@Z2026@00040000:SIGN@中国银联股份有限公司"


def stopped_clock() -> SetClock:
    clock = SetClock()
    clock.set(NOW)
    return clock


@dataclass(frozen=True)
class Identity:
    key: rsa.RSAPrivateKey
    certificate: x509.Certificate

    @property
    def pem(self) -> str:
        return self.certificate.public_bytes(serialization.Encoding.PEM).decode()


@lru_cache(maxsize=64)
def issue(cn: str, issuer: Identity | None = None, is_ca: bool = False, days: int = 365) -> Identity:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, cn)])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(issuer.certificate.subject if issuer else name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW - timedelta(days=30))
        .not_valid_after(NOW + timedelta(days=days))
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
        .sign(issuer.key if issuer else key, hashes.SHA256())
    )
    return Identity(key, certificate)


@lru_cache(maxsize=1)
def bank() -> tuple[Identity, Identity, Identity, Identity]:
    """Root, middle, signing leaf, encryption leaf."""
    root = issue("Test Root", None, is_ca=True, days=3650)
    middle = issue("Test Middle", root, is_ca=True, days=1825)
    return root, middle, issue(CN, middle), issue("Encrypt@中国银联股份有限公司", middle)


@lru_cache(maxsize=1)
def merchant() -> tuple[str, str]:
    return make_merchant_certificate(MER_ID, stopped_clock())


def config(base_url: str = "http://127.0.0.1:9", timeout_seconds: float = 5.0) -> UnionPayConfig:
    root, middle, _, encrypt = bank()
    key, cert = merchant()
    return UnionPayConfig(
        mer_id=MER_ID, base_url=base_url, file_url=base_url, back_url="http://127.0.0.1/notify?merchant=7",
        sign_key_pem=key, sign_cert_pem=cert, root_pem=root.pem, middle_pem=middle.pem,
        encrypt_cert_pem=encrypt.pem, timeout_seconds=timeout_seconds,
    )  # fmt: skip


def text_of(fields: Mapping[str, str]) -> str:
    return "&".join("=".join(item) for item in fields.items())


def bank_signs(fields: Mapping[str, str], signer: Identity | None = None) -> dict[str, str]:
    signer = signer or bank()[2]
    whole = {"signMethod": "01", "signPubKeyCert": signer.pem, **fields}
    text = "&".join(sorted(f"{name}={value}" for name, value in whole.items()))
    hexed = hashlib.sha256(text.encode("utf-8")).hexdigest().encode("ascii")
    signature = signer.key.sign(hexed, padding.PKCS1v15(), hashes.SHA256())
    return {**whole, "signature": base64.b64encode(signature).decode()}


def order(operation: Operation = Operation.COLLECTION, **changes: object) -> Order:
    parts: dict[str, object] = {
        "operation": operation,
        "order_no": "0192f0c1aaaa7bbb8cccdddddddddd00",
        "requested_at": NOW,
        "amount": 12345,
        "key": "M-20261231-1",
    }
    if operation in (Operation.COLLECTION, Operation.PAYOUT):
        parts["account"] = PartyAccount(
            "6222021234567890123", "王小明", id_no="11010119900307001X", phone="13800000000"
        )
    if operation in (Operation.REFUND, Operation.VOID):
        parts |= {"original_ref": "123456789012345678901", "original_operation": Operation.PURCHASE}
    return Order(**(parts | changes))  # type: ignore[arg-type]


ZM_WIDTHS = (
    3, 11, 11, 6, 10, 19, 12, 4, 2, 21, 2, 32, 2, 6, 10, 13, 13, 4, 15, 2, 2,
    6, 2, 4, 32, 1, 21, 15, 1, 15, 32, 13, 13, 8, 32, 13, 13, 12, 2, 1, 32, 98,
)  # fmt: skip
ZME_WIDTHS = (3, 11, 11, 6, 10, 19, 12, 4, 2, 2, 6, 10, 4, 12, 13, 13, 15, 15, 1, 12, 2, 135)


def zm_row(cells: Mapping[int, str] | None = None) -> bytes:
    usual = {
        1: "S56", 6: "622202*********0123", 7: "000000012345", 10: "123456789012345678901", 12: "order0001",
        16: "D000000000037", 17: "C000000012345", 20: "01", 21: "01", 22: "000201", 28: MER_ID,
    }  # fmt: skip
    return _row(ZM_WIDTHS, usual | dict(cells or {}))


def zme_row(cells: Mapping[int, str] | None = None) -> bytes:
    usual = {
        1: "E74", 6: "622202*********0123", 7: "000000000001", 15: "D000000000000", 16: "D000000000001",
        17: MER_ID, 22: "123456789012345678901 order0001",
    }  # fmt: skip
    return _row(ZME_WIDTHS, usual | dict(cells or {}))


def _row(widths: tuple[int, ...], cells: Mapping[int, str]) -> bytes:
    packed = []
    for number, width in enumerate(widths, 1):
        cell = cells.get(number, "").encode("gbk")
        assert len(cell) <= width
        packed.append(cell + b" " * (width - len(cell)))
    return b" ".join(packed)


def zipped(entries: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries.items():
            archive.writestr(zipfile.ZipInfo(name), data, zipfile.ZIP_DEFLATED)  # without the time of now
    return buffer.getvalue()


def content(entries: Mapping[str, bytes]) -> str:
    return base64.b64encode(zlib.compress(zipped(entries))).decode()
