"""Makes a package: its files, the manifest of their hashes, and the signature over the manifest's bytes as they lie."""

import asyncio
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any, Final

import asyncpg
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from zhangfang.closing.files import read_month
from zhangfang.inspection.keys import public_pem
from zhangfang.inspection.manifest import CHUNK, canonical, entry
from zhangfang.inspection.parts import queries, write_balances, write_entries, write_part
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.sql import load

heads = load(__package__, "package.sql")

FORMAT: Final = "zhangfang-inspection/1"
ALONG: Final = ("README.zh.md", "schema.md", "verify.py")  # as they stand beside this file
PARTS: Final = (*queries, "entries", "balances", "manifest")
MOST_DAYS = 366
Tell = Callable[[str, int], None]  # what is at work, and how many parts are done


@dataclass(frozen=True, slots=True)
class Packed:
    """How many files a package has, beside the manifest and its signature, and how many bytes."""

    files: int
    size: int


async def export(
    pool: asyncpg.Pool, key: Ed25519PrivateKey, first: date, last: date, folder: Path, tell: Tell
) -> Packed:
    """Write the signed package of the business dates from `first` to `last` into an empty or new folder.

    Everything in it is of one moment. The same books, acts and releases give the same bytes. Raises `InvalidInput`.
    """
    _check_dates(first, last)
    await asyncio.to_thread(_make_folder, folder)
    async with (
        pool.acquire() as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        await connection.execute("SET LOCAL timezone = 'UTC'")
        for name in queries:
            await write_part(connection, name, first, last, folder)
            tell(name, 1)
        await write_entries(connection, first, last, folder)
        tell("entries", 1)
        write_balances(await read_month(connection, first, last), folder)
        tell("balances", 1)
        acts = dict(await connection.fetchrow(heads.acts, first, last))
    packed = await asyncio.to_thread(_sign, folder, key, first, last, acts)
    tell("manifest", 1)
    return packed


def _check_dates(first: date, last: date) -> None:
    if not 0 <= (last - first).days < MOST_DAYS:
        raise InvalidInput("to", f"{last}", f"a date from {first} on, {MOST_DAYS} dates at most")


def _make_folder(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()):
        raise InvalidInput("out", f"{folder}, which is not empty", "an empty or new folder")


def _sign(folder: Path, key: Ed25519PrivateKey, first: date, last: date, acts: dict[str, Any]) -> Packed:
    for name in ALONG:
        with as_file(files(__package__) / name) as path:
            shutil.copyfile(path, folder / name)
    (folder / "pub.pem").write_bytes(public_pem(key))
    found = {path.name: entry(path) for path in sorted(folder.iterdir())}
    sums = "".join(f"{one['sha256']}  {name}\n" for name, one in found.items())
    (folder / "sha256sums.txt").write_text(sums, "utf-8")
    found["sha256sums.txt"] = entry(folder / "sha256sums.txt")
    period = {"from": first.isoformat(), "to": last.isoformat()}
    text = canonical({"format": FORMAT, "period": period, "chunk": CHUNK, "acts": acts, "files": found})
    (folder / "manifest.json").write_bytes(text)
    (folder / "manifest.sig").write_bytes(key.sign(text))
    return Packed(len(found), sum(one["bytes"] for one in found.values()))
