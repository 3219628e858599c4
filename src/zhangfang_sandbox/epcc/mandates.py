"""Agreements: the payer's bank sends a code, the payer gives it to the member, and then the account may be debited.

Convention [G]: one TrxId names both steps of a signing; a code is valid until the signing is done; five wrong codes
end the signing.
"""

import secrets
from typing import Any, NamedTuple

from zhangfang_sandbox.common.store import Store
from zhangfang_sandbox.epcc.codes import (
    ENDED_BEFORE,
    FAILED,
    NO_AGREEMENT,
    NO_CODE,
    OK,
    SUCCESS,
    TAKEN,
    WRONG_CODE,
    Refusal,
)

SCHEMA = """
CREATE TABLE IF NOT EXISTS agreements(trx_id TEXT PRIMARY KEY, mer_id TEXT NOT NULL, account TEXT NOT NULL,
    code TEXT NOT NULL, wrong INTEGER NOT NULL DEFAULT 0, sgn_no TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL CHECK(state IN ('SIGNING','SIGNED','CANCELLED')));
"""
MOST_WRONG = 5


class Agreement(NamedTuple):
    """A row. `account` is masked, because the number is not needed later."""

    trx_id: str
    mer_id: str
    account: str
    code: str
    wrong: int
    sgn_no: str
    state: str


class Mandates:
    """The book of agreements. Steps answer TrxStatus, BizStsCd and the agreement's number."""

    def __init__(self, store: Store) -> None:
        self._store = store

    def begin(self, mer_id: str, trx_id: str, account: str) -> tuple[str, str]:
        """Send the payer a code; the same again sends the same one."""
        held = self._by("trx_id", trx_id)
        if held is None:
            code, number = f"{secrets.randbelow(10**6):06d}", f"SGN{secrets.randbelow(10**20):020d}"
            row = (trx_id, mer_id, masked(account), code, 0, number, "SIGNING")
            self._store.write("INSERT INTO agreements VALUES(?,?,?,?,?,?,?)", row)
        elif (held.mer_id, held.account) != (mer_id, masked(account)):
            raise Refusal(TAKEN)
        return SUCCESS, OK

    def sign(self, mer_id: str, trx_id: str, code: str) -> tuple[str, str, str]:
        """Sign with the code; the same again signs once."""
        held = self._by("trx_id", trx_id)
        if held is None or held.mer_id != mer_id or held.wrong >= MOST_WRONG:
            return FAILED, NO_CODE, ""
        if not secrets.compare_digest(held.code.encode(), code.encode()):
            self._store.write("UPDATE agreements SET wrong=wrong+1 WHERE trx_id=?", (trx_id,))
            return FAILED, WRONG_CODE, ""
        if held.state == "CANCELLED":
            return FAILED, NO_AGREEMENT, ""
        self._store.write("UPDATE agreements SET state='SIGNED' WHERE trx_id=?", (trx_id,))
        return SUCCESS, OK, held.sgn_no

    def cancel(self, mer_id: str, sgn_no: str) -> tuple[str, str]:
        """End an agreement; one that has ended stays so."""
        held = self._by("sgn_no", sgn_no)
        if held is None or held.mer_id != mer_id:
            return FAILED, NO_AGREEMENT
        if held.state == "CANCELLED":
            return SUCCESS, ENDED_BEFORE
        self._store.write("UPDATE agreements SET state='CANCELLED' WHERE sgn_no=?", (sgn_no,))
        return SUCCESS, OK

    def account_of(self, mer_id: str, sgn_no: str) -> str:
        """The masked account that a member may debit under an agreement in force, None without one."""
        held = self._by("sgn_no", sgn_no)
        return held.account if held and held.mer_id == mer_id and held.state == "SIGNED" else ""

    def shown(self, trx_id: str) -> dict[str, Any] | None:
        """For the control plane: the code on the payer's phone."""
        held = self._by("trx_id", trx_id)
        return held and {"order_no": trx_id, "code": held.code, "state": held.state, "account": held.account}

    def _by(self, column: str, value: str) -> Agreement | None:
        rows = self._store.read(f"SELECT * FROM agreements WHERE {column}=?", (value,))  # noqa: S608 - our own names
        return Agreement(*rows[0]) if rows else None


def masked(number: str) -> str:
    """First six and last four; of a short number nothing."""
    return f"{number[:6]}****{number[-4:]}" if len(number) > 10 else "****"
