"""TrxIds: minted once, of digits that are in use; and the digits, which all processes see alike."""

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest

from tests.clock import SetClock
from zhangfang.channels.epcc.numbers import ControlDigits, NoControlDigits, check_trx_id, control_digits, mint
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.ids import new_id

AT = datetime(2026, 8, 31, 16, 30, tzinfo=UTC)  # half past midnight of 1 September in China
A, B = ["760100", "760101"], ["770200", "770201"]
ID = UUID("0192f0c1aaaa7bbb8cccdddddddddd00")


@pytest.fixture
def digits(tmp_path: Path) -> ControlDigits:
    made = ControlDigits(tmp_path / "digits.json")
    made.learn("a", A)
    made.learn("b", B)
    return made


def test_a_number_is_the_day_in_china_sixteen_digits_of_the_id_a_zero_and_control_digits() -> None:
    # sha256 of the id's bytes, by OpenSSL: first half modulo 10^16, second half modulo the digits in use.
    assert mint(ID, AT, A + B) == "20260901" + "5577199752139935" + "0" + "760100"


def test_an_id_has_one_number_as_long_as_the_digits_stay() -> None:
    assert mint(ID, AT, A) == mint(UUID(ID.hex), AT, list(A))


def test_five_thousand_ids_of_one_moment_have_as_many_numbers_spread_over_all_digits() -> None:
    clock = SetClock()
    numbers = {mint(new_id(clock), AT, A + B) for _ in range(5_000)}
    assert len(numbers) == 5_000
    assert {check_trx_id(number)[-6:] for number in numbers} == {*A, *B}


def test_without_control_digits_no_number_is_minted() -> None:
    with pytest.raises(NoControlDigits):
        mint(ID, AT, [])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1" * 31,
        ID.hex,
        "20261301" + "0" * 23,
        "2026090" + "x" * 24,
        "20260901" + "0" * 22,
        "２０" + "0" * 29,
    ],
)
def test_a_number_that_was_not_minted_for_the_network_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput, match="order_no") as caught:
        check_trx_id(text)
    assert not text or text not in str(caught.value)


def test_control_digits_are_read_as_the_network_lists_them() -> None:
    assert control_digits("76", "0100|0101") == A
    for first, last in (("76", ""), ("7", "0100"), ("76", "0100|"), ("76", "010"), ("7x", "0100"), ("", "")):
        assert control_digits(first, last) == []


def test_a_drained_site_gives_no_more_numbers_and_its_old_ones_still_lead_to_it(
    digits: ControlDigits,
) -> None:
    old = mint(ID, AT, A)
    digits.retire(A)
    assert {mint(uuid4(), AT, digits.usable())[-6:] for _ in range(50)} == {*B}
    assert digits.site_of(old) == "a"
    digits.restore(A)
    assert digits.usable() == A + B


def test_every_process_sees_a_notice_at_once(digits: ControlDigits, tmp_path: Path) -> None:
    other = ControlDigits(tmp_path / "digits.json")
    assert other.usable() == A + B
    digits.retire(["760100"])
    assert other.usable() == ["760101", *B]
    other.retire(["760101"])
    assert digits.usable() == B


def test_notices_taken_by_many_at_once_are_all_kept(tmp_path: Path) -> None:
    every = [f"{n:06d}" for n in range(64)]
    ControlDigits(tmp_path / "d.json").learn("a", every)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda one: ControlDigits(tmp_path / "d.json").retire([one]), every))
    assert ControlDigits(tmp_path / "d.json").usable() == []


def test_what_a_site_gives_out_now_is_in_use_and_what_it_does_not_is_retired(digits: ControlDigits) -> None:
    digits.retire(A)
    digits.learn("a", ["760101", "760102"])
    assert digits.usable() == ["760101", "760102", *B]
    assert digits.site_of("0" * 25 + "760100") == "a"


def test_a_site_that_gives_none_is_drained(digits: ControlDigits) -> None:
    digits.learn("a", [])
    assert digits.usable() == B


def test_digits_that_nobody_knows_belong_to_no_site(digits: ControlDigits) -> None:
    assert digits.site_of("0" * 31) == ""


def test_the_file_is_ours_alone(digits: ControlDigits, tmp_path: Path) -> None:
    assert (tmp_path / "digits.json").stat().st_mode & 0o077 == 0
    assert json.loads((tmp_path / "digits.json").read_text())["retired"] == []
