"""Sealing, opening and fingerprints.

A token is `vt1.<key version>.<base64url>`: the base64url, unpadded, is a nonce of 12 bytes, the AES-256-GCM
ciphertext, and its tag of 16 bytes (NIST SP 800-38D). Opening needs nothing else but the key. Key version and purpose
are its associated data. A purpose names the row that the token is for, so that a token copied to another row does not open
there.
"""

import base64
import hmac
import os
import re
from contextlib import suppress
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zhangfang.kernel.errors import InvalidInput
from zhangfang.vault.errors import InvalidToken
from zhangfang.vault.keyfile import read

_NONCE = 12
_MAX_PLAIN = 4096
# 28 bytes of nonce and tag are 38 characters, 28 + 4096 bytes are 5499.
_TOKEN = re.compile(r"vt1\.([1-9][0-9]{0,5})\.([A-Za-z0-9_-]{38,5499})")


class Vault:
    """Turns personal data into tokens and back, with the keys of one file.

    Safe to share between tasks and threads. If a token needs a version that another process added by `rotate`, the
    file is read again, so processes need not be restarted together.
    """

    def __init__(self, key_file: Path) -> None:
        """Read `key_file`, which `create_key_file` made, or raise `KeyFileError`."""
        self._path = key_file
        self._load()

    def seal(self, plain: str, purpose: str) -> str:
        """Return the token of `plain` (at most 4096 bytes of UTF-8), which opens for `purpose` only.

        `purpose` says what it is and whose, such as `settlement_account/mer_…`. A key version may seal 2^32 times
        (random nonces); rotate long before. Raises `InvalidInput` for text too long or not encodable.
        """
        version, cipher = self._sealing()
        nonce = os.urandom(_NONCE)
        sealed = cipher.encrypt(nonce, _bytes(plain), _bound(version, purpose))
        return f"vt1.{version}.{_encode(nonce + sealed)}"

    def open(self, token: str, purpose: str, *older: str) -> str:
        """Return what `seal` was given for `purpose`, or for one of the `older` purposes that earlier releases sealed for.

        Raises `InvalidToken`.
        """
        *first, last = purpose, *older
        for one in first:
            with suppress(InvalidToken):
                return self._open(token, one)
        return self._open(token, last)

    def _open(self, token: str, purpose: str) -> str:
        match = _parts(token)
        version, body = int(match[1]), match[2]
        sealed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)) if len(body) % 4 != 1 else b""
        if _encode(sealed) != body:  # the unused bits at the end of base64 must be 0
            raise InvalidToken("token: its base64url is not in the one form that seal writes")
        try:
            plain = self._cipher(version).decrypt(sealed[:_NONCE], sealed[_NONCE:], _bound(version, purpose))
        except InvalidTag:
            raise InvalidToken("token: changed, sealed for another purpose, or by another key file") from None
        return plain.decode()

    @property
    def current(self) -> int:
        """Return the version that seals now."""
        return self._sealing()[0]

    @staticmethod
    def version_of(token: str) -> int:
        """Return the version that a token is sealed with, or raise `InvalidToken`."""
        return int(_parts(token)[1])

    def fingerprint(self, plain: str, purpose: str) -> str:
        """Return 64 hex characters, the same for the same `plain` and `purpose`: to search for data that is stored
        sealed only.

        HMAC-SHA256 under the key `index`, which rotation does not change.
        """
        name = _bytes(purpose)
        message = len(name).to_bytes(4, "big") + name + _bytes(plain)
        return hmac.digest(self._index, message, "sha256").hex()

    def _sealing(self) -> tuple[int, AESGCM]:
        if self._stamp_now() not in (self._stamp, None):  # rotated; a file that is away stops nothing
            self._load()
        return self._current

    def _cipher(self, version: int) -> AESGCM:
        if version not in self._ciphers and self._stamp != self._stamp_now():
            self._load()
        if version not in self._ciphers:
            raise InvalidToken(
                f"token: sealed by key version {version}; the key file has {sorted(self._ciphers)}"
            )
        return self._ciphers[version]

    def _load(self) -> None:
        stamp = self._stamp_now()
        keys = read(self._path)
        self._stamp = stamp
        self._index = keys.index
        self._ciphers = {version: AESGCM(key) for version, key in keys.seal.items()}
        self._current = keys.current, self._ciphers[keys.current]

    def _stamp_now(self) -> tuple[int, int] | None:
        try:
            stat = self._path.stat()
        except OSError:
            return None
        return stat.st_mtime_ns, stat.st_ino


def _parts(token: str) -> re.Match[str]:
    match = _TOKEN.fullmatch(token)
    if not match:
        raise InvalidToken(f"token: got {len(token)} characters; allowed: vt1.<key version>.<base64url>")
    return match


def _bytes(text: str) -> bytes:
    try:
        data = text.encode()
    except UnicodeEncodeError:
        raise InvalidInput("text to seal", "a lone surrogate", "Unicode text") from None
    if len(data) > _MAX_PLAIN:
        raise InvalidInput("text to seal", f"{len(data)} bytes", f"at most {_MAX_PLAIN} bytes of UTF-8")
    return data


def _bound(version: int, purpose: str) -> bytes:
    return b"vt1.%d." % version + _bytes(purpose)


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()
