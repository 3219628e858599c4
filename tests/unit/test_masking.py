"""What is kept of a text shows no account number: the shortest has eight digits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhangfang.channels.port import PartyAccount
from zhangfang.kernel.text.masking import masked_text
from zhangfang.merchants import BankAccount


@given(
    st.from_regex(r"[1-9][0-9]{7,11}", fullmatch=True).filter(lambda number: number[:2] not in ("19", "20"))
)
def test_no_account_number_of_8_to_12_digits_shows_in_a_repr_or_a_stored_text(number: str) -> None:
    shown = (
        repr(PartyAccount(number, "张三"))
        + repr(BankAccount(number, "张三"))
        + masked_text(f"账户{number}已销户")
    )
    assert number not in shown
    assert number[:5] not in shown


@pytest.mark.parametrize("text", ["退票 20261130", "20261130", "7 位 1234567"])
def test_a_date_and_a_short_number_stay(text: str) -> None:
    assert masked_text(text) == text


@pytest.mark.parametrize("text", ["120261130", "202611301", "20261330"])
def test_a_number_with_a_date_inside_it_is_no_date(text: str) -> None:
    assert masked_text(text) == "****"
