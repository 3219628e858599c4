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
from collections.abc import Iterator, Mapping
from datetime import date

from zhangfang.channels import unread
from zhangfang.channels.encoded import decoded
from zhangfang.channels.port import ChannelFile, FileLine, MalformedMessage, Operation
from zhangfang.channels.unionpay.packing import inflated
from zhangfang.channels.unionpay.requests import OPERATIONS
from zhangfang.channels.unionpay.zmrows import ZM, ZME, Row

MAX_ZIP_BYTES = 64 * 1024 * 1024
MAX_TEXT_BYTES = 256 * 1024 * 1024
_MAX_ENTRIES = 100
# What a code in the first column of ZME says beyond the correction of an amount.
_EXCEPTIONS = {"E12": Operation.PAYOUT}
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)


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


def _rows(entries: Mapping[str, bytes]) -> Iterator[Row]:
    line_no = 0
    for mark, layout, read in (("ZM_", ZM, _transaction), ("ZME_", ZME, _adjustment)):
        for entry in sorted(entry for entry in entries if mark in entry):
            for number, data in enumerate(entries[entry].split(b"\n"), 1):
                row = data.removesuffix(b"\r")
                if row:
                    line_no += 1
                    where = f"{mark} file, line {number}"
                    yield Row(line_no, row, layout.cut(row), layout, where, read)


def _transaction(row: Row, mer_id: str) -> FileLine:
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


def _adjustment(row: Row, mer_id: str) -> FileLine:
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


def _fee(row: Row, number: int) -> int:
    """Return the fee that the merchant pays; a fee that is given back, as with a refund, is below zero."""
    credit, fen = row.signed(number)
    return -fen if credit else fen


def _surcharge(row: Row) -> int:
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
