"""Both languages are complete, and each text of the catalogue is used."""

import ast
import string
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import pytest
from jinja2 import nodes

import zhangfang
from zhangfang.web.tables import STATES, STEPS, SUBJECTS
from zhangfang.web.visit import environment
from zhangfang.web.words import ZH, Named, Words

SITES = [Path(zhangfang.__path__[0]) / name for name in ("console", "web")]


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
        yield from texts[:2]


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
                    yield from texts[:2]


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


def test_a_text_that_is_not_in_the_catalogue_cannot_bring_markup() -> None:
    assert str(Words("en")("<b>from a database</b>")) == "&lt;b&gt;from a database&lt;/b&gt;"


def test_a_value_is_escaped_and_a_link_is_not() -> None:
    said = Words("zh")("Nothing has the number {text}.", text="<script>")
    assert "<script>" not in said
    assert "&lt;script&gt;" in said
