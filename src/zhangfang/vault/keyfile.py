"""The file that holds the vault's keys: JSON, readable by its owner only, replaced as a whole and never edited.

`{"current": 2, "seal": {"1": <base64>, "2": <base64>}, "index": <base64>}`, every key 32 random bytes. The current
version of `seal` seals; all versions open. `index` makes fingerprints. It never changes, because stored fingerprints
could not be found with a new one.

Without this file nothing that was sealed can be opened again. Back it up, but not together with the database.
"""

import base64
import fcntl
import json
import os
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from zhangfang.vault.errors import KeyFileError

_KEY_BYTES = 32
_OTHERS = 0o077


@dataclass(frozen=True, slots=True, repr=False)
class Keys:
    """The keys of one file: `seal` by version, the version that seals now, and the key of fingerprints."""

    current: int
    seal: Mapping[int, bytes]
    index: bytes


def create_key_file(path: Path) -> None:
    """Create a key file with version 1 at `path`, mode 0600. An existing file is left unchanged."""
    with _alone(path):
        if not path.exists():
            _write(path, Keys(1, {1: secrets.token_bytes(_KEY_BYTES)}, secrets.token_bytes(_KEY_BYTES)))


def rotate(path: Path) -> int:
    """Add a key version, which seals from now on, and return its number. Older versions still open."""
    with _alone(path):
        keys = read(path)
        version = max(keys.seal) + 1
        _write(path, Keys(version, {**keys.seal, version: secrets.token_bytes(_KEY_BYTES)}, keys.index))
    return version


def retire(path: Path, version: int) -> None:
    """Take a version out of the file for good. Raises `KeyFileError` for the one that seals, and one that is not there."""
    with _alone(path):
        keys = read(path)
        older = sorted(set(keys.seal) - {keys.current})
        if version not in older:
            raise KeyFileError(f"version: got {version}; allowed: one of {older}, which seal no more")
        _write(path, Keys(keys.current, {n: key for n, key in keys.seal.items() if n != version}, keys.index))


def key_versions(path: Path) -> tuple[int, list[int]]:
    """Return the version that seals and all that open. Raises `KeyFileError`."""
    keys = read(path)
    return keys.current, sorted(keys.seal)


def read(path: Path) -> Keys:
    """Return the keys in `path`, or raise `KeyFileError` without any of its contents."""
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
    except OSError as error:
        raise KeyFileError(f"key file {path}: {error.strerror}") from None
    if mode & _OTHERS:
        raise KeyFileError(f"key file {path}: mode {mode & 0o777:04o} lets others in; allowed: 0600")
    try:
        return _checked(json.loads(data))
    except (ValueError, KeyError, TypeError, AttributeError):
        raise KeyFileError(f"key file {path}: not the JSON that create_key_file writes") from None


def _checked(held: Any) -> Keys:
    seal = {int(version): _key(text) for version, text in held["seal"].items()}
    if held["current"] not in seal:
        raise ValueError("the current version has no key")
    return Keys(held["current"], seal, _key(held["index"]))


def _key(text: str) -> bytes:
    key = base64.b64decode(text, validate=True)
    if len(key) != _KEY_BYTES:
        raise ValueError("a key is 32 bytes")
    return key


def _write(path: Path, keys: Keys) -> None:
    """Replace the whole file atomically and sync it to disk: after a crash the old or the new file is there."""
    seal = {str(version): base64.b64encode(key).decode() for version, key in keys.seal.items()}
    held = {"current": keys.current, "seal": seal, "index": base64.b64encode(keys.index).decode()}
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)  # left by a crash
    with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(held, file)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    with _folder(path) as folder:
        os.fsync(folder)


@contextmanager
def _alone(path: Path) -> Iterator[None]:
    """Lock the file against other processes: if two added a version at once, one version and its data would be lost."""
    with _folder(path) as folder:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield


@contextmanager
def _folder(path: Path) -> Iterator[int]:
    try:
        folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    except OSError as error:
        raise KeyFileError(f"key file {path}: its folder: {error.strerror}") from None
    try:
        yield folder
    finally:
        os.close(folder)
