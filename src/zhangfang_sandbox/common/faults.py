"""Which order meets which fault.

A fault is planned for a key (the merchant's own order number) either by name or by a rate. Whether an order meets a
fault with a rate depends on a hash of seed, fault and key, so the same orders meet it in every run. Each fault meets a
key once; this is stored with the order, so a restart neither repeats nor forgets it.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from hashlib import blake2b
from typing import Any

from zhangfang_sandbox.common.store import Store

SCHEMA = "CREATE TABLE IF NOT EXISTS met(key TEXT, fault TEXT, PRIMARY KEY(key, fault)) WITHOUT ROWID;"

LATE_SECONDS = 3.0


@dataclass(frozen=True, slots=True)
class Plan:
    """What goes wrong. `rates` are probabilities per fault, `late_seconds` are real ones."""

    seed: int = 0
    rates: Mapping[str, float] = field(default_factory=dict)
    keyed: Mapping[str, Sequence[str]] = field(default_factory=dict)
    late_seconds: float = LATE_SECONDS


def chance(seed: int, fault: str, key: str) -> float:
    """A number in [0, 1) that depends only on the arguments."""
    digest = blake2b(f"{seed}|{fault}|{key}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) / 2**64


class Faults:
    """The plan, and who has met what."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.plan = Plan(**store.get("faults", {}))
        self._met: set[tuple[str, str]] = {
            (key, fault) for key, fault in store.read("SELECT key, fault FROM met")
        }

    def set(self, plan: Plan) -> None:
        """Replace the plan. Faults that were met stay met."""
        self.plan = plan
        self._store.put("faults", asdict(plan))

    def meets(self, fault: str, key: str) -> bool:
        """Whether this order meets this fault now. If so, it is stored, and the order never meets it again."""
        if not key or not self._planned(fault, key) or (key, fault) in self._met:
            return False
        self._met.add((key, fault))
        self._store.write("INSERT INTO met VALUES(?,?)", (key, fault))
        return True

    def lasts(self, fault: str, key: str) -> bool:
        """Whether this order meets this fault now or has met it before: the fault lasts."""
        return self.meets(fault, key) or (key, fault) in self._met

    def first_met(self, faults: Sequence[str], key: str) -> str:
        """The first of these faults that the order meets now, or an empty text."""
        return next((fault for fault in faults if self.meets(fault, key)), "")

    def report(self) -> dict[str, Any]:
        """For the control plane: the plan, and how many orders have met each fault."""
        return {**asdict(self.plan), "met": dict(Counter(fault for _, fault in self._met))}

    def _planned(self, fault: str, key: str) -> bool:
        if fault in self.plan.keyed.get(key, ()):
            return True
        rate = self.plan.rates.get(fault, 0.0)
        return rate > 0 and chance(self.plan.seed, fault, key) < rate
