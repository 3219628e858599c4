"""What this network has of its own: its fee, file, notices, and how a member is registered."""

import re
from collections.abc import Mapping
from datetime import date
from typing import Any

from cryptography import x509

from zhangfang_sandbox.acquirer.acquiring import FAULTS, Dialect, basis_points
from zhangfang_sandbox.acquirer.couriers import Notice
from zhangfang_sandbox.acquirer.dayfile import FileForm
from zhangfang_sandbox.acquirer.orders import Order
from zhangfang_sandbox.common.clock import BankClock
from zhangfang_sandbox.common.control import Refused, need
from zhangfang_sandbox.epcc import body, codes, messages
from zhangfang_sandbox.epcc.keys import Identity, sign_request
from zhangfang_sandbox.epcc.seal import Merchants, Seal

HEADERS = {"Content-Type": "application/xml;charset=utf-8"}
_ISSUER = re.compile(r"Z[0-9]{13}")
_FEE_POINTS = 10
_GAPS = (60, 120, 240, 300)


class Ways:
    """What differs from other acquiring banks. Conventions [G]: the fee, the file, when a notice is sent again."""

    def __init__(
        self, identities: Mapping[str, Identity], seal: Seal, clock: BankClock, merchants: Merchants
    ) -> None:
        self._identities, self._seal, self._clock, self._merchants = identities, seal, clock, merchants

    def dialect(self) -> Dialect:
        """Return the network as a dialect."""
        return Dialect(
            bank="epcc",
            name="网联",
            prefix="EP",
            faults=FAULTS,
            ref=lambda seq, now: f"{now:%Y%m%d}{seq:016d}",
            fee=lambda order: basis_points(order.amount, _FEE_POINTS),
            file=FileForm(
                columns=messages.FILE_COLUMNS,
                totals=("TrxAmt", "Fee"),
                row=messages.file_row,
                correction=messages.file_correction,
                name=_file_name,
            ),
            notice=Notice(_GAPS, self._notice, self.accepted),
            register=self._register,
        )

    def told(self, kind: str, groups: body.Groups) -> bytes:
        """The whole body of a message from us."""
        return self._seal.sealed(messages.message(kind, self._clock.now(), self._seal.serial, groups))

    def accepted(self, status: int, raw: bytes) -> bool:
        """Whether an answer to a notice is a member's own acknowledgement, 303 with a good SysRtnCd."""
        if status != 200:
            return False
        try:
            root, signature = body.split(raw)
            told = body.parse(root)
            header = told["MsgHeader"]
            self._seal.genuine(root, signature, header.get("IssrId", ""), header.get("SignSN", ""))
        except (body.Malformed, codes.Refusal):
            return False
        code = told.get("SysRtnInf", {}).get("SysRtnCd")
        return header.get("MsgTp") == messages.ACKNOWLEDGED and code == codes.OK

    def _notice(self, order: Order, older: bool) -> tuple[Mapping[str, str], bytes]:
        business = messages.before(order) if older else messages.business(order)
        return HEADERS, self.told(messages.NOTICE, {"BizInf": business})

    def _register(self, data: Mapping[str, Any]) -> tuple[str, dict[str, Any], dict[str, Any]]:
        """Register a member: its number, the address of its notices, and requests for its two certificates.

        Without requests only the address changes.
        """
        mer_id, url = need(data, "merId", str), need(data, "notify_url", str)
        if not _ISSUER.fullmatch(mer_id):
            raise Refused(f"merId: must be Z and 13 digits, got {len(mer_id)} characters")
        if not url.startswith(("http://", "https://")):
            raise Refused("notify_url: must be an http or https URL")
        issued = {name: self._issued(data, name, mer_id) for name in ("tls_csr", "sign_csr") if name in data}
        kept = dict(self._merchants.get(mer_id, {}).get("sign", {}))
        if "sign_csr" in issued:
            kept[_serial(issued["sign_csr"])] = issued["sign_csr"]
        told = {
            "ca": self._identities["ca"].certificate,
            "sign": self._identities["sign"].certificate,
            "encrypt": self._identities["encrypt"].certificate,
            **{name.replace("_csr", "_certificate"): pem for name, pem in issued.items()},
        }
        return mer_id, {"notify_url": url, "sign": kept}, told

    def _issued(self, data: Mapping[str, Any], name: str, mer_id: str) -> str:
        try:
            return sign_request(self._identities["ca"], need(data, name, str), mer_id)
        except ValueError as error:
            raise Refused(f"{name}: must be the PEM of a certificate request for an RSA key") from error


def _serial(pem: str) -> str:
    return str(x509.load_pem_x509_certificate(pem.encode()).serial_number)


def _file_name(_: str, day: date) -> str:
    return f"EPCC_{day:%Y%m%d}.csv"
