"""The envelope of a CDC message: form, base64, SM4-CBC, canonical JSON, SM2 signature, and the way back.

Source: the bank's interface documents on requests, answers and the processing flow (national algorithms, ALG=SM).
The wording of the gateway's plain-text errors and their HTTP statuses are not public: ours follow the known frame
`CDCServer:` … `ErrMsg:` only [unverified].
"""

import base64
import binascii
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, NoReturn
from urllib.parse import parse_qs

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import SM4
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.padding import PKCS7

from zhangfang_sandbox.cmb.wire.sm2 import PrivateKey, PublicKey
from zhangfang_sandbox.common.clock import CHINA
from zhangfang_sandbox.common.times import in_china

PLACEHOLDER = "__signature_sigdat__"
SIGTIM_WINDOW = timedelta(hours=1)
UID = re.compile(r"[0-9A-Za-z]{1,16}")


class GatewayError(Exception):
    """The gateway refuses a message before any business: the answer is plain text and `status` is not 200."""

    def __init__(self, status: int, code: str, message: str) -> None:
        """Write the answer's text."""
        super().__init__(f"CDCServer:ErrCode:{code};ErrMsg:{message}")
        self.status = status


@dataclass(frozen=True, slots=True)
class Enterprise:
    """A customer: its user id, the key that checks its signatures, the SM4 key shared with it."""

    uid: str
    public: PublicKey
    sm4_key: bytes


@dataclass(frozen=True, slots=True)
class Request:
    """A request whose signature is good. `body` is the function's own part."""

    enterprise: Enterprise
    funcode: str
    reqid: str
    body: dict[str, Any]


def padded(uid: str) -> bytes:
    """Return the user id right-padded with 0 to 16: the SM4 IV and the SM2 user id."""
    return uid.ljust(16, "0").encode("ascii")


