"""The network's own authority: it issues the sites' TLS certificates, its signing and encryption ones, and members'.

The stranger's key pair has the same form and is registered nowhere: a forger without our keys could have it.
"""

import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey, generate_private_key
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

SITES = {"a": "site-a.epcc.test", "b": "site-b.epcc.test"}
# Wide enough for any day to which a test sets the clock; a TLS library uses the machine's time in any case.
_VALID_FROM = datetime(2015, 1, 1, tzinfo=UTC)
_VALID_TO = datetime(2045, 1, 1, tzinfo=UTC)
_LEAVES = (*SITES, "sign", "encrypt", "stranger")


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key, its certificate as PEM, and both as one PEM."""

    key: RSAPrivateKey
    certificate: str
    pem: str

    @property
    def serial(self) -> str:
        """The certificate's number as the protocol writes it: decimal."""
        return str(x509.load_pem_x509_certificate(self.certificate.encode()).serial_number)


def create() -> dict[str, str]:
    """New keys and certificates, each as one PEM text."""
    authority = _new_key()
    made = {"ca": _both(authority, _issued(authority, authority, "Sandbox EPCC-style CA", is_ca=True))}
    for name in _LEAVES:
        key = _new_key()
        host = SITES.get(name, "")
        made[name] = _both(key, _issued(authority, key, host or f"EPCC-style {name}", host=host))
    return made


def load(pems: Mapping[str, str]) -> dict[str, Identity]:
    """What `create` made."""
    return {name: _identity(pem) for name, pem in pems.items()}


def sign_request(authority: Identity, csr_pem: str, issr_id: str) -> str:
    """A member's certificate for the key of its request, in the name of its number. Raises ValueError."""
    request = x509.load_pem_x509_csr(csr_pem.encode())
    key = request.public_key()
    if not request.is_signature_valid or not isinstance(key, RSAPublicKey) or key.key_size < 2048:
        raise ValueError("no genuine request for an RSA key of 2048 bits or more")
    return _pem(_issued(authority.key, key, issr_id))


def server_context(site: Identity, authority: Identity) -> ssl.SSLContext:
    """A TLS context that requires a client certificate of our authority."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.load_verify_locations(cadata=authority.certificate)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "site.pem"
        path.touch(mode=0o600)
        path.write_text(site.pem)
        context.load_cert_chain(path)
    return context


def _new_key() -> RSAPrivateKey:
    return generate_private_key(public_exponent=65537, key_size=2048)


def _issued(
    authority: RSAPrivateKey,
    key: RSAPrivateKey | RSAPublicKey,
    common_name: str,
    *,
    host: str = "",
    is_ca: bool = False,
) -> x509.Certificate:
    public = key.public_key() if isinstance(key, RSAPrivateKey) else key
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(common_name))
        .issuer_name(_name("Sandbox EPCC-style CA"))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_TO)
        .add_extension(x509.BasicConstraints(ca=is_ca, path_length=None), critical=True)
    )
    if not is_ca:
        use = ExtendedKeyUsageOID.SERVER_AUTH if host else ExtendedKeyUsageOID.CLIENT_AUTH
        builder = builder.add_extension(x509.ExtendedKeyUsage([use]), critical=False)
    if host:
        builder = builder.add_extension(x509.SubjectAlternativeName([x509.DNSName(host)]), critical=False)
    return builder.sign(authority, hashes.SHA256())


def _name(common_name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def _pem(certificate: x509.Certificate) -> str:
    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _both(key: RSAPrivateKey, certificate: x509.Certificate) -> str:
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode() + _pem(certificate)


def _identity(pem: str) -> Identity:
    # Our own keys from our own folder: checking their arithmetic again would double the time of a start.
    key = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the network's keys are RSA")
    return Identity(key, pem[pem.index("-----BEGIN CERTIFICATE-----") :], pem)
