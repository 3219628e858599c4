"""The sheets of a trial balance add up in every column, stand under the chart's headings, and mark what is odd."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from uuid import UUID

import asyncpg
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from tests.console import NOW, TODAY, YESTERDAY, Seeded, make_seeded
from zhangfang.cli.books import books as commands
from zhangfang.cli.books.books_text import sheet, where
from zhangfang.closing import period, roll, trial
from zhangfang.closing.trial import Balance
from zhangfang.console.reading import books
from zhangfang.kernel.errors import InvalidInput
from zhangfang.ledger import CHART, headings

CODES = sorted((int(book), code) for code, book in CHART)
BALANCES = st.lists(
    st.tuples(
        st.sampled_from(CODES),
        st.sampled_from(("a", "b", "c")),
        st.integers(-(10**14), 10**14),
        st.integers(0, 10**14),
        st.integers(0, 10**14),
    ),
    unique_by=lambda one: one[:2],
    max_size=40,
).map(
    lambda several: [
        Balance(book, code, subject, UUID(int=1), 1, opening, debit, credit)
        for (book, code), subject, opening, debit, credit in sorted(several)
    ]
)


@pytest.fixture(scope="module")
def seeded(postgres_url: str) -> Seeded:
    return make_seeded(postgres_url)


@pytest.fixture
async def pool(seeded: Seeded) -> AsyncIterator[asyncpg.Pool]:
    async with asyncpg.create_pool(seeded.url, min_size=1, max_size=2) as opened:
        yield opened


def test_every_code_of_the_chart_stands_under_a_class_and_a_group() -> None:
    for code, _ in CHART:
        above = headings(code)
        assert [heading.prefix for heading in above] == [f"{code}"[0], f"{code}"[:2]]
        assert all(heading.zh and heading.en for heading in above)


@given(BALANCES)
def test_every_heading_is_the_sum_of_what_stands_below_it(balances: list[Balance]) -> None:
    rows = trial.sheet_by_code(balances)
    for row in rows:
        below = [
            r for r in rows if r.level == "code" and r.book == row.book and r.prefix.startswith(row.prefix)
        ]
        assert row.columns == trial.totals(r.columns for r in below)
        assert (row.accounts, row.abnormal) == (
            sum(r.accounts for r in below),
            sum(r.abnormal for r in below),
        )
    assert [(r.book, r.prefix) for r in rows] == sorted((r.book, r.prefix) for r in rows)


@given(BALANCES)
def test_every_subject_is_the_sum_of_its_accounts_in_each_book(balances: list[Balance]) -> None:
    rows = trial.sheet_by_subject(balances)
    assert [row.account for row in rows if row.level == "account"] == [UUID(int=1)] * len(balances)
    for row in rows:
        below = [r for r in rows if r.level == "account" and (r.book, r.subject) == (row.book, row.subject)]
        if row.level == "subject":
            assert row.columns == trial.totals(r.columns for r in below)


@given(BALANCES)
def test_both_orders_have_one_turnover_and_one_difference(balances: list[Balance]) -> None:
    by_code, by_subject = (trial.total_of(trial.SHEETS[by](balances)) for by in ("code", "subject"))
    assert by_code[2:4] == by_subject[2:4]
    for debit, credit in ((0, 1), (4, 5)):
        assert by_code[debit] - by_code[credit] == by_subject[debit] - by_subject[credit]


@pytest.mark.parametrize(
    ("code", "closing", "abnormal"),
    [(2322, -1, False), (2322, 1, True), (2322, 0, False), (1003, 1, False), (1003, -1, True), (3012, -9, False),
     (3012, 9, False), (3011, -1, True)],
)  # fmt: skip
def test_a_balance_on_the_side_that_the_chart_does_not_expect_is_abnormal(
    code: int, closing: int, abnormal: bool
) -> None:
    assert trial.is_abnormal(Balance(1, code, "x", None, 1, closing, 0, 0)) is abnormal


def test_an_abnormal_account_is_not_hidden_by_the_others_of_its_code() -> None:
    balances = [Balance(1, 2322, name, None, 1, fen, 0, 0) for name, fen in (("a", -500), ("b", 7))]
    code = next(row for row in trial.sheet_by_code(balances) if row.level == "code")
    assert (code.columns[5], code.abnormal, code.accounts) == (493, 1, 2)
    assert any("abnormal: 1 of 2" in line for line in sheet("code", balances))


@pytest.mark.parametrize("day", [YESTERDAY, TODAY])
async def test_a_seeded_days_sheet_is_even_in_every_column_pair(pool: asyncpg.Pool, day: object) -> None:
    balances = await trial.trial_balance(pool, day)  # type: ignore[arg-type]
    for by in trial.SHEETS:
        found = trial.as_json(day, by, balances)  # type: ignore[arg-type]
        assert found["gap"] == 0
        (book,) = found["books"]
        total = book["total"]
        assert total["opening_debit"] == total["opening_credit"]
        assert total["debit"] == total["credit"] > 0
        assert total["closing_debit"] == total["closing_credit"] > 0
        assert json.loads(json.dumps(found)) == found


async def test_the_text_of_a_sheet_shows_headings_codes_and_the_total_in_yuan(pool: asyncpg.Pool) -> None:
    balances = await trial.trial_balance(pool, TODAY)
    lines = sheet("code", balances)
    assert lines[0] == "客户资金 Customers' money"
    assert any(line.startswith("2 Liabilities") for line in lines)
    assert any(line.startswith("  23 Customers' money") for line in lines)
    assert any(line.startswith("    2322 Merchant available") for line in lines)
    total = next(line for line in lines if line.startswith("total")).split()
    assert total[3] == total[4] != "0.00"
    assert any(line.startswith("mer_") for line in sheet("subject", balances))


async def test_the_status_names_the_dates_and_says_none_where_there_is_none(pool: asyncpg.Pool) -> None:
    lines = where(await roll.standing(pool, NOW), await period.requests(pool))
    assert lines[:3] == [
        f"business date   {TODAY}",
        "rolled through  no date yet",
        "closed through  no period yet",
    ]


async def test_even_books_have_no_unequal_voucher(pool: asyncpg.Pool) -> None:
    assert await books.first_unequal(pool) is None


@pytest.mark.parametrize("typed", [
    ["trial-balance", "--date", "2026-13-01"], ["export", "--month", "yesterday", "--out", "x"],
    ["reopen", "propose", "--to", "", "--reason", "why"],
])  # fmt: skip
def test_what_is_typed_wrongly_is_named_before_anything_is_opened(typed: list[str]) -> None:
    answer = CliRunner().invoke(commands.app, typed)
    assert isinstance(answer.exception, InvalidInput)


def test_the_commands_read_and_write_where_the_settings_say(
    seeded: Seeded, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("ZHANGFANG_DATABASE_URL", seeded.url)
    monkeypatch.setenv("ZHANGFANG_HOME", str(tmp_path))
    file = tmp_path / "t.json"
    answer = CliRunner().invoke(
        commands.app, ["trial-balance", "--date", str(TODAY), "--by", "subject", "--json", str(file)]
    )
    assert answer.exit_code == 0, answer.output
    assert json.loads(file.read_text())["by"] == "subject"
    assert "rolled through  no date yet" in CliRunner().invoke(commands.app, ["status"]).output
