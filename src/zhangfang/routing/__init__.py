"""Routing: which channel a payment goes by. Tables decide; they change only by a release, which is replayed and
canaried."""

from zhangfang.routing.alarms import open_breakers, unknown_types
from zhangfang.routing.decide import decide
from zhangfang.routing.model import (
    Ask,
    Choice,
    Fate,
    Health,
    Kind,
    NotNow,
    RoutingError,
    TableInvalid,
    Tables,
    UnknownVersion,
)
from zhangfang.routing.release import (
    RELEASE,
    Promotion,
    Release,
    canary,
    history,
    promote,
    propose,
    rollback,
    rows_of,
)
from zhangfang.routing.replay import Report, replay
from zhangfang.routing.router import Router
from zhangfang.routing.shape import tables as make_tables
from zhangfang.routing.shape import write as write_csv

__all__ = [
    "RELEASE",
    "Ask",
    "Choice",
    "Fate",
    "Health",
    "Kind",
    "NotNow",
    "Promotion",
    "Release",
    "Report",
    "Router",
    "RoutingError",
    "TableInvalid",
    "Tables",
    "UnknownVersion",
    "canary",
    "decide",
    "history",
    "make_tables",
    "open_breakers",
    "promote",
    "propose",
    "replay",
    "rollback",
    "rows_of",
    "unknown_types",
    "write_csv",
]
