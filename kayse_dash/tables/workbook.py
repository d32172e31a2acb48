"""Excel workbooks (.xlsx), a row at a time, in bounded memory; ECMA-376 Part 1, SpreadsheetML.

Written for this product: the usual library keeps all texts of a workbook in memory, which are most of it, and takes three times
as long. Formulas are never computed: a cell is what the program that saved it last had put there, or the formula's own text.
"""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import join, normpath
from zipfile import ZipFile

from kayse_dash.tables import archive, xml
from kayse_dash.tables.cells import GENERAL, Style, style
from kayse_dash.tables.faults import Unreadable
from kayse_dash.tables.sheet import SheetReader, TextReader, Texts

LONGEST_NAME = 100  # characters; Excel's own limit for a sheet is 31
NO_WORKBOOK = "This is not an Excel workbook. Save it as “Excel workbook (.xlsx)” or as “CSV UTF-8”, then upload that."
NO_SHEET = "This workbook has no sheet with cells."

Cells = list[str]


@dataclass(frozen=True)
class Sheet:
    """A sheet of cells: its name, and the entry of the zip file."""

    name: str
    part: str
    is_hidden: bool


@dataclass
class _Parts:
    """What the workbook says of its parts."""

    sheets: list[Sheet] = field(default_factory=list)
    texts: str | None = None
    styles: str | None = None
    counts_from_1904: bool = False


class Workbook:
    """An open workbook."""

    def __init__(self, zipped: ZipFile) -> None:
        self._zip = zipped
        self._parts = _parts(zipped)
        self._styles = _styles(zipped, self._parts.styles)
        if not self._parts.sheets:
            raise Unreadable(NO_SHEET)

    @property
    def sheets(self) -> list[str]:
        """The names of the sheets of cells, the hidden ones last."""
        return [sheet.name for sheet in sorted(self._parts.sheets, key=lambda sheet: sheet.is_hidden)]

    def first_rows(self, sheet: str | None, most: int) -> list[tuple[int, Cells]]:
        """The first rows that have cells, with their numbers; of the first sheet where there is none of that name."""
        rows = []
        for row in self._rows(sheet, None):
            rows.append(row)
            if len(rows) == most:
                break
        wanted = {cell for _, cells in rows for cell in cells if isinstance(cell, int)}
        texts = self._some_texts(wanted)
        return [(row, [texts.get(cell, "") if isinstance(cell, int) else cell for cell in cells]) for row, cells in rows]

    def rows(self, sheet: str | None, folder: Path, tick: Callable[[], None]) -> Iterator[tuple[int, Cells]]:
        """All rows that have cells, with their numbers.

        Args:
            folder: where the texts that cells share are kept meanwhile.
            tick: called every few hundred rows.
        """
        with tempfile.TemporaryFile(dir=folder) as file:
            texts = Texts(file)
            if self._parts.texts:
                reader = TextReader(texts.append)
                for chunk in archive.chunks(self._zip, self._parts.texts):
                    reader.feed(chunk)
                    tick()
                reader.feed(b"", last=True)
            texts.seal()
            for seen, (row, cells) in enumerate(self._rows(sheet, texts)):
                if seen % 500 == 0:
                    tick()
                yield row, [cell if isinstance(cell, str) else "" for cell in cells]

    def _rows(self, name: str | None, texts: Texts | None) -> Iterator[tuple[int, list[str | int]]]:
        names = {sheet.name: sheet for sheet in self._parts.sheets}
        sheet = names.get(name or "") or names[self.sheets[0]]
        reader = SheetReader(texts, self._styles, self._parts.counts_from_1904)
        for chunk in archive.chunks(self._zip, sheet.part):
            reader.feed(chunk)
            yield from reader.taken()
        reader.feed(b"", last=True)
        yield from reader.taken()

    def _some_texts(self, wanted: set[int]) -> dict[int, str]:
        found: dict[int, str] = {}
        if not self._parts.texts or not wanted:
            return found
        last, count = max(wanted), 0

        def take(text: str) -> None:
            nonlocal count
            if count in wanted:
                found[count] = text
            count += 1

        reader = TextReader(take)
        for chunk in archive.chunks(self._zip, self._parts.texts):
            reader.feed(chunk)
            if count > last:
                break
        return found


@contextmanager
def opened(path: Path) -> Iterator[Workbook]:
    """The workbook at `path`.

    Raises:
        Unreadable: it is none, or one that cannot be trusted; also while it is read.
    """
    with archive.opened(path) as zipped:
        yield Workbook(zipped)


def _parts(zipped: ZipFile) -> _Parts:
    names = set(zipped.namelist())
    book = _targets(zipped, "_rels/.rels", "").by_kind("officeDocument") or "xl/workbook.xml"
    if book not in names or not book.endswith(".xml"):
        raise Unreadable(NO_WORKBOOK)
    folder, _, file = book.rpartition("/")
    targets = _targets(zipped, f"{folder}/_rels/{file}.rels".lstrip("/"), folder)
    parts = _Parts(texts=targets.by_kind("sharedStrings"), styles=targets.by_kind("styles"))

    def start(name: str, attributes: dict[str, str]) -> None:
        if name == "workbookPr":
            parts.counts_from_1904 = attributes.get("date1904") in ("1", "true")
        elif name == "sheet":
            kind, part = targets.by_id.get(xml.attribute(attributes, "id") or "", ("", ""))
            if kind == "worksheet" and part in names:
                hidden = attributes.get("state", "visible") != "visible"
                parts.sheets.append(Sheet(attributes.get("name", "")[:LONGEST_NAME], part, hidden))

    xml.parse(archive.chunks(zipped, book), start)
    return parts


@dataclass
class _Targets:
    """What a part refers to: kind and path by id (ECMA-376 Part 2, section 9)."""

    by_id: dict[str, tuple[str, str]] = field(default_factory=dict)

    def by_kind(self, kind: str) -> str | None:
        return next((path for found, path in self.by_id.values() if found == kind), None)


def _targets(zipped: ZipFile, name: str, folder: str) -> _Targets:
    found = _Targets()

    def start(element: str, attributes: dict[str, str]) -> None:
        if element == "Relationship" and attributes.get("TargetMode") != "External":
            target = attributes.get("Target", "")
            path = target.lstrip("/") if target.startswith("/") else normpath(join(folder, target))
            found.by_id[attributes.get("Id", "")] = (attributes.get("Type", "").rpartition("/")[2], path)

    if name in zipped.namelist():
        xml.parse(archive.chunks(zipped, name), start)
    return found


def _styles(zipped: ZipFile, part: str | None) -> list[Style]:
    """The style of each number that a cell's `s` can have (section 18.8.10, cellXfs)."""
    codes: dict[str, str] = {}
    found: list[Style] = []
    is_cells = False

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal is_cells
        if name == "numFmt":
            codes[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name == "cellXfs":
            is_cells = True
        elif name == "xf" and is_cells:
            number = attributes.get("numFmtId", "0")
            found.append(style(int(number), codes.get(number)) if number.isdecimal() else GENERAL)

    def end(name: str) -> None:
        nonlocal is_cells
        is_cells = is_cells and name != "cellXfs"

    if part and part in zipped.namelist():
        xml.parse(archive.chunks(zipped, part), start, end)
    return found
