"""The benchmark of settlement settles everything, to the fen that the aggregate says, and measures its floors beside it."""

import json
from pathlib import Path

import pytest

from zhangfang.kernel.errors import InvalidInput
from zhangfang_bench.settlement.bench import run


def test_a_small_run_settles_all_and_says_so(tmp_path: Path) -> None:
    run(tmp_path / "out.json", 40, 400)
    made = json.loads((tmp_path / "out.json").read_text("utf-8"))
    assert (made["merchants"], made["payments"]) == (40, 400)
    assert {"settle_s", "aggregate_s", "marks_s", "per_second", "machine"} <= set(made)


def test_fewer_payments_than_merchants_are_refused() -> None:
    with pytest.raises(InvalidInput, match="payments"):
        run(None, 2, 1)
