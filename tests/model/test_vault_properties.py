import string
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from zhangfang.vault import InvalidToken, Vault, create_key_file, rotate

texts = st.text(max_size=200)
purposes = st.text(max_size=40)


@pytest.fixture(scope="module")
def vault() -> Iterator[Vault]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vault.json"
        create_key_file(path)
        rotate(path)
        yield Vault(path)


@given(plain=texts, purpose=purposes)
def test_what_was_sealed_opens_again(vault: Vault, plain: str, purpose: str) -> None:
    assert vault.open(vault.seal(plain, purpose), purpose) == plain


@given(plain=texts, where=st.floats(0, 1, exclude_max=True), letter=st.characters(max_codepoint=300))
def test_any_changed_character_makes_the_token_invalid(
    vault: Vault, plain: str, where: float, letter: str
) -> None:
    token = vault.seal(plain, "p")
    at = int(where * len(token))
    assume(token[at] != letter)
    with pytest.raises(InvalidToken):
        vault.open(token[:at] + letter + token[at + 1 :], "p")


@given(plain=texts, letter=st.sampled_from(string.ascii_letters + string.digits + "-_"))
def test_not_even_the_unused_bits_of_the_last_character_can_be_changed(
    vault: Vault, plain: str, letter: str
) -> None:
    token = vault.seal(plain, "p")
    assume(token[-1] != letter)
    with pytest.raises(InvalidToken):
        vault.open(token[:-1] + letter, "p")


@given(plain=texts, purpose=purposes, other=purposes)
def test_another_purpose_never_opens_it(vault: Vault, plain: str, purpose: str, other: str) -> None:
    assume(purpose != other)
    with pytest.raises(InvalidToken):
        vault.open(vault.seal(plain, purpose), other)


@given(token=st.text() | st.from_regex(r"vt1\.[12]\.[A-Za-z0-9_-]{30,60}", fullmatch=True))
def test_any_text_is_an_invalid_token_and_never_another_error(vault: Vault, token: str) -> None:
    with pytest.raises(InvalidToken):
        vault.open(token, "p")


@given(plain=texts, cut=st.integers(1, 300))
def test_a_token_cut_short_does_not_open(vault: Vault, plain: str, cut: int) -> None:
    token = vault.seal(plain, "p")
    with pytest.raises(InvalidToken):
        vault.open(token[:-cut], "p")


@given(a=st.tuples(purposes, texts), b=st.tuples(purposes, texts))
def test_fingerprints_are_equal_exactly_for_equals(
    vault: Vault, a: tuple[str, str], b: tuple[str, str]
) -> None:
    assert (vault.fingerprint(a[1], a[0]) == vault.fingerprint(b[1], b[0])) == (a == b)


@given(rotations=st.lists(texts, min_size=1, max_size=6))
def test_every_token_opens_after_any_number_of_rotations(rotations: list[str]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "vault.json"
        create_key_file(path)
        tokens = []
        for plain in rotations:
            tokens.append(Vault(path).seal(plain, "p"))
            rotate(path)
        assert [Vault(path).open(token, "p") for token in tokens] == rotations
