"""How the text of a CSV file is written: its encoding and its separator, told from the beginning of the file."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter

UTF8, WESTERN, MAC, UTF16_LE, UTF16_BE = "utf-8", "cp1252", "mac_roman", "utf-16-le", "utf-16-be"
ENCODINGS = {
    UTF8: "Unicode (UTF-8)",
    WESTERN: "Windows, Western (1252)",
    MAC: "Macintosh, Western",
    UTF16_LE: "Unicode (UTF-16)",
    UTF16_BE: "Unicode (UTF-16, big-endian)",
}
SEPARATORS = {",": "Comma", ";": "Semicolon", "\t": "Tab", "|": "Vertical bar"}

_MARKS = ((codecs.BOM_UTF8, UTF8), (codecs.BOM_UTF16_LE, UTF16_LE), (codecs.BOM_UTF16_BE, UTF16_BE))
# Text of Western languages in UTF-16 has a NUL in nearly every other byte.
_MANY_NULS = 0.3
_ROWS_LOOKED_AT = 200
# The first line by which Excel can be told the separator.
_SEPARATOR_LINE = re.compile(r"\ufeff?\"?sep=([,;\t|])\"?\r?\n", re.IGNORECASE)


def guess_encoding(sample: bytes) -> str:
    """The encoding of a file that begins with `sample`, which may end in the middle of a character."""
    for mark, encoding in _MARKS:
        if sample.startswith(mark):
            return encoding
    pairs = len(sample) // 2
    if pairs and sample[1::2].count(0) > _MANY_NULS * pairs:
        return UTF16_LE
    if pairs and sample[0::2].count(0) > _MANY_NULS * pairs:
        return UTF16_BE
    try:
        codecs.getincrementaldecoder(UTF8)().decode(sample)
    except UnicodeDecodeError:
        # Only programs of the Macintosh ended lines like this.
        return MAC if b"\r" in sample and b"\n" not in sample else WESTERN
    return UTF8


def decode(sample: bytes, encoding: str) -> str:
    """The text of the beginning of a file, without byte order mark and NULs; what cannot be read is "\\ufffd"."""
    text = codecs.getincrementaldecoder(encoding)("replace").decode(sample)
    return text.removeprefix("\ufeff").replace("\0", "")


def separator_line(text: str) -> str:
    """The line `sep=;` at the beginning of a file, by which Excel is told the separator; "" for none."""
    found = _SEPARATOR_LINE.match(text)
    return found[0] if found else ""


def guess_separator(text: str) -> str:
    """The separator of a file that begins with `text`: the one that gives most rows the same number of cells.

    A single column has none; a comma is as good as any then.
    """
    if told := _SEPARATOR_LINE.match(text):
        return told[1]
    lines = list(io.StringIO(text, newline=None))
    if len(lines) > 1 and not lines[-1].endswith("\n"):
        del lines[-1]
    return max(SEPARATORS, key=lambda separator: _evenness(lines, separator))


def _evenness(lines: list[str], separator: str) -> tuple[float, int]:
    """The share of rows that have the most frequent number of cells, and that number; nothing where it is one."""
    widths = []
    try:
        for cells in csv.reader(lines, delimiter=separator):
            if any(cells):
                widths.append(len(cells))
            if len(widths) == _ROWS_LOOKED_AT:
                break
    except csv.Error:
        pass
    if not widths:
        return 0.0, 0
    width, count = Counter(widths).most_common(1)[0]
    return (count / len(widths), width) if width > 1 else (0.0, 0)
