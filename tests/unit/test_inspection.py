"""A package verifies without the project, and whatever is flipped, dropped or added in it is found and named."""

import ast
import json
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from datetime import date, timedelta
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.clock import SetClock
from tests.people import LIN, WANG, close_through
from tests.treasury import DAY, NEXT, Treasury, at, stray, treasury
from zhangfang.approvals import record
from zhangfang.closing import roll
from zhangfang.closing.certificate import certify
from zhangfang.inspection import export, key_of, public_pem, verify
from zhangfang.inspection.manifest import CHUNK, canonical, entry, root
from zhangfang.kernel.errors import InvalidInput
from zhangfang.kernel.settings import NotSetUp

LAST = date(2026, 9, 2)


def quietly(*_: object) -> None:
    pass


@pytest.fixture
async def house(database_url: str, clock: SetClock) -> AsyncIterator[Treasury]:
    async with treasury(database_url, clock) as made:
        yield made


async def busy(house: Treasury) -> None:
    """Let two days have some of everything that a package holds."""
    merchant = await house.merchant()
    await record(house.pool, house.clock, LIN, "stop", "unionpay/void", '维护，"quoted" \\ and \t tab')
    await house.arrived(merchant, 10_000, 500)
    await certify(house.pool, house.clock, "unionpay", DAY)
    await house.filed(NEXT, [stray(1, 55)])
    house.clock.set(at(NEXT, 10, 30))
    await roll.roll(house.pool, house.clock, DAY)
    await close_through(house, DAY)
    await record(house.pool, house.clock, WANG, "open", "unionpay/void")
    await house.settle()
    await house.payout(merchant, 3000)
    await house.pool.execute("INSERT INTO audit_result VALUES ($1, true, '{}')", house.clock.now())


@pytest.fixture
async def package(house: Treasury, tmp_path: Path) -> Path:
    await busy(house)
    key = key_of(tmp_path)
    await export(house.pool, key, DAY, LAST, tmp_path / "package", quietly)
    return tmp_path / "package"


def run(folder: Path, *arguments: str) -> tuple[int, str]:
    command = [sys.executable, "-I", "verify.py", *arguments]
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, check=False, env={"PATH": "/nowhere"}
    )
    return done.returncode, done.stdout + done.stderr


def rewrite(folder: Path, name: str, change: Callable[[str], str], key: Ed25519PrivateKey) -> None:
    """Change a file, and make manifest and signature anew, as somebody who has the key could."""
    path = folder / name
    path.write_text(change(path.read_text("utf-8")), "utf-8")
    held = json.loads((folder / "manifest.json").read_text())
    held["files"][name] = entry(path)
    (folder / "manifest.json").write_bytes(canonical(held))
    (folder / "manifest.sig").write_bytes(key.sign(canonical(held)))


def test_a_package_verifies_with_the_standard_library_and_with_openssl(package: Path) -> None:
    code, said = run(package)
    assert (code, said.splitlines()[-1]) == (0, "this package is whole, and adds up")
    assert run(package, "--key", str(package / "pub.pem"))[0] == 0
    assert run(package, "--nonsense")[0] == 2
    if openssl := shutil.which("openssl"):
        command = [openssl, "pkeyutl", "-verify", "-pubin", "-inkey", "pub.pem", "-rawin"]
        command += ["-in", "manifest.json", "-sigfile", "manifest.sig"]
        assert subprocess.run(command, cwd=package, capture_output=True, check=False).returncode == 0
    sums = subprocess.run(
        ["sha256sum", "-c", "sha256sums.txt"], cwd=package, capture_output=True, check=False
    )
    assert sums.returncode == 0


def test_it_holds_books_acts_certificates_and_no_personal_data(package: Path) -> None:
    lines = {
        path.name: path.read_text("utf-8").splitlines() for path in package.iterdir() if path.suffix != ".sig"
    }
    for name in ("entries.csv", "vouchers.csv", "balances.csv", "breaks.csv", "payments.csv"):
        assert len(lines[name]) > 1, name
    for name in ("acts.jsonl", "certificates.jsonl", "proposals.jsonl", "closes.jsonl", "seals.jsonl"):
        assert lines[name], name
    text = "\n".join(line for several in lines.values() for line in several)
    for secret in ("6222000000000018", "6222000000000026", "张三", "某公司", "PRIVATE"):
        assert secret not in text


