"""What a table has to look like: each thing that is not allowed is named with line, column, shape and what is allowed."""

import pytest

from tests.routing import ROW
from zhangfang.routing import Kind, TableInvalid, make_tables, shape, write_csv

ROUTE = dict(shape.read(Kind.ROUTES, shape.shipped_text(Kind.ROUTES))[0])
TYPES_HEAD = ",".join(shape.COLUMNS[Kind.ACCOUNT_TYPES])


def problems(kind: Kind, *rows: dict[str, str]) -> list[str]:
    with pytest.raises(TableInvalid) as caught:
        shape.read(kind, write_csv(kind, rows))
    return caught.value.problems


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            {"channel": "alipay"},
            "channel: got 6 characters; allowed: one of unionpay, chinaums, lakala, epcc, cmb, ",
        ),
        (
            {"operation": "refund"},
            "operation: got 6 characters; allowed: one of purchase, collection, payout",
        ),
        ({"holder": "private"}, "holder: got 7 characters; allowed: one of personal, corporate"),
        ({"class": "a/b"}, "class: got 3 characters; allowed: 1 to 16 letters, digits, - and _"),
        ({"holder": "personal"}, "class: got 6 characters; allowed: one of I, II, III"),
        ({"support": "maybe"}, "support: got 5 characters; allowed: one of allowed, unsupported"),
        ({"limit_fen": "12.5"}, "limit_fen: got 4 characters; allowed: an integer from 1 to 999999999999"),
        ({"limit_fen": "0"}, "limit_fen: got an integer out of range; allowed: an integer from 1 to"),
        ({"bound_only": "no"}, "bound_only: got 2 characters; allowed: one of nothing, yes"),
        ({"mark": ""}, "mark: got 0 characters; allowed: one of V, V2, C, K, G"),
        (
            {"support": "unsupported", "limit_fen": "5"},
            "limit_fen: got a value in an unsupported row; allowed: nothing where support is unsupported",
        ),
    ],
)
def test_a_wrong_row_of_account_types_is_named(change: dict[str, str], says: str) -> None:
    (found,) = problems(Kind.ACCOUNT_TYPES, ROW | change)
    assert found.startswith(f"line 2: {says}")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"min_fen": "200", "max_fen": "100"}, "max_fen: got less than min_fen; allowed: min_fen to"),
        ({"product": "wechat"}, "product: got 6 characters; allowed: one of cashier, alipay_app"),
        ({"operation": "payout"}, "product: got 7 characters; allowed: one of nothing"),
        ({"instalments": "3,6"}, "instalments: got 3 characters; allowed: numbers of periods from 0 to 60"),
        ({"opens": "8:30"}, "opens: got 4 characters; allowed: HH:MM in China time, 00:00 to 24:00"),
        (
            {"rate_ppm": "1000001"},
            "rate_ppm: got an integer out of range; allowed: an integer from 0 to 1000000",
        ),
        ({"share": "0"}, "share: got an integer out of range; allowed: an integer from 1 to 1000"),
        ({"agreement": "yes"}, "agreement: got 3 characters; allowed: one of nothing"),
    ],
)
def test_a_wrong_route_is_named(change: dict[str, str], says: str) -> None:
    (found,) = problems(Kind.ROUTES, ROUTE | change)
    assert found.startswith(f"line 2: {says}")


def test_two_rows_about_the_same_are_refused_with_both_lines() -> None:
    again = ROW | {"support": "unsupported"}
    assert problems(Kind.ACCOUNT_TYPES, ROW, ROW | {"class": "x"}, again) == [
        "line 4: channel, operation, holder, class, medium: got what line 2 has; allowed: each once"
    ]
    (found,) = problems(Kind.ROUTES, ROUTE, ROUTE | {"priority": "9"})
    assert "got what line 2 has" in found


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "line 1: header: got another one; allowed: channel,operation,"),
        ("a,b\n", "line 1: header: got another one"),
        (f"{TYPES_HEAD}\n", "file: got 0 rows; allowed: 1 to 20000"),
        (f'{TYPES_HEAD}\n"open', "line 2: row: got what is no CSV; allowed: quotes that close"),
        (f"{TYPES_HEAD}\n\n\ncmb\n", "line 4: row: got 1 fields; allowed: 9"),
        ("x" * (4 * 1024 * 1024 + 1), "file: got 4194305 characters; allowed: at most 4194304"),
    ],
)
def test_what_is_no_table_at_all_is_refused(text: str, says: str) -> None:
    with pytest.raises(TableInvalid) as caught:
        shape.read(Kind.ACCOUNT_TYPES, text)
    assert caught.value.problems[0].startswith(says)


def test_a_table_with_a_byte_order_mark_is_read_and_many_problems_are_cut_to_twenty() -> None:
    text = write_csv(Kind.ACCOUNT_TYPES, [ROW])
    (cell,) = make_tables(1, [], shape.read(Kind.ACCOUNT_TYPES, "\ufeff" + text)).cells.values()
    assert (cell.channel, cell.allowed, cell.limit_fen) == ("cmb", True, None)
    with pytest.raises(TableInvalid, match="and 5 more") as caught:
        shape.read(
            Kind.ACCOUNT_TYPES, write_csv(Kind.ACCOUNT_TYPES, [ROW | {"class": f"?{n}"} for n in range(25)])
        )
    assert len(caught.value.problems) == 25
