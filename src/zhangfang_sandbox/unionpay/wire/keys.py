"""The bank's keys and certificates, made at its first start.

The chain is root, middle, leaf. The leaf's common name has UnionPay's shape, parts split by `@` with the company's
name last, so that a verifier made for production works unchanged. The stranger's certificate has the leaf's name and
our middle's name as issuer, but none of our keys signed it: the best forgery that is possible without our keys.
"""

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
_COMPANY = "中国银联股份有限公司"
_NAMES = {
    "root": "Sandbox UnionPay Root CA",
    "middle": "Sandbox UnionPay Middle CA",
    "leaf": f"041@Z2026@00040000:SIGN@{_COMPANY}",
    "stranger": f"041@Z2026@00040000:SIGN@{_COMPANY}",
    "encrypt": f"041@Z2026@00040000:ENC@{_COMPANY}",
}


@dataclass(frozen=True, slots=True)
class Identity:
    """A private key and its certificate as PEM."""

    key: RSAPrivateKey
    certificate: str

    @property
    def serial(self) -> str:
        """The certificate's number as the protocol writes it: decimal."""
        return str(x509.load_pem_x509_certificate(self.certificate.encode()).serial_number)


def create() -> dict[str, str]:
    """New keys and certificates, each as one PEM text: `{name: private key + certificate}`."""
    keys = {name: generate_private_key(public_exponent=65537, key_size=2048) for name in _NAMES}
    signers = {
        "root": "root",
        "middle": "root",
        "leaf": "middle",
        "encrypt": "middle",
        "stranger": "stranger",
    }
    issuers = {**signers, "stranger": "middle"}
    return {
        name: _pem(keys[name]) + _certificate(name, keys, signers[name], issuers[name]) for name in _NAMES
    }


def load(pems: Mapping[str, str]) -> dict[str, Identity]:
    """What `create` made."""
    return {name: _identity(pem) for name, pem in pems.items()}


def _identity(pem: str) -> Identity:
    # Our own keys from our own folder: checking their arithmetic again would double the time of a start.
    key = serialization.load_pem_private_key(pem.encode(), None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, RSAPrivateKey):
        raise TypeError("the bank's keys are RSA")
    start = pem.index("-----BEGIN CERTIFICATE-----")
    # CRLF on purpose: a browser that carries the certificate in a hidden field turns every line end into CRLF, and
    # the certificate is part of what is signed.
    return Identity(key, pem[start:].strip().replace("\n", "\r\n"))


def _certificate(name: str, keys: Mapping[str, RSAPrivateKey], signer: str, issuer: str) -> str:
    authority = name in {"root", "middle"}
    public = keys[name].public_key()
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name))
        .issuer_name(_name(issuer))
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_VALID_FROM)
        .not_valid_after(_VALID_TO)
        .add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
        .add_extension(_usage(authority, encrypts=name == "encrypt"), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_public_key(keys[issuer].public_key()), critical=False
        )
    )
    return builder.sign(keys[signer], hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


def _usage(authority: bool, encrypts: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not authority and not encrypts,
        content_commitment=False,
        key_encipherment=encrypts,
        data_encipherment=encrypts,
        key_agreement=False,
        key_cert_sign=authority,
        crl_sign=authority,
        encipher_only=False,
        decipher_only=False,
    )


def _name(name: str) -> x509.Name:
    return x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "CN"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Zhangfang Sandbox"),
            x509.NameAttribute(NameOID.COMMON_NAME, _NAMES[name]),
        ]
    )


def _pem(key: RSAPrivateKey) -> str:
    kind, plain = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, kind, plain).decode()
