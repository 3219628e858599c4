"""Pages: whatever was booked between two checkpoints, every line of every account is on one page, with what it comes to."""

import struct
from collections import defaultdict
from collections.abc import Iterator
from datetime import date, timedelta
from random import Random
from typing import NamedTuple
from unittest.mock import patch
from uuid import UUID

import numpy as np
import pytest

from zhangfang.ledger.engine.tail import ENTRY, Tail
from zhangfang.ledger.wire import days
from zhangfang.ledger.writer import pages
from zhangfang.ledger.writer.copying import HEADER, TRAILER
from zhangfang.ledger.writer.pages import LINES_A_PAGE

FIRST = days(date(2026, 9, 1))
HEAD = struct.Struct(">h i h i16s i q i q i i i q i q i q i q i q i q i i i i i i".replace(" ", ""))


class Page(NamedTuple):
    """A page as PostgreSQL would read it."""

    account: bytes
    seq: int
    first_seq: int
    day: date
    sums: tuple[int, int]
    totals: tuple[int, int, int, int]
    lines: list[int]


def read(payload: bytes) -> Iterator[Page]:
    """Read a payload of binary COPY, as its documentation describes it."""
    assert payload.startswith(HEADER)
    assert payload.endswith(TRAILER)
    at = len(HEADER)
    while at < len(payload) - len(TRAILER):
        fields = HEAD.unpack_from(payload, at)
        assert fields[0] == 12, "columns"
        values = fields[2:24:2]
        size, dimensions, nulls, element, count, lower = fields[23:29]
        at += HEAD.size
        assert (size, dimensions, nulls, element, lower) == (20 + 8 * count, 1, 0, 23, 1)
        elements = struct.unpack_from(f">{2 * count}i", payload, at)
        assert set(elements[::2]) == {4}
        at += 8 * count
        day = date(2000, 1, 1) + timedelta(days=values[4])
        yield Page(values[1], values[2], values[3], day, values[5:7], values[7:11], list(elements[1::2]))


def history(random: Random, count: int, accounts: int) -> np.ndarray:
    """Return entries between accounts 1… of all sorts: posted, held, given back, of an account alone, of nobody."""
    entries = np.zeros(count, ENTRY)
    entries["seq"] = np.arange(1001, 1001 + count)
    for entry in entries:
        debit, credit = random.sample(range(1, accounts + 1), 2)
        match random.choice("pphrfn"):
            case "p":
                entry["moved"] = random.randint(1, 99)
            case "h":
                entry["held"] = random.randint(1, 99)
            case "r":
                entry["moved"], entry["held"] = random.randint(0, 9), -random.randint(9, 20)
            case "f":
                credit = debit
            case _:
                debit = credit = 0
        entry["debit_at"], entry["credit_at"] = debit, credit
        entry["business_date"] = FIRST + random.choice([0, 0, 0, 0, 1])
    return entries


@pytest.mark.parametrize("seed", range(30))
def test_every_line_is_on_one_page_with_its_sums_and_totals(seed: int) -> None:
    random = Random(seed)
    accounts = random.choice([2, 5, 40])
    entries = history(random, random.choice([0, 1, 30, 900]), accounts)
    ids = np.array([bytes(16), *(UUID(int=n).bytes for n in range(1, accounts + 1))], "V16")
    start = {n: [random.randint(0, 10**6) for _ in range(4)] for n in range(accounts + 1)}
    expected: dict[int, list[tuple[int, date, list[int]]]] = defaultdict(list)
    figures = {n: list(four) for n, four in start.items()}
    for seq, debit, credit, moved, held, day in entries.tolist():
        for n in dict.fromkeys((debit, credit)):
            four = figures[n]
            if debit != credit:
                side = 0 if n == debit else 1
                four[side] += moved
                four[2 + side] += held
            if n:
                expected[n].append((seq, date(1970, 1, 1) + timedelta(days=day), list(four)))
    touched = np.array(sorted(expected), np.int64)
    final = np.array([figures[n] for n in touched.tolist()], np.int64).reshape(-1, 4)

    found: dict[int, list[Page]] = defaultdict(list)
    for page in read(pages.pages(entries, 0, ids, touched, final)):
        found[UUID(bytes=page.account).int].append(page)

    assert found.keys() == expected.keys()
    for n, lines in expected.items():
        on_pages = [page.first_seq + line for page in found[n] for line in page.lines]
        assert on_pages == [seq for seq, _, _ in lines]
        by_seq = {seq: (day, four) for seq, day, four in lines}
        before = start[n]
        for page in found[n]:
            assert len(page.lines) <= LINES_A_PAGE
            assert page.lines[0] == 0
            assert page.seq == page.first_seq + page.lines[-1]
            assert {by_seq[page.first_seq + line][0] for line in page.lines} == {page.day}
            assert list(page.totals) == by_seq[page.seq][1]
            assert page.sums == (page.totals[0] - before[0], page.totals[1] - before[1])
            before = list(page.totals)


def test_a_page_ends_after_its_most_lines() -> None:
    entries = np.zeros(10, ENTRY)
    entries["seq"], entries["debit_at"], entries["credit_at"], entries["moved"] = range(1, 11), 1, 2, 1
    entries["business_date"] = FIRST
    ids = np.array([UUID(int=n).bytes for n in range(3)], "V16")
    with patch.object(pages, "LINES_A_PAGE", 4):
        made = list(
            read(pages.pages(entries, 0, ids, np.array([1, 2]), np.array([[10, 0, 0, 0], [0, 10, 0, 0]])))
        )
    assert [page.lines for page in made] == [[0, 1, 2, 3], [0, 1, 2, 3], [0, 1]] * 2


def test_sums_that_would_wrap_around_come_out_right() -> None:
    near = 2**63 - 1
    entries = np.zeros(2, ENTRY)
    entries["seq"], entries["debit_at"], entries["credit_at"] = (1, 2), (1, 3), (2, 4)
    entries["moved"], entries["business_date"] = near, FIRST
    ids = np.array([UUID(int=n).bytes for n in range(5)], "V16")
    figures = np.array([[near, 0, 0, 0], [0, near, 0, 0], [near, 0, 0, 0], [0, near, 0, 0]])
    made = list(read(pages.pages(entries, 0, ids, np.array([1, 2, 3, 4]), figures)))
    assert [(page.sums, page.totals[:2]) for page in made] == [
        ((near, 0), (near, 0)),
        ((0, near), (0, near)),
    ] * 2


def test_a_tail_gives_back_what_could_not_be_written_before_what_came_since() -> None:
    tail = Tail()
    for seq in (1, 2):
        tail.add(np.array([(seq, 0, 0, 0, 0, 0)], ENTRY))
    taken = tail.take()
    tail.add(np.array([(3, 0, 0, 0, 0, 0)], ENTRY))
    assert len(tail) == 1
    tail.put_back(taken)
    assert len(tail) == 3
    assert tail.take()["seq"].tolist() == [1, 2, 3]
