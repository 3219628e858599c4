"""The chain of people's acts, followed row by row: each has the hash of the row before it, by the same bytes as here."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import Any

from zhangfang_audit.books.checks import Finding, Line
from zhangfang_audit.ledger import Row

BEGIN = hashlib.sha256(b"").digest()
_AT = "%Y-%m-%dT%H:%M:%S.%f"


def acts_broken(acts: Sequence[Row], head: Row, proposals: Sequence[Row]) -> Finding:
    """Count what does not fit: rows that were changed, taken out or put in, and approvals of what was not proposed."""
    known = {row["id"]: row for row in proposals}
    lines: list[Line] = []
    seq, before = 0, BEGIN
    for row in acts:
        lines += [_line(row, said, seq + 1) for said in _wrong(row, seq, before, known)]
        seq, before = row["seq"] or seq, row["hash"] or b""
    if (head["seq"], head["hash"]) != (seq, before):
        lines.append(
            Line("acts", "the newest rows were taken away, or the chain's end was changed", seq, head["seq"])
        )
    told = {row["proposal"] for row in acts if row["act"] == "propose"}
    for id_, row in known.items():
        if id_ not in told or hashlib.sha256(row["content"].encode()).digest() != row["hash"]:
            lines.append(Line("acts", f"proposal {id_} is not what was proposed", 0, 0))
    return Finding(len(lines), lines)


def hash_of(row: Row) -> bytes:
    """Return the hash of an act, over the hash of the act before it and every column, as JSON."""
    hexed = {name: row[name].hex() if row[name] is not None else None for name in ("before", "digest")}
    ids = {
        name: str(row[name]) if row[name] is not None else None for name in ("id", "proposal", "result_of")
    }
    at = row["at"].astimezone(UTC).strftime(_AT)
    cells = [
        hexed["before"], row["seq"], ids["id"], at, row["operator"], row["act"], row["target"], row["reason"],
        ids["proposal"], hexed["digest"], ids["result_of"], row["fen"],
    ]  # fmt: skip
    return hashlib.sha256(json.dumps(cells, ensure_ascii=False).encode()).digest()


def _wrong(row: Row, seq: int, before: bytes, known: Mapping[Any, Row]) -> list[str]:
    """Return what is wrong with a row that follows the row `seq`, whose hash is `before`."""
    found = []
    if row["seq"] != seq + 1:
        found.append("a row was taken out, or one was put in")
    if row["before"] != before:
        found.append("the row before it is another one")
    if row["hash"] != hash_of(row):
        found.append("it was changed")
    proposal = known.get(row["proposal"])
    if row["proposal"] is not None and (proposal is None or proposal["hash"] != row["digest"]):
        found.append("its proposal is another one")
    if row["act"] == "approve" and proposal is not None and proposal["person"] == row["person"]:
        found.append("one person proposed and approved")
    return found


def _line(row: Row, said: str, due: int) -> Line:
    return Line(f"act {row['seq']}", f"{row['act']} of {row['operator']}: {said}", row["seq"] or 0, due)
