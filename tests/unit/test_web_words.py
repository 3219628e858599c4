"""Both languages are complete, and each text of the catalogue is used."""

import ast
import re
import string
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from jinja2 import nodes

import zhangfang
from zhangfang.web.tables import STATES, STEPS, SUBJECTS, TERMS, note
from zhangfang.web.visit import environment
from zhangfang.web.words import ZH, Named, Words
from zhangfang_audit.books.report import TITLES

SITES = [Path(zhangfang.__path__[0]) / name for name in ("console", "web")]


def fields(text: str) -> set[str]:
    """Return the names in braces."""
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def _in_templates() -> Iterator[str]:
    env = environment("zhangfang.console")
    for template in chain.from_iterable((site / "templates").glob("*.html") for site in SITES):
        for call in env.parse(template.read_text("utf-8")).find_all(nodes.Call):
            yield from _said(call)


def _said(call: nodes.Call) -> Iterator[str]:
    texts = [a.value for a in call.args if isinstance(a, nodes.Const) and isinstance(a.value, str)]
    if isinstance(call.node, nodes.Name) and call.node.name == "_":
        yield from texts[:1]
    elif isinstance(call.node, nodes.Getattr) and call.node.attr == "n":
        yield from _many(texts)


def _many(texts: list[str]) -> list[str]:
    """Return the text for many, the key of the catalogue; that for one is English only, and fills in no other names."""
    if len(texts) > 1:
        assert fields(texts[0]) <= fields(texts[1]), texts
    return texts[1:2]


def _in_modules() -> Iterator[str]:
    for file in chain.from_iterable(site.rglob("*.py") for site in SITES):
        for call in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(call, ast.Call):
                texts = [
                    a.value for a in call.args if isinstance(a, ast.Constant) and isinstance(a.value, str)
                ]
                if isinstance(call.func, ast.Name) and call.func.id in ("_", "N_"):
                    yield from texts[:1]
                elif isinstance(call.func, ast.Attribute) and call.func.attr == "n":
                    yield from _many(texts)


USED = {*_in_templates(), *_in_modules()}


def test_every_text_has_its_chinese() -> None:
    assert sorted(USED - ZH.keys()) == []


def test_no_chinese_text_is_left_over() -> None:
    assert sorted(ZH.keys() - USED) == []


@pytest.mark.parametrize("text", sorted(ZH))
def test_both_languages_fill_in_the_same_names(text: str) -> None:
    names = {name for _, name, _, _ in string.Formatter().parse(text) if name}
    assert {name for _, name, _, _ in string.Formatter().parse(ZH[text]) if name} == names


def test_no_english_text_has_quotes_that_chinese_fonts_widen() -> None:
    assert [text for text in ZH if set(text) & set("‘’“”")] == []


def test_the_data_files_name_every_row_in_both_languages() -> None:
    words: list[Named] = [*STATES.values(), *STEPS.values(), *SUBJECTS.values()]
    assert [word for word in words if not word.zh or not word.en] == []


def _notes(folder: str) -> Iterator[str]:
    """Yield what the platform itself writes beside a step, a break or a case; `{}` stands for a value."""
    for file in (SITES[0].parent / folder).rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            named = [word.value for word in getattr(node, "keywords", ()) if word.arg == "message"]
            if isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") in (
                "note",
                "message",
                "text",
            ):
                named.append(node.value)
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ("_note", "_unasked"):
                named += node.args
            yield from filter(None, map(_written, named))


def _written(node: ast.expr) -> str:
    if isinstance(node, ast.Constant):
        return str(node.value)
    parts = getattr(node, "values", ()) if isinstance(node, ast.JoinedStr) else ()
    return "".join(str(part.value) if isinstance(part, ast.Constant) else "{}" for part in parts)


@pytest.mark.parametrize("folder", ["payments", "settlement", "reconciliation", "duplicates"])
def test_every_note_that_the_platform_writes_is_in_the_table_of_words(folder: str) -> None:
    known = {re.sub(r"{\w+}", "{}", note) for note in TERMS["note"]}
    assert sorted({note for note in _notes(folder) if " " in note} - known) == []


@pytest.mark.parametrize(("text", "zh"), [
    ("in the settlement of 2026-09-01", "在 2026-09-01 的结算批次里"), ("ours is a refund, UNKNOWN", "我方是退款，待查明"),
    ("B1 mirrored", "长款已反向冲回"), ("unionpay → chinaums: C17", "银联 → 银商：C17"), ("余额不足", "余额不足"),
    ("the channel refused the refund: 51 no money", "渠道拒绝退款：51 no money"), ("seq 17", "账本第 17 笔"),
])  # fmt: skip
def test_a_note_is_said_in_chinese_with_its_values(text: str, zh: str) -> None:
    assert note(Words("zh"), text) == zh


def test_every_figure_of_the_audit_and_every_act_that_is_recorded_has_its_words() -> None:
    acts = set()
    for file in SITES[0].parent.rglob("*"):
        if file.suffix == ".sql":
            inserted = r"INTO operator_act[^\n]*?(?:\nSELECT|VALUES)[^'\n]*'([\w ]+)'"
            acts |= set(re.findall(inserted, file.read_text("utf-8")))
        elif file.suffix == ".py":
            acts |= set(
                re.findall(r"\b(?:record(?:ed)?|counted)\([^)]*?, \"([a-z ]+)\", ", file.read_text("utf-8"))
            )
    assert {"stop", "propose", "approve", "refuse parked", "canary table"} <= acts <= TERMS["act"].keys()
    assert TITLES.keys() <= TERMS["figure"].keys()


def test_every_word_of_the_machine_has_both_languages() -> None:
    assert [
        (table, word)
        for table, words in TERMS.items()
        for word, named in words.items()
        if not (named.zh and named.en)
    ] == []
    assert [
        word
        for word, named in TERMS["note"].items()
        if not fields(word) == fields(named.zh) == fields(named.en)
    ] == []


@pytest.mark.parametrize("table", ["channel", "figure", "act", "cure", "class"])
def test_no_word_of_the_machine_is_its_own_name(table: str) -> None:
    assert [word for word, named in TERMS[table].items() if word in (named.zh, named.en)] == []


def test_a_text_that_is_not_in_the_catalogue_cannot_bring_markup() -> None:
    assert str(Words("en")("<b>from a database</b>")) == "&lt;b&gt;from a database&lt;/b&gt;"


def test_a_value_is_escaped_and_a_link_is_not() -> None:
    said = Words("zh")("Nothing has the number {text}.", text="<script>")
    assert "<script>" not in said
    assert "&lt;script&gt;" in said
