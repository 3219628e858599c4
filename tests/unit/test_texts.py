"""One rule says what a text may hold, at every door: what people really write is taken, what nobody sees is not."""

import unicodedata
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from uuid import uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.desk import PAYER
from zhangfang.approvals import reason
from zhangfang.approvals.people import operator_name
from zhangfang.channels.port import Operation, Order
from zhangfang.channels.unionpay import requests
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.text.checks import check_account, check_number
from zhangfang.kernel.text.texts import check_characters, check_text, has_card_number, is_taken, refused_at
from zhangfang.mandates import NewMandate
from zhangfang.mandates.rules import check_new as check_mandate
from zhangfang.merchants import BankAccount, NewMerchant
from zhangfang.merchants.rules import check_account as check_settlement
from zhangfang.merchants.rules import check_new
from zhangfang.payments import Request
from zhangfang.payments.accept.requests import check

REAL = (
    "张三丰", "𬭎", "㛃", "李㛃", "\ue000某", "\U000f0001", "王\u3000五", "买买提·吐尔逊", "Zhang San", "\U00031350",
    "❤️ 物业费", "é", "e\u0301",
)  # fmt: skip
WRONG = {
    " ": "U+0020 at position 1", "\u3000": "U+3000 at position 1", "张三 ": "U+0020 at position 3",
    " 张三": "U+0020 at position 1", "张三\u3000": "U+3000 at position 3", "张\x00": "U+0000 at position 2",
    "张\n三": "U+000A at position 2", "\u202e三张": "U+202E at position 1", "张\u200b三": "U+200B at position 2",
    "张\ufeff": "U+FEFF at position 2", "张\u2028三": "U+2028 at position 2", "张\xa0三": "U+00A0 at position 2",
    "\u3164": "U+3164 at position 1", "张\ud800": "U+D800 at position 2", "\U0002ffff": "U+2FFFF at position 1",
    "\u0378": "U+0378 at position 1", "\u0301a": "U+0301 at position 1",
}  # fmt: skip
CARD = "6222021234567890128"  # its check digit is right


def _request(text: str) -> None:
    check(Request(Operation.PURCHASE, "A-1", 1, "key", text))


def _mandate(text: str) -> None:
    day = date(2026, 9, 1)
    new = NewMandate("M-1", "key", PAYER, 1, 1, 1, day, day, evidence=text)
    check_mandate(new, datetime(2026, 9, 1, tzinfo=UTC))


DOORS: dict[str, Callable[[str], object]] = {
    "description": _request,
    "evidence": _mandate,
    "account.name": lambda text: check_account(replace(PAYER, name=text)),
    "account.bank": lambda text: check_account(replace(PAYER, bank=text)),
    "name": lambda text: check_new(NewMerchant(text)),
    "settlement": lambda text: check_settlement(BankAccount(PAYER.number, text)),
}


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("text", REAL)
def test_what_people_are_really_called_is_taken_at_every_door(door: str, text: str) -> None:
    DOORS[door](text)


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize("text", WRONG)
def test_every_door_says_which_character_it_refuses(door: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        DOORS[door](text)
    assert caught.value.shape == WRONG[text]


@pytest.mark.parametrize("door", DOORS)
@pytest.mark.parametrize(
    "text",
    [
        CARD,
        f"卡{CARD}。",
        "6222 0212 3456 7890 128",
        "4111-1111-1111-1111",
        "４１１１１１１１１１１１１１１１",
    ],
)
def test_no_door_takes_the_number_of_a_card(door: str, text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        DOORS[door](text)
    assert caught.value.shape == "a card number"
    assert CARD not in str(caught.value)


@pytest.mark.parametrize(
    "text", ["订单20261130000000000", "6222021234567890123", "1764460800000", "2026-11-30 10:00"]
)
def test_a_number_that_is_no_cards_may_stand_in_a_text(text: str) -> None:
    check_text("description", text, 100)


def test_peoples_words_lose_the_spaces_around_them_and_are_then_checked_as_all_texts() -> None:
    assert (operator_name(" 林玮 "), reason("银行来电\n")) == ("林玮", "银行来电")
    with pytest.raises(InvalidInput, match=r"U\+200B at position 2"):
        operator_name("林\u200b玮")


@pytest.mark.parametrize(
    ("number", "shape"), [("A 1", "U+0020 at position 2"), ("A-１", "U+FF11 at position 3")]
)
def test_a_wrong_character_in_a_number_is_named_too(number: str, shape: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        check_number(number, "order_no")
    assert caught.value.shape == shape


@given(st.text(max_size=30))
def test_the_quick_look_and_the_look_at_each_character_agree(text: str) -> None:
    wrong = [at for at, character in enumerate(text) if not is_taken(character)]
    at = refused_at(text)
    assert (at == wrong[0]) if wrong else at in (None, 0, len(text) - 1)


@given(st.characters())
def test_what_is_taken_has_a_form_or_a_place_of_its_own(character: str) -> None:
    seen = unicodedata.category(character) in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    assert not (seen and is_taken(character))


@given(st.from_regex(r"[3-69][0-9]{11,17}", fullmatch=True))
def test_every_cards_number_is_found_by_its_check_digit_and_no_number_without_it(digits: str) -> None:
    assert sum(has_card_number(f"{digits}{last}") for last in range(10)) == 1


@given(st.sampled_from(REAL))
def test_what_is_taken_can_be_written_to_a_channel(text: str) -> None:
    order = Order(
        Operation.PAYOUT,
        uuid4().hex,
        datetime(2026, 9, 1, tzinfo=UTC),
        1,
        "key",
        text,
        replace(PAYER, name=text),
    )
    assert requests.memo(order)
    assert requests._name(replace(PAYER, name=text)) == text
    check_characters("text", text, 100)


def test_what_is_printable_is_asked_in_one_place() -> None:
    """Doors that ask for themselves forget a kind. What is listed asks it of ASCII, or of an address."""
    others = {
        "kernel/text/texts.py",
        "kernel/text/checks.py",
        "web/login.py",
        "ledger/engine/state.py",
        "ledger/wire.py",
    }
    source = Path(__file__).parents[2] / "src" / "zhangfang"
    found = {
        str(path.relative_to(source))
        for path in source.rglob("*.py")
        if "isprintable" in path.read_text(encoding="utf-8")
    }
    assert found <= others
