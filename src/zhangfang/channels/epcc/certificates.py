"""Keys and certificates, ours and the network's; and the TLS context by which each side proves who it is."""

import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from zhangfang.channels.certificates import load, load_pair, named, new_key, rsa_key_of
from zhangfang.channels.epcc.config import EpccConfig
from zhangfang.channels.port import ForgedMessage
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature)


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate that the network's authority issued: its RSA key, its serial (decimal, as in SignSN), its dates."""

    key: rsa.RSAPublicKey = field(repr=False)
    serial: str
    begins: datetime
    ends: datetime

    def check(self, clock: Clock) -> None:
        """Raise `ForgedMessage` if the certificate is not valid now."""
        if not self.begins <= clock.now() <= self.ends:
            raise ForgedMessage(
                f"SignSN: that certificate is valid from {self.begins} to {self.ends}, not now"
            )


def leaf(name: str, pem: str, ca_pem: str) -> Leaf:
    """Read a certificate that `ca_pem` issued; `InvalidInput` naming the setting for any other."""
    held, authority = load(name, pem), load("ca_pem", ca_pem)
    try:
        held.verify_directly_issued_by(authority)
        authority.verify_directly_issued_by(authority)
        genuine = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*_UNREADABLE, x509.ExtensionNotFound):
        genuine = False
    if not genuine:
        raise InvalidInput(name, "a certificate of another authority", "one that ca_pem issued")
    return Leaf(
        rsa_key_of(name, held), str(held.serial_number), held.not_valid_before_utc, held.not_valid_after_utc
    )


def signing_pair(config: EpccConfig) -> tuple[rsa.RSAPrivateKey, str]:
    """Return our signing key and its certificate's serial in decimal."""
    key, serial = load_pair(config.sign_key_pem, config.sign_cert_pem)
    return key, str(serial)


def tls_context(config: EpccConfig) -> ssl.SSLContext:
    """Return a context that shows our certificate and trusts the authority `ca_pem` only."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks chain and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=config.ca_pem)
    except (ssl.SSLError, ValueError):
        raise InvalidInput("ca_pem", "text that is no certificate", "a certificate in PEM") from None
    with tempfile.TemporaryDirectory() as folder:  # the library reads a key only from a file
        path = Path(folder) / "pair.pem"
        path.touch(mode=0o600)
        path.write_text(config.tls_key_pem + config.tls_cert_pem)
        try:
            context.load_cert_chain(path)
        except (ssl.SSLError, ValueError):
            allowed = "a key and its certificate, in PEM, the key unencrypted"
            raise InvalidInput("tls_key_pem, tls_cert_pem", "no pair", allowed) from None
    return context


def make_key_and_request(common_name: str) -> tuple[str, str]:
    """Return a fresh RSA-2048 key and a certificate request for it, both PEM."""
    key, key_pem = new_key()
    request = (
        x509.CertificateSigningRequestBuilder().subject_name(named(common_name)).sign(key, hashes.SHA256())
    )
    return key_pem, request.public_bytes(serialization.Encoding.PEM).decode()
