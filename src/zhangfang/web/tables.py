"""The words of states and steps, one data file each, read by pages and tests alike; accounts have theirs in the chart."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files

from zhangfang.ledger import CHART
from zhangfang.ledger.chart import Chapter
from zhangfang.ledger.posting import KINDS
from zhangfang.ledger.posting import Line as Movement
from zhangfang.web.words import N_


@dataclass(frozen=True, slots=True)
class StateWord:
    """A state as people see it: word, shape and colour together, so that any two suffice."""

    state: str
    shape: str
    final: str  # yes, no, or "later": a fact that stands beside a final state
    zh: str
    en: str
    merchant_zh: str
    merchant_en: str


@dataclass(frozen=True, slots=True)
class StepWord:
    """A kind of step: its one-character seal, whether it is our own doing rather than evidence, and its title."""

    kind: str
    seal: str
    ours: str
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
OPERATIONS = {
    "purchase": N_("Cashier"),
    "collection": N_("Collection"),
    "refund": N_("Refund"),
    "void": N_("Void"),
    "payout": N_("Payout"),
}
CHANNELS = {
    "unionpay": N_("UnionPay"),
    "chinaums": N_("ChinaUMS"),
    "lakala": N_("Lakala"),
    "epcc": N_("EPCC-style"),
    "cmb": N_("China Merchants Bank"),
    "genericbank": N_("Generic bank"),
}
