"""The daily file of a sandbox bank as CSV, in the layout that its dialect names.

The layouts of these channels' files are not public [G]. All of them share a convention of these banks: a first line of
names, and a last line `#,count=<rows>,<column>=<sum in fen>…`.
"""

import csv
import io
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from zhangfang_sandbox.acquirer.orders import Order

_DAY_ONE = (1980, 1, 1, 0, 0, 0)  # ZIP's earliest: the same rows make the same bytes
Cells = Mapping[str, object]


@dataclass(frozen=True, slots=True)
class FileForm:
    """A dialect's file: its columns in their order, and `day`, the one that holds the file's own date (ISO), if any.

    `row` makes the cells of an order from the order, its original, and an amount, which differs from the order's if an
    error is planted. `correction` makes the cells of a line that corrects an earlier line of `order` by an amount in
    fen (below zero: less). `packed` turns the file's name and bytes into what is sent.
    """

    columns: Sequence[str]
    totals: Sequence[str]
    row: Callable[[Order, Order | None, int], Cells]
    correction: Callable[[Order, int], Cells]
    name: Callable[[str, date], str]
    encoding: str = "utf-8"
    packed: Callable[[str, bytes], bytes] = lambda _, content: content
    day: str = ""


def written(form: FileForm, rows: Sequence[Cells]) -> bytes:
    """The file of these rows; a cell that a row does not have is blank."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(form.columns)
    writer.writerows([[row.get(name, "") for name in form.columns] for row in rows])
    sums = {name: sum(int(str(row.get(name, 0))) for row in rows) for name in form.totals}
    writer.writerow(["#", f"count={len(rows)}", *(f"{name}={total}" for name, total in sums.items())])
    return buffer.getvalue().encode(form.encoding)


def zipped(name: str, content: bytes) -> bytes:
    """A ZIP with one entry, for dialects that send a packed file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(zipfile.ZipInfo(name, _DAY_ONE), content, zipfile.ZIP_DEFLATED)
    return buffer.getvalue()
