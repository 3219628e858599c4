"""RSA keys and X.509 certificates in PEM: those of a configuration, and new ones of ours."""

from datetime import timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_LEAST_BITS = 2048


def load(field: str, pem: str) -> x509.Certificate:
    """Return a certificate; `InvalidInput` naming `field` for anything else."""
    try:
        return x509.load_pem_x509_certificate(pem.encode())
    except ValueError:
        raise InvalidInput(field, f"text of {len(pem)} characters", "a certificate in PEM") from None


def rsa_key_of(field: str, certificate: x509.Certificate) -> rsa.RSAPublicKey:
    """Return a certificate's RSA key; `InvalidInput` naming `field` for another kind or a short one."""
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < _LEAST_BITS:
        raise InvalidInput(
            field, "a certificate with another kind of key", f"RSA of {_LEAST_BITS} bits or more"
        )
    return key


def load_pair(key_pem: str, certificate_pem: str) -> tuple[rsa.RSAPrivateKey, int]:
    """Return our signing key and the serial number of its certificate. Raises `InvalidInput`."""
    try:
        key = serialization.load_pem_private_key(key_pem.encode(), password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise InvalidInput("sign_key_pem", "text that is no key", "an unencrypted RSA key in PEM") from None
    certificate = load("sign_cert_pem", certificate_pem)
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != rsa_key_of("sign_cert_pem", certificate):
        raise InvalidInput("sign_key_pem", "another key than the certificate's", "the key of sign_cert_pem")
    return key, certificate.serial_number


def new_key() -> tuple[rsa.RSAPrivateKey, str]:
    """Return a new RSA key of 2048 bits, and the same in PEM."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=_LEAST_BITS)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return key, pem.decode()


def named(common_name: str) -> x509.Name:
    """Return a subject that has a common name and nothing else."""
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])


def make_merchant_certificate(merchant: str, clock: Clock) -> tuple[str, str]:
    """Return a new key and its self-signed certificate as PEM, valid for five years from yesterday."""
    (key, key_pem), name, now = new_key(), named(merchant), clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=5 * 365))
        .sign(key, hashes.SHA256())
    )
    return key_pem, certificate.public_bytes(serialization.Encoding.PEM).decode()
