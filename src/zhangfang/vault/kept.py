"""Accounts that people name in a proposal. Its content is hashed and never changes; the token stands beside it, in a row of
its own, so that a rotation of the key can seal it again. The content holds the row's id and the account's fingerprint.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from zhangfang.kernel.sql import load
from zhangfang.vault.errors import InvalidToken
from zhangfang.vault.vault import Vault

queries = load(__package__, "kept.sql")

_PURPOSE = "kept_account"


async def keep(db: Any, vault: Vault, id_: UUID, plain: str, now: datetime) -> str:
    """Keep an account under a new id, in the caller's transaction; return its fingerprint."""
    await db.execute(queries.keep, id_, vault.seal(plain, f"{_PURPOSE}/{id_}"), now)
    return vault.fingerprint(plain, _PURPOSE)


async def kept(db: Any, vault: Vault, id_: UUID, fingerprint: str) -> str:
    """Return what was kept under an id. Raises `InvalidToken` if it is not what has this fingerprint."""
    token = await db.fetchval(queries.kept, id_)
    plain = vault.open(token or "", f"{_PURPOSE}/{id_}")
    if vault.fingerprint(plain, _PURPOSE) != fingerprint:
        raise InvalidToken(f"kept account {id_}: it is not the account of the proposal")
    return plain
