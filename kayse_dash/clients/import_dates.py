"""Dates as people and programs write them. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from enum import StrEnum


class Order(StrEnum):
    """What 3/4/1980 means."""

    MONTH_FIRST = "mdy"
    DAY_FIRST = "dmy"


ORDER_WORDS = {Order.MONTH_FIRST: "Month first: 12/31/1980", Order.DAY_FIRST: "Day first: 31/12/1980"}

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_TIME = r"(?:[T ]\d{1,2}:\d{2}(?::\d{2}(?:\.\d+)?)?(?: ?[AaPp]\.?[Mm]\.?)?(?:Z|[+-]\d{2}:?\d{2})?)?"
_YEAR_FIRST = re.compile(rf"(\d{{4}})[-/.](\d{{1,2}})[-/.](\d{{1,2}}){_TIME}", re.ASCII)
_NUMBERS = re.compile(rf"(\d{{1,2}})[-/. ](\d{{1,2}})[-/. ](\d{{4}}|\d{{2}}){_TIME}", re.ASCII)
_TOGETHER = re.compile(r"\d{8}", re.ASCII)
_MONTH_NAMED = re.compile(
    r"(?:[a-z]{3,9},? )?(?:"  # the day of the week
    r"([a-z]{3,9})\.? (\d{1,2})(?:st|nd|rd|th)?,? (\d{4})|"
    r"(\d{1,2})(?:st|nd|rd|th)?[- ]([a-z]{3,9})\.?,?[- ](\d{4}|\d{2}))",
    re.ASCII | re.IGNORECASE,
)


def read(text: str, order: Order, today: date) -> date | None:
    """The date that is written in `text`, a time of day after it left out; None for none.

    Args:
        order: what 3/4/1980 means.
        today: years of two digits are the latest that are not after it.
    """
    text = " ".join(text.split())
    try:
        if found := _YEAR_FIRST.fullmatch(text):
            return date(int(found[1]), int(found[2]), int(found[3]))
        if found := _NUMBERS.fullmatch(text):
            return _date(found[1], found[2], found[3], order, today)
        if _TOGETHER.fullmatch(text):
            if text.startswith(("18", "19", "20")):
                return date(int(text[:4]), int(text[4:6]), int(text[6:]))
            return _date(text[:2], text[2:4], text[4:], order, today)
        if found := _MONTH_NAMED.fullmatch(text):
            name, day, year = (found[1], found[2], found[3]) if found[1] else (found[5], found[4], found[6])
            return date(_year(year, today), _MONTHS.index(name[:3].lower()) + 1, int(day))
    except ValueError:
        pass
    return None


def _date(first: str, second: str, year: str, order: Order, today: date) -> date:
    month, day = (first, second) if order is Order.MONTH_FIRST else (second, first)
    return date(_year(year, today), int(month), int(day))


def _year(text: str, today: date) -> int:
    year = int(text)
    if len(text) > 2:
        return year
    return year + 2000 if year + 2000 <= today.year else year + 1900


def looks_like_date(text: str) -> bool:
    """Whether a date is written in `text`, whatever the order."""
    latest = date.max
    return any(read(text, order, latest) is not None for order in Order)


def guess_order(texts: Iterable[str]) -> Order:
    """The order that fits most of `texts`; the month first where nothing speaks against it."""
    pairs = [(int(found[1]), int(found[2])) for text in texts if (found := _NUMBERS.fullmatch(" ".join(text.split())))]
    day_first = sum(1 for first, second in pairs if first > 12 >= second)
    month_first = sum(1 for first, second in pairs if second > 12 >= first)
    return Order.DAY_FIRST if day_first > month_first else Order.MONTH_FIRST
