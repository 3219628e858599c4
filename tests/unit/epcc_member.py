"""A member's side for unit tests: keys, certificates and settings made with OpenSSL, not with the code under test."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

from tests.clock import SetClock
from zhangfang.channels.epcc import EpccConfig
from zhangfang.channels.port import Operation, Order

ISSR_ID = "Z2026058119001"
TRX_ID = "2026090112345678901234560760100"
EARLIER = "2026083100000000000000010770200"


def openssl(*arguments: str, data: bytes = b"") -> bytes:
    return subprocess.run(["openssl", *arguments], input=data, capture_output=True, check=True).stdout


@cache
def made() -> dict[str, str]:
    """An authority, and what it issued: PEM by name; `…_key` are the private keys."""
    with tempfile.TemporaryDirectory() as folder:
        return _made(Path(folder))


def _made(folder: Path) -> dict[str, str]:
    ca = folder / "ca.pem"
    openssl("req", "-x509", "-newkey", "rsa:2048", "-noenc", "-days", "3650", "-subj", "/CN=Test CA",
            "-addext", "basicConstraints=critical,CA:TRUE", "-keyout", f"{folder}/ca.key", "-out", f"{ca}")  # fmt: skip
    pems = {"ca": ca.read_text(), "ca_key": (folder / "ca.key").read_text()}
    for name in ("tls", "sign", "epcc_sign", "epcc_encrypt"):
        key, request, certificate = (folder / f"{name}.{end}" for end in ("key", "csr", "pem"))
        openssl(
            "req",
            "-newkey",
            "rsa:2048",
            "-noenc",
            "-subj",
            f"/CN={name}",
            "-keyout",
            f"{key}",
            "-out",
            f"{request}",
        )
        openssl("x509", "-req", "-in", f"{request}", "-CA", f"{ca}", "-CAkey", f"{folder}/ca.key", "-days", "3650",
                "-out", f"{certificate}")  # fmt: skip
        pems |= {name: certificate.read_text(), f"{name}_key": key.read_text()}
    return pems


def config(**changes: Any) -> EpccConfig:
    pems = made()
    parts: dict[str, Any] = {
        "issr_id": ISSR_ID, "sites": {"site.epcc.test": "https://127.0.0.1:9"}, "payee_account": "243300133",
        "payee_name": "账房", "digits_file": "digits.json", "ca_pem": pems["ca"],
        "tls_key_pem": pems["tls_key"], "tls_cert_pem": pems["tls"],
        "sign_key_pem": pems["sign_key"], "sign_cert_pem": pems["sign"],
        "epcc_sign_cert_pem": pems["epcc_sign"], "epcc_encrypt_cert_pem": pems["epcc_encrypt"],
    }  # fmt: skip
    return EpccConfig(**(parts | changes))


def order(operation: Operation = Operation.COLLECTION, **changes: Any) -> Order:
    parts: dict[str, Any] = {
        "operation": operation, "order_no": TRX_ID, "requested_at": SetClock().now(), "amount": 12345, "key": "M-1",
        "agreement": "SGN0001",
    }  # fmt: skip
    if operation is Operation.REFUND:
        parts |= {
            "original_order_no": EARLIER, "original_requested_at": SetClock().now(),
            "original_operation": Operation.COLLECTION, "original_amount": 20000,
        }  # fmt: skip
    return Order(**(parts | changes))
