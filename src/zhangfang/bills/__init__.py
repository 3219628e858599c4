"""Bills (账单): reads files of channels and statements of banks, in any layout that a column map describes."""

from collections.abc import Callable, Mapping
from pathlib import Path

from zhangfang.bills.apart import beginning
from zhangfang.bills.by_map import read_by_map
from zhangfang.bills.camt import read_camt
from zhangfang.bills.check import read_map
from zhangfang.bills.model import CANONICAL, Bill, BillRefused, ColumnMap, Statement
from zhangfang.bills.mt940 import read_mt940
from zhangfang.bills.reading import NUMBERS, Looked, Said, digest_of, look, raw_rows, read_file
from zhangfang.bills.release import (
    MAP,
    MapRelease,
    MapVersion,
    approve_map,
    live_map,
    map_version,
    map_versions,
    propose_map,
    told,
)
from zhangfang.bills.shipped import SHIPPED
from zhangfang.kernel.errors import InvalidInput


def read_statements(source: Path, form: str, one: ColumnMap | None = None) -> list[Statement]:
    """Return the statements of a file: `form` is camt053, mt940 or map. Raises `BillRefused`, `InvalidInput`."""
    if form == "map" and one is not None:
        return read_by_map(source, one)
    if form not in _READERS:
        raise InvalidInput("format", f"{len(form)} characters", "camt053, mt940, map:NAME")
    return _READERS[form](source)


_READERS: Mapping[str, Callable[[Path], list[Statement]]] = {"camt053": read_camt, "mt940": read_mt940}

__all__ = [
    "CANONICAL",
    "MAP",
    "NUMBERS",
    "SHIPPED",
    "Bill",
    "BillRefused",
    "ColumnMap",
    "Looked",
    "MapRelease",
    "MapVersion",
    "Said",
    "Statement",
    "approve_map",
    "beginning",
    "digest_of",
    "live_map",
    "look",
    "map_version",
    "map_versions",
    "propose_map",
    "raw_rows",
    "read_by_map",
    "read_camt",
    "read_file",
    "read_map",
    "read_mt940",
    "read_statements",
    "told",
]
