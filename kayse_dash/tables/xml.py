"""Reading XML of strangers as a stream, in bounded memory. Entities cannot be declared, so none can be blown up."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NoReturn
from xml.parsers import expat

from kayse_dash.tables.archive import DAMAGED
from kayse_dash.tables.faults import Unreadable

# A tag longer than this, which the parser would have to keep whole, is none of a workbook's.
LONGEST_TAG = 1 << 20  # bytes
DEEPEST = 100

Start = Callable[[str, dict[str, str]], None]
End = Callable[[str], None]
Data = Callable[[str], None]


class Parser:
    """Calls `start(name, attributes)`, `end(name)` and `data(text)`, by names without their namespace's prefix."""

    def __init__(self, start: Start, end: End, data: Data) -> None:
        self._parser = expat.ParserCreate()
        self._parser.buffer_text = True
        self._parser.StartDoctypeDeclHandler = _refuse
        self._parser.EntityDeclHandler = _refuse
        self._parser.StartElementHandler = self._start
        self._parser.EndElementHandler = self._end
        self._parser.CharacterDataHandler = data
        self._names: dict[str, str] = {}
        self._on_start, self._on_end = start, end
        self._depth = 0
        self._fed = 0

    def feed(self, chunk: bytes, *, last: bool = False) -> None:
        """Take a piece of the document.

        Raises:
            Unreadable: it is no XML, or such that no program writes.
        """
        try:
            self._parser.Parse(chunk, last)
        except expat.ExpatError as error:
            raise Unreadable(DAMAGED) from error
        self._fed += len(chunk)
        if self._fed - self._parser.CurrentByteIndex > LONGEST_TAG + len(chunk):
            raise Unreadable(DAMAGED)

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        self._depth += 1
        if self._depth > DEEPEST:
            raise Unreadable(DAMAGED)
        self._on_start(self._names.get(name) or self._local(name), attributes)

    def _end(self, name: str) -> None:
        self._depth -= 1
        self._on_end(self._names[name])

    def _local(self, name: str) -> str:
        if len(self._names) > 1000:
            self._names.clear()
        return self._names.setdefault(name, name.rpartition(":")[2])


def parse(chunks: Iterable[bytes], start: Start, end: End | None = None, data: Data | None = None) -> None:
    """Read a whole document.

    Raises:
        Unreadable: as `Parser.feed`.
    """
    parser = Parser(start, end or _nothing, data or _nothing)
    for chunk in chunks:
        parser.feed(chunk)
    parser.feed(b"", last=True)


def attribute(attributes: dict[str, str], name: str) -> str | None:
    """An attribute by its name without prefix."""
    return next((value for key, value in attributes.items() if key.rpartition(":")[2] == name), None)


def _nothing(_: str) -> None:
    pass


def _refuse(*_: object) -> NoReturn:
    raise Unreadable("This workbook declares things of its own that no spreadsheet program writes. It was not read.")
