"""What the simulator knows of each bank: one line a channel, in the vocabulary of faults that all sandbox banks share.

A rate is the share of orders (by the merchant's own number) that meet the fault on a simulated day. A bank that gets few
orders has more of each fault, so that in 200 days every one of them is met about ten times on every channel.
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
    """A bank: the one that its money arrives at, if it acquires, and which faults it is told to have."""

    name: str
    pays_into: str
    rates: Mapping[str, float]

    @property
    def acquirer(self) -> bool:
        """Whether it brings money in and has a file."""
        return bool(self.pays_into)


def _without(*faults: str, least: float = 0.0) -> Mapping[str, float]:
    return {fault: max(rate, least) for fault, rate in EVERYTHING.items() if fault not in faults}


WALLET = {  # few of its orders come so far as to be answered and told of
    **_without("returned", "account_type", least=0.06),
    **dict.fromkeys(("bad_signature", "wrong_chain", *NOTICES), 0.1),
}
ADAPTERS: Mapping[str, Adapter] = {
    one.name: one
    for one in (  # those that hold our accounts first
        Adapter("cmb", "", _without(*FILES, "dark", least=0.05)),
        Adapter("unionpay", "cmb", EVERYTHING | {"returned": 0.05}),
        Adapter("chinaums", "cmb", WALLET),
        Adapter("lakala", "genericbank", WALLET),
        Adapter("epcc", "cmb", _without("returned", least=0.03)),
        Adapter("genericbank", "", _without(*FILES, *NOTICES, "dark", least=0.08)),
    )
}
