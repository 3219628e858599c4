"""Files that a person looks at while making a map: in this process's memory, half an hour long, for that person alone.

They may hold personal data, so none is written into the database. After a restart the person uploads the file again.
"""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from zhangfang.kernel.errors import InvalidInput

MOST_BYTES = 20 * 1024**2
_MOST = 4  # files at once
_LIFE = timedelta(minutes=30)


@dataclass(frozen=True, slots=True)
class Upload:
    """A file: its name, its bytes, who brought it, and until when it is kept."""

    id: str
    name: str
    data: bytes = field(repr=False)
    by: str
    until: datetime

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """Give the file's path; nobody else can read it, and it is gone afterwards."""
        with TemporaryDirectory() as folder:
            source = Path(folder) / "file"
            source.write_bytes(self.data)
            yield source


@dataclass(slots=True)
class Uploads:
    """The files of one process. The oldest makes room for a new one."""

    held: dict[str, Upload] = field(default_factory=dict)

    def keep(self, name: str, data: bytes, by: str, now: datetime) -> Upload:
        """Keep a file. Raises `InvalidInput` if it is empty or too long."""
        if not 1 <= len(data) <= MOST_BYTES:
            raise InvalidInput(
                "file", f"{len(data)} bytes", f"1 to {MOST_BYTES} bytes; `zhangfang files` takes longer ones"
            )
        made = Upload(secrets.token_hex(8), name[:200], data, by, now + _LIFE)
        left = [one for one in self.held.values() if one.until > now][-_MOST + 1 :]
        self.held = {one.id: one for one in (*left, made)}
        return made

    def find(self, id_: str, by: str, now: datetime) -> Upload | None:
        """Return a file that this person brought, unless it is over."""
        found = self.held.get(id_)
        return found if found is not None and found.by == by and found.until > now else None
