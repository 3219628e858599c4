"""The bank's book in SQLite."""

from pathlib import Path

from zhangfang_sandbox.common import faults
from zhangfang_sandbox.common.rows import RowStore

SCHEMA = (Path(__file__).parent / "schema.sql").read_text(encoding="utf-8")


class Store(RowStore):
    """The tables of `schema.sql`, with commits gathered as in every sandbox bank."""

    def __init__(self, folder: Path) -> None:
        """Open or make the book in `folder`."""
        super().__init__(folder / "genericbank.sqlite3", SCHEMA + faults.SCHEMA)
