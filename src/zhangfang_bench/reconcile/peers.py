"""What the reconciliation stands beside, each in a process of its own: `python -m zhangfang_bench.reconcile.peers NAME …`.

`duckdb` is the floor: a bare FULL JOIN of the two files, which places nothing and stores nothing but the differences.
`pandas` is what people write today: both files read, an outer merge, and the differences written.
"""

import json
import resource
import subprocess
import sys
from pathlib import Path
from time import perf_counter
from typing import Any

_JOIN = """
COPY (
    SELECT coalesce(o.order_no, t.order_no) AS order_no, o.amount AS ours, t.amount AS theirs
    FROM read_csv('{ours}', header = true, columns = {{
        'order_no': 'VARCHAR', 'amount': 'BIGINT', 'kind': 'VARCHAR', 'state': 'VARCHAR'}}) o
    FULL JOIN read_csv('{theirs}', header = true, columns = {{
        'line_no': 'INTEGER', 'order_no': 'VARCHAR', 'channel_ref': 'VARCHAR', 'operation': 'VARCHAR', 'amount': 'BIGINT',
        'credit': 'BOOLEAN', 'fee': 'BIGINT', 'adjustment': 'BOOLEAN', 'original_order_no': 'VARCHAR', 'note': 'VARCHAR',
        'raw': 'VARCHAR', 'unread': 'VARCHAR'}}) t
    ON o.order_no = t.order_no
    WHERE o.order_no IS NULL OR t.order_no IS NULL OR o.amount <> t.amount
) TO '{out}' (HEADER)
"""


def _duckdb(ours: Path, theirs: Path, out: Path) -> float:
    import duckdb

    with duckdb.connect() as connection:
        began = perf_counter()
        connection.execute(_JOIN.format(ours=ours, theirs=theirs, out=out))
        return perf_counter() - began


def _pandas(ours: Path, theirs: Path, out: Path) -> float:
    import pandas

    began = perf_counter()
    one, other = pandas.read_csv(ours), pandas.read_csv(theirs)
    both = one.merge(other, on="order_no", how="outer", suffixes=("_ours", "_theirs"), indicator=True)
    differs = both[(both["_merge"] != "both") | (both["amount_ours"] != both["amount_theirs"])]
    differs[["order_no", "amount_ours", "amount_theirs"]].to_csv(out, index=False)
    return perf_counter() - began


_PEERS = {"duckdb": _duckdb, "pandas": _pandas}


def run_peer(name: str, ours: Path, theirs: Path) -> dict[str, Any]:
    """Run a peer in a process of its own; return its seconds (without its imports), its differences and its memory in MB."""
    command = [sys.executable, "-m", __name__, name, str(ours), str(theirs)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    said: dict[str, Any] = json.loads(done.stdout)
    return said


def main(name: str, ours: Path, theirs: Path) -> None:
    """Run a peer here, and print its figures as JSON."""
    out = ours.with_suffix(f".{name}.out")
    seconds = _PEERS[name](ours, theirs, out)
    with out.open("rb") as file:
        differences = sum(1 for _ in file) - 1
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    sys.stdout.write(
        json.dumps({"seconds": round(seconds, 3), "differences": differences, "memory_mb": round(memory)})
    )


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), Path(sys.argv[3]))
