"""Our key and certificate, and Lakala's. A certificate is named by its serial number in hex."""

from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from zhangfang.kernel.clock import Clock
from zhangfang.kernel.errors import InvalidInput

_VALID = timedelta(days=3653)


def make_merchant_certificate(merchant_no: str, clock: Clock) -> tuple[str, str]:
    """Return a new private key and its self-signed certificate as PEM, for a merchant that has none."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, f"merchant {merchant_no}")])
    now = clock.now()
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + _VALID)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    return private.decode(), certificate.public_bytes(serialization.Encoding.PEM).decode()


def load_pair(key_pem: str, certificate_pem: str) -> tuple[rsa.RSAPrivateKey, str]:
    """Return our key and the serial number that names it. Raises `InvalidInput`."""
    try:
        key = serialization.load_pem_private_key(key_pem.encode(), None)
    except (ValueError, TypeError):
        raise InvalidInput("sign_key_pem", "text that is no key", "the PEM of an RSA key") from None
    public, serial = load_public(certificate_pem, "sign_cert_pem")
    if not isinstance(key, rsa.RSAPrivateKey) or key.public_key() != public:
        raise InvalidInput("sign_key_pem", "another key than the certificate's", "the key of sign_cert_pem")
    return key, serial


def load_public(certificate_pem: str, field: str) -> tuple[rsa.RSAPublicKey, str]:
    """Return a certificate's public key and its serial number. Raises `InvalidInput`."""
    try:
        certificate = x509.load_pem_x509_certificate(certificate_pem.encode())
    except ValueError:
        raise InvalidInput(field, "text that is no certificate", "the PEM of an RSA certificate") from None
    key = certificate.public_key()
    if not isinstance(key, rsa.RSAPublicKey):
        raise InvalidInput(field, "another kind of key", "the PEM of an RSA certificate")
    return key, serial_text(certificate.serial_number)


def serial_text(serial: int) -> str:
    """Return a serial number as the platform writes it: hex of its whole bytes, in lower case [K]."""
    return serial.to_bytes(serial.bit_length() // 8 + 1, "big").hex()
