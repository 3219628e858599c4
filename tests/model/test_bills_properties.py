"""Any lines, written in any layout, are read back as they were; any byte that goes missing is noticed."""

import csv
import io
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.bills import DAY, Move, Trade, alipay, camt, mt940, wechat
from zhangfang.bills import SHIPPED, BillRefused, ColumnMap, read_camt, read_file, read_mt940
from zhangfang.bills.model import Column, Word
from zhangfang.kernel.money import fen_to_yuan

NUMBERS = st.text("ABCxyz0123456789-_.", min_size=1, max_size=32)
FEN = st.integers(1, 10**12 - 1)  # a bill of trades has none of 0.00: the sign would say nothing
PLAIN = st.text(st.sampled_from("租金水电 abc7.%；（）龘"), max_size=12).map(str.strip)
ANY = st.text(st.characters(codec="utf-8", exclude_categories=("Cs", "Cc")), max_size=20) | st.sampled_from(
    ['a,b', 'say "x"', "two\nlines", "'=1+1", "\\x00", "合计", "#"]
)  # fmt: skip
BOTH = ColumnMap(
    name="both",
    columns=tuple(
        Column(name, name)
        for name in ("order_no", "channel_ref", "amount", "fee", "time", "operation", "note")
    ),
    words=(
        Word("operation", "pay", "collection"),
        Word("operation", "back", "refund"),
        Word("operation", "out", "payout"),
    ),
    foot="END",
    totals=("END,{count},{in_sum},{out_sum},{fee_sum}",),
    time="%Y%m%d%H%M%S",
)


def trades(notes: st.SearchStrategy[str]) -> st.SearchStrategy[list[Trade]]:
    one = st.builds(
        Trade, order_no=NUMBERS, amount=FEN, fee=st.integers(-10_000, 10_000), refund_no=st.just("") | NUMBERS, ref=NUMBERS,
        note=notes,
    )  # fmt: skip
    return st.lists(one, max_size=12)


def told(one: Trade) -> tuple[str, ...]:
    number, original = (one.refund_no, one.order_no) if one.refund_no else (one.order_no, "")
    way, operation = ("false", "refund") if one.refund_no else ("true", "purchase")
    return number, operation, str(one.amount), way, str(one.fee), original, one.note


def read(data: bytes, layout: ColumnMap) -> list[dict[str, str]]:
    with TemporaryDirectory() as folder:
        source = Path(folder) / "bill"
        source.write_bytes(data)
        bill = read_file(source, layout, DAY, Path(folder) / "lines.csv")
        with bill.path.open(encoding="utf-8", newline="") as lines:
            return list(csv.DictReader(lines))


@settings(max_examples=6)
@given(trades(PLAIN))
def test_bills_of_wallets_are_read_as_they_were_written(made: list[Trade]) -> None:
    for name, writer, encoding in (("alipay", alipay, "gb18030"), ("wechat", wechat, "utf-8")):
        lines = read(writer(made).encode(encoding), SHIPPED[name])
        fields = ("order_no", "operation", "amount", "credit", "fee", "original_order_no", "note")
        assert [tuple(line[field] for field in fields) for line in lines] == [told(one) for one in made], name
        assert {line["unread"] for line in lines} <= {""}


def quoted(made: Sequence[Trade]) -> str:
    """Write a CSV with quotes wherever they are needed."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow([column.name for column in BOTH.columns])
    for one in made:
        word = "back" if one.refund_no else "pay"
        moment = f"{DAY:%Y%m%d}101112"
        writer.writerow(
            [one.order_no, one.ref, fen_to_yuan(one.amount), fen_to_yuan(one.fee), moment, word, one.note]
        )
    got = sum(one.amount for one in made if not one.refund_no)
    back = sum(one.amount for one in made if one.refund_no)
    fee = sum(one.fee for one in made)
    return out.getvalue() + f"END,{len(made)},{fen_to_yuan(got)},{fen_to_yuan(back)},{fen_to_yuan(fee)}\r\n"


@settings(max_examples=10)
@given(trades(ANY))
def test_any_note_stands_in_one_cell_and_changes_no_other(made: list[Trade]) -> None:
    lines = read(quoted(made).encode(), BOTH)
    assert [(line["order_no"], line["amount"], line["credit"] == "true", line["fee"]) for line in lines] == [
        (one.order_no, str(one.amount), not one.refund_no, str(one.fee)) for one in made
    ]
    assert [line["note"] for line in lines] == [one.note.replace("\n", " ").strip(" \t") for one in made]
    assert all("\n" not in line["raw"] for line in lines)


@settings(max_examples=25)
@given(trades(PLAIN).filter(bool), st.data())
def test_a_file_that_lacks_a_part_is_never_taken_for_another(made: list[Trade], data: st.DataObject) -> None:
    """Cut any piece out: the file is refused, or its lines are the same as before, or some of them are marked as unread."""
    whole = wechat(made).encode()
    begin = data.draw(st.integers(0, len(whole) - 1))
    end = data.draw(st.integers(begin + 1, min(len(whole), begin + 400)))
    try:
        lines = read(whole[:begin] + whole[end:], SHIPPED["wechat"])
    except BillRefused:
        return
    money = [(line["amount"], line["credit"], line["fee"]) for line in lines if not line["unread"]]
    before = [(str(one.amount), str(not one.refund_no).lower(), str(one.fee)) for one in made]
    assert len(lines) == len(made)
    assert all(one in before for one in money)


TEXTS = st.text(st.sampled_from("租金水电abc 0189"), max_size=30).map(str.strip)
ONE = st.builds(
    Move,
    signed=st.integers(-(10**11), 10**11).filter(bool),
    ref=st.text("ABC0123456789", min_size=1, max_size=16),
    reference=st.text("abc0123456789", max_size=16),
    text=TEXTS,
)
MOVES = st.lists(ONE, max_size=10, unique_by=lambda one: one.ref)


@given(st.integers(-(10**10), 10**10), MOVES, st.integers(1, 4))
def test_statements_are_read_as_they_were_written(opening: int, moves: list[Move], pages: int) -> None:
    ways: tuple[tuple[str, Callable[[Path], list]], ...] = (  # type: ignore[type-arg]
        (camt(opening, moves), read_camt),
        (mt940(opening, moves, pages=pages), read_mt940),
    )
    for text, reader in ways:
        with TemporaryDirectory() as folder:
            source = Path(folder) / "s"
            source.write_text(text, "utf-8", newline="")
            (one,) = reader(source)
        lines = [
            (line.amount if line.credit else -line.amount, line.sequence, line.reference, line.text)
            for line in one.lines
        ]
        assert lines == [(move.signed, move.ref, move.reference, move.text) for move in moves]
        assert (one.opening, one.closing) == (opening, opening + sum(move.signed for move in moves))
