"""What the vault refuses. None of these messages carries the content, the token or a key."""

from zhangfang.kernel.errors import ZhangfangError


class VaultError(ZhangfangError):
    """Something the vault cannot do.

    VaultError
    ├── InvalidToken
    └── KeyFileError
    """


class InvalidToken(VaultError):
    """The text is not a token, its key is missing, or it was changed or sealed for another purpose."""


class KeyFileError(VaultError):
    """The key file cannot be used; the text says which file and why."""
