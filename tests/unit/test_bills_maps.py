"""A column map is checked before anything is read by it, and each fault is named."""

from typing import Any

import msgspec
import pytest

from zhangfang.bills import SHIPPED, ColumnMap, read_map
from zhangfang.kernel.errors import InvalidInput

GOOD: dict[str, Any] = msgspec.to_builtins(SHIPPED["wechat"]) | {"name": "ours"}
COLUMNS = GOOD["columns"]
STATEMENT: dict[str, Any] = {
    "name": "bank",
    "kind": "statement",
    "columns": [
        {"name": name, "field": name} for name in ("sequence", "time", "balance", "amount_in", "amount_out")
    ],
}


def changed(**fields: object) -> dict[str, object]:
    return GOOD | fields


def column(heading: str, field: str) -> dict[str, str]:
    return {"name": heading, "field": field}


BAD = {
    "two columns to one": (
        changed(columns=[*COLUMNS, column("其他", "amount")]),
        "field amount: got 2 of them: 应结订单金额, 其他; allowed: one column to a field",
    ),
    "one column to two": (
        changed(columns=[*COLUMNS[:-1], column("应结订单金额", "note")]),
        "column 应结订单金额: got 2 of them: amount, note; allowed: one field to a column",
    ),
    "a missing one": (changed(columns=COLUMNS[1:]), "time: got no column"),
    "a field of none": (changed(columns=[*COLUMNS, column("x", "payer")]), "column x: got the field payer"),
    "no words": (changed(words=[]), "words of operation: got none"),
    "a word twice": (
        changed(words=[*GOOD["words"], *GOOD["words"][:1]]),
        "word of operation SUCCESS: got 2 of them",
    ),
    "a word of none": (
        changed(words=[{"field": "operation", "word": "SUCCESS", "means": "money"}]),
        "word SUCCESS: got the meaning money",
    ),
    "a name": (changed(name="Über"), "name: got 4 characters"),
    "a delimiter": (changed(delimiter=", "), "delimiter: got 2 characters"),
    "an encoding": (changed(encoding="latin-1"), "map: got no map"),
    "another field": (changed(colour="red"), "map: got no map"),
    "a time": (changed(time="%d.%m"), "time: got 5 characters"),
    "a total without a number": (
        changed(totals=["总计"]),
        "totals: got a line without a number of ours in it",
    ),
    "a total of nothing": (changed(totals=["{all}"]), "totals: got"),
    "no header, and a heading": (changed(header=False), "a number from 1, since the file has no header row"),
    "a direction of nothing": (
        changed(words=[*GOOD["words"], {"field": "direction", "word": "贷", "means": "in"}]),
        "direction: got no column",
    ),
    "a statement without balance": (
        STATEMENT | {"columns": [one for one in STATEMENT["columns"] if one["name"] != "balance"]},
        "balance: got no column",
    ),
    "one amount of two": (
        STATEMENT | {"columns": STATEMENT["columns"][:4]},
        "amount: got no column; allowed: a column for amount, or one each for amount_in and amount_out",
    ),
    "not JSON": ("{", "map: got no map"),
    "too long": ("x" * 70_000, "map: got 70000 bytes"),
}


def test_good_maps_are_taken() -> None:
    assert read_map(msgspec.json.encode(GOOD)).name == "ours"
    assert read_map(msgspec.json.encode(STATEMENT)).kind == "statement"
    assert {"alipay", "wechat"} <= SHIPPED.keys()


@pytest.mark.parametrize("what", BAD)
def test_a_bad_map_is_refused_by_name(what: str) -> None:
    content, named = BAD[what]
    text = content if isinstance(content, str) else msgspec.json.encode(content)
    with pytest.raises(InvalidInput) as refused:
        read_map(text)
    assert named in str(refused.value)


def test_a_map_is_the_same_after_it_was_written_down() -> None:
    for one in SHIPPED.values():
        assert msgspec.json.decode(msgspec.json.encode(one), type=ColumnMap) == one
