"""Opens a ZIP from outside. The sizes that it states are not trusted."""

import io
import zipfile
import zlib

from zhangfang.channels.port import MalformedMessage

MAX_ENTRIES = 100
_BAD_ZIP = (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, RuntimeError, NotImplementedError)
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def only_entry(data: bytes, suffix: str, max_bytes: int) -> bytes:
    """Return the one entry whose name ends in `suffix`, at most `max_bytes` of it. Raises `MalformedMessage`."""
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            info = _only(archive.infolist(), suffix)
            with archive.open(info) as entry:
                inflated = entry.read(max_bytes + 1)
    except _BAD_ZIP as error:
        raise MalformedMessage(f"{len(data)} bytes: a damaged ZIP ({type(error).__name__})") from None
    if len(inflated) > max_bytes:
        raise MalformedMessage(f"the ZIP unpacks to more than {max_bytes} bytes")
    return inflated


def _only(infos: list[zipfile.ZipInfo], suffix: str) -> zipfile.ZipInfo:
    if len(infos) > MAX_ENTRIES:
        raise MalformedMessage(f"the ZIP has {len(infos)} entries; at most {MAX_ENTRIES} are looked at")
    found = [info for info in infos if info.filename.endswith(suffix)]
    if len(found) != 1:
        raise MalformedMessage(f"the ZIP has {len(found)} entries named …{suffix}, not one")
    if found[0].compress_type not in _METHODS:
        raise MalformedMessage("the ZIP's entry is packed in another way than DEFLATE")
    return found[0]
