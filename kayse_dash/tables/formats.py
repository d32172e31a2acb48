"""What a file is, by what is in it; its first rows; and a plain copy of all rows, from which reading can go on anywhere."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from kayse_dash.tables import delimited, text, workbook
from kayse_dash.tables.delimited import Tick
from kayse_dash.tables.faults import Unreadable
from kayse_dash.tables.sheet import MOST_COLUMNS

CSV, XLSX = "csv", "xlsx"
SAMPLE = 1 << 20  # bytes
COPY_SEPARATOR = ","  # of the copy of a workbook

EMPTY = "The file is empty."
NO_TABLE = "This is not a table. Upload a CSV file or an Excel workbook (.xlsx)."
_SIGNS = {
    b"\xd0\xcf\x11\xe0": "This is an old Excel workbook (.xls), or one with a password. Save it as “Excel workbook (.xlsx)” "
    "without a password, then upload that.",
    b"%PDF": "This is a PDF document. Upload a CSV file or an Excel workbook (.xlsx).",
    b"{\\rtf": "This is a text document. Upload a CSV file or an Excel workbook (.xlsx).",
    b"\x1f\x8b": "This file is compressed (.gz). Unpack it, then upload what was in it.",
    b"7z\xbc\xaf": "This file is an archive. Unpack it, then upload what was in it.",
    b"Rar!": "This file is an archive. Unpack it, then upload what was in it.",
}
_WEB_PAGE = "This is a web page, although its name may say otherwise. Open it in Excel and save it as “Excel workbook (.xlsx)”."
_XML = "This is an XML file. Upload a CSV file or an Excel workbook (.xlsx)."
_JSON = "This is a JSON file. Upload a CSV file or an Excel workbook (.xlsx)."
# Control characters that no text has; more of them than this in a thousand mean that it is none.
_NO_TEXT = dict.fromkeys([*range(1, 9), 11, *range(14, 27), *range(28, 32), 127])
_MOST_CONTROLS = 0.002


@dataclass(frozen=True)
class Layout:
    """How a file is read: encoding and separator of a CSV file, the sheet of a workbook."""

    format: str
    encoding: str | None = None
    separator: str | None = None
    sheet: str | None = None


@dataclass(frozen=True)
class Copied:
    """A plain copy: its encoding was found to be this, and so many rows have something in them."""

    layout: Layout
    total: int


def recognise(path: Path) -> Layout:
    """What the file at `path` is.

    Raises:
        Unreadable: it is neither a CSV file nor an Excel workbook; the words say what it is and what to do.
    """
    with open(path, "rb") as file:
        sample = file.read(SAMPLE)
    if not sample.strip():
        raise Unreadable(EMPTY)
    if sample.startswith(b"PK\x03\x04"):
        with workbook.opened(path) as book:
            return Layout(XLSX, sheet=book.sheets[0])
    for sign, words in _SIGNS.items():
        if sample.startswith(sign):
            raise Unreadable(words)
    encoding = text.guess_encoding(sample)
    decoded = text.decode(sample, encoding)
    _refuse_other_text(decoded)
    return Layout(CSV, encoding=encoding, separator=text.guess_separator(decoded))


def _refuse_other_text(decoded: str) -> None:
    if not decoded.strip():
        raise Unreadable(EMPTY)
    if len(decoded) - len(decoded.translate(_NO_TEXT)) > _MOST_CONTROLS * len(decoded):
        raise Unreadable(NO_TABLE)
    start = decoded[:1000].lstrip().lower()
    if start.startswith(("<!doctype html", "<html", "<table", "<head", "<meta")):
        raise Unreadable(_WEB_PAGE)
    if start.startswith("<?xml"):
        raise Unreadable(_WEB_PAGE if "<html" in start else _XML)
    if start.startswith(("{", "[{", "[[")):
        raise Unreadable(_JSON)


def sheets(path: Path) -> list[str]:
    """The names of a workbook's sheets of cells.

    Raises:
        Unreadable: it is no workbook.
    """
    with workbook.opened(path) as book:
        return book.sheets


def first_rows(path: Path, layout: Layout, most: int) -> list[tuple[int, list[str]]]:
    """The first rows that have something in them, with their numbers, the first row of the file being 1.

    Raises:
        Unreadable: they cannot be read, or there are none.
    """
    if layout.format == XLSX:
        with workbook.opened(path) as book:
            rows = book.first_rows(layout.sheet, most)
    else:
        rows = _first_lines(path, layout, most)
    if not rows:
        raise Unreadable(EMPTY if layout.format == CSV else workbook.NO_SHEET)
    if max(len(cells) for _, cells in rows) > MOST_COLUMNS:
        raise Unreadable(f"The file has more than {MOST_COLUMNS} columns.")
    return rows


def _first_lines(path: Path, layout: Layout, most: int) -> list[tuple[int, list[str]]]:
    with open(path, "rb") as file:
        raw = file.read(SAMPLE + 1)
    decoded = text.decode(raw[:SAMPLE], layout.encoding or text.UTF8)
    decoded = decoded[len(text.separator_line(decoded)) :]
    lines = list(io.StringIO(decoded, newline=None))
    if len(raw) > SAMPLE and len(lines) > 1:
        del lines[-1]
    rows: list[tuple[int, list[str]]] = []
    try:
        for number, cells in enumerate(csv.reader(lines, delimiter=layout.separator or ","), 1):
            if not delimited.is_blank(cells):
                rows.append((number, cells))
            if len(rows) == most:
                break
    except csv.Error:
        pass
    return rows


def copy(path: Path, layout: Layout, target: Path, tick: Tick) -> Copied:
    """Copy all rows to `target`, as `delimited.rows` reads them.

    Args:
        tick: called again and again meanwhile; it may raise to stop.

    Raises:
        Unreadable: the file cannot be read, or has too many rows.
        OSError: there is no room for the copy.
    """
    if layout.format == CSV:
        encoding = delimited.copy(path, target, layout.encoding or text.UTF8, tick)
        total = delimited.count(target, layout.separator or ",", tick)
        return Copied(replace(layout, encoding=encoding), total)
    with workbook.opened(path) as book, open(target, "w", encoding="utf-8", errors="replace", newline="") as out:
        return Copied(layout, _write(book.rows(layout.sheet, target.parent, tick), out))


def _write(rows: Iterable[tuple[int, list[str]]], out: object) -> int:
    """Write rows as CSV, each as the line or lines of its own number; returns how many."""
    writer = csv.writer(out, delimiter=COPY_SEPARATOR, lineterminator="\n")  # type: ignore[arg-type]
    total = last = 0
    for number, cells in rows:
        for _ in range(number - last - 1):
            writer.writerow([])
        writer.writerow([cell.replace("\r\n", "\n").replace("\r", "\n") if "\r" in cell else cell for cell in cells])
        last = number
        total += 1
    return total


def separator_of_copy(layout: Layout) -> str:
    """What separates the cells of a copy."""
    return COPY_SEPARATOR if layout.format == XLSX else layout.separator or ","
