import base64
import json
import os
import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from zhangfang.kernel.errors import InvalidInput
from zhangfang.vault import InvalidToken, KeyFileError, Vault, create_key_file, rotate

PLAIN = "6222021234567890123 张三"


@pytest.fixture
def key_file(tmp_path: Path) -> Path:
    path = tmp_path / "vault.json"
    create_key_file(path)
    return path


@pytest.fixture
def vault(key_file: Path) -> Vault:
    return Vault(key_file)


def test_a_key_file_is_readable_by_its_owner_only_and_leaves_no_draft(key_file: Path) -> None:
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600
    assert os.listdir(key_file.parent) == [key_file.name]


def test_creating_a_key_file_again_leaves_the_first_as_it_is(key_file: Path) -> None:
    before = key_file.read_bytes()
    create_key_file(key_file)
    assert key_file.read_bytes() == before


def test_a_draft_left_by_a_crash_does_not_stop_a_rotation(key_file: Path) -> None:
    key_file.with_name(key_file.name + ".new").write_text("half")
    assert rotate(key_file) == 2
    assert os.listdir(key_file.parent) == [key_file.name]


def test_every_key_file_has_other_keys(vault: Vault, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    create_key_file(other)
    with pytest.raises(InvalidToken):
        Vault(other).open(vault.seal(PLAIN, "p"), "p")
    assert Vault(other).fingerprint(PLAIN, "p") != vault.fingerprint(PLAIN, "p")


def test_a_token_is_aes_256_gcm_with_version_and_purpose_bound(vault: Vault, key_file: Path) -> None:
    """Another implementation must be able to open the data from the documented format alone."""
    head, version, body = vault.seal(PLAIN, "settlement_account/mer_1").split(".")
    assert (head, version) == ("vt1", "1")
    sealed = base64.urlsafe_b64decode(body + "=" * (-len(body) % 4))
    key = base64.b64decode(json.loads(key_file.read_text())["seal"]["1"])
    plain = AESGCM(key).decrypt(sealed[:12], sealed[12:], b"vt1.1.settlement_account/mer_1")
    assert plain.decode() == PLAIN


def test_a_token_does_not_show_what_it_holds_and_is_never_the_same_twice(vault: Vault) -> None:
    first, second = vault.seal(PLAIN, "p"), vault.seal(PLAIN, "p")
    assert first != second
    assert "6222" not in first


def test_a_token_moved_to_another_row_does_not_open(vault: Vault) -> None:
    token = vault.seal(PLAIN, "settlement_account/mer_1")
    with pytest.raises(InvalidToken, match="another purpose") as caught:
        vault.open(token, "settlement_account/mer_2")
    assert token not in str(caught.value)
    assert caught.value.__cause__ is None


@pytest.mark.parametrize(
    "token",
    [
        "",
        "vt1",
        "vt1.1.",
        "vt1.1." + "A" * 37,
        "vt1.1." + "A" * 5500,
        "vt1.0." + "A" * 40,
        "vt1.01." + "A" * 40,
        "vt1.١." + "A" * 40,  # a digit, but no ASCII one
        "vt2.1." + "A" * 40,
        "vt1.1." + "A" * 39 + "=",
        "vt1.1." + "A" * 39 + "+",
        "vt1.1." + "A" * 39 + "\n",
        "vt1.1." + "A" * 40 + "\n",
        " vt1.1." + "A" * 40,
        "vt1.1." + "A" * 40 + ".A",
        "vt1.1." + "\x00" * 40,
    ],
)
def test_text_that_is_no_token_is_refused_before_any_key_is_touched(vault: Vault, token: str) -> None:
    vault._ciphers = {}  # a key asked for would now be an error about versions
    with pytest.raises(InvalidToken, match=f"got {len(token)} characters; allowed: vt1"):
        vault.open(token, "p")


@pytest.mark.parametrize("length", [38, 39, 40, 41, 42])
def test_a_forged_token_of_the_right_shape_does_not_open(vault: Vault, length: int) -> None:
    with pytest.raises(InvalidToken):
        vault.open("vt1.1." + "A" * length, "p")


def test_a_token_of_an_unknown_key_version_names_the_version(vault: Vault) -> None:
    token = vault.seal(PLAIN, "p").replace("vt1.1.", "vt1.9.")
    with pytest.raises(InvalidToken, match=r"key version 9; the key file has \[1\]"):
        vault.open(token, "p")


def test_after_a_rotation_new_tokens_use_the_new_key_and_old_ones_still_open(
    vault: Vault, key_file: Path
) -> None:
    old, mark = vault.seal(PLAIN, "p"), vault.fingerprint(PLAIN, "p")
    assert rotate(key_file) == 2
    assert rotate(key_file) == 3
    later = Vault(key_file)
    assert later.seal(PLAIN, "p").startswith("vt1.3.")
    assert later.open(old, "p") == PLAIN
    assert later.fingerprint(PLAIN, "p") == mark
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_a_process_older_than_the_rotation_opens_tokens_of_the_new_key(vault: Vault, key_file: Path) -> None:
    rotate(key_file)
    assert vault.open(Vault(key_file).seal(PLAIN, "p"), "p") == PLAIN


def test_a_token_cannot_be_relabelled_to_another_key_version(vault: Vault, key_file: Path) -> None:
    held = json.loads(key_file.read_text())
    held["seal"]["2"] = held["seal"]["1"]  # the same key, so that only the binding can refuse
    key_file.write_text(json.dumps(held))
    with pytest.raises(InvalidToken):
        Vault(key_file).open(vault.seal(PLAIN, "p").replace("vt1.1.", "vt1.2."), "p")


def test_fingerprints_find_equals_within_one_purpose_only(vault: Vault) -> None:
    assert vault.fingerprint("1", "a") == vault.fingerprint("1", "a")
    assert vault.fingerprint("1", "a") != vault.fingerprint("2", "a")
    assert vault.fingerprint("1", "a") != vault.fingerprint("1", "b")
    assert vault.fingerprint("bc", "a") != vault.fingerprint("c", "ab")
    assert len(vault.fingerprint("", "")) == 64


@pytest.mark.parametrize(
    ("plain", "shape"), [("x" * 4097, "4097 bytes"), ("张" * 1366, "4098 bytes"), ("a\ud800b", "surrogate")]
)
def test_text_too_long_or_not_encodable_is_refused_without_its_content(
    vault: Vault, plain: str, shape: str
) -> None:
    with pytest.raises(InvalidInput, match=shape) as caught:
        vault.seal(plain, "p")
    assert plain not in str(caught.value)
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_the_longest_text_goes_there_and_back(vault: Vault) -> None:
    assert vault.open(vault.seal("x" * 4096, "p"), "p") == "x" * 4096
    assert vault.open(vault.seal("", "p"), "p") == ""


def test_a_missing_key_file_names_the_path(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"none\.json: No such file"):
        Vault(tmp_path / "none.json")
    with pytest.raises(KeyFileError, match="its folder: No such file"):
        create_key_file(tmp_path / "none" / "vault.json")


def test_a_key_file_open_to_others_is_refused(key_file: Path) -> None:
    key_file.chmod(0o640)
    with pytest.raises(KeyFileError, match="mode 0640 lets others in; allowed: 0600"):
        Vault(key_file)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda held: b"",
        lambda held: b"\xff\xfe not JSON",
        lambda held: b"[]",
        lambda held: b'{"current": 1}',
        lambda held: json.dumps({**held, "current": 2}).encode(),
        lambda held: json.dumps({**held, "seal": {"one": held["seal"]["1"]}}).encode(),
        lambda held: json.dumps({**held, "index": held["index"][:-5] + "="}).encode(),
        lambda held: json.dumps({**held, "index": held["index"][:20]}).encode(),
        lambda held: json.dumps({**held, "index": None}).encode(),
        lambda held: json.dumps({**held, "seal": []}).encode(),
        lambda held: json.dumps(held).encode()[:-10],
    ],
)
def test_a_spoilt_key_file_is_refused_without_showing_a_key(key_file: Path, spoil) -> None:  # type: ignore[no-untyped-def]
    held = json.loads(key_file.read_text())
    key_file.write_bytes(spoil(held))
    with pytest.raises(KeyFileError, match="not the JSON that create_key_file writes") as caught:
        Vault(key_file)
    assert held["index"][:10] not in str(caught.value)
    assert caught.value.__suppress_context__
