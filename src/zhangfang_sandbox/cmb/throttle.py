"""The bank's throttle: enquiries of one enterprise, the statement of one account, and how many requests at once.

At least 2 s between two enquiries [V] and 20 requests at once [V] are the bank's; 10 s between statements of one account
comes from one public client [V]. The words of the refusal are ours [G]. It counts real seconds, whatever the bank's
clock shows, and is off until the control plane turns it on.
"""

from typing import Any

from zhangfang_sandbox.cmb.functions import PAYING
from zhangfang_sandbox.common.control import Refused, need
from zhangfang_sandbox.common.rows import RowStore

PLAN = {"on": False, "query_seconds": 2.0, "account_seconds": 10.0}
AT_ONCE = 20


class Throttle:
    """Remembers who asked for what, and when. `refused` counts the refusals since it was turned on."""

    def __init__(self, store: RowStore) -> None:
        """Load the state that the control plane set."""
        self._store = store
        self._plan = store.get("throttle", PLAN)
        self._refused = 0
        self.under_way = 0
        self._last: dict[tuple[str, str], float] = {}

    def report(self) -> dict[str, Any]:
        """For the control plane."""
        return {**self._plan, "refused": self._refused}

    def set(self, data: dict[str, Any]) -> None:
        """Turn it `on` or off, with other gaps than the bank's (`query_seconds`, `account_seconds`) for a test."""
        gaps = {
            name: need({**PLAN, **data}, name, int, float) for name in ("query_seconds", "account_seconds")
        }
        if not all(0 <= gap <= 3600 for gap in gaps.values()):
            raise Refused("query_seconds, account_seconds: must be from 0 to 3600")
        self._plan, self._refused = {"on": need(data, "on", bool), **gaps}, 0
        self._store.put("throttle", self._plan)

    def refuses(self, uid: str, funcode: str, body: dict[str, Any], moment: float) -> bool:
        """Say whether a request comes too soon at `moment` (real seconds); one that does not is noted."""
        asked = [] if funcode in PAYING else [((uid, ""), self._plan["query_seconds"])]
        match body:
            case {"TRANSQUERYBYBREAKPOINT_X1": [{"cardNbr": str() as number}, *_]}:
                asked.append(((uid, number), self._plan["account_seconds"]))
        soon = any(moment - self._last.get(key, float("-inf")) < gap for key, gap in asked)
        if self._plan["on"] and (soon or self.under_way > AT_ONCE):
            self._refused += 1
            return True
        self._last |= {key: moment for key, _ in asked}
        return False
