"""What stands in a cell of a workbook, as text: numbers as they are shown, dates as year-month-day.

The kinds and formats of cells: ECMA-376 Part 1, sections 18.18.11 (ST_CellType), 18.8.30 (numFmt), 18.17.4 (dates).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

# 18.8.30: what these numbers mean is built in; the upper ones are dates in languages of East Asia.
_BUILT_IN_DATES = {*range(14, 23), *range(27, 37), *range(45, 48), *range(50, 59)}
_NOT_SIGNS = re.compile(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', re.IGNORECASE)
_DATE_SIGNS = re.compile(r"[dmyhs]", re.IGNORECASE)
_ESCAPED = re.compile(r"_x([0-9A-Fa-f]{4})_")
_EPOCH, _EPOCH_1904 = datetime(1899, 12, 30), datetime(1904, 1, 1)
_LONGEST_WHOLE = 1e15  # numbers above are not exact any more


@dataclass(frozen=True, slots=True)
class Style:
    """How numbers are shown: as dates, or with so many digits at least."""

    is_date: bool = False
    digits: int = 0


GENERAL = Style()


def style(number: int, code: str | None) -> Style:
    """The style of a number format.

    Args:
        number: of the format.
        code: as "yyyy-mm-dd"; None for the built-in ones.
    """
    if code is None:
        return Style(is_date=number in _BUILT_IN_DATES)
    first = code.split(";")[0]
    if first and not first.strip("0"):
        return Style(digits=len(first))
    if first.strip().lower() == "general":
        return GENERAL
    return Style(is_date=bool(_DATE_SIGNS.search(_NOT_SIGNS.sub("", first))))


def number(text: str, shown: Style, counts_from_1904: bool) -> str:
    """A number of a cell as text."""
    if not shown.is_date:
        return (text if text.isdigit() else _plain(text)).zfill(shown.digits)
    try:
        return _date(float(text), counts_from_1904)
    except (ValueError, OverflowError):
        return text


def _plain(text: str) -> str:
    try:
        value = float(text)
        if value.is_integer() and abs(value) < _LONGEST_WHOLE:
            return str(int(value))
    except (ValueError, OverflowError):
        return text
    return format(value, ".15g")


def _date(days: float, counts_from_1904: bool) -> str:
    # Day 60 is 29 February 1900, which there was not: Lotus 1-2-3 took 1900 for a leap year.
    start = _EPOCH_1904 if counts_from_1904 else _EPOCH if days >= 60 else _EPOCH + timedelta(days=1)
    moment = start + timedelta(seconds=round(days * 86_400))
    if 0 <= days < 1:
        return moment.strftime("%H:%M:%S")
    return f"{moment:%Y-%m-%d}" if moment.time() == datetime.min.time() else f"{moment:%Y-%m-%d %H:%M:%S}"


def unescaped(text: str) -> str:
    """Text with what XML cannot hold, written as `_x000D_` (section 22.4.2.4); without NULs and halves of characters."""
    if "_x" not in text:
        return text
    return _ESCAPED.sub(lambda found: _sign(int(found[1], 16)), text)


def _sign(code: int) -> str:
    return "" if code == 0 or 0xD800 <= code <= 0xDFFF else chr(code)