async def test_the_same_period_twice_is_the_same_bytes(house: Treasury, tmp_path: Path) -> None:
    await busy(house)
    key = key_of(tmp_path)
    for name in ("one", "two"):
        await export(house.pool, key, DAY, LAST, tmp_path / name, quietly)
        house.clock.set(at(LAST + timedelta(days=5), 12))
        await record(house.pool, house.clock, LIN, "export", name)  # of another day
    one, two = ({p.name: p.read_bytes() for p in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two


async def test_a_folder_that_is_not_empty_and_a_period_turned_round_are_refused(
    house: Treasury, tmp_path: Path
) -> None:
    key = key_of(tmp_path)
    for first, last, folder in (
        (DAY, LAST, tmp_path),
        (LAST, DAY, tmp_path / "x"),
        (DAY, date(2028, 1, 1), tmp_path / "y"),
    ):
        with pytest.raises(InvalidInput):
            await export(house.pool, key, first, last, folder, quietly)


FILES = (
    "entries.csv", "balances.csv", "acts.jsonl", "certificates.jsonl", "proposals.jsonl", "breaks.csv", "payments.csv",
    "verify.py", "README.zh.md", "pub.pem", "sha256sums.txt", "manifest.json", "manifest.sig",
)  # fmt: skip


def test_any_flipped_dropped_or_added_byte_is_found_and_named(package: Path) -> None:
    kept = {path.name: path.read_bytes() for path in package.iterdir()}
    assert verify.check(str(package)) == []

    @settings(max_examples=200)
    @given(st.sampled_from(FILES), st.data())
    def damaged(name: str, data: st.DataObject) -> None:
        whole = kept[name]
        place = data.draw(st.integers(0, len(whole) - 1))
        how = data.draw(st.sampled_from(("flip", "drop", "add")))
        if how == "flip":
            spoilt = (
                whole[:place] + bytes([whole[place] ^ data.draw(st.integers(1, 255))]) + whole[place + 1 :]
            )
        elif how == "drop":
            spoilt = whole[:place] + whole[place + 1 :]
        else:
            spoilt = whole[:place] + data.draw(st.binary(min_size=1, max_size=3)) + whole[place:]
        (package / name).write_bytes(spoilt)
        try:
            found = verify.check(str(package))
        finally:
            (package / name).write_bytes(whole)
        assert any(name in one for one in found), (name, how, place, found)

    damaged()
    assert verify.check(str(package)) == []


def test_files_that_are_missing_extra_or_links_are_named(package: Path, tmp_path: Path) -> None:
    for name in FILES:
        (package / name).rename(tmp_path / name)
        assert any(name in one for one in verify.check(str(package))), name
        (tmp_path / name).rename(package / name)
    (package / "more.txt").write_text("x")
    (package / "folder").mkdir()
    (package / "link").symlink_to(package / "breaks.csv")
    assert [one.split(":")[0] for one in verify.check(str(package))] == [
        "folder",
        "link",
        "folder",
        "link",
        "more.txt",
    ]
    for name in ("more.txt", "link"):
        (package / name).unlink()
    (package / "folder").rmdir()
    (package / "breaks.csv").rename(tmp_path / "breaks.csv")
    (package / "breaks.csv").symlink_to(tmp_path / "breaks.csv")
    assert verify.check(str(package)) == [
        "breaks.csv: a link, a folder or a device; only plain files belong here"
    ]


def test_a_package_signed_again_with_another_key_is_refused_by_the_key_that_the_inspector_has(
    package: Path, tmp_path: Path
) -> None:
    given_ = tmp_path / "given.pem"
    shutil.copyfile(package / "pub.pem", given_)
    other = Ed25519PrivateKey.generate()
    (package / "pub.pem").write_bytes(public_pem(other))
    held = json.loads((package / "manifest.json").read_text())
    held["files"]["pub.pem"] = entry(package / "pub.pem")
    (package / "manifest.json").write_bytes(canonical(held))
    (package / "manifest.sig").write_bytes(other.sign(canonical(held)))
    assert run(package)[0] == 0  # it agrees with itself: hence the digest on another way
    code, said = run(package, "--key", str(given_))
    assert code == 1
    assert "pub.pem: another key than" in said
    assert "the signature does not hold" in said
    assert "no Ed25519 key" in run(package, "--key", str(tmp_path / "nothing"))[1]


def left_out(text: str, line: int) -> str:
    lines = text.splitlines(True)
    del lines[line]
    return "".join(lines)


CHEATS: dict[str, tuple[str, Callable[[str], str], str]] = {
    "an entry of more": ("entries.csv", lambda text: text.replace(",10000,", ",10001,", 1), "balances.csv, line"),
    "an act told otherwise": ("acts.jsonl", lambda text: text.replace("void", "none", 1), "acts.jsonl, line 1: the hash"),
    "an act left out": ("acts.jsonl", lambda text: left_out(text, 0), "line 1: it does not follow"),
    "the last act left out": ("acts.jsonl", lambda text: left_out(text, -1), "acts.jsonl: it ends"),
    "a certificate of more": ("certificates.jsonl", lambda t: t.replace("10500", "10501", 1), "certificates.jsonl, line 1"),
    "a balance left out": ("balances.csv", lambda text: left_out(text, 1), "no balance"),
}  # fmt: skip


@pytest.mark.parametrize("cheat", CHEATS)
def test_what_cannot_be_so_is_named_even_if_it_is_signed(package: Path, cheat: str) -> None:
    name, change, said = CHEATS[cheat]
    before = (package / name).read_text("utf-8")
    rewrite(package, name, change, key_of(package.parent))
    assert (package / name).read_text("utf-8") != before
    found = verify.check(str(package))
    assert any(said in one for one in found), found
    assert not any("signature" in one for one in found)


@pytest.mark.parametrize("name", ["../x", "a/b", ".hidden", "manifest.sig", ""])
def test_a_name_that_leads_out_of_the_package_is_refused(package: Path, name: str) -> None:
    held = json.loads((package / "manifest.json").read_text())
    held["files"][name] = held["files"]["breaks.csv"]
    (package / "manifest.json").write_bytes(canonical(held))
    found = verify.check(str(package))
    assert f"{name}: a name that a file of a package cannot have" in found


def test_a_name_twice_in_the_manifest_is_refused() -> None:
    with pytest.raises(verify.Twice):
        json.loads('{"a": 1, "A": 2}', object_pairs_hook=verify.once)


def test_the_verifier_names_the_chunk_and_the_lines_that_it_holds(tmp_path: Path) -> None:
    path = tmp_path / "big.csv"
    line = b"x" * 1023 + b"\n"
    path.write_bytes(line * 3000)
    said = entry(path)
    assert list(verify.check_file(str(tmp_path), "big.csv", said)) == []
    data = bytearray(path.read_bytes())
    data[2 * CHUNK + 5] ^= 1
    path.write_bytes(data)
    (found,) = verify.check_file(str(tmp_path), "big.csv", said)
    assert found == f"big.csv: changed in chunk 3 (from byte {2 * CHUNK}, lines 2049 to 3001)"


@given(st.lists(st.binary(min_size=32, max_size=32), max_size=20))
def test_both_sides_make_the_same_root(chunks: list[bytes]) -> None:
    assert verify.merkle([one.hex() for one in chunks]) == root(chunks).hex()


@settings(max_examples=30)
@given(st.binary(max_size=200), st.integers(0, 63), st.integers(1, 255))
def test_signatures_are_those_of_the_library_and_no_other(message: bytes, place: int, bits: int) -> None:
    key = Ed25519PrivateKey.generate()
    public, signature = key.public_key().public_bytes_raw(), key.sign(message)
    assert verify.signed(public, message, signature)
    wrong = bytearray(signature)
    wrong[place] ^= bits
    assert not verify.signed(public, message, bytes(wrong))
    assert not verify.signed(public, message + b"x", signature)
    more = int.from_bytes(signature[32:], "little") + verify.ORDER
    assert not verify.signed(public, message, signature[:32] + more.to_bytes(32, "little"))


def test_the_verifier_is_one_file_for_old_pythons_and_imports_the_standard_library_alone() -> None:
    text = Path(verify.__file__).read_text("utf-8")
    tree = ast.parse(text, feature_version=(3, 8))
    names = {
        name.split(".")[0]
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (
            [node.module or ""] if isinstance(node, ast.ImportFrom) else [one.name for one in node.names]
        )
    }
    assert names <= sys.stdlib_module_names


def test_the_key_is_made_once_and_readable_by_its_owner_only(tmp_path: Path) -> None:
    made = key_of(tmp_path)
    path = tmp_path / "inspection-key.pem"
    assert path.stat().st_mode & 0o777 == 0o600
    assert public_pem(key_of(tmp_path)) == public_pem(made)
    path.chmod(0o644)
    with pytest.raises(NotSetUp, match="mode 0644"):
        key_of(tmp_path)
    path.write_text("nothing")
    path.chmod(0o600)
    with pytest.raises(NotSetUp, match="no key in PEM"):
        key_of(tmp_path)
    assert [one.name for one in tmp_path.iterdir()] == [path.name]
