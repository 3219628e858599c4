"""Whatever refuses what people type on a page has its Chinese; the refusals are read from the source: a new one is found."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import zhangfang
from zhangfang.kernel.errors import InvalidInput
from zhangfang.web.refusals import _TABLE, chinese, refusal
from zhangfang.web.words import Words

SOURCE = Path(zhangfang.__file__).parent
ON_FORMS = ("approvals", "reconciliation", "bills", "adjustments", "console")
READERS = tuple(f"bills/{name}.py" for name in ("apart", "by_map", "reading", "text", "workbook"))
WHOLE = {
    "SecondPerson", "NoProposal", "NotAnOperator", "NoAdjustment", "NoEntry", "NoFreeze", "NotAnswered", "BillRefused",
}  # fmt: skip
PARTS = ("field", "got", "allowed")


def texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an argument may have, `7` where a value is filled in; nothing where all of it is one value."""
    if isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))
    elif isinstance(node, ast.Constant):
        yield str(node.value)
    elif isinstance(node, ast.JoinedStr):
        made = "".join(str(one.value) if isinstance(one, ast.Constant) else "7" for one in node.values)
        if made.strip("7 ,"):
            yield made


def calls(*places: str) -> Iterator[tuple[str, ast.Call]]:
    for place in places:
        for path in sorted((SOURCE / place).rglob("*.py")) or [SOURCE / place]:
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                if isinstance(node, ast.Call):
                    yield ast.unparse(node.func).rpartition(".")[2], node


def refused() -> set[tuple[str, str]]:
    made = set()
    for name, call in calls(*ON_FORMS):
        if name == "InvalidInput":
            made |= {
                (part, text) for part, node in zip(PARTS, call.args, strict=True) for text in texts(node)
            }
    for name, call in calls("approvals", "adjustments", *READERS):
        if name in WHOLE and call.args:
            made |= {("whole", text) for text in texts(call.args[0])}
    return made


def test_each_refusal_that_the_source_can_say_has_its_chinese() -> None:
    found = refused()
    assert len(found) > 200
    assert [one for one in sorted(found) if chinese(*one) is None] == []


def test_a_refusal_says_the_same_in_both_languages() -> None:
    zh, en = Words("zh"), Words("en")
    error = str(InvalidInput("reason", "1 characters", "1 to 200"))
    assert refusal(en, error) == error
    assert refusal(zh, error) == "原因：收到 1 个字符；应为 1 至 200"
    assert refusal(zh, "line 3: 2 columns, and the header row has 4") == "第 3 行：有 2 列，表头有 4 列"
    assert refusal(zh, "what <nobody> knows") == '<span lang="en">what &lt;nobody&gt; knows</span>'


@pytest.mark.parametrize("row", _TABLE, ids=lambda row: row[2][:20])
def test_every_row_of_the_table_can_be_filled_in(row: tuple[str, object, str]) -> None:
    assert row[2].count("{}") == getattr(row[1], "groups", 0)
