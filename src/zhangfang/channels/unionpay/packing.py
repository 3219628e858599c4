"""`fileContent`: base64 of DEFLATE, inflated up to a limit. Source: UnionPay ACP 5.1.0."""

import base64
import zlib

from zhangfang.channels.port import MalformedMessage


def deflated(data: bytes) -> str:
    """Return `data` as a `fileContent`."""
    return base64.b64encode(zlib.compress(data)).decode()


def inflated(packed: bytes, most: int) -> bytes:
    """Return what one whole DEFLATE stream holds, at most `most` bytes, or raise `MalformedMessage`."""
    stream = zlib.decompressobj()
    try:
        data = stream.decompress(packed, most)
    except zlib.error:
        raise MalformedMessage(f"fileContent: {len(packed)} bytes that are not DEFLATE") from None
    if stream.unconsumed_tail:
        raise MalformedMessage(f"fileContent: inflates to more than {most} bytes")
    if not stream.eof or stream.unused_data:
        raise MalformedMessage(f"fileContent: {len(packed)} bytes are not one whole DEFLATE stream")
    return data
