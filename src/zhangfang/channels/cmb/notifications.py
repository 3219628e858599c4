"""What the bank pushes: YQN02030, a payment ended (FINS) or came back (FINB), and YQN01010, an account moved.

The envelope and its fields are those of one public client [V]: JSON of `corpNbr` and `enptData`, base64 of SM4-CTR under
a key of its own with corpNbr, filled with `0` to 16, as counter; within it JSON that the bank signed by SM2, under the
user id 1234567812345678, with the placeholder in the place of `sigdat`. How it is sent (a POST), and which reply the
bank wants, is not public: our convention [G].
"""

import hmac

from cryptography.hazmat.primitives.ciphers import Cipher, modes
from cryptography.hazmat.primitives.ciphers.algorithms import SM4

from zhangfang.channels.cmb import replies, sm2
from zhangfang.channels.cmb.config import CmbConfig
from zhangfang.channels.cmb.envelope import PLACEHOLDER, Json, parse
from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import ForgedMessage, MalformedMessage, Notification

_USER_ID = b"1234567812345678"
_PAYMENT = "YQN02030"


def read(body: bytes, config: CmbConfig, bank_key: bytes) -> Notification | None:
    """Return what a notice says of a payout of ours, None for a genuine notice about something else; `bank_key` is x‖y.

    Raises `MalformedMessage`; `ForgedMessage` also for another enterprise's notice and where no key is set up.
    """
    notice = _opened(body, config, bank_key)
    if _text(notice, "nottyp") != _PAYMENT:
        return None
    message = parse(_text(notice, "notdat").encode(), "notdat")
    told = _object(message, "msgdat")
    match _text(message, "msgtyp"):
        case "FINS":
            return replies.payment_ended(_object(told, "trsInfo"))
        case "FINB":
            return replies.payment_returned(_object(told, "backInfo"))
    return None


def _opened(body: bytes, config: CmbConfig, bank_key: bytes) -> Json:
    """Decrypt a notice and check who signed it, and for whom."""
    if not config.notify_key:
        raise ForgedMessage("notice: cmb.notify_key is not set up, so nothing can be believed")
    outer = parse(body, "notice")
    corp_nbr = _text(outer, "corpNbr")
    if not hmac.compare_digest(corp_nbr.encode(), config.corp_nbr.encode()):
        raise ForgedMessage("corpNbr: another enterprise's notice")
    plain = _decrypted(_text(outer, "enptData"), config)
    notice = parse(plain, "enptData")
    sigdat = _text(notice, "sigdat")
    signed = plain.replace(sigdat.encode(), PLACEHOLDER.encode(), 1)
    if not sm2.verifies(bank_key, signed, decoded(sigdat, "sigdat"), _USER_ID):
        raise ForgedMessage("sigdat: does not verify with the bank's public key")
    if _text(notice, "usrnbr") not in ("", config.uid):
        raise ForgedMessage("usrnbr: another user's notice")
    return notice


def _decrypted(data: str, config: CmbConfig) -> bytes:
    counter = config.corp_nbr.ljust(16, "0").encode("ascii")
    cipher = Cipher(SM4(bytes.fromhex(config.notify_key)), modes.CTR(counter)).decryptor()
    return cipher.update(decoded(data, "enptData")) + cipher.finalize()


def _text(record: Json, field: str) -> str:
    found = record.get(field, "")
    if not isinstance(found, str):
        raise MalformedMessage(f"{field}: {type(found).__name__}; expected text")
    return found


def _object(record: Json, field: str) -> Json:
    found = record.get(field)
    if not isinstance(found, dict):
        raise MalformedMessage(f"{field}: {type(found).__name__}; expected an object")
    return found
