"""The cells of one sheet of a workbook, and the texts that cells share; ECMA-376 Part 1, sections 18.3.1 and 18.4."""

from __future__ import annotations

import os
from array import array
from collections.abc import Callable
from typing import IO

from kayse_dash.tables import xml
from kayse_dash.tables.cells import GENERAL, Style, number, unescaped
from kayse_dash.tables.delimited import MOST_ROWS, TOO_MANY
from kayse_dash.tables.faults import Unreadable

MOST_COLUMNS = 300
LONGEST_TEXT = 100_000  # characters; Excel's own limit for a cell is 32,767
KEPT_TEXTS = 50_000  # of those that cells share, in memory
_DIGITS = "0123456789"


class Texts:
    """The texts that cells share, on disk: in a workbook of a million rows they are hundreds of megabytes."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._ends = array("Q", [0])
        self._known: dict[int, str] = {}

    def append(self, text: str) -> None:
        raw = text.encode("utf-8", "replace")
        self._file.write(raw)
        self._ends.append(self._ends[-1] + len(raw))

    def seal(self) -> None:
        """Called once after the last `append`, before the first reading."""
        self._file.flush()

    def __getitem__(self, place: int) -> str:
        text = self._known.get(place)
        if text is None:
            if not 0 <= place < len(self._ends) - 1:
                return ""
            start = self._ends[place]
            text = os.pread(self._file.fileno(), self._ends[place + 1] - start, start).decode()
            if len(self._known) < KEPT_TEXTS:
                self._known[place] = text
        return text


class _Pieces:
    """Collects the pieces of a text while it is on."""

    def __init__(self) -> None:
        self.is_on = False
        self._pieces: list[str] = []
        self._length = 0

    def take(self, piece: str) -> None:
        if self.is_on:
            self._length += len(piece)
            if self._length > LONGEST_TEXT:
                raise Unreadable(f"A cell of this workbook holds more than {LONGEST_TEXT:,} characters.")
            self._pieces.append(piece)

    def whole(self) -> str:
        """All of it; the next piece begins another text."""
        text = self._pieces[0] if len(self._pieces) == 1 else "".join(self._pieces)
        self._pieces.clear()
        self._length = 0
        return text


class TextReader:
    """Calls `take` with each shared text: the parts of a rich text joined, without how it is pronounced."""

    def __init__(self, take: Callable[[str], None]) -> None:
        self._take = take
        self._pieces = _Pieces()
        self._is_pronunciation = False
        self.feed = xml.Parser(self._start, self._end, self._pieces.take).feed

    def _start(self, name: str, _: dict[str, str]) -> None:
        if name == "t":
            self._pieces.is_on = not self._is_pronunciation
        elif name == "rPh":
            self._is_pronunciation = True

    def _end(self, name: str) -> None:
        if name == "t":
            self._pieces.is_on = False
        elif name == "rPh":
            self._is_pronunciation = False
        elif name == "si":
            self._take(unescaped(self._pieces.whole()))


class SheetReader:
    """Takes a sheet's XML by pieces and gives its rows.

    Args:
        texts: those that cells share; None to give their numbers instead.
    """

    def __init__(self, texts: Texts | None, styles: list[Style], counts_from_1904: bool) -> None:
        self._texts = texts
        self._styles = {str(place): style for place, style in enumerate(styles)}
        self._counts_from_1904 = counts_from_1904
        self._columns: dict[str, int] = {}
        self._rows: list[tuple[int, list[str | int]]] = []
        self._cells: list[str | int] = []
        self._row = 0
        self._column = -1
        self._kind = self._style = ""
        self._value = self._formula = ""
        self._is_pronunciation = False
        self._pieces = _Pieces()
        self.feed = xml.Parser(self._start, self._end, self._pieces.take).feed

    def taken(self) -> list[tuple[int, list[str | int]]]:
        """The rows that were completed since the last call and have cells, with their numbers."""
        rows, self._rows = self._rows, []
        return rows

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if name == "c":
            place = attributes.get("r")
            self._column = self._place(place) if place else self._column + 1
            self._kind = attributes.get("t", "n")
            self._style = attributes.get("s", "")
            self._value = self._formula = ""
        elif name in ("v", "f"):
            self._pieces.is_on = True
        elif name == "t":
            self._pieces.is_on = not self._is_pronunciation
        elif name == "rPh":
            self._is_pronunciation = True
        elif name == "row":
            self._begin_row(attributes.get("r", ""))

    def _end(self, name: str) -> None:
        if name == "v":
            self._pieces.is_on = False
            self._value = self._pieces.whole()
        elif name == "c":
            self._put(self._shown())
        elif name == "t":
            self._pieces.is_on = False
        elif name == "is":
            self._value = self._pieces.whole()
        elif name == "f":
            self._pieces.is_on = False
            self._formula = self._pieces.whole()
        elif name == "rPh":
            self._is_pronunciation = False
        elif name == "row" and self._cells:
            self._rows.append((self._row, self._cells))
            self._cells = []

    def _begin_row(self, told: str) -> None:
        row = int(told) if told.isdecimal() and len(told) < 10 else 0
        self._row = max(row, self._row + 1)
        if self._row > MOST_ROWS:
            raise Unreadable(TOO_MANY)
        self._cells = []
        self._column = -1

    def _place(self, reference: str) -> int:
        """The number of a cell's column, from 0: 27 for "AB12"."""
        letters = reference.rstrip(_DIGITS)
        column = self._columns.get(letters)
        if column is None:
            column = 0
            for letter in letters[:4].upper():
                column = column * 26 + max(ord(letter) - ord("A"), 0) + 1
            column = self._columns[letters] = min(column, 2**20) - 1
        return column

    def _put(self, cell: str | int) -> None:
        if cell == "":
            return
        if self._column >= MOST_COLUMNS:
            raise Unreadable(f"The sheet has more than {MOST_COLUMNS} columns.")
        gap = self._column - len(self._cells)
        if gap < 0:
            self._cells[self._column] = cell
            return
        if gap:
            self._cells.extend([""] * gap)
        self._cells.append(cell)

    def _shown(self) -> str | int:
        """The cell as text, or the number of its shared text. A formula that was never computed is its own text."""
        kind, value = self._kind, self._value
        if not value:
            return f"={self._formula}" if self._formula else ""
        if kind == "s":
            if not value.isdecimal():
                return ""
            return int(value) if self._texts is None else self._texts[int(value)]
        if kind == "n":
            return number(value, self._styles.get(self._style, GENERAL), self._counts_from_1904)
        if kind == "b":
            return "TRUE" if value == "1" else "FALSE"
        return unescaped(value)
