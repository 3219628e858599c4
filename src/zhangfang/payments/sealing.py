"""Accounts are stored as vault tokens and are decrypted only for the length of a call."""

import msgspec

from zhangfang.channels.port import PartyAccount
from zhangfang.vault import Vault


def seal(vault: Vault, account: PartyAccount) -> str:
    """Return the vault token of an account."""
    return vault.seal(msgspec.json.encode(account).decode(), "account")


def unseal(vault: Vault, token: str | None) -> PartyAccount | None:
    """Return the account behind a token."""
    return msgspec.json.decode(vault.open(token, "account"), type=PartyAccount) if token else None
