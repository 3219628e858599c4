"""A payment's evidence as a timeline: pure functions from stored steps to what is drawn."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from itertools import groupby

from zhangfang.console.reading.model import Payment, Step
from zhangfang.kernel.calendar import china_day
from zhangfang.web.tables import FINAL, STEPS
from zhangfang.web.words import N_

_OUTSIDE = frozenset({"answer", "query", "notification", "file", "bank", "person"})
_TITLES = {  # (kind, verdict) → title; what is not here has the title of its kind in steps.csv
    ("ledger", "refused"): N_("The ledger refused"),
    ("answer", "success"): N_("Answer: done"),
    ("answer", "failed"): N_("Answer: refused"),
    ("answer", "accepted"): N_("Answer: accepted, in progress"),
    ("answer", "unknown"): N_("No usable answer"),
    ("answer", "not_found"): N_("Answer: no such order"),
    ("answer", "not_sent"): N_("Nothing left the house"),
    ("answer", "manual"): N_("Answer: the channel itself does not know"),
    ("query", "success"): N_("Query: done"),
    ("query", "failed"): N_("Query: refused"),
    ("query", "accepted"): N_("Query: accepted, in progress"),
    ("query", "unknown"): N_("Query: no usable answer"),
    ("query", "not_found"): N_("Query: no such order"),
    ("query", "not_sent"): N_("Query could not be sent"),
    ("query", "manual"): N_("Query: the channel itself does not know"),
    ("query", "returned"): N_("Query: returned by the payee's bank"),
    ("notification", "success"): N_("The channel notified: done"),
    ("notification", "failed"): N_("The channel notified: refused"),
    ("bank", "returned"): N_("The money came back on the statement"),
}
_NOTES = {  # what a reader would get wrong without it
    ("answer", "unknown"): N_("No answer is not a failure: same number, no second payment, only queries."),
    ("query", "unknown"): N_("No answer is not a failure: same number, no second payment, only queries."),
    ("query", "not_found"): N_("A missing order is no evidence while a file may still list it."),
    ("answer", "not_found"): N_("A missing order is no evidence while a file may still list it."),
    ("answer", "not_sent"): N_("Proven: the connection closed before a byte was sent."),
}


@dataclass(frozen=True, slots=True)
class Event:
    """One row: `tone` is ours, evidence, doubt or settled; `band` whether the payment was unknown then.

    `title` and `note` are keys of the catalogue (an empty title means the kind's own word); `state` is the state it
    led to; `lasted` is how long the unknown lasted, on the row that ended it.
    """

    kind: str
    seal: str
    start: datetime
    end: datetime
    count: int
    title: str
    note: str
    verdict: str
    code: str
    message: str
    state: str
    tone: str
    band: bool
    raws: tuple[str, ...]
    lasted: timedelta | None = None

    @property
    def quoted(self) -> bool:
        """Whether its code and message are the channel's own words, rather than ours."""
        return self.kind in ("answer", "query", "notification")


def timeline(payment: Payment, steps: Sequence[Step]) -> tuple[Event, ...]:
    """Return the rows, oldest first. A final payment has exactly one settled row, if a step of its state is stored."""
    settling = _settling(payment.state, steps)
    rows: list[Event] = []
    state, since = "", None
    for step in steps:
        led_to = step.state if step.state != state else ""
        state = led_to or state
        if led_to == "UNKNOWN" and since is None:
            since = step.at
        row = _event(step, led_to, settled=step is settling, doubt=state == "UNKNOWN")
        if led_to and led_to != "UNKNOWN" and since is not None:
            row, since = replace(row, lasted=step.at - since), None
        if rows and _repeats(rows[-1], row):
            rows[-1] = _folded(rows[-1], row)
        else:
            rows.append(row)
    return tuple(rows)


def days(rows: Iterable[Event]) -> list[tuple[date, list[Event]]]:
    """Group rows by the day in China on which they began."""
    return [(day, list(several)) for day, several in groupby(rows, key=lambda row: china_day(row.start))]


def _settling(state: str, steps: Sequence[Step]) -> Step | None:
    """Return the evidence that made the state final: the first from outside, else the first at all."""
    if state not in FINAL:
        return None
    ending = [step for step in steps if step.state == state]
    return next((step for step in ending if step.kind in _OUTSIDE), ending[0] if ending else None)


def _event(step: Step, led_to: str, *, settled: bool, doubt: bool) -> Event:
    word = STEPS[step.kind]
    unanswered = step.kind == "answer" and step.verdict == "unknown"
    return Event(
        kind=step.kind,
        seal="?" if unanswered else word.seal,
        start=step.at,
        end=step.at,
        count=1,
        title=_TITLES.get((step.kind, step.verdict), ""),
        note=_NOTES.get((step.kind, step.verdict), ""),
        verdict=step.verdict,
        code=step.code,
        message=step.message,
        state=led_to,
        tone="settled" if settled else "doubt" if doubt else "ours" if word.ours == "yes" else "evidence",
        band=doubt,
        raws=(step.raw,) if step.raw else (),
    )


def _repeats(old: Event, new: Event) -> bool:
    same = ("kind", "verdict", "code", "message", "tone", "band")
    return (
        not new.state
        and new.lasted is None
        and all(getattr(old, name) == getattr(new, name) for name in same)
    )


def _folded(old: Event, new: Event) -> Event:
    raws = old.raws + tuple(raw for raw in new.raws if raw not in old.raws)
    return replace(old, end=new.end, count=old.count + 1, raws=raws)
