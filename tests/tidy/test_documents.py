"""The documents agree with the code: commands, settings, calls, states, errors, events, and the report's headings."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import typer.main

from zhangfang.api import app, problems
from zhangfang.cli.machine.programs import PROGRAMS
from zhangfang.cli.table import COMMANDS, load
from zhangfang.payments import State, telling
from zhangfang.payments.model import FINAL, StepKind
from zhangfang.reconciliation import SEEN, BreakClass, cures

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
SOURCE = ROOT / "src" / "zhangfang"
# Events that are never sent. A pay-in takes no money from an account before it is sent, so the ledger cannot refuse it;
# and only an unpaid purchase is closed.
NEVER_TOLD = {"payment.refused", "refund.closed", "payout.closed"}


def read(page: str) -> str:
    return (DOCS / page).read_text("utf-8")


def rows(text: str) -> list[list[str]]:
    """Return the cells of every table row of a page, without the backticks around a cell."""
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip().strip("`") for cell in re.split(r"(?<!\\)\|", line)[1:-1]] for line in lines]


def first_cells(text: str, shape: str) -> set[str]:
    return {row[0] for row in rows(text) if re.fullmatch(shape, row[0])}


def sections(text: str) -> Iterator[tuple[str, str]]:
    """Yield heading and text of a page's second-level sections."""
    for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]:
        heading, _, body = part.partition("\n")
        yield heading.strip(), body


def options() -> dict[str, set[str]]:
    """Return the options of each command of the command line, by the command's full name."""
    found: dict[str, set[str]] = {}

    def walk(command: Any, name: str) -> None:
        if (words := name.split()[1:]) and words[0] in PROGRAMS and len(words) == 1:
            package, *inner = PROGRAMS[words[0]]
            command = typer.main.get_command(import_module(f"{package}.__main__").app)
            for child in inner:
                command = command.commands[child]
        for child, inner in getattr(command, "commands", {}).items():
            walk(inner, f"{name} {child}")
        if not hasattr(command, "commands") or command.invoke_without_command:
            names = {o for p in command.params for o in (*p.opts, *p.secondary_opts) if o.startswith("--")}
            found[name] = names - {"--help"}

    for name in COMMANDS:
        walk(load(name), f"zhangfang {name}")
    return found


def test_every_command_and_option_is_documented_and_no_other() -> None:
    documented = {
        heading: set(
            re.findall(r"--[a-z-]+", " ".join(row[0] for row in rows(body) if row[0].startswith("--")))
        )
        | set(re.findall(r"`(--[a-z-]+)`", " ".join(row[0] for row in rows(body))))
        for heading, body in sections(read("reference/cli.md"))
    }
    assert documented == options()


