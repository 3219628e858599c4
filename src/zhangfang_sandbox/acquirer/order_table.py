"""Orders in memory for speed and in SQLite for good: a dataclass whose fields are the columns of `orders`."""

from collections.abc import Iterator, Sequence
from dataclasses import fields
from operator import attrgetter
from typing import Any, Generic, TypeVar

from zhangfang_sandbox.common.store import Store

Kind = TypeVar("Kind", bound=Any)


class OrderTable(Generic[Kind]):
    """The SQL for one bank's kind of order. Its first field is `seq`, the number of the row."""

    def __init__(self, kind: type[Kind]) -> None:
        self.kind = kind
        self.columns = tuple(column.name for column in fields(kind))
        names = ",".join(self.columns)
        self.select = f"SELECT {','.join('orders.' + name for name in self.columns)} FROM orders"  # noqa: S608
        self.save = f"INSERT OR REPLACE INTO orders({names}) VALUES({','.join('?' * len(self.columns))})"
        self.schema = (
            f"CREATE TABLE IF NOT EXISTS orders({names.replace('seq', 'seq INTEGER PRIMARY KEY', 1)});"
        )
        self.row = attrgetter(*self.columns)


class OrderBook(Generic[Kind]):
    """Every order of a bank. A bank adds the names by which it finds one, and fills them in `_index`."""

    def __init__(self, store: Store, table: OrderTable[Kind]) -> None:
        self._store, self._table, self._last_seq = store, table, 0
        self._by_seq: dict[int, Kind] = {}
        for row in store.read(f"{table.select} ORDER BY seq"):
            self._keep(table.kind(*row))

    def next_seq(self) -> int:
        """The number of an order that is about to be made."""
        return self._last_seq + 1

    def add(self, order: Kind) -> None:
        """Take in a new order."""
        self._keep(order)
        self.save(order)

    def save(self, order: Kind) -> None:
        """Store what changed."""
        row: Sequence[object] = self._table.row(order)
        self._store.write(self._table.save, row)

    def seen(self, order: Kind) -> bool:
        """Whether a query finds the order; some are hidden from their first queries."""
        if not order.hidden:
            return True
        order.hidden -= 1
        self.save(order)
        return False

    def by_seq(self, seq: int) -> Kind | None:
        """The order with this number of the book."""
        return self._by_seq.get(seq)

    def all(self) -> Iterator[Kind]:
        """Every order, oldest first."""
        return iter(self._by_seq.values())

    def _keep(self, order: Kind) -> None:
        self._index(order)
        self._by_seq[order.seq] = order
        self._last_seq = order.seq

    def _index(self, order: Kind) -> None:
        raise NotImplementedError
