"""The daily reconciliation file: base64 of DEFLATE of a ZIP with fixed-width text in GBK.

Source: UnionPay ACP 5.1.0: entries named `…ZM_…` hold the transactions, `…ZME_…` the exceptions, others are not
read. Columns have fixed widths in bytes and one space between them. It has no sums: a row that cannot be read becomes a
line that is `unread`, and what the bank line brings more or less shows its amount. *Unverified*: that a fee marked `C` is
given back, and that a surcharge of instalments marked `D` is the merchant's to pay, and one marked `C` the payer's and in
no sum. *Invented*, a convention between this platform and its sandbox bank: the names of the ZME columns, what its last
one holds, and code E12 in the first, a payout that came back.
"""

import hashlib
import io
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date

from zhangfang.channels import unread
from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import ChannelFile, FileLine, MalformedMessage, Operation
from zhangfang.channels.unionpay.packing import inflated
from zhangfang.channels.unionpay.requests import OPERATIONS
from zhangfang.kernel.masking import masked_account, masked_cards
from zhangfang.kernel.texts import storable

MAX_ZIP_BYTES = 64 * 1024 * 1024
MAX_TEXT_BYTES = 256 * 1024 * 1024
_MAX_ENTRIES = 100
# What a code in the first column of ZME says beyond the correction of an amount.
_EXCEPTIONS = {"E12": Operation.PAYOUT}
_PLAIN = re.compile(rb"[ -~]*")
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)

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


class _Layout:
    """Cuts a row into its columns by bytes, because a Chinese character counts as two."""

    def __init__(self, columns: Sequence[tuple[str, int]]) -> None:
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
class _Row:
    """A row, and its columns read by number from 1 as the protocol counts them."""

    line_no: int
    bytes_: bytes
    cells: Sequence[bytes]
    layout: _Layout
    where: str
    read: Callable[["_Row", str], FileLine]

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
        return self._digits(number, self.text(number))

    def signed(self, number: int) -> tuple[bool, int]:
        """Return whether the amount credits the merchant, and the fen: `C` or `D` and digits."""
        text = self.text(number)
        if text[:1] not in ("C", "D"):
            raise self.fault(number, "no sign letter", "C or D and digits")
        return text[0] == "C", self._digits(number, text[1:])

    def fault(self, number: int, got: str, allowed: str) -> MalformedMessage:
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


def parse(content: str, name: str, mer_id: str, settle_date: date) -> ChannelFile:
    """Return the file behind an answer's `fileContent`; `MalformedMessage` names entry, line and column.

    Lines are numbered through all entries, the transactions first. The digest is that of the compressed bytes.
    """
    _check_name(name, mer_id, settle_date)
    packed = decoded(content, "fileContent")
    entries = _unzip(inflated(packed, MAX_ZIP_BYTES))
    if not any("ZM_" in entry for entry in entries):
        raise MalformedMessage("fileContent: the ZIP has no entry named …ZM_…")
    lines = unread.lines(_rows(entries), lambda row: row.line(mer_id))
    return ChannelFile("unionpay", settle_date, name, hashlib.sha256(packed).hexdigest(), lines)


def _rows(entries: Mapping[str, bytes]) -> Iterator[_Row]:
    line_no = 0
    for mark, layout, read in (("ZM_", _ZM, _transaction), ("ZME_", _ZME, _adjustment)):
        for entry in sorted(entry for entry in entries if mark in entry):
            for number, data in enumerate(entries[entry].split(b"\n"), 1):
                row = data.removesuffix(b"\r")
                if row:
                    line_no += 1
                    where = f"{mark} file, line {number}"
                    yield _Row(line_no, row, layout.cut(row), layout, where, read)


def _transaction(row: _Row, mer_id: str) -> FileLine:
    if row.text(28) != mer_id:
        raise row.fault(28, "another merchant", "this one")
    credit, _ = row.signed(17)
    return FileLine(
        line_no=row.line_no,
        order_no=row.text(12),
        channel_ref=row.text(10),
        operation=OPERATIONS.get(row.text(20)),
        amount=row.fen(7),
        credit=credit,
        fee=_fee(row, 16) + _surcharge(row),
        original_order_no=row.text(41),
        note=row.note(35),
        raw=row.raw,
    )


def _adjustment(row: _Row, mer_id: str) -> FileLine:
    if row.text(17) != mer_id:
        raise row.fault(17, "another merchant", "this one")
    names = row.text(22).split()
    if len(names) != 2:
        raise row.fault(22, f"{len(names)} words", "a queryId and an orderId")
    credit, _ = row.signed(16)
    return FileLine(
        line_no=row.line_no,
        order_no="",
        channel_ref=names[0],
        operation=_EXCEPTIONS.get(row.text(1)),
        amount=row.fen(7),
        credit=credit,
        fee=_fee(row, 15),
        adjustment=True,
        original_order_no=names[1],
        raw=row.raw,
    )


_ZM = _Layout(ZM_COLUMNS)
_ZME = _Layout(ZME_COLUMNS)


def _fee(row: _Row, number: int) -> int:
    """Return the fee that the merchant pays; a fee that is given back, as with a refund, is below zero."""
    credit, fen = row.signed(number)
    return -fen if credit else fen


def _surcharge(row: _Row) -> int:
    """Return what instalments cost the merchant; a row may leave the column blank."""
    if not row.text(38):
        return 0
    credit, fen = row.signed(38)
    return 0 if credit else fen


def _check_name(name: str, mer_id: str, settle_date: date) -> None:
    """Check the name: the request has no year, so only the name tells this year's file from last year's."""
    match = re.fullmatch(r"([0-9A-Za-z]{15})_(\d{8})\.zip", name)
    if match and match.groups() != (mer_id, f"{settle_date:%Y%m%d}"):
        raise MalformedMessage(f"fileName: of another merchant or day than {settle_date}")


def _unzip(data: bytes) -> dict[str, bytes]:
    """Return the entries to read. More than `MAX_TEXT_BYTES` is refused, whatever sizes the ZIP states."""
    entries: dict[str, bytes] = {}
    room = MAX_TEXT_BYTES
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            infos = [info for info in archive.infolist() if "ZM_" in info.filename or "ZME_" in info.filename]
            if len(infos) > _MAX_ENTRIES or len({info.filename for info in infos}) != len(infos):
                raise MalformedMessage(f"fileContent: more than {_MAX_ENTRIES} entries, or one name twice")
            for info in infos:
                if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                    raise MalformedMessage("fileContent: an entry is packed in another way than DEFLATE")
                with archive.open(info) as entry:
                    entries[info.filename] = entry.read(room + 1)
                room -= len(entries[info.filename])
                if room < 0:
                    raise MalformedMessage(f"fileContent: unpacks to more than {MAX_TEXT_BYTES} bytes")
    except _BAD_ZIP as error:
        raise MalformedMessage(f"fileContent: a damaged ZIP ({type(error).__name__})") from None
    return entries
