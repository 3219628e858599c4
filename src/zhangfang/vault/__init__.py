"""Personal data and secrets are stored as tokens that only the key file opens (the report's ARK)."""

from zhangfang.vault.errors import InvalidToken, KeyFileError
from zhangfang.vault.kept import keep, kept
from zhangfang.vault.keyfile import create_key_file, key_versions, retire, rotate
from zhangfang.vault.vault import Vault

__all__ = [
    "InvalidToken",
    "KeyFileError",
    "Vault",
    "create_key_file",
    "keep",
    "kept",
    "key_versions",
    "retire",
    "rotate",
]
