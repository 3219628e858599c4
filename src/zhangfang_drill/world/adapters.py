"""The faults that the simulator sets at each bank, one line a channel. All sandbox banks use the same names of faults.

A rate is the share of the day's orders that meet the fault; the merchant's order number decides which orders. A bank that
gets few orders has higher rates, so that in 200 days each fault occurs about ten times on every channel.
"""

from collections.abc import Mapping
from dataclasses import dataclass

OFTEN, SOME, RARE = 0.05, 0.03, 0.02

ANSWERS = {
    "lost_answer": OFTEN,
    "late_answer": RARE,
    "refused": OFTEN,
    "garbled_answer": SOME,
    "bad_signature": SOME,
    "wrong_chain": SOME,
    "throttle": SOME,
    "maintenance": SOME,
    "not_found_first": OFTEN,
}
OUTCOMES = {
    "decline": OFTEN,
    "account_type": RARE,
    "pending_first": SOME,
    "decline_later": SOME,
    "contradict": RARE,
    "returned": SOME,
    "dark": SOME,
}
NOTICES = {"notify_lost": OFTEN, "notify_repeated": SOME, "notify_late": SOME, "notify_disordered": SOME}
FILES = {"file_missing": RARE, "file_extra": RARE, "file_off_by_one": RARE, "file_late_row": SOME}
EVERYTHING = ANSWERS | OUTCOMES | NOTICES | FILES


@dataclass(frozen=True, slots=True)
class Adapter:
    """A channel, the bank that it pays our money into (empty if it does not acquire), and its rate of each fault."""

    name: str
    pays_into: str
    rates: Mapping[str, float]

    @property
    def acquirer(self) -> bool:
        """Whether it takes payments for us and sends a daily file."""
        return bool(self.pays_into)


def _without(*faults: str, least: float = 0.0) -> Mapping[str, float]:
    return {fault: max(rate, least) for fault, rate in EVERYTHING.items() if fault not in faults}


WALLET = {  # few of its orders reach an answer or a notification
    **_without("returned", "account_type", least=0.06),
    **dict.fromkeys(("bad_signature", "wrong_chain", *NOTICES), 0.1),
}
ADAPTERS: Mapping[str, Adapter] = {
    one.name: one
    for one in (  # banks that hold our accounts come first
        Adapter("cmb", "", _without(*FILES, "dark", least=0.05)),
        Adapter("unionpay", "cmb", EVERYTHING | {"returned": 0.05}),
        Adapter("chinaums", "cmb", WALLET),
        Adapter("lakala", "genericbank", WALLET),
        Adapter("epcc", "cmb", _without("returned", least=0.03)),
        Adapter("genericbank", "", _without(*FILES, *NOTICES, "dark", least=0.08)),
    )
}
