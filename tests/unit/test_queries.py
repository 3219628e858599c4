"""The parameters of an address: what has another form than the document says is refused, whatever it is."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.api import queries
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.parameters import only, whole

PAGED = {"limit": queries.SCHEMAS["limit"]}
FILE = {name: queries.SCHEMAS[name] for name in ("batch_no", "count", "amount", "partial")}


@given(st.text(max_size=25) | st.integers().map(str) | st.integers(0, 200).map(lambda n: f"{n:04}"))
def test_a_number_has_one_spelling(text: str) -> None:
    if re.fullmatch("[1-9][0-9]?|100", text, re.ASCII):
        assert whole("limit", text, 1, 100) == int(text)
        return
    with pytest.raises(InvalidInput, match=r"^limit: got [0-9]+ characters; allowed: 1 to 100$"):
        whole("limit", text, 1, 100)


def test_values_come_in_their_types_with_the_defaults_of_those_that_are_absent() -> None:
    assert queries.read([], PAGED) == {"limit": 20}
    given = [("batch_no", "B1"), ("count", "2"), ("amount", "0"), ("partial", "true")]
    assert queries.read(given, FILE) == {"batch_no": "B1", "count": 2, "amount": 0, "partial": True}
    assert queries.read(given[:3], FILE)["partial"] is False


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"batch_no": "B 1"}, "batch_no"),
        ({"batch_no": "B1\n"}, "batch_no"),
        ({"count": "0"}, "count"),
        ({"count": "100001"}, "count"),
        ({"amount": "1" * 20}, "amount"),
        ({"partial": "True"}, "partial"),
        ({"more": "1"}, "more"),
        ({"6222021234567890123": "1"}, "query"),
        ({"amount": None}, "amount"),
    ],
)
def test_a_parameter_that_is_not_allowed_is_named_and_its_value_is_not(
    change: dict[str, str | None], field: str
) -> None:
    given = {"batch_no": "B1", "count": "2", "amount": "3"} | change
    with pytest.raises(InvalidInput) as refused:
        queries.read([(name, text) for name, text in given.items() if text is not None], FILE)
    assert refused.value.field == field
    assert "6222021234567890123" not in str(refused.value)


def test_a_parameter_is_given_once() -> None:
    with pytest.raises(InvalidInput, match="limit: got the parameter twice; allowed: once"):
        only([("limit", "1"), ("limit", "1")], PAGED)