def canonical(message: object) -> bytes:
    """Write JSON with sorted keys and no white space, in UTF-8: what is signed."""
    return json.dumps(message, ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode()


def encrypt(plain: bytes, key: bytes, uid: str) -> str:
    """SM4-CBC with PKCS#7; return base64."""
    padder = PKCS7(128).padder()
    cipher = Cipher(SM4(key), CBC(padded(uid))).encryptor()
    return base64.b64encode(
        cipher.update(padder.update(plain) + padder.finalize()) + cipher.finalize()
    ).decode()


def decrypt(text: str, key: bytes, uid: str) -> bytes:
    """Undo `encrypt`. Raises ValueError for anything else."""
    cipher = Cipher(SM4(key), CBC(padded(uid))).decryptor()
    unpadder = PKCS7(128).unpadder()
    plain = cipher.update(base64.b64decode(text, validate=True)) + cipher.finalize()
    return unpadder.update(plain) + unpadder.finalize()


def open_request(raw: bytes, find: Callable[[str], Enterprise | None], now: datetime) -> Request:
    """Read and check the bytes of a request. Raises GatewayError for whatever is not a good message."""
    form = _form(raw)
    enterprise = find(form["UID"]) if UID.fullmatch(form["UID"]) else None
    if enterprise is None:
        _refuse(403, "UID", "用户不存在或未开通 (no such user)")
    try:
        message = _json(decrypt(form["DATA"], enterprise.sm4_key, enterprise.uid))
    except (ValueError, binascii.Error):
        _refuse(400, "DATA", "报文解密失败 (DATA must be base64 of SM4-CBC of JSON in UTF-8)")
    head, body, signature = _parts(message)
    _check_signature(message, signature, enterprise)
    _check_time(signature["sigtim"], now)
    if head["userid"] != form["UID"] or head["funcode"] != form["FUNCODE"]:
        _refuse(400, "HEAD", "UID/FUNCODE 与报文 head 不一致 (must equal userid/funcode)")
    _check_reqid(head["reqid"])
    return Request(enterprise, head["funcode"], head["reqid"], body)


def seal_answer(head: dict[str, str], body: dict[str, Any], enterprise: Enterprise, key: PrivateKey, now: datetime,
                *, forged: bool = False) -> str:  # fmt: skip
    """Sign and encrypt an answer; return the text that goes back. `forged` signs something else on purpose."""
    signature = {"sigtim": f"{in_china(now):%Y%m%d%H%M%S}", "sigdat": PLACEHOLDER}
    message = {"response": {"head": head, "body": body}, "signature": signature}
    signed = canonical(message) + (b" " if forged else b"")
    signature["sigdat"] = base64.b64encode(key.sign(signed, padded(enterprise.uid))).decode()
    return encrypt(canonical(message), enterprise.sm4_key, enterprise.uid)


def _refuse(status: int, code: str, message: str) -> NoReturn:
    raise GatewayError(status, code, message)


def _form(raw: bytes) -> dict[str, str]:
    try:
        fields = parse_qs(raw.decode("ascii"), strict_parsing=True, max_num_fields=20, errors="strict")
    except ValueError:  # also what is not ASCII or not UTF-8 behind the percent signs
        _refuse(400, "FORM", "请求须为表单 (form-encoded UID, FUNCODE, ALG, DATA)")
    for name in ("UID", "FUNCODE", "ALG", "DATA"):
        if len(fields.get(name, [])) != 1:
            _refuse(400, name, f"{name} 必须出现一次 (exactly once)")
    if fields["ALG"] != ["SM"]:
        _refuse(400, "ALG", "ALG 只支持 SM (national algorithms only)")
    return {name: values[0] for name, values in fields.items()}


def _json(plain: bytes) -> Any:
    def no_constant(name: str) -> NoReturn:
        raise ValueError(f"{name} is not JSON")

    try:
        message = json.loads(plain.decode(), parse_constant=no_constant)
        canonical(message)  # a lone surrogate passes the parser but cannot be written again
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    return message


def _parts(message: Any) -> tuple[dict[str, str], dict[str, Any], dict[str, str]]:
    match message:
        case {
            "request": {
                "head": {"funcode": str(), "userid": str(), "reqid": str()} as head,
                "body": dict() as body,
            },
            "signature": {"sigtim": str(), "sigdat": str()} as signature,
        }:
            return head, body, signature
    _refuse(
        400, "JSON", "报文须含 request.head{funcode,userid,reqid}, request.body, signature{sigtim,sigdat}"
    )


def _check_signature(message: Any, signature: dict[str, str], enterprise: Enterprise) -> None:
    try:
        sigdat = base64.b64decode(signature["sigdat"], validate=True)
    except ValueError:
        _refuse(400, "SIGDAT", "sigdat 须为 base64")
    unsigned = {**message, "signature": {**signature, "sigdat": PLACEHOLDER}}
    if not enterprise.public.verifies(sigdat, canonical(unsigned), padded(enterprise.uid)):
        _refuse(403, "SIGNATURE", "验签失败 (SM2 signature does not verify)")


def _check_time(sigtim: str, now: datetime) -> None:
    signed_at = _moment(sigtim)
    if signed_at is None:
        _refuse(400, "SIGTIM", "sigtim 须为 yyyyMMddHHmmss")
    if abs(now - signed_at) > SIGTIM_WINDOW:
        _refuse(403, "SIGTIM", "sigtim 与银行时间相差超过一小时 (more than an hour off)")


def _check_reqid(reqid: str) -> None:
    thousandths = reqid[14:17]
    if not 18 <= len(reqid) <= 51 or _moment(reqid[:14]) is None or not re.fullmatch("[0-9]{3}", thousandths):
        _refuse(400, "REQID", "reqid 须为 18–51 位, 前 17 位为 yyyyMMddHHmmssSSS")


def _moment(text: str) -> datetime | None:
    """Read yyyyMMddHHmmss in China time; None for anything else."""
    try:
        return datetime.strptime(text if re.fullmatch("[0-9]{14}", text) else "", "%Y%m%d%H%M%S").replace(
            tzinfo=CHINA
        )
    except ValueError:
        return None
