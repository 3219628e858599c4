"""The law of the unknown, as pure functions. It is decided here and nowhere else.

1. No answer, a broken answer, an answer that does not verify: UNKNOWN.
2. UNKNOWN ends only by evidence. "Not found" is no evidence, unless every file that could list the order is complete
   and does not list it, and a query after that still finds nothing.
3. A re-send carries the same identifiers, and happens only where the channel's own rules permit it.
4. A final state is final: evidence against it opens a break and overwrites nothing.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from zhangfang.channels.port import MOVED, Operation, Rules, Verdict
from zhangfang.payments.model import FINAL, Intent, State

MANUAL_WAIT = timedelta(minutes=10)
NOT_SENT_WAIT = timedelta(seconds=1)
NOT_ASKED_WAIT = timedelta(seconds=10)  # a query that the channel's rate limit prevented is not counted
PAYER_WAIT = timedelta(seconds=30)
LATE = timedelta(minutes=15)  # the channel may book a message sent so late in its day on the next one

_DEFINITE = {Verdict.SUCCESS: State.SUCCESS, Verdict.RETURNED: State.SUCCESS, Verdict.FAILED: State.FAILED}
_OPEN = {  # (state, verdict) → state; a pair that is not here leaves the state as it is
    (State.REDIRECTED, Verdict.MANUAL): State.MANUAL,
    (State.SENDING, Verdict.ACCEPTED): State.ACCEPTED,
    (State.SENDING, Verdict.UNKNOWN): State.UNKNOWN,
    (State.SENDING, Verdict.NOT_FOUND): State.UNKNOWN,
    (State.SENDING, Verdict.NOT_SENT): State.CREATED,
    (State.SENDING, Verdict.MANUAL): State.MANUAL,
    (State.ACCEPTED, Verdict.NOT_FOUND): State.UNKNOWN,
    (State.ACCEPTED, Verdict.MANUAL): State.MANUAL,
    (State.UNKNOWN, Verdict.MANUAL): State.MANUAL,
}
_CONTRADICTIONS = {(State.SUCCESS, Verdict.FAILED)} | {
    (state, verdict) for state in FINAL - {State.SUCCESS} for verdict in MOVED
}


@dataclass(frozen=True, slots=True)
class Decision:
    """What a piece of evidence changes. `wait` is the time to the next query; `resend`: send the same bytes again.

    A `contradiction` opens a break, and so does money that moved by another amount (`amount_differs`).
    """

    state: State
    wait: timedelta | None = None
    resend: bool = False
    contradiction: bool = False
    amount_differs: bool = False

    @property
    def final(self) -> bool:
        """Whether the intent ends with it."""
        return self.state in FINAL


def decide(
    intent: Intent,
    verdict: Verdict,
    amount: int | None,
    rules: Rules,
    *,
    asked: bool,
    now: datetime,
    same_day: bool,
) -> Decision:
    """Return what one piece of evidence changes.

    `amount` is the amount that the evidence names, in fen; what says that money moved has one (`proof.whole`). `asked` says
    whether it answers a query (one that could not be sent proves nothing about the order); `same_day` whether a message
    sent now still falls on the request's day.
    """
    if not_asked := asked and verdict is Verdict.NOT_SENT:
        verdict = Verdict.UNKNOWN
    differs = verdict in _DEFINITE and amount not in (None, intent.amount)
    if intent.state in FINAL:
        against = (intent.state, verdict) in _CONTRADICTIONS or (differs and verdict in MOVED)
        return Decision(intent.state, contradiction=against, amount_differs=differs)
    if differs:
        return Decision(State.MANUAL, MANUAL_WAIT, amount_differs=True)
    if verdict in _DEFINITE:
        return Decision(_DEFINITE[verdict])
    if verdict is Verdict.NOT_FOUND and asked and intent.absent_since and intent.absent_since <= now:
        return Decision(State.CLOSED if intent.kind is Operation.PURCHASE else State.FAILED)
    state = _OPEN.get((intent.state, verdict), intent.state)
    missed = asked and verdict is Verdict.NOT_FOUND and state is State.UNKNOWN
    resend = missed and same_day and may_resend(rules, intent.not_found + 1)
    if not_asked:
        return Decision(state, NOT_ASKED_WAIT)
    return Decision(state, _wait(state, rules, intent.queries + asked), resend)


def may_resend(rules: Rules, not_found: int) -> bool:
    """Whether the channel permits the identical message again after so many answers of "not found"."""
    return rules.resend_after_not_found is not None and not_found >= rules.resend_after_not_found


def _wait(state: State, rules: Rules, queries: int) -> timedelta:
    if state is State.CREATED:
        return NOT_SENT_WAIT
    if state is State.MANUAL:
        return MANUAL_WAIT
    return rules.query_after[min(queries, len(rules.query_after) - 1)]
