"""Opens a file as its map says: a text or a workbook, as it is or as the one member of a ZIP, unpacked within bounds."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from zhangfang.bills import text, workbook
from zhangfang.bills.model import BillRefused, ColumnMap
from zhangfang.bills.text import Plain

MOST_UNPACKED = 1024**3
MOST_RATIO = 200  # unpacked to packed: tables of numbers have up to 30
_CHUNK = 1024 * 1024
_ZIP = b"PK\x03\x04"
_SHEETS = "xl/"  # a workbook is a ZIP too, with its sheets in this folder
_BAD = (zipfile.BadZipFile, ValueError, EOFError, OSError, RuntimeError, NotImplementedError)


def take_apart(source: Path, one: ColumnMap, plain: Path, most_rows: int = text.MOST_ROWS) -> Plain:
    """Write the rows of a file to `plain`; return what else was found. Raises `BillRefused`."""
    with _unzipped(source) as whole:
        if one.format == "xlsx":
            return workbook.take_apart(whole, one, plain, min(most_rows, workbook.MOST_CELLS))
        return text.take_apart(whole, one, plain, most_rows)


def first_rows(source: Path, one: ColumnMap, most: int) -> list[list[str]]:
    """Return the cells of the first rows that hold something. Raises `BillRefused`."""
    with _unzipped(source) as whole:
        return (workbook.first_cells if one.format == "xlsx" else text.first_rows)(whole, one, most)


def beginning(source: Path, most: int) -> bytes:
    """Return the first bytes of a file, or of the one member of a ZIP. Raises `BillRefused`."""
    with _unzipped(source) as whole, whole.open("rb") as data:
        return data.read(most)


@contextmanager
def _unzipped(source: Path) -> Iterator[Path]:
    """Give the path of the ZIP's only member; of the file itself if it is no ZIP, or a workbook."""
    with source.open("rb") as data:
        packed = data.read(len(_ZIP)) == _ZIP
    if not packed:
        yield source
        return
    with TemporaryDirectory() as folder:
        yield _unpacked(source, Path(folder) / "member")


def _unpacked(source: Path, target: Path) -> Path:
    try:
        with zipfile.ZipFile(source) as archive:
            members = [one for one in archive.infolist() if not one.is_dir()]
            if any(one.filename.startswith(_SHEETS) for one in members):
                return source
            if len(members) != 1:
                raise BillRefused(f"the ZIP has {len(members)} members; allowed: one file")
            if members[0].flag_bits & 1:
                raise BillRefused("the member of the ZIP is encrypted; allowed: one without a password")
            most = min(MOST_UNPACKED, MOST_RATIO * max(source.stat().st_size, 1))
            _copy(archive, members[0], target, most)
    except _BAD as error:
        raise BillRefused(f"the file is a damaged ZIP ({type(error).__name__})") from None
    return target


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, most: int) -> None:
    """Copy what really comes out, whatever size the ZIP's directory states, and stop at the bound."""
    size = 0
    with archive.open(member) as data, target.open("wb") as out:
        while part := data.read(_CHUNK):
            size += len(part)
            if size > most:
                raise BillRefused(
                    f"the ZIP unpacks to more than {most} bytes, or {MOST_RATIO} times its size"
                )
            out.write(part)
