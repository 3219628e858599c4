"""A migrated database is filled with history, and the facts are read from it that values are made of."""

from collections.abc import Mapping
from importlib.resources import files

import asyncpg

from zhangfang.schema import migrate

_FACTS = """
SELECT
    (SELECT id FROM intent WHERE kind = 'collection' AND settlement IS NOT NULL ORDER BY id DESC LIMIT 1)::text AS intent,
    (SELECT id FROM intent WHERE kind = 'purchase' AND settlement IS NOT NULL ORDER BY id DESC LIMIT 1)::text AS other,
    (SELECT id FROM intent ORDER BY id DESC LIMIT 1)::text AS last,
    (SELECT settlement FROM intent WHERE settlement IS NOT NULL ORDER BY id DESC LIMIT 1)::text AS settlement,
    (SELECT mandate FROM intent WHERE mandate IS NOT NULL ORDER BY id DESC LIMIT 1)::text AS mandate,
    (SELECT batch FROM batch_item LIMIT 1)::text AS batch,
    (SELECT id FROM account WHERE code = 2321 LIMIT 1)::text AS account,
    (SELECT id FROM merchant WHERE external_ref = 'M1') AS merchant,
    (SELECT id FROM merchant WHERE external_ref = 'M200') AS rare,
    (SELECT seq FROM books_roll)::text AS rolled, (SELECT paged FROM ledger_checkpoint)::text AS paged,
    (SELECT seq FROM head)::text AS head, (SELECT least(5001, count(*) / 20) FROM intent)::text AS most, 'NULL' AS none,
    '2026-09-01' AS today, '2026-08-31' AS yesterday, '2026-08-30' AS before
"""


async def fill(url: str, intents: int, days: int) -> None:
    """Fill the empty database at `url`; it has every migration afterwards."""
    await migrate(url)
    text = files(__package__).joinpath("fill.sql").read_text("utf-8")
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(text.replace("$days", str(days)).replace("$n", str(intents)))
        await connection.execute("VACUUM ANALYZE")
    finally:
        await connection.close()


async def facts(connection: asyncpg.Connection) -> Mapping[str, str]:
    """Return what the values of `values` are made of."""
    return {name: str(one) for name, one in (await connection.fetchrow(_FACTS)).items()}
