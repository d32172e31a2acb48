"""Opening zip files of strangers: nothing is unpacked before it is known how large it will become, and never more than that."""

from __future__ import annotations

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kayse_dash.tables.faults import Unreadable

CHUNK = 1 << 16
MOST_ENTRIES = 10_000
LARGEST_DIRECTORY = 4 << 20  # bytes
MOST_UNPACKED = 4 << 30
# Workbooks shrink to a tenth or a twentieth, those of nothing but formatted empty cells to a hundredth; bombs to a thousandth.
HIGHEST_RATIO = 200
SMALL = 32 << 20  # bytes unpacked, up to which the ratio does not matter

DAMAGED = "The file is damaged: it cannot be unpacked. Open it in Excel, save it again, and upload that."
BOMB = "This file would become far too large when it is unpacked. It cannot be read."
LOCKED = "This workbook has a password. Save it without one, then upload it again."

# APPNOTE.TXT 6.3.10, sections 4.3.14 to 4.3.16
_END = struct.Struct("<4s4H2LH")
_END64_PLACE = struct.Struct("<4sLQL")
_END64 = struct.Struct("<4sQ2H2L4Q")
_LONGEST_COMMENT = 65_535

_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, struct.error, ValueError)


@contextmanager
def opened(path: Path) -> Iterator[zipfile.ZipFile]:
    """The zip file at `path`, checked.

    Raises:
        Unreadable: it is damaged, locked, or would become too large.
    """
    _check_directory(path)
    try:
        archive = zipfile.ZipFile(path)
    except (*_FAULTS, OSError) as error:
        raise Unreadable(DAMAGED) from error
    with archive:
        _check_entries(archive, path.stat().st_size)
        yield archive


def chunks(archive: zipfile.ZipFile, name: str) -> Iterator[bytes]:
    """The content of one entry, a piece at a time; never more of it than the directory promises.

    Raises:
        Unreadable: it is damaged, or there is no such entry.
    """
    try:
        with archive.open(name) as file:
            while chunk := file.read(CHUNK):
                yield chunk
    except (KeyError, *_FAULTS) as error:
        raise Unreadable(DAMAGED) from error


def _check_directory(path: Path) -> None:
    """See that the directory is small, before the library reads all of it into memory."""
    with open(path, "rb") as file:
        size = file.seek(0, os.SEEK_END)
        tail_at = max(0, size - _LONGEST_COMMENT - _END.size - _END64_PLACE.size)
        file.seek(tail_at)
        tail = file.read()
        at = tail.rfind(b"PK\x05\x06")
        if at < 0 or at + _END.size > len(tail):
            raise Unreadable(DAMAGED)
        _, _, _, _, entries, directory, _, _ = _END.unpack_from(tail, at)
        place = tail[max(0, at - _END64_PLACE.size) : at]
        if len(place) == _END64_PLACE.size and place.startswith(b"PK\x06\x07"):
            entries, directory = _directory64(file, _END64_PLACE.unpack(place)[2], size)
    if entries > MOST_ENTRIES or directory > LARGEST_DIRECTORY:
        raise Unreadable(BOMB)


def _directory64(file: IO[bytes], at: int, size: int) -> tuple[int, int]:
    if at > size - _END64.size:
        raise Unreadable(DAMAGED)
    file.seek(at)
    found = _END64.unpack(file.read(_END64.size))
    if found[0] != b"PK\x06\x06":
        raise Unreadable(DAMAGED)
    return found[7], found[8]


def _check_entries(archive: zipfile.ZipFile, size: int) -> None:
    entries = archive.infolist()
    if any(entry.flag_bits & 0x1 for entry in entries):
        raise Unreadable(LOCKED)
    if any(entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED) for entry in entries):
        raise Unreadable(DAMAGED)
    unpacked = sum(entry.file_size for entry in entries)
    packed = sum(entry.compress_size for entry in entries)
    if unpacked > MOST_UNPACKED or (unpacked > SMALL and unpacked > HIGHEST_RATIO * packed):
        raise Unreadable(BOMB)
    # One piece of packed data that several entries stand for would be unpacked for each of them.
    if packed > size:
        raise Unreadable(BOMB)
