"""The XML of EPCC-style messages: `root` in one namespace, `MsgHeader`, `MsgBody`, groups, fields; and nothing else.

A message is a map from paths such as `MsgBody/TrxInf/TrxId` to text. The reader accepts nothing else: no document
type, entity, comment, CDATA, instruction or attribute, no element twice, no text between elements; sizes are limited.
"""

import re
from collections.abc import Iterable, Mapping
from typing import NoReturn
from xml.parsers import expat
from xml.sax.saxutils import escape

from zhangfang.channels.port import MalformedMessage
from zhangfang.kernel.errors import InvalidInput

NAMESPACE = "namespace_string"  # literally so in the public examples
MAX_DEPTH = 4
MAX_ELEMENTS = 200
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9]{0,39}")
# XML 1.0 does not allow other control characters, and a carriage return would be read back as a line feed.
_UNWRITABLE = re.compile("[\x00-\x1f\x7f\ufffe\uffff\ud800-\udfff]")

Message = Mapping[str, str]
Groups = Mapping[str, Mapping[str, str]]


def write(header: Mapping[str, str], body: Groups) -> bytes:
    """Return `<root…</root>` in UTF-8, in the order of the maps; blank fields are left out."""
    groups = "".join(_element(name, _fields(fields)) for name, fields in body.items() if any(fields.values()))
    inner = _element("MsgHeader", _fields(header)) + _element("MsgBody", groups)
    return f'<root xmlns="{NAMESPACE}">{inner}</root>'.encode()


def read(data: bytes, max_bytes: int) -> dict[str, str]:
    """Return the message's fields by path, or raise `MalformedMessage`."""
    if len(data) > max_bytes:
        raise MalformedMessage(f"message: {len(data)} bytes; at most {max_bytes} are read")
    if not data.startswith(b"<"):  # a byte order mark would override the encoding that we give to the parser
        raise MalformedMessage("message: does not begin with an element in UTF-8")
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        what = expat.ErrorString(error.code)
        raise MalformedMessage(f"message: byte {reader.parser.ErrorByteIndex}: {what}") from None
    return reader.fields


def _fields(fields: Mapping[str, str]) -> str:
    return "".join(_element(name, _escaped(name, text)) for name, text in fields.items() if text)


def _element(name: str, inner: str) -> str:
    return f"<{name}>{inner}</{name}>"


def _escaped(name: str, text: str) -> str:
    if _UNWRITABLE.search(text):
        raise InvalidInput(name, f"{len(text)} characters, some of them controls", "printable text")
    return escape(text)


class _Reader:
    """Expat, with all that a message does not need refused."""

    def __init__(self) -> None:
        self.fields: dict[str, str] = {}
        self._path: list[str] = []
        self._seen: set[str] = set()
        self._parents: set[str] = set()
        self._text: list[str] = []
        # A declared encoding could give the signed bytes a second meaning, so they are always read as UTF-8.
        self.parser = parser = expat.ParserCreate("utf-8")
        parser.buffer_text = True
        parser.ordered_attributes = True
        parser.StartElementHandler = self._start
        parser.EndElementHandler = self._end
        parser.CharacterDataHandler = self._text.append
        parser.XmlDeclHandler = self._refuse("a declaration inside the signed part")
        parser.StartDoctypeDeclHandler = self._refuse("a document type")  # and with it every entity
        parser.ProcessingInstructionHandler = self._refuse("an instruction")
        parser.CommentHandler = self._refuse("a comment")
        parser.StartCdataSectionHandler = self._refuse("a CDATA section")

    def _start(self, name: str, attributes: Iterable[str]) -> None:
        self._blank("before an element")
        self._path.append(name)
        path = "/".join(self._path[1:])
        if not _NAME.fullmatch(name):
            self._fail("an element's name is not 1 to 40 letters and digits")
        if len(self._path) > MAX_DEPTH or len(self._seen) >= MAX_ELEMENTS:
            self._fail(f"more than {MAX_DEPTH} levels or {MAX_ELEMENTS} elements")
        if path in self._seen:
            self._fail("an element is there twice")
        if list(attributes) != (["xmlns", NAMESPACE] if len(self._path) == 1 else []):
            self._fail(f"an attribute that is not xmlns={NAMESPACE} of root, or none there")
        if (name == "root") != (len(self._path) == 1):
            self._fail("root is not the outermost element, or not the only one")
        self._seen.add(path)
        self._parents.add("/".join(self._path[1:-1]))

    def _end(self, _name: str) -> None:
        path = "/".join(self._path[1:])
        if path in self._parents:
            self._blank("after an element")
        elif len(self._path) > 2:
            self.fields[path] = "".join(self._text)
            self._text.clear()
        self._path.pop()

    def _blank(self, where: str) -> None:
        """Raise unless there is only white space here, which is ignored."""
        if "".join(self._text).strip(" \t\r\n"):
            self._fail(f"text {where}")
        self._text.clear()

    def _refuse(self, what: str) -> "_Refusal":
        return _Refusal(self, what)

    def _fail(self, what: str) -> NoReturn:
        raise MalformedMessage(f"message: byte {self.parser.CurrentByteIndex}: {what}")


class _Refusal:
    """A handler that refuses something, whatever its arguments."""

    def __init__(self, reader: _Reader, what: str) -> None:
        self._reader, self._what = reader, what

    def __call__(self, *_: object) -> NoReturn:
        self._reader._fail(self._what)
