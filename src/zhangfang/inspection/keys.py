"""The key that signs packages: Ed25519, made at the first export, kept in the home's folder and readable by its owner only.

Its public half goes into each package. An inspector gets its digest on another way (paper, the company's website), since a
package that somebody else has signed brings that one's key along.
"""

import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_pem_private_key,
)

from zhangfang.kernel.settings import NotSetUp

KEY_FILE = "inspection-key.pem"
_OTHERS = 0o077


def key_of(home: Path) -> Ed25519PrivateKey:
    """Return the home's key; make it if there is none. Raises `NotSetUp` if others may read it, or it is no such key."""
    path = home / KEY_FILE
    if not path.exists():
        _make(path)
    with path.open("rb") as file:
        mode, data = os.fstat(file.fileno()).st_mode, file.read()
    if mode & _OTHERS:
        raise NotSetUp(f"{path}: mode {mode & 0o777:04o} lets others in; allowed: 0600")
    try:
        key = load_pem_private_key(data, None)
    except ValueError:
        raise NotSetUp(f"{path}: no key in PEM") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise NotSetUp(f"{path}: no Ed25519 key")
    return key


def _make(path: Path) -> None:
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    draft = path.with_name(f"{path.name}.{os.getpid()}")
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(draft, path)  # whoever was first stays: a key is never replaced
    except FileExistsError:
        pass
    finally:
        draft.unlink()


def public_pem(key: Ed25519PrivateKey) -> bytes:
    """Return the public key in PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_digest(key: Ed25519PrivateKey) -> str:
    """Return the SHA-256 of the public key (its DER form), as people compare it."""
    return hashlib.sha256(
        key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    ).hexdigest()
