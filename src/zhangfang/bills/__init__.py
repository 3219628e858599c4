"""Bills (账单): reads files of channels and statements of banks, in any layout that a column map describes."""

from zhangfang.bills.check import read_map
from zhangfang.bills.model import CANONICAL, Bill, BillRefused, ColumnMap, Statement
from zhangfang.bills.reading import Said, first_lines, read_file
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

__all__ = [
    "CANONICAL",
    "MAP",
    "SHIPPED",
    "Bill",
    "BillRefused",
    "ColumnMap",
    "MapRelease",
    "MapVersion",
    "Said",
    "Statement",
    "approve_map",
    "first_lines",
    "live_map",
    "map_version",
    "map_versions",
    "propose_map",
    "read_file",
    "read_map",
    "told",
]
