"""One request to the network and its answer: signed by us, sent to a site, and trusted only if the network signed the
answer."""

from collections.abc import Mapping

from zhangfang.channels.epcc import certificates, document, envelope, requests
from zhangfang.channels.epcc.config import EpccConfig
from zhangfang.channels.epcc.numbers import ControlDigits
from zhangfang.channels.epcc.requests import Request
from zhangfang.channels.epcc.transport import NotConnectedError, Transport
from zhangfang.channels.port import ForgedMessage, MalformedMessage, writing
from zhangfang.kernel.clock import Clock

MAX_MESSAGE_BYTES = 64 * 1024
_OUTWARD, _INWARD = "11", "21"


class Exchange:
    """Our keys, theirs, and the way to both sites.

    A site that cannot be connected to has received nothing, so the other one gets the identical message. That both
    sites take any TrxId and route it by its control digits is unverified [K]; if it is wrong, the other site refuses
    it.
    """

    def __init__(self, config: EpccConfig, clock: Clock, digits: ControlDigits) -> None:
        """Read keys and certificates."""
        self._config, self._clock, self._digits = config, clock, digits
        self._key, self._sign_sn = certificates.signing_pair(config)
        self._theirs = certificates.leaf("epcc_sign_cert_pem", config.epcc_sign_cert_pem, config.ca_pem)
        self.receiver = certificates.leaf(
            "epcc_encrypt_cert_pem", config.epcc_encrypt_cert_pem, config.ca_pem
        )
        self._transport = Transport(certificates.tls_context(config))

    async def close(self) -> None:
        """Close the connections to the sites."""
        await self._transport.close()

    async def ask(
        self, asked: Request, seconds: float, max_bytes: int = MAX_MESSAGE_BYTES, *, only: str = ""
    ) -> bytes:
        """Post to the site that the digits belong to, and to the other one only if no connection to the first was
        made.

        `only` names the one site to use. Raises `NotConnectedError`, `NoAnswerError`.
        """
        with writing():
            body, headers = self.sealed(asked), self._headers(asked)
        *first, last = self._sites(asked.trx_id, only)
        for site in first:
            try:
                return await self._transport.post(site, body, headers, seconds, max_bytes)
            except NotConnectedError:
                continue
        return await self._transport.post(last, body, headers, seconds, max_bytes)

    def sealed(self, asked: Request) -> bytes:
        """Return the signed body of a message from us."""
        header = {
            "SndDt": requests.time19(asked.at),
            "MsgTp": asked.msg_tp,
            "IssrId": self._config.issr_id,
            "Drctn": _OUTWARD,
            "SignSN": self._sign_sn,
            "NcrptnSN": self.receiver.serial if asked.envelope else "",
            "DgtlEnvlp": asked.envelope,
        }
        return envelope.sealed(document.write(header, asked.body), self._key)

    def read(self, body: bytes, max_bytes: int = MAX_MESSAGE_BYTES) -> dict[str, str]:
        """Return the fields of a message that the network signed. Nothing is parsed before the signature is verified.

        Raises `MalformedMessage`, `ForgedMessage`.
        """
        self._theirs.check(self._clock)
        fields = document.read(envelope.opened(body, self._theirs.key, max_bytes), max_bytes)
        wanted = {"SignSN": self._theirs.serial, "IssrId": self._config.epcc_id, "Drctn": _INWARD}
        for name, value in wanted.items():
            if fields.get(f"MsgHeader/{name}") != value:
                raise ForgedMessage(f"MsgHeader/{name}: not that of the network's messages to us")
        if not fields.get("MsgHeader/MsgTp"):
            raise MalformedMessage("MsgHeader/MsgTp: missing")
        return fields

    def answer_to(self, asked: Request, body: bytes, max_bytes: int = MAX_MESSAGE_BYTES) -> dict[str, str]:
        """Return the fields of the answer to a message. A message of another type is refused."""
        fields, wanted = self.read(body, max_bytes), requests.ANSWERS[asked.msg_tp]
        if fields["MsgHeader/MsgTp"] != wanted:
            raise MalformedMessage(f"MsgHeader/MsgTp: allowed: {wanted}")
        return fields

    def _sites(self, trx_id: str, only: str) -> list[tuple[str, str]]:
        if only:
            return [(only, self._config.sites[only])]
        own = self._digits.site_of(trx_id)
        return sorted(self._config.sites.items(), key=lambda site: site[0] != own)

    def _headers(self, asked: Request) -> Mapping[str, str]:
        """The headers by which the network's gateway routes without reading the XML."""
        return {
            "MsgTp": asked.msg_tp,
            "OriIssrId": self._config.issr_id,
            "PyerAcctTp": asked.payer_type,
            "PyeeAcctTp": asked.payee_type,
            "ReservedField": "",
            "Connection": "keep-alive",
        }
