"""Two sites with disjoint control digits, each of which can be drained (its digits retired) or down (not listening).

Facts: control digits are two and four (CtrlNbF, CtrlNbL); a notice retires some, and then no new number may use them.
Conventions [G]: which digits, the notice as message 403, that a new transaction with retired digits is refused, and that
both sites take every message.
"""

from collections.abc import Mapping
from typing import Any

from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.epcc.keys import SITES

# Site: CtrlNbF and the values of CtrlNbL.
DIGITS = {"a": ("76", ("0100", "0101", "0102", "0103")), "b": ("77", ("0200", "0201", "0202", "0203"))}


class Sites:
    """Their state, in the store. `told` remembers which member has acknowledged which state of which site."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.drained: set[str] = set(store.get("drained", []))
        self.down: set[str] = set(store.get("down", []))
        self._told: dict[str, bool] = store.get("told", {})

    def port(self, site: str, wanted: int) -> int:
        """The port to listen on: `wanted` or, for 0, the site's earlier port, if any."""
        held: int = self._store.get(f"port_{site}", 0)
        return wanted or held

    def listens(self, site: str, port: int) -> None:
        """Remember a site's port: members have it in their settings."""
        self._store.put(f"port_{site}", port)

    def drain(self, site: str, drained: bool) -> None:
        """Retire a site's digits, or bring them back."""
        self.drained = self.drained | {site} if drained else self.drained - {site}
        self._store.put("drained", sorted(self.drained))

    def take_down(self, site: str, down: bool) -> None:
        """Remember that a site does not listen, or does."""
        self.down = self.down | {site} if down else self.down - {site}
        self._store.put("down", sorted(self.down))

    def in_use(self, trx_id: str) -> bool:
        """Whether a new transaction may have this TrxId's digits."""
        first, last = trx_id[-6:-4], trx_id[-4:]
        return any(
            first == f and last in every for site, (f, every) in DIGITS.items() if site not in self.drained
        )

    def digits(self, site: str) -> dict[str, str]:
        """CtrlNbInf of a site: none while it is drained."""
        first, last = DIGITS[site]
        return {} if site in self.drained else {"CtrlNbF": first, "CtrlNbL": "|".join(last)}

    def notice(self, site: str) -> dict[str, str]:
        """CtrlNbInf of the notice about a site's digits."""
        first, last = DIGITS[site]
        state = "01" if site in self.drained else "00"
        return {"CtrlNbF": first, "CtrlNbL": "|".join(last), "CtrlNbSts": state}

    def untold(self, mer_id: str) -> list[str]:
        """The sites whose current state a member has not acknowledged."""
        return [
            site for site in DIGITS if self._told.get(f"{mer_id}/{site}", False) != (site in self.drained)
        ]

    def acknowledged(self, mer_id: str, site: str, drained: bool) -> None:
        """A member has taken the notice of a state."""
        self._told[f"{mer_id}/{site}"] = drained
        self._store.put("told", self._told)

    def shown(self, ports: Mapping[str, int]) -> dict[str, Any]:
        """For the control plane: each site's name and port, its state, and its digits."""
        return {
            site: {
                "name": SITES[site],
                "port": ports[site],
                "drained": site in self.drained,
                "down": site in self.down,
                **self.digits(site),
            }
            for site in DIGITS
        }
