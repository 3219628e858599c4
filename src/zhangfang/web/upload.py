"""A form with a file (multipart/form-data, RFC 7578): one file, bounded."""

from collections.abc import AsyncGenerator
from dataclasses import dataclass

from starlette.datastructures import Headers, UploadFile
from starlette.formparsers import MultiPartException, MultiPartParser

FIELDS_MAX = 16 * 1024  # bytes of a form beside its file


@dataclass(frozen=True, slots=True)
class Upload:
    """A file as it was sent: `name` is the sender's, and only shown."""

    name: str
    data: bytes


async def parsed(content_type: str, body: bytes) -> tuple[dict[str, str], Upload | None]:
    """Return the fields and the file of a form, None if it has none. Raises `ValueError`."""

    async def stream() -> AsyncGenerator[bytes, None]:
        yield body

    headers = Headers({"content-type": content_type})
    parser = MultiPartParser(headers, stream(), max_files=1, max_fields=50, max_part_size=FIELDS_MAX)
    try:
        form = await parser.parse()
    except (MultiPartException, KeyError) as error:
        raise ValueError(f"no multipart form: {error}") from None
    fields: dict[str, str] = {}
    upload = None
    for name, value in form.multi_items():
        if isinstance(value, UploadFile):
            upload = Upload(value.filename or "", await value.read())
        else:
            fields[name] = value
    await form.close()
    return fields, upload
