"""After a rotation everything is sealed again with the new key, so that the old one can be retired.

It is done in portions and can stop anywhere: what is sealed with the current version is passed over. A row that changes
meanwhile is left as it is; another run finds it.
"""

from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from zhangfang.kernel.errors import ZhangfangError
from zhangfang.kernel.sql import load
from zhangfang.vault import InvalidToken, Vault, retire

queries = load(__package__, "resealing.sql")

PORTION = 500


class KeyInUse(ZhangfangError):
    """Something is sealed with this version of the key."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A column of vault tokens. `purposes` are SQL: what a row may have been sealed for, the present purpose first."""

    table: str
    key: str
    column: str
    purposes: str

    def sql(self, name: str) -> str:
        """Return a statement about this column; the key's values come last among its parameters."""
        first = {"next": 2, "replace": 3}.get(name, 0)
        places = ", ".join(f"${first + n}" for n in range(len(self.key.split(", "))))
        return queries[name].format(
            table=self.table, key=self.key, column=self.column, purposes=self.purposes, places=places
        )


def _bound(what: str, merchant: str, *row: str) -> str:
    """Return the purpose of a token that opens in one row only, and that of tokens from before, which open in any."""
    older = f"'{what}/' || {merchant}"
    return " || '/' || ".join((older, *row)) + f", {older}"


_OF_BATCH = "(SELECT b.merchant FROM batch b WHERE b.id = batch_item.batch)"
SEALED = (
    Sealed("settlement_account", "id", "token", _bound("settlement_account", "merchant", "id")),
    Sealed("kept_account", "id", "token", "'kept_account/' || id"),
    Sealed("webhook_endpoint", "id", "secret_token", "'webhook_secret/' || merchant"),
    Sealed("mandate", "id", "account_token", _bound("mandate", "merchant", "id")),
    Sealed("intent", "id", "account_token", f"{_bound('account', 'merchant', 'id')}, 'account'"),
    Sealed(
        "batch_item",
        "batch, line",
        "account_token",
        f"{_bound('account', _OF_BATCH, 'batch', 'line')}, 'account'",
    ),
)


async def reseal(pool: asyncpg.Pool, vault: Vault) -> AsyncGenerator[tuple[str, int]]:
    """Seal again what is sealed with an older version; yield each table and how many tokens of a portion were changed.

    Raises `InvalidToken` for a token that opens for none of its purposes.
    """
    for sealed in SEALED:
        after = None
        while True:
            rows = await pool.fetch(sealed.sql("next" if after else "first"), PORTION, *(after or ()))
            if not rows:
                break
            old = [row for row in rows if row["token"] and vault.version_of(row["token"]) != vault.current]
            changed = [
                (row["token"], _again(vault, row["token"], row["purposes"]), *row["key"]) for row in old
            ]
            await pool.executemany(sealed.sql("replace"), changed)
            yield sealed.table, len(changed)
            after = rows[-1]["key"]


async def versions(pool: asyncpg.Pool) -> dict[int, int]:
    """Return how many tokens are sealed with each version of the key. It reads every row that has one."""
    found: Counter[int] = Counter()
    for sealed in SEALED:
        found += Counter({row["version"]: row["tokens"] for row in await pool.fetch(sealed.sql("versions"))})
    return dict(found + await _proposed(pool))


async def _proposed(pool: asyncpg.Pool) -> Counter[int]:
    """Return the same of what is proposed and not yet carried out: its content is hashed, so nothing seals it again."""
    return Counter({row["version"]: row["tokens"] for row in await pool.fetch(queries.proposed)})


async def retire_key(pool: asyncpg.Pool, key_file: Path, version: int) -> None:
    """Take a version out of the key file. Raises `KeyInUse` while anything is sealed with it, or `KeyFileError`."""
    if proposed := (await _proposed(pool))[version]:
        raise KeyInUse(
            f"version {version}: open proposals hold {proposed} tokens of it; decide or withdraw them first"
        )
    if tokens := (await versions(pool)).get(version, 0):
        raise KeyInUse(
            f"version {version}: {tokens} tokens are sealed with it; run 'zhangfang keys reseal' first"
        )
    retire(key_file, version)


def _again(vault: Vault, token: str, purposes: list[str | None]) -> str:
    """Seal it for the purpose for which it opens."""
    *first, last = [purpose for purpose in purposes if purpose]
    for purpose in first:
        try:
            return vault.seal(vault.open(token, purpose), purpose)
        except InvalidToken:
            continue
    return vault.seal(vault.open(token, last), last)
