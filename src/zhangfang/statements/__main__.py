"""`python -m zhangfang.statements KIND FORM`: makes the statement on stdin into a file on stdout, for our parent."""

import os
import sys
from dataclasses import replace
from typing import BinaryIO

import msgspec

from zhangfang.statements.files import as_bytes
from zhangfang.statements.store import Version


def _version(given: BinaryIO) -> Version | None:
    columns, body = given.readline().strip(), given.readline().rstrip(b"\n")
    return replace(msgspec.json.decode(columns, type=Version), body=body) if columns else None


if __name__ == "__main__":
    os.nice(19)
    version, before = _version(sys.stdin.buffer), _version(sys.stdin.buffer)
    assert version is not None, "a statement to draw"
    sys.stdout.buffer.write(as_bytes(version, sys.argv[1], sys.argv[2], before))
