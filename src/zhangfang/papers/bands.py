"""A paper cut into pages, without drawing: texts are wrapped into cells, cells stand in bands, bands fill pages.

Lengths are in mm, sizes in points. `widths` returns the width of a character at one point.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

Widths = Callable[[str], float]

LEADING = 0.46  # mm of height for one point of a line
GAP = 1.2  # mm between cells, and between the lines of two bands


@dataclass(frozen=True, slots=True)
class Box:
    """Lines of text that begin at `x`, or end at its right edge."""

    x: float
    width: float
    lines: Sequence[str]
    right: bool = False


@dataclass(frozen=True, slots=True)
class Band:
    """Boxes side by side. `rule` is how wide the line above them is, 0 for none."""

    boxes: Sequence[Box]
    size: float
    rule: float = 0

    @property
    def height(self) -> float:
        """Return the height, with the gap below."""
        return max((len(box.lines) for box in self.boxes), default=1) * self.size * LEADING + GAP


@dataclass(frozen=True, slots=True)
class Section:
    """Bands that follow each other; `head` comes again at the top of each page that they go on."""

    bands: Sequence[Band]
    head: Sequence[Band] = ()


def wrapped(text: str, width: float, size: float, widths: Widths) -> list[str]:
    """Return a text as lines of at most `width`, broken behind a space where one is, otherwise anywhere."""
    lines, line, long = [], "", 0.0
    for letter in text:
        own = widths(letter) * size
        while line and long + own > width:
            at = line.rfind(" ") + 1 or len(line)
            lines.append(line[:at].rstrip(" ") or line[:at])
            line = line[at:]
            long = sum(map(widths, line)) * size
        line, long = line + letter, long + own
    return [*lines, line]


def pages(sections: Sequence[Section], room: float) -> list[list[Band]]:
    """Return the bands of each page; a page has `room` mm. No page begins with nothing but headings if it can hold more."""
    made: list[list[Band]] = [[]]
    left = room
    for section in sections:
        head = sum(band.height for band in section.head)
        first = section.bands[0].height if section.bands else 0
        if head + min(first, room - head) > left and made[-1]:
            made.append([])
            left = room
        made[-1] += section.head
        left -= head
        for band in section.bands:
            for piece in _pieces(band, room - head):
                if piece.height > left:
                    made.append([*section.head])
                    left = room - head
                made[-1].append(piece)
                left -= piece.height
    return made


def _pieces(band: Band, room: float) -> Iterator[Band]:
    """Return a band, or the parts of one that is higher than a page."""
    most = max(int((room - GAP) / (band.size * LEADING)), 1)
    lines = max((len(box.lines) for box in band.boxes), default=1)
    for first in range(0, lines, most):
        boxes = [replace(box, lines=box.lines[first : first + most]) for box in band.boxes]
        yield replace(band, boxes=boxes, rule=band.rule if first == 0 else 0)