@pytest.mark.parametrize(
    "page",
    [ROOT / "README.md", ROOT / "README.zh.md", *sorted(DOCS.rglob("*.md"))],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_every_command_that_a_page_types_exists(page: Path) -> None:
    known = options()
    for code in re.findall(r"```\w*\n.*?```|`[^`\n]+`", page.read_text("utf-8"), re.DOTALL):
        for typed in re.findall(
            r"(?:^|[\s`/(])zhangfang ((?:[a-z]+(?:-[a-z]+)* ?)+)((?: ?--[a-z-]+[^\n`]*)?)", code
        ):
            words = typed[0].split()
            name = next((n for k in (3, 2, 1) if (n := " ".join(["zhangfang", *words[:k]])) in known), None)
            group = any(n.startswith(f"zhangfang {words[0]} ") for n in known)
            assert name or (group and len(words) == 1), f"{page.name}: zhangfang {typed[0]}"
            if name:
                assert set(re.findall(r"--[a-z-]+", typed[1])) <= known[name] | {"--help"}, (
                    f"{page.name}: {code}"
                )


def test_every_setting_is_documented_and_no_other() -> None:
    read_in_code = {
        name
        for path in SOURCE.rglob("*.py")
        for name in re.findall(r"\"(ZHANGFANG_[A-Z_]+[A-Z])\"", path.read_text("utf-8"))
    }
    assert first_cells(read("reference/settings.md"), "ZHANGFANG_[A-Z_]+") == read_in_code


def test_every_call_is_documented_and_no_other() -> None:
    calls = {(f"{spec.method} {spec.path}", spec.who) for spec in app.CALLS}
    who = {"merchant": "merchant", "administrator": "admin", "operator": "operator"}
    documented = {
        (row[0], who[row[1]]) for row in rows(read("reference/api.md")) if re.match("[A-Z]+ /v1/", row[0])
    }
    assert documented == calls


def test_every_state_is_documented_and_which_are_final() -> None:
    found = {row[0]: row[1] for row in rows(read("reference/states.md")) if re.fullmatch("[A-Z]+", row[0])}
    assert found == {state.value: "yes" if state in FINAL else "" for state in State}


def test_every_kind_of_step_is_documented() -> None:
    steps = dict(sections(read("reference/states.md")))["Steps"]
    assert first_cells(steps, "[a-z]+") == {kind.value for kind in StepKind}


def test_every_error_code_is_documented_with_its_status_and_no_other() -> None:
    raised = {(status, code) for _, status, code in problems.TABLE}
    for path in (*SOURCE.glob("api/*.py"), *SOURCE.glob("assembly/server/*.py")):
        found = re.findall(
            r"\b(?:ApiError|problem|refuse)\(\s*(\d{3}),\s*\"([a-z_]+)\"", path.read_text("utf-8")
        )
        raised |= {(int(status), code) for status, code in found}
    documented = {
        (int(row[1]), row[0]) for row in rows(read("reference/errors.md")) if re.fullmatch(r"\d{3}", row[1])
    }
    assert documented == raised


def test_every_webhook_event_is_documented_and_no_other() -> None:
    outcomes = {f"{noun}.{end}" for noun in telling.NOUN.values() for end in telling.ENDS.values()}
    later = {
        event
        for path in sorted((SOURCE / "payments").rglob("*.py"))
        for event in re.findall(r"event_of\(\s*[\w.]+, \w+,\s*\"([a-z.]+)\"", path.read_text("utf-8"))
    }
    assert later, "no event was found that is sent after the final state"
    batch = set(re.findall(r"\"(batch\.[a-z]+)\"", (SOURCE / "batches" / "portions.py").read_text("utf-8")))
    assert batch, "no event was found that is sent at a batch's end"
    events = (outcomes - NEVER_TOLD) | later | batch
    assert first_cells(read("reference/webhooks.md"), r"[a-z]+\.[a-z]+") == events


def test_every_class_of_break_and_every_cure_is_documented() -> None:
    text = read("operate/breaks.md")
    assert first_cells(text, "[a-z_]+") == {kind.value for kind in BreakClass} | {SEEN}
    stands = ("B1", "B4", "B5-", "X1", "X2", "")
    possible = [
        {"class": kind, "template": template, "intent": intent, "kind": None if intent is None else of}
        for kind in BreakClass
        for template in stands
        for intent in (None, UUID(int=1))
        for of in ("collection", "refund", "payout")
    ]
    assert first_cells(text, rf"[BIORX]\d(\.[a-z0-9]+)*|{SEEN}") == {
        cure for row in possible for cure in cures(row)
    }


def test_the_report_in_the_readme_has_the_headings_of_the_real_one() -> None:
    source = (ROOT / "src" / "zhangfang_demo" / "report.py").read_text("utf-8")
    headings = set(re.findall(r"\(\"([^\"\n]*[一-鿿][^\"\n]*)\", ", source))
    assert len(headings) >= 16, "the report's rows were not found"
    for name in ("README.md", "README.zh.md"):
        text = (ROOT / name).read_text("utf-8")
        assert {heading for heading in headings if heading not in text} == set(), name


def test_both_readmes_have_the_same_parts() -> None:
    english, chinese = ((ROOT / name).read_text("utf-8") for name in ("README.md", "README.zh.md"))

    def parts(text: str) -> list[object]:
        fences = re.findall(r"^```(\w*)", text, re.MULTILINE)
        return [len(re.findall("^## ", text, re.MULTILINE)), fences, len(rows(text))]

    assert parts(english) == parts(chinese)
    assert "README.zh.md" in english
    assert "README.md" in chinese
