"""Checks an inspection package (迎检数据包) with nothing but Python's standard library, 3.8 or newer.

Run it inside the package: python3 -I verify.py [--key PUB.pem]

It checks the signature (Ed25519, RFC 8032), each file against the manifest, extra and missing files, the chain of people's
acts, the hashes of certificates and proposals, and that the entries add up to the balances and the balances to zero. Each
thing that is wrong is named on a line of its own; then the exit code is 1. With --key, the package has to be by that key.
"""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import os
import re
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

CHUNK = 1 << 20
SIGNED = ("manifest.json", "manifest.sig")
NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]*")
PEM = re.compile(rb"-----BEGIN PUBLIC KEY-----\s+([A-Za-z0-9+/=\s]+)-----END PUBLIC KEY-----\s*")
ED25519 = bytes.fromhex("302a300506032b6570032100")  # stands before the 32 bytes of a public key (RFC 8410)

# --- Ed25519 (RFC 8032, section 5.1): points are (x, y, z, t) with x = X/z, y = Y/z, x * y = t/z -----------------------

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT = pow(2, (P - 1) // 4, P)  # of -1
if TYPE_CHECKING:
    Point = tuple[int, int, int, int]


def add(a: Point, b: Point) -> Point:
    """Return the sum of two points."""
    m, n = (a[1] - a[0]) * (b[1] - b[0]) % P, (a[1] + a[0]) * (b[1] + b[0]) % P
    t, z = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = n - m, z - t, z + t, n + m
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(n: int, a: Point) -> Point:
    """Return a point added to itself n times."""
    total: Point = (0, 1, 1, 0)
    while n:
        if n & 1:
            total = add(total, a)
        a, n = add(a, a), n >> 1
    return total


def point(data: bytes) -> Point | None:
    """Return the point that 32 bytes stand for, None if they stand for none."""
    number = int.from_bytes(data, "little")
    sign, y = number >> 255, number & (2**255 - 1)
    if y >= P:
        return None
    square = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * ROOT % P
    if x * x % P != square or (not x and sign):
        return None
    x = P - x if x & 1 != sign else x
    return x, y, 1, x * y % P


BASE_Y = 4 * pow(5, P - 2, P) % P
BASE = point(BASE_Y.to_bytes(32, "little"))


def signed(key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether a signature of 64 bytes is that of a message by a public key of 32 bytes."""
    owner, half = point(key), point(signature[:32])
    scalar = int.from_bytes(signature[32:], "little")
    if len(signature) != 64 or owner is None or half is None or BASE is None or scalar >= ORDER:
        return False
    digest = hashlib.sha512(signature[:32] + key + message).digest()
    left = times(scalar, BASE)
    right = add(half, times(int.from_bytes(digest, "little") % ORDER, owner))
    return not (
        (left[0] * right[2] - right[0] * left[2]) % P or (left[1] * right[2] - right[1] * left[2]) % P
    )


def key_of(path: str) -> bytes | None:
    """Return the 32 bytes of a public key in PEM, None if the file holds none."""
    try:
        with open(path, "rb") as file:
            found = PEM.fullmatch(file.read())
        data = base64.b64decode(b"".join(found[1].split()), validate=True) if found else b""
    except (OSError, ValueError):
        return None
    return data[12:] if len(data) == 44 and data[:12] == ED25519 else None


# --- the manifest, and the files that it names -------------------------------------------------------------------------


class Twice(ValueError):
    """A name stands twice in an object of the manifest."""


def once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Make an object of its pairs; a name that stands twice raises."""
    if len({name.lower() for name, _ in pairs}) != len(pairs):
        raise Twice("a name stands twice")
    return dict(pairs)


def merkle(chunks: list[str]) -> str:
    """Return the root over the chunks' hashes: SHA-256 of 1, left and right; the last of an odd number goes up as it is."""
    level = [bytes.fromhex(one) for one in chunks]
    while len(level) > 1:
        pairs = [level[n : n + 2] for n in range(0, len(level), 2)]
        level = [
            hashlib.sha256(b"\1" + pair[0] + pair[1]).digest() if len(pair) > 1 else pair[0] for pair in pairs
        ]
    return level[0].hex() if level else hashlib.sha256(b"").hexdigest()


def check_file(folder: str, name: str, said: dict[str, Any]) -> Iterator[str]:
    """Yield what is wrong with a file: its first chunk that differs, with the lines that it holds."""
    size, line, whole, wrong, chunks = 0, 1, hashlib.sha256(), "", []
    with open(os.path.join(folder, name), "rb") as file:
        for n, data in enumerate(iter(lambda: file.read(CHUNK), b"")):
            whole.update(data)
            chunks.append(hashlib.sha256(b"\0" + data).hexdigest())
            lines = data.count(b"\n")
            if not wrong and (n >= len(said["chunks"]) or said["chunks"][n] != chunks[-1]):
                wrong = f"chunk {n + 1} (from byte {size}, lines {line} to {line + lines})"
            size, line = size + len(data), line + lines
    if size != said["bytes"]:
        where = wrong or "its end"
        yield f"{name}: {size} bytes, the manifest says {said['bytes']}; the first difference is in {where}"
    elif wrong:
        yield f"{name}: changed in {wrong}"
    elif whole.hexdigest() != said["sha256"] or merkle(chunks) != said["root"]:
        yield f"{name}: the manifest's own hashes of it do not agree"


def check_files(folder: str, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield files that are missing, extra, no plain files, or not as the manifest says."""
    found = {}
    for entry in sorted(os.scandir(folder), key=lambda one: one.name):
        if entry.is_symlink() or not entry.is_file(follow_symlinks=False):
            yield f"{entry.name}: a link, a folder or a device; only plain files belong here"
        found[entry.name] = entry
    files = manifest["files"]
    for name in sorted(files):
        if not NAME.fullmatch(name) or name in SIGNED:
            yield f"{name}: a name that a file of a package cannot have"
        elif name not in found:
            yield f"{name}: missing"
        elif not found[name].is_symlink() and found[name].is_file():
            yield from check_file(folder, name, files[name])
    for name in sorted(set(found) - set(files) - set(SIGNED)):
        yield f"{name}: not in the manifest"


# --- what the files say ------------------------------------------------------------------------------------------------


def rows(folder: str, name: str) -> Iterator[tuple[int, dict[str, str]]]:
    """Yield line number and row of a CSV file."""
    with open(os.path.join(folder, name), encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file, strict=True)
        for row in reader:
            yield reader.line_num, row


def objects(folder: str, name: str) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield line number and object of a file with one JSON object a line."""
    with open(os.path.join(folder, name), encoding="utf-8", newline="\n") as file:
        for number, line in enumerate(file, start=1):
            yield number, json.loads(line)


def check_acts(folder: str, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield the acts whose hash is not that of their text, or that do not follow the one before them."""
    ends = manifest["acts"]
    before, seq, count = ends["before"], ends["first"], 0
    for number, act in objects(folder, "acts.jsonl"):
        told = json.loads(act["hashed"])
        if hashlib.sha256(act["hashed"].encode()).hexdigest() != act["hash"]:
            yield f"acts.jsonl, line {number}: the hash is not that of the act"
        if told[0] != before or told[1] != seq + count:
            yield f"acts.jsonl, line {number}: it does not follow the act before it"
        before, count = act["hash"], count + 1
    if count != ends["count"] or before != ends["head"]:
        yield "acts.jsonl: it ends with another act than the manifest says"


def check_hashed(folder: str, name: str) -> Iterator[str]:
    """Yield the lines whose hash is not that of their content."""
    for number, one in objects(folder, name):
        if hashlib.sha256(one["content"].encode()).hexdigest() != one["hash"]:
            yield f"{name}, line {number}: the hash is not that of the content"


def check_books(folder: str) -> Iterator[str]:
    """Yield where entries do not add up to balances, and where a book's balances do not add up to zero."""
    moved: dict[str, list[int]] = {}
    for number, row in rows(folder, "entries.csv"):
        amount = int(row["amount"])
        if amount < 0 or row["debit"] == row["credit"]:
            yield f"entries.csv, line {number}: no entry can be like this"
        for place, side in enumerate(("debit", "credit")):
            moved.setdefault(row[side], [0, 0])[place] += amount
    books: dict[str, list[int]] = {}
    for number, row in rows(folder, "balances.csv"):
        opening, debit, credit, closing = (
            int(row[name]) for name in ("opening", "debit", "credit", "closing")
        )
        if opening + debit - credit != closing:
            yield f"balances.csv, line {number}: opening, debit and credit do not come to the closing"
        if [debit, credit] != moved.pop(row["account"], [0, 0]):
            yield f"balances.csv, line {number}: the entries do not come to the turnover of {row['account']}"
        sums = books.setdefault(row["book"], [0, 0])
        sums[0], sums[1] = sums[0] + opening, sums[1] + closing
    for book in sorted(book for book, sums in books.items() if any(sums)):
        yield f"balances.csv: debits and credits of book {book} differ"
    for account in sorted(moved):
        yield f"entries.csv: account {account} has no balance"


def check(folder: str, key: str | None = None) -> list[str]:
    """Return everything that is wrong with the package in a folder; `key` is the file of the key that it has to be by."""
    found: list[str] = []
    try:
        with open(os.path.join(folder, SIGNED[0]), "rb") as file:
            text = file.read()
        with open(os.path.join(folder, SIGNED[1]), "rb") as file:
            signature = file.read()
    except OSError as error:
        return [f"{os.path.basename(str(error.filename))}: missing"]
    own = key_of(os.path.join(folder, "pub.pem"))
    if own is None:
        found.append("pub.pem: missing, or no Ed25519 key")
    by = own if key is None else key_of(key)
    if key is not None and by is None:
        found.append(f"{key}: no Ed25519 key")
    elif key is not None and by != own:
        found.append(f"pub.pem: another key than {key}; the package is not by its owner")
    if by is not None and not signed(by, text, signature):
        found.append("manifest.json, manifest.sig or pub.pem: the signature does not hold")
    try:
        manifest = json.loads(text.decode("utf-8"), object_pairs_hook=once)
        found.extend(check_files(folder, manifest))
    except (ValueError, KeyError, TypeError, IndexError, AttributeError, OSError) as error:
        return [*found, f"manifest.json: cannot be read ({type(error).__name__})"]
    return [*found, *check_content(folder, manifest)]


def check_content(folder: str, manifest: dict[str, Any]) -> Iterator[str]:
    """Yield what the files say that cannot be so."""
    several: dict[str, Callable[[], Iterator[str]]] = {
        "acts.jsonl": lambda: check_acts(folder, manifest),
        "certificates.jsonl": lambda: check_hashed(folder, "certificates.jsonl"),
        "proposals.jsonl": lambda: check_hashed(folder, "proposals.jsonl"),
        "entries.csv, balances.csv": lambda: check_books(folder),
    }
    for name, checked in several.items():
        try:
            yield from checked()
        except (ValueError, KeyError, TypeError, IndexError, AttributeError, csv.Error, OSError) as error:
            yield f"{name}: cannot be read ({type(error).__name__})"


def main(arguments: list[str]) -> int:
    """Check the package in which this file lies; say what is wrong, and return the exit code."""
    if arguments and (len(arguments) != 2 or arguments[0] != "--key"):
        print("usage: python3 -I verify.py [--key PUB.pem]")
        return 2
    folder = os.path.dirname(os.path.abspath(__file__))
    found = check(folder, arguments[1] if arguments else None)
    for one in found:
        print("WRONG  " + one)
    key = key_of(os.path.join(folder, "pub.pem"))
    if key is not None:
        print("key    sha256 " + hashlib.sha256(ED25519 + key).hexdigest())
    if not arguments:
        print("       compare these digits with what you were given on another way, or use --key")
    print("this package is NOT as it was signed" if found else "this package is whole, and adds up")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
