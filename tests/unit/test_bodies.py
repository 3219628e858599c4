"""A body that is wrong is answered with the field, the shape of what came, and what is allowed, whatever msgspec says."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.api.app import CALLS
from zhangfang.api.bodies import SHAPES, decoder, explained
from zhangfang.api.shapes import NewMerchantBody, NewPayment
from zhangfang.kernel.errors import InvalidInput

GOOD: dict[str, Any] = {"kind": "purchase", "order_no": "A-1", "amount": 100}
ACCOUNT = {"number": "9900001234567890123", "name": "王子涵"}
FEN = "an integer from 1 to 999999999999"
NUMBER = "text of 1 to 64 characters that matches ^[A-Za-z0-9._:/#@-]+$"


def said(body: Any, takes: type = NewPayment) -> str:
    with pytest.raises(InvalidInput) as caught:
        decoder(takes)(msgspec.json.encode(body))
    return str(caught.value)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": 1.5}, f"amount: got a number with a fraction; allowed: {FEN}"),
        ({"amount": "1"}, f"amount: got text; allowed: {FEN}"),
        ({"amount": None}, f"amount: got null; allowed: {FEN}"),
        ({"amount": True}, f"amount: got true or false; allowed: {FEN}"),
        ({"amount": 0}, f"amount: got an integer out of range; allowed: {FEN}"),
        ({"amount": 10**12}, f"amount: got an integer out of range; allowed: {FEN}"),
        ({"order_no": ""}, f"order_no: got text that is too short; allowed: {NUMBER}"),
        ({"order_no": "A" * 65}, f"order_no: got text that is too long; allowed: {NUMBER}"),
        ({"order_no": "A 1"}, f"order_no: got text of another form; allowed: {NUMBER}"),
        ({"kind": "payout"}, "kind: got a value that is not one of them; allowed: collection, purchase"),
        ({"currency": "USD"}, "currency: got a value that is not one of them; allowed: CNY"),
        (
            {"account": 7},
            "account: got an integer; allowed: an object with number, name, medium, bank, id_no,",
        ),
        (
            {"account": {"number": "12345678"}},
            "account.name: got nothing; allowed: text of 1 to 100 characters",
        ),
        (
            {"account": ACCOUNT | {"x": 1}},
            "account.x: got a field that is not known; allowed: an object with",
        ),
        (
            {"return_url": 5},
            "return_url: got an integer; allowed: text of at most 500 characters that matches",
        ),
        (
            {"colour": 1},
            "colour: got a field that is not known; allowed: an object with kind, order_no, amount,",
        ),
    ],
)
def test_each_kind_of_fault_names_field_shape_and_what_is_allowed(change: dict[str, Any], words: str) -> None:
    assert said(GOOD | change).startswith(words)


def test_a_missing_field_and_another_thing_than_an_object_are_named() -> None:
    assert said({"kind": "purchase", "order_no": "A-1"}) == f"amount: got nothing; allowed: {FEN}"
    assert said([]).startswith("body: got a list; allowed: an object with kind, order_no,")


def test_a_fault_within_a_list_is_named_with_its_place() -> None:
    rules = [{"kind": "payout"}, {"kind": 7}]
    expected = "fee_rules[1].kind: got an integer; allowed: collection, payout, purchase"
    assert said({"name": "a", "fee_rules": rules}, NewMerchantBody) == expected


@pytest.mark.parametrize("body", [b"", b"{", b'{"kind":', b"\xff", b'{"kind":"\xff"}'])
def test_what_is_no_json_is_no_fault_of_a_field(body: bytes) -> None:
    with pytest.raises((msgspec.DecodeError, UnicodeDecodeError)) as caught:
        decoder(NewPayment)(body)
    assert not isinstance(caught.value, InvalidInput)


def test_a_key_that_may_be_data_is_not_repeated() -> None:
    assert said(GOOD | {"9900001234567890123": 1}).startswith("body: got a field that is not known")


def test_every_line_of_the_table_is_met() -> None:
    """A line that no message of msgspec fits any more is dead."""

    class Long(msgspec.Struct):
        many: list[int]

    messages = [
        "Object missing required field `a`", "Object contains unknown field `a`", "Expected `int`, got `str`",
        "Expected `str` of length <= 3", "Expected `str` of length >= 3", "Expected `str` matching regex 'a'",
        "Expected `array` of length <= 3", "Expected `int` >= 3", "Invalid enum value 'a'", "Invalid RFC3339 encoded date",
    ]  # fmt: skip
    first = [next(n for n, (pattern, _) in enumerate(SHAPES) if pattern.match(text)) for text in messages]
    assert first == list(range(len(SHAPES)))
    assert str(explained("Something new - at `$.many`", Long)).startswith(
        "many: got another value; allowed: a list"
    )


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
TAKES = [spec.takes for spec in CALLS if spec.takes]


@given(st.sampled_from(TAKES), st.data())
def test_any_value_in_any_field_of_any_call_is_taken_or_refused_in_our_words(
    takes: type, data: st.DataObject
) -> None:
    names = [one.encode_name for one in msgspec.structs.fields(takes)]
    body = data.draw(st.dictionaries(st.sampled_from(names), ANYTHING) | ANYTHING)
    with suppress(InvalidInput):
        decoder(takes)(msgspec.json.encode(body))
        return
    words = said(body, takes)
    assert not [unwanted for unwanted in ("Expected", "see /docs", "another value") if unwanted in words]
