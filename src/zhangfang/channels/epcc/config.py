"""What an institution has to know to speak to the network."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from zhangfang.channels.checks import is_loopback
from zhangfang.kernel.errors import InvalidInput

_ISSUER = re.compile(r"[ZCG][0-9]{13}")
_NAME = re.compile(r"[A-Za-z0-9.-]{1,253}")


@dataclass(frozen=True, slots=True)
class EpccConfig:
    """One institution's access; certificates and keys are PEM text.

    `issr_id` is ours, `epcc_id` the network's own. `sites` maps the host name in a site's certificate to the site's
    address (`https://host:port`), the usual site first. `ca_pem` issued every certificate here and is the only trusted
    authority. `tls_*` is shown when we connect, `sign_*` signs messages.
    `digits_file` is where all processes keep the control digits. `payee_account` and `payee_name` are the account that
    collections are paid into, our reserve account. `timeout_seconds` covers one whole exchange.
    """

    issr_id: str
    sites: Mapping[str, str]
    payee_account: str
    payee_name: str
    digits_file: str
    ca_pem: str = field(repr=False)
    tls_key_pem: str = field(repr=False)
    tls_cert_pem: str = field(repr=False)
    sign_key_pem: str = field(repr=False)
    sign_cert_pem: str = field(repr=False)
    epcc_sign_cert_pem: str = field(repr=False)
    epcc_encrypt_cert_pem: str = field(repr=False)
    epcc_id: str = "G4000311000018"
    timeout_seconds: float = 5.0
    allow_production: bool = False

    def __post_init__(self) -> None:
        """Refuse what cannot be meant, and any real address unless it is allowed."""
        for name, value in (("issr_id", self.issr_id), ("epcc_id", self.epcc_id)):
            if not _ISSUER.fullmatch(value):
                raise InvalidInput(name, f"{len(value)} characters", "Z, C or G and 13 digits")
        if not self.sites:
            raise InvalidInput("sites", "none", "one or two: the name in the certificate, and the address")
        for server_name, url in self.sites.items():
            self._check(server_name, url)

    def _check(self, server_name: str, url: str) -> None:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        if not _NAME.fullmatch(server_name):
            raise InvalidInput(
                "sites", f"a name of {len(server_name)} characters", "the certificate's host name"
            )
        if parts.scheme != "https" or not host or parts.path not in ("", "/"):
            raise InvalidInput("sites", "an address of another form", "https://host[:port]")
        # The network's addresses are not public, so only addresses that are surely a test's are allowed.
        if not (is_loopback(host) or host.endswith(".test") or self.allow_production):
            raise InvalidInput(
                "sites", "an address that may be the network's own",
                "loopback or a name under .test, or set allow_production where money is real",
            )  # fmt: skip
