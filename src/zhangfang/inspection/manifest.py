"""The manifest: every file's size and hashes as canonical JSON, whose bytes are signed as they lie.

A file is hashed whole, and in chunks of 1 MiB whose hashes have a root (a Merkle tree as in RFC 6962, section 2.1, leaves
and nodes told apart by their first byte), so that a changed byte is named to its chunk.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

CHUNK = 1 << 20


def entry(path: Path) -> dict[str, Any]:
    """Return what the manifest says of a file."""
    size, whole, chunks = 0, hashlib.sha256(), []
    with path.open("rb") as file:
        while data := file.read(CHUNK):
            size += len(data)
            whole.update(data)
            chunks.append(hashlib.sha256(b"\0" + data).digest())
    hashes = [one.hex() for one in chunks]
    return {"bytes": size, "sha256": whole.hexdigest(), "root": root(chunks).hex(), "chunks": hashes}


def root(chunks: Sequence[bytes]) -> bytes:
    """Return the root over the chunks' hashes; the last of an odd number goes up as it is."""
    if not chunks:
        return hashlib.sha256(b"").digest()
    level = list(chunks)
    while len(level) > 1:
        odd = level[-1:] if len(level) % 2 else []
        pairs = zip(level[::2], level[1::2], strict=False)
        level = [hashlib.sha256(b"\1" + left + right).digest() for left, right in pairs] + odd
    return level[0]


def canonical(held: Mapping[str, Any]) -> bytes:
    """Return JSON with sorted names, without spaces, in ASCII, ended by a line feed."""
    return json.dumps(held, sort_keys=True, separators=(",", ":")).encode() + b"\n"
