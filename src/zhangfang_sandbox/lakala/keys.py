"""The bank's keys, made at its first start: the platform's, and a stranger's with a certificate of the same name."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, generate_private_key
from cryptography.x509.oid import NameOID

# Wide enough for any day to which a test sets the clock.
_VALID_FROM = datetime(2015, 1, 1, tzinfo=UTC)
_VALID_TO = datetime(2045, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and its certificate as PEM; `serial` is how messages name the certificate."""

    key: RSAPrivateKey
    certificate: str
    serial: str


def create() -> dict[str, str]:
    """New keys and certificates, each as one PEM text."""
    serial = x509.random_serial_number()
    return {name: _made(serial) for name in ("platform", "stranger")}


def load(pems: Mapping[str, str]) -> dict[str, Identity]:
    """What `create` made."""
    return {name: _identity(pem) for name, pem in pems.items()}


def serial_of(certificate: x509.Certificate) -> str:
    """Hex of the serial's DER bytes [K]."""
    number = certificate.serial_number
    return f"{number:0{2 * (number.bit_length() // 8 + 1)}x}"


def _made(serial: int) -> str:
    key = generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "Sandbox Lakala open platform")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(serial).not_valid_before(_VALID_FROM).not_valid_after(_VALID_TO)
    certificate = builder.sign(key, hashes.SHA256())
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    private = key.private_bytes(serialization.Encoding.PEM, kind, plain)
    return (private + certificate.public_bytes(serialization.Encoding.PEM)).decode()


def _identity(pem: str) -> Identity:
    # Our own keys from our own folder: checking their arithmetic again would double the time of a start.
    key = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the bank's keys are RSA")
    text = pem[pem.index("-----BEGIN CERTIFICATE-----") :]
    return Identity(key, text, serial_of(x509.load_pem_x509_certificate(text.encode())))
