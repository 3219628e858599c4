import pytest

from zhangfang.kernel.sql import parse

TEXT = """-- How merchants are kept.
-- name: one
select 1
  -- a comment stays
 where $1;

-- name: two_b
select 2
"""


def test_statements_are_found_by_name_and_keep_their_text() -> None:
    queries = parse("store.sql", TEXT)
    assert queries.one == queries["one"] == "select 1\n  -- a comment stays\n where $1;"
    assert queries.two_b == "select 2"


def test_a_missing_name_is_an_error_that_says_what_the_file_has() -> None:
    queries = parse("store.sql", TEXT)
    with pytest.raises(KeyError, match=r"no '-- name: three' in store.sql; it has \['one', 'two_b'\]"):
        queries["three"]
    with pytest.raises(AttributeError, match=r"no '-- name: three' in store\.sql"):
        _ = queries.three


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("-- name: a\nselect 1\n-- name: a\nselect 2", "'a' is used twice"),
        ("-- name: a\n-- name: b\nselect 2", "'a' has no SQL"),
        ("-- name: a\n-- only a comment\n", "'a' has no SQL"),
        ("-- name: A-b\nselect 1", "'A-b' is not lower-case"),
        ("-- name:\nselect 1", "'' is not lower-case"),
        ("select 1\n-- name: a\nselect 1", "SQL before the first"),
    ],
)
def test_a_broken_file_is_refused_when_it_is_read(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        parse("store.sql", text)
