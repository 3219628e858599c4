"""Keys and certificates: ours, the network's, and the TLS context that lets neither side be somebody else."""

import ssl
import tempfile
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from zhangfang.channels.epcc.config import EpccConfig
from zhangfang.channels.port import ForgedMessage
from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_UNREADABLE = (ValueError, TypeError, UnsupportedAlgorithm, InvalidSignature)
_LEAST_BITS = 2048


@dataclass(frozen=True, slots=True)
class Leaf:
    """A certificate of the network's own authority: its RSA key, its serial (decimal, as SignSN has it), its dates."""

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
    held, authority = _load(name, pem), _load("ca_pem", ca_pem)
    try:
        held.verify_directly_issued_by(authority)
        authority.verify_directly_issued_by(authority)
        genuine = authority.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except (*_UNREADABLE, x509.ExtensionNotFound):
        genuine = False
    if not genuine:
        raise InvalidInput(name, "a certificate of another authority", "one that ca_pem issued")
    return Leaf(
        _rsa(name, held), str(held.serial_number), held.not_valid_before_utc, held.not_valid_after_utc
    )


def signing_pair(config: EpccConfig) -> tuple[rsa.RSAPrivateKey, str]:
    """Return our signing key and its certificate's serial in decimal."""
    try:
        key = serialization.load_pem_private_key(config.sign_key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput("sign_key_pem", "text that is no key", "an unencrypted RSA key in PEM") from None
    certificate = _load("sign_cert_pem", config.sign_cert_pem)
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != _rsa("sign_cert_pem", certificate):
        raise InvalidInput("sign_key_pem", "another key than the certificate's", "the key of sign_cert_pem")
    return key, str(certificate.serial_number)


def tls_context(config: EpccConfig) -> ssl.SSLContext:
    """Return a context that shows our certificate and believes in `ca_pem` alone, in no other authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)  # checks chain and host name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_verify_locations(cadata=config.ca_pem)
    except (ssl.SSLError, ValueError):
        raise InvalidInput("ca_pem", "text that is no certificate", "a certificate in PEM") from None
    with tempfile.TemporaryDirectory() as folder:  # ours alone; the library reads a key from a file only
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
    key = rsa.generate_private_key(public_exponent=65537, key_size=_LEAST_BITS)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    request = x509.CertificateSigningRequestBuilder().subject_name(name).sign(key, hashes.SHA256())
    key_pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key_pem.decode(), request.public_bytes(serialization.Encoding.PEM).decode()


def _rsa(name: str, certificate: x509.Certificate) -> rsa.RSAPublicKey:
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise InvalidInput(
            name, "a certificate with another kind of key", f"RSA of {_LEAST_BITS} bits or more"
        )
    return key


def _load(name: str, pem: str) -> x509.Certificate:
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise InvalidInput(name, f"{len(pem)} characters of something else", "a certificate in PEM") from None
