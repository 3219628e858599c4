"""A paper as PDF: A4, the font embedded, so that it looks the same everywhere and its text can be searched and copied.

Same paper, same bytes: the file carries the paper's own moment, no time of making and no random id.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from importlib.resources import as_file, files
from itertools import chain
from typing import IO

from fpdf import FPDF
from fpdf.fonts import TTFFont

from zhangfang.kernel.text.sheets import Cell, Fen, text_of
from zhangfang.papers.bands import GAP, LEADING, Band, Box, Section, pages, wrapped
from zhangfang.papers.glyphs import Printable
from zhangfang.papers.model import Column, Paper, Table, TooLong

MOST_ROWS = 50_000  # a thousand pages; what is longer belongs into a file for machines
MARGIN = 12.0  # mm
TITLE, NAME, TEXT, SMALL = 15.0, 10.0, 8.0, 6.5  # points
THICK, HAIR = 0.3, 0.05  # mm
_MM = 25.4 / 72  # of a point
_WIDE = 190  # mm of columns, above which a page lies on its side
_FONT = "zhangfang"


def write_pdf(paper: Paper, out: IO[bytes]) -> None:
    """Write a PDF. Raises `TooLong` above `MOST_ROWS` rows."""
    wide = any(sum(column.width for column in table.columns) > _WIDE for table in paper.tables)
    sheet = _Sheet(paper, "landscape" if wide else "portrait")
    with closing(sheet.font):
        made = pages(list(sheet.sections()), sheet.room)
        for n, bands in enumerate(made, start=1):
            sheet.page(bands, f"第 {n} 页，共 {len(made)} 页  page {n} of {len(made)}")
        out.write(sheet.pdf.output())


_READY: list[FPDF] = []  # documents without content, their font loaded


def prepare() -> None:
    """Load the font, which takes four fifths of a short document's time, for processes that are forked from this one."""
    if not _READY:
        _READY.append(_blank())


def _blank() -> FPDF:
    pdf = FPDF("portrait", "mm", "A4")
    with as_file(files(__package__) / "fonts" / "noto_sans_sc.ttf") as path:
        pdf.add_font(_FONT, fname=path)
    pdf.set_auto_page_break(auto=False)
    pdf.set_lang("zh-CN")
    pdf.set_font(_FONT, size=10)
    return pdf


class _Sheet:
    """A document in the making: measures texts, lays a paper out in sections, draws pages."""

    def __init__(self, paper: Paper, orientation: str) -> None:
        self.pdf = pdf = _READY.pop() if _READY else _blank()
        pdf.set_creation_date(paper.at)
        pdf.set_title(paper.title)
        self._orientation = orientation
        wide, high = (297, 210) if orientation == "landscape" else (210, 297)
        self._paper = paper
        assert isinstance(pdf.current_font, TTFFont)
        self.font = pdf.current_font
        self._printable = Printable(self.font.cmap)
        self._rows = 0
        self._width = wide - 2 * MARGIN
        self._foot = [self._printable(line) for line in (paper.title, *paper.foot)]
        self.room = high - 2 * MARGIN - (len(self._foot) + 1) * SMALL * LEADING

    def _width_of(self, letter: str) -> float:
        """Return the width of a character at one point, in mm."""
        return float(self.font.cw[ord(letter)]) * _MM / 1000

    def _box(self, x: float, width: float, text: str, size: float, *, right: bool = False) -> Box:
        return Box(x, width, wrapped(self._printable(text), width, size, self._width_of), right)

    def _line(self, text: str, size: float) -> Band:
        return Band([self._box(0, self._width, text, size)], size)

    def sections(self) -> Iterator[Section]:
        """Return the title with the facts, each table, and what the font could not print."""
        given = self._paper.facts
        facts = [self._facts(given[n : n + 2]) for n in range(0, len(given), 2)]
        yield Section([self._line(self._paper.title, TITLE), *facts])
        yield from map(self._table, self._paper.tables)
        yield Section([self._line(note, SMALL) for note in self._printable.notes()])

    def _facts(self, pair: Sequence[tuple[str, str]]) -> Band:
        label, half = self._width * 0.16, self._width / 2
        boxes = [
            (
                self._box(n * half, label, name, TEXT),
                self._box(n * half + label, half - label - GAP, value, TEXT),
            )
            for n, (name, value) in enumerate(pair)
        ]
        return Band(list(chain(*boxes)), TEXT)

    def _table(self, table: Table) -> Section:
        places = _places(table.columns, self._width)
        head = [self._row(places, [column.title for column in table.columns], THICK)]
        if len(self._paper.tables) > 1:
            head.insert(0, self._line(table.title, NAME))
        rows = [self._row(places, row, HAIR) for row in self._counted(table.rows)]
        totals = [self._row(places, row, THICK) for row in table.totals]
        return Section([*rows, *totals], head)

    def _row(self, places: Sequence[tuple[float, float, bool]], row: Sequence[Cell], rule: float) -> Band:
        cells = zip(places, row, strict=True)
        return Band(
            [self._box(x, w, _shown(cell), TEXT, right=right) for (x, w, right), cell in cells], TEXT, rule
        )

    def _counted(self, rows: Iterable[Sequence[Cell]]) -> Iterator[Sequence[Cell]]:
        for row in rows:
            self._rows += 1
            if self._rows > MOST_ROWS:
                raise TooLong(f"a PDF has {MOST_ROWS} rows at most: take the CSV or the XLSX")
            yield row

    def page(self, bands: Sequence[Band], number: str) -> None:
        """Draw a page and its foot."""
        self.pdf.add_page(self._orientation)
        y = MARGIN
        for band in bands:
            if band.rule:
                self.pdf.set_line_width(band.rule)
                self.pdf.line(MARGIN, y - GAP / 2, MARGIN + self._width, y - GAP / 2)
            for box in band.boxes:
                self._draw(box, y, band.size)
            y += band.height
        y = self.pdf.h - MARGIN - len(self._foot) * SMALL * LEADING
        self._draw(Box(0, self._width, self._foot), y, SMALL)
        self._draw(Box(0, self._width, [number], right=True), y, SMALL)

    def _draw(self, box: Box, y: float, size: float) -> None:
        self.pdf.set_font_size(size)
        for n, line in enumerate(box.lines):
            short = box.width - sum(map(self._width_of, line)) * size if box.right else 0
            if line:
                self.pdf.text(MARGIN + box.x + short, y + (n * LEADING + _MM * 0.9) * size, line)


def _places(columns: Sequence[Column], width: float) -> list[tuple[float, float, bool]]:
    """Return where each column begins, its width, and whether it is set to the right; together they fill the page."""
    scale = (width - GAP * (len(columns) - 1)) / sum(column.width for column in columns)
    found, x = [], 0.0
    for column in columns:
        found.append((x, column.width * scale, column.right))
        x += column.width * scale + GAP
    return found


def _shown(cell: Cell) -> str:
    """Return a cell as people read it: amounts in yuan with thousands apart and a true minus."""
    if isinstance(cell, Fen):
        return f"{'−' if cell < 0 else ''}{abs(cell) // 100:,}.{abs(cell) % 100:02d}"
    return text_of(cell)
