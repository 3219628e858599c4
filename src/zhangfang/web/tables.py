"""The words for what the machine calls by codes: states, steps, channels, acts, cures, notes. Accounts have theirs in
the ledger's chart. Pages and tests read the same data files.
"""

import csv
import re
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from zhangfang.ledger import CHART
from zhangfang.ledger.chart import Chapter
from zhangfang.ledger.posting import KINDS, TEMPLATES
from zhangfang.ledger.posting import Line as Movement
from zhangfang.web.words import Words


@dataclass(frozen=True, slots=True)
class StateWord:
    """A state as people see it: word, shape and colour together, so that any two suffice."""

    state: str
    shape: str
    final: str  # yes, no, or "later": a fact that stands beside a final state
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class StepWord:
    """A kind of step: its one-character seal, whether it is our own doing rather than evidence, and its title."""

    kind: str
    seal: str
    ours: str
    zh: str
    en: str


@dataclass(frozen=True, slots=True)
class Term:
    """A word of the machine as people read it."""

    zh: str
    en: str


def _rows(name: str) -> list[dict[str, str]]:
    text = files(__package__).joinpath("data", name).read_text("utf-8")
    return list(csv.DictReader(text.splitlines()))


STATES: Mapping[str, StateWord] = {row["state"]: StateWord(**row) for row in _rows("states.csv")}
STEPS: Mapping[str, StepWord] = {row["kind"]: StepWord(**row) for row in _rows("steps.csv")}
SUBJECTS: Mapping[int, Chapter] = {code: chapter for (code, _), chapter in reversed(CHART.items())}
MOVEMENTS: Mapping[int, Movement] = KINDS
FINAL = frozenset(word.state for word in STATES.values() if word.final == "yes")


def _terms() -> dict[str, dict[str, Term]]:
    """Read the words of each table. A cure is called as its template in the ledger's table, where it has one."""
    tables: dict[str, dict[str, Term]] = {
        "cure": {id_: Term(t[0].zh, t[0].en) for id_, t in TEMPLATES.items()}
    }
    for row in _rows("terms.csv"):
        tables.setdefault(row["table"], {})[row["word"]] = Term(row["zh"], row["en"])
    return tables


TERMS: Mapping[str, Mapping[str, Term]] = _terms()
OPERATIONS, CHANNELS = TERMS["operation"], TERMS["channel"]
_VALUES = {"other": "channel"} | {
    name: name for name in TERMS
}  # which table a value in a note is looked up in


def term(_: Words, table: str, word: str | None) -> str:
    """Return what people call a word of the machine. A word that no table knows is shown as it is; None is a dash."""
    if word is None:
        return "—"
    named = TERMS[table].get(word)
    return _.of(named) if named else word


def subject(_: Words, name: str) -> str:
    """Return what people call the subject of an account that is no merchant: the platform, a channel or a bank."""
    return term(_, "subject", name) if name in TERMS["subject"] else term(_, "channel", name)


def note(_: Words, text: str) -> str:
    """Return a note that the platform itself wrote, in the visitor's language; any other text as it is.

    A note with values in it is stored as English text, so the patterns of the table are tried from the top.
    """
    for pattern, named in _PATTERNS:
        if found := pattern.fullmatch(text):
            return _.of(named).format(
                **{name: _value(_, name, one) for name, one in found.groupdict().items()}
            )
    return text


def _value(_: Words, name: str, text: str) -> str:
    if name == "state" and text in STATES:
        return _.of(STATES[text])
    return term(_, _VALUES[name], text) if name in _VALUES else text


def _pattern(note: str) -> re.Pattern[str]:
    """Return the pattern of a note; each `{name}` in it stands for some text."""
    parts = re.split(r"\{(\w+)\}", note)
    named = (re.escape(part) if n % 2 == 0 else f"(?P<{part}>.+)" for n, part in enumerate(parts))
    return re.compile("".join(named), re.DOTALL)


_PATTERNS = [(_pattern(note), named) for note, named in TERMS["note"].items()]
