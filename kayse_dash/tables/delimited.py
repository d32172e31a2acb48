"""CSV read so that reading can stop after any row and go on from there.

A file is first copied as plain UTF-8 with "\\n" at line ends (`copy`). Then every row has a place, in bytes, behind which the
next one begins (`rows`). A quotation mark that is opened and never closed would swallow the rest of the file: its line is a row
with a fault, and the line after it is read as if nothing had happened.
"""

from __future__ import annotations

import codecs
import csv
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from kayse_dash.tables.faults import Unreadable
from kayse_dash.tables.text import UTF8, WESTERN, separator_line

CHUNK = 1 << 20  # characters
LONGEST_LINE = 1 << 20  # bytes
LONGEST_CELL = 131_072  # characters: the csv module's own limit, behind which a quotation mark counts as never closed
MOST_ROWS = 1_048_576  # what a spreadsheet can hold

STRAY_QUOTE = "A quotation mark opens in this line and is never closed."
TOO_LONG = "One line of this file is longer than a megabyte. It does not seem to be a table."
TOO_MANY = f"The file has more than {MOST_ROWS:,} rows. Split it into several files."

Tick = Callable[[], None]


@dataclass(slots=True)
class Row:
    """A row with something in it.

    Args:
        number: as a spreadsheet counts, the first row of the file being 1.
        end: bytes; where the next row begins.
        fault: why the cells are not what was meant, in words fit for a person.
    """

    number: int
    cells: list[str]
    end: int
    fault: str | None = None


def copy(source: Path, target: Path, encoding: str, tick: Tick) -> str:
    """Write a file anew in UTF-8, with "\\n" at line ends and without NULs; what cannot be read becomes "\\ufffd".

    Args:
        encoding: what the beginning of the file was told to be. Where UTF-8 is wrong about a file that has no other sign of it,
            Windows-1252 is taken.
        tick: called after every megabyte.

    Returns:
        The encoding that was used.
    """
    try:
        _copy(source, target, encoding, "strict" if encoding == UTF8 else "replace", tick)
    except UnicodeDecodeError:
        encoding = UTF8 if _is_damaged_utf8(source) else WESTERN
        _copy(source, target, encoding, "replace", tick)
    return encoding


def _copy(source: Path, target: Path, encoding: str, errors: str, tick: Tick) -> None:
    with (
        open(source, encoding=encoding, errors=errors, newline=None) as text,
        open(target, "w", encoding=UTF8, errors="replace", newline="\n") as out,
    ):
        chunk = text.read(CHUNK).removeprefix("\ufeff")
        chunk = chunk[len(separator_line(chunk)) :]
        while chunk:
            out.write(chunk.replace("\0", ""))
            tick()
            chunk = text.read(CHUNK)


def _is_damaged_utf8(source: Path) -> bool:
    """Whether a file that is not UTF-8 was until the first fault, with characters of more than one byte."""
    decoder = codecs.getincrementaldecoder(UTF8)()
    with open(source, "rb") as file:
        for chunk in iter(lambda: file.read(CHUNK), b""):
            try:
                if not decoder.decode(chunk).isascii():
                    return True
            except UnicodeDecodeError as error:
                return not error.object[: error.start].isascii()
    return False


def count(path: Path, separator: str, tick: Tick) -> int:
    """How many rows with something in them a copy has.

    Raises:
        Unreadable: as `rows`.
    """
    found = 0
    with open(path, "rb") as file:
        for _ in rows(file, separator):
            found += 1
            if found % 10_000 == 0:
                tick()
    return found


def rows(file: IO[bytes], separator: str, width: int | None = None, number: int = 0, position: int = 0) -> Iterator[Row]:
    """The rows of a copy from `position` on; empty ones are left out, but counted.

    Args:
        width: how many cells a row should have; None not to compare.
        number: of the row before.
        position: bytes.

    Raises:
        Unreadable: a line is no line of a table, or there are more than `MOST_ROWS`, counting empty ones.
    """
    place: tuple[int, int] | None = (number, position)
    while place is not None:
        place = yield from _rows(file, separator, width, *place)


def _rows(
    file: IO[bytes], separator: str, width: int | None, number: int, position: int
) -> Generator[Row, None, tuple[int, int] | None]:
    """As `rows`, until a line with a stray quotation mark; returns its number and where it ends, None at the end of the file."""
    file.seek(position)
    end = position
    lines: list[str] = []
    sizes: list[int] = []
    is_over = False

    def read() -> Iterator[str]:
        nonlocal end, is_over
        while raw := file.readline(LONGEST_LINE):
            if len(raw) == LONGEST_LINE:
                raise Unreadable(TOO_LONG)
            end += len(raw)
            lines.append(raw.decode(UTF8, "replace"))
            sizes.append(len(raw))
            yield lines[-1]
        is_over = True

    reader = csv.reader(read(), delimiter=separator)
    while True:
        start = end
        lines.clear()
        sizes.clear()
        try:
            cells = next(reader)
            # The reader asks for more after the last line only where a quotation mark is still open.
            is_stray = is_over or (len(lines) > 1 and _joins_rows(lines, cells, width, separator))
        except StopIteration:
            return None
        except csv.Error:
            cells, is_stray = [], True
        number += 1
        if number > MOST_ROWS:
            raise Unreadable(TOO_MANY)
        if is_stray:
            yield Row(number, _unquoted(lines[0], separator), start + sizes[0], STRAY_QUOTE)
            return number, start + sizes[0]
        if not is_blank(cells):
            yield Row(number, cells, end)


def is_blank(cells: list[str]) -> bool:
    """Whether there is nothing in a row."""
    return not "".join(cells).strip()


def _joins_rows(lines: list[str], cells: list[str], width: int | None, separator: str) -> bool:
    """Whether one row is several: something is wrong with it, and each of its lines after the first is a row by itself."""
    if width is None or (len(cells) == width and _is_well_quoted(lines, separator)):
        return False
    return all(len(next(csv.reader([line], delimiter=separator), [])) == width for line in lines[1:])


def _is_well_quoted(lines: list[str], separator: str) -> bool:
    try:
        return next(csv.reader(lines, delimiter=separator, strict=True), None) is not None
    except csv.Error:
        return False


def _unquoted(line: str, separator: str) -> list[str]:
    return next(csv.reader([line], delimiter=separator, quoting=csv.QUOTE_NONE), [])
