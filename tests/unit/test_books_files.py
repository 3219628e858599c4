"""The books as files: the journal has every leg once, the papers add up to it, and twice is the same bytes."""

import asyncio
import csv
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import openpyxl
import pypdf
import pytest

from tests.clock import SetClock
from tests.treasury import DAY, NEXT, Treasury, at, treasury
from zhangfang.closing import roll, trial
from zhangfang.closing.files import export, export_books
from zhangfang.closing.files.journal import COLUMNS
from zhangfang.kernel.money import yuan_to_fen
from zhangfang.papers import TooLong

FIRST, LAST = date(2026, 9, 1), date(2026, 9, 30)


@pytest.fixture
async def house(
    database_url: str, clock: SetClock, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Treasury]:
    monkeypatch.setattr("zhangfang.ledger.writer.writer.CHECKPOINT_S", 0.05)
    async with treasury(database_url, clock) as made:
        yield made


async def busy(house: Treasury) -> None:
    """Post some of everything; some of it is on pages then, and some is not."""
    merchant = await house.merchant()
    paid, *_ = await house.arrived(merchant, 10_000, 500)
    await asyncio.sleep(0.2)
    house.clock.set(at(NEXT, 10, 30))
    await roll.roll(house.pool, house.clock, DAY)
    await house.settle()
    await house.payout(merchant, 3000)
    await house.undo(merchant, paid, 100)


def rows(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def fen(text: str) -> int:
    return yuan_to_fen(text, "x") if text else 0


async def test_the_journal_has_each_leg_once_and_adds_up_to_the_trial_balance(
    house: Treasury, tmp_path: Path
) -> None:
    await busy(house)
    made = await export_books(house.pool, FIRST, LAST, tmp_path, lambda *_: None)
    legs = rows(tmp_path / "journal.csv")
    assert tuple(legs[0]) == COLUMNS
    assert [int(leg["number"]) for leg in legs] == list(range(1, len(legs) + 1))
    entries = await house.pool.fetchval("SELECT count(*) FROM ledger_entry")
    assert (len(legs), len({leg["voucher_number"] for leg in legs})) == (entries, made.vouchers)
    by_voucher: dict[tuple[str, str], list[int]] = defaultdict(lambda: [0, 0])
    by_account: Counter[tuple[str, str, str]] = Counter()
    for leg in legs:
        for n, side in enumerate(("debit", "credit")):
            by_voucher[leg["voucher_number"], leg["book"]][n] += fen(leg[side])
        by_account[leg["book"], leg["account"], leg["subject"]] += fen(leg["debit"]) - fen(leg["credit"])
    assert all(debit == credit > 0 for debit, credit in by_voucher.values())
    closing = {
        (f"{b.book}", f"{b.code}", b.subject): b.closing for b in await trial.trial_balance(house.pool, LAST)
    }
    assert {key: value for key, value in closing.items() if value} == {
        k: v for k, v in by_account.items() if v
    }


async def test_the_papers_open_add_up_and_are_the_same_bytes_twice(house: Treasury, tmp_path: Path) -> None:
    await busy(house)
    for folder in ("one", "two"):
        made = await export_books(house.pool, FIRST, LAST, tmp_path / folder, lambda *_: None)
    assert made.too_long == []
    names = {path.name for path in made.files}
    assert names == {
        "journal.csv", *(f"{part}.{form}" for part in export.PARTS for form in ("xlsx", "pdf"))
    }  # fmt: skip
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    sheet = openpyxl.load_workbook(tmp_path / "one" / "trial-balance.xlsx").worksheets[0]
    (total,) = [row for row in sheet.iter_rows(values_only=True) if str(row[0]).startswith("合计")]
    assert total[2:4] == (0, 0)
    assert total[4] == total[5] > 0
    assert total[6] == total[7] > 0
    text = pypdf.PdfReader(tmp_path / "one" / "general-ledger.pdf").pages
    assert "2322 商户可用款" in "".join(page.extract_text() for page in text)


async def test_the_subsidiary_ledger_ends_each_account_where_the_trial_balance_does(
    house: Treasury, tmp_path: Path
) -> None:
    await busy(house)
    await export_books(house.pool, FIRST, LAST, tmp_path, lambda *_: None)
    sheet = openpyxl.load_workbook(tmp_path / "subsidiary-ledger.xlsx").worksheets[0]
    found, title, before = {}, "", None
    for row in sheet.iter_rows(values_only=True):
        if " · " in str(row[2]):
            title = str(row[2])
        if str(row[2]).startswith("本期合计"):
            assert before is not None
            assert row[5:7] == before[5:7]  # the period's balance is that after the last leg
            found[title] = round(row[6] * 100) * (-1 if str(row[5]).startswith("贷") else 1)
        before = row
    closing = {
        f"{b.code} · {b.subject}": b.closing
        for b in await trial.trial_balance(house.pool, LAST)
        if b.debit or b.credit or b.closing
    }
    short = {f"{name.split(' ')[0]} · {name.split(' · ')[1]}": value for name, value in found.items()}
    assert {k: v for k, v in short.items() if v} == {k: v for k, v in closing.items() if v}


async def test_a_paper_too_long_for_its_form_is_left_out_and_named(
    house: Treasury, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await busy(house)

    def refuse(form: str, *_: object) -> None:
        if form == "pdf":
            raise TooLong("a PDF has few rows")

    monkeypatch.setattr(export, "write", refuse)
    made = await export_books(house.pool, FIRST, LAST, tmp_path, lambda *_: None)
    assert made.too_long == [f"{part}.pdf" for part in export.PARTS]
    assert not any(path.suffix == ".pdf" for path in made.files)
