"""The rows of the daily reconciliation file: fixed widths in bytes, one space between the columns, GBK.

What is matched or booked is read strictly, as visible ASCII; texts are read as they come.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from zhangfang.channels.port import FileLine, MalformedMessage
from zhangfang.kernel.text.masking import masked_account, masked_cards
from zhangfang.kernel.text.texts import storable

_PLAIN = re.compile(rb"[ -~]*")

ZM_COLUMNS = (
    ("transaction code", 3), ("acquirer", 11), ("forwarder", 11), ("traceNo", 6), ("transmission time", 10),
    ("account", 19), ("amount", 12), ("MCC", 4), ("terminal type", 2), ("queryId", 21),
    ("pay method, old", 2), ("orderId", 32), ("card type", 2), ("original traceNo", 6), ("original time", 10),
    ("fee", 13), ("settlement amount", 13), ("pay method", 4), ("group merchant", 15), ("txnType", 2),
    ("txnSubType", 2), ("bizType", 6), ("account type", 2), ("bill type", 4), ("bill number", 32),
    ("interaction mode", 1), ("original queryId", 21), ("merchant", 15), ("split mode", 1), ("sub-merchant", 15),
    ("sub-merchant name", 32), ("sub-merchant amount", 13), ("net settlement", 13), ("terminal", 8), ("note", 32),
    ("discount", 13), ("invoice amount", 13), ("instalment surcharge", 12), ("instalments", 2), ("medium", 1),
    ("original orderId", 32), ("reserved", 98),
)  # fmt: skip
ZME_COLUMNS = (
    ("code", 3), ("acquirer", 11), ("forwarder", 11), ("traceNo", 6), ("transmission time", 10),
    ("account", 19), ("amount", 12), ("MCC", 4), ("terminal type", 2), ("reason", 2),
    ("original traceNo", 6), ("original time", 10), ("reason code", 4), ("original amount", 12), ("fee", 13),
    ("settlement amount", 13), ("merchant", 15), ("terminal", 15), ("flag", 1), ("reserved", 12),
    ("reserved", 2), ("queryId and orderId", 135),
)  # fmt: skip


class Layout:
    """Cuts a row into its columns by bytes, because a Chinese character counts as two."""

    def __init__(self, columns: Sequence[tuple[str, int]]) -> None:
        """Take the columns' names and widths."""
        self.columns = columns
        self._row = re.compile(b" ".join(b"(.{%d})" % width for _, width in columns), re.DOTALL)

    def cut(self, row: bytes) -> Sequence[bytes]:
        """Return the cells of a row, none if it does not fit."""
        match = self._row.fullmatch(row)
        return match.groups() if match else ()

    def fault(self, row: bytes) -> str:
        """Return where a row does not fit the layout."""
        end = -1
        for number, (name, width) in enumerate(self.columns, 1):
            end += width + 1
            if len(row) < end:
                return f"column {number} ({name}): the row ends after {len(row)} bytes, before byte {end}"
            if row[end : end + 1] not in (b" ", b""):
                return f"column {number} ({name}): no space after byte {end}"
        return f"column {len(self.columns)}: the row has {len(row)} bytes instead of {end}"


@dataclass(frozen=True, slots=True)
class Row:
    """A row, and its columns read by number from 1 as the protocol counts them."""

    line_no: int
    bytes_: bytes
    cells: Sequence[bytes]
    layout: Layout
    where: str
    read: Callable[["Row", str], FileLine]

    @property
    def raw(self) -> str:
        """Return the row for storing: what is no text as escapes, the account masked, whether the bank did it or not."""
        if not self.cells:
            return masked_cards(_shown(self.bytes_)).rstrip()
        cells = [_shown(cell) for cell in self.cells]
        if cells[5].strip():
            cells[5] = masked_account(cells[5].strip())
        return " ".join(cells).rstrip()

    def line(self, mer_id: str) -> FileLine:
        """Return what the row says, or raise `MalformedMessage`."""
        if not self.cells:
            raise MalformedMessage(f"{self.where}, {self.layout.fault(self.bytes_)}")
        return self.read(self, mer_id)

    def note(self, number: int) -> str:
        """Return a text that nothing is matched on."""
        return _shown(self.cells[number - 1]).strip()

    def text(self, number: int) -> str:
        """Return a number, a name or a code: visible ASCII and spaces."""
        cell = self.cells[number - 1]
        if not _PLAIN.fullmatch(cell):
            raise self.fault(number, "bytes that are no plain text", "visible ASCII and spaces")
        return cell.decode("ascii").strip()

    def fen(self, number: int) -> int:
        """Return an amount of digits alone, in fen."""
        return self._digits(number, self.text(number))

    def signed(self, number: int) -> tuple[bool, int]:
        """Return whether the amount credits the merchant, and the fen: `C` or `D` and digits."""
        text = self.text(number)
        if text[:1] not in ("C", "D"):
            raise self.fault(number, "no sign letter", "C or D and digits")
        return text[0] == "C", self._digits(number, text[1:])

    def fault(self, number: int, got: str, allowed: str) -> MalformedMessage:
        """Return the error of a column that cannot be read."""
        name = self.layout.columns[number - 1][0]
        return MalformedMessage(f"{self.where}, column {number} ({name}): {got}; allowed: {allowed}")

    def _digits(self, number: int, text: str) -> int:
        if not (text.isascii() and text.isdigit()):
            raise self.fault(number, f"{len(text)} characters that are no number", "digits, in fen")
        return int(text)


def _shown(data: bytes) -> str:
    """Return bytes of GBK as text; a character that is cut in two, or none, as escapes such as `\\xb0`."""
    if data.isascii():  # nearly all cells are: faster
        return data.decode("ascii").replace("\0", "\\x00")
    return storable(data.decode("gb18030", "backslashreplace"))


ZM = Layout(ZM_COLUMNS)
ZME = Layout(ZME_COLUMNS)
