"""Rows of a file read as clients. A row of which one value cannot be read is rejected whole, with every reason."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from kayse_dash.clients import import_dates, import_fields, normal
from kayse_dash.clients.fields import (
    ADDRESS_PARTS,
    EARLIEST_BIRTH,
    LARGEST_CASE_ID,
    MOST_CASES,
    MOST_OF_A_KIND,
    NewClient,
    TypedDetail,
)
from kayse_dash.clients.fields import address as read_address
from kayse_dash.clients.import_choices import Choices
from kayse_dash.clients.import_names import split_name
from kayse_dash.clients.models import Client, Detail, DetailKind
from kayse_dash.errors import InvalidInput
from kayse_dash.typed import line

LONGEST_REASON = 500
LONGEST_QUOTED = 40
LONGEST_LIST = 1_000  # characters of phones or emails in one cell

NOTHING_KNOWN = "There is no name, no phone number and no email address in this row."
# What people and programs write where there is nothing.
_NOTHING_IN_NAMES = frozenset("#n/a - -- --- – — . ?".split())
_NOTHING = _NOTHING_IN_NAMES | set("n/a|na|none|null|nil|unknown|tbd|not provided|not available|no email|no phone".split("|"))
_SHEET_ERRORS = frozenset("#REF! #VALUE! #DIV/0! #NAME? #NUM! #NULL! #SPILL! #CALC!".split())
_YES = frozenset("yes y true t 1 x on ✓ optedout dnc".split())
_NO = frozenset("no n false f 0 off optedin".split())
# Marks of direction and of width that come along when something is copied; they cannot be seen.
_UNSEEN = dict.fromkeys([0xAD, 0x200B, 0x200E, 0x200F, *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF])
_BETWEEN_PHONES = re.compile(r"[;/,|\n]|\bor\b|\band\b", re.IGNORECASE)
_BETWEEN_EMAILS = re.compile(r"[;,|\n]")
_IN_BRACKETS = re.compile(r"[^<>]*<([^<>]+)>")
_LONGEST_NAME = Client.first_name.type.length
_LONGEST_ID, _LONGEST_SOURCE = Client.external_source_id.type.length, Client.external_source.type.length
_LONGEST_TYPED = Detail.typed.type.length


class Rejected(ValueError):
    """A row cannot be taken; `str(error)` says why, in words fit for a person."""


class _Fault(ValueError):
    """What is wrong with a value, as the end of a sentence that begins with it."""


class Reader:
    """Reads the rows of one file.

    Args:
        headings: how the columns are called, "" where they have no name.
        mapping: number of a column to what it becomes.
        today: for dates of birth.
    """

    def __init__(self, headings: Sequence[str], mapping: Mapping[int, str], choices: Choices, today: date) -> None:
        self._width = len(headings)
        self._names = [import_fields.shown(headings, place) for place in range(len(headings))]
        self._choices = choices
        self._today = today
        readers = _READERS | {"date_of_birth": self._born}
        self._columns = [
            (place, target, readers[target], _NOTHING_IN_NAMES if target in import_fields.NAMES else _NOTHING)
            for place, target in sorted(mapping.items())
        ]

    def read(self, cells: Sequence[str]) -> NewClient:
        """The client that a row tells of.

        Raises:
            Rejected: with all that is wrong with it.
        """
        if len(cells) > self._width and any(cell.strip() for cell in cells[self._width :]):
            raise Rejected(f"The row has {len(cells)} cells, but there are only {self._width} columns.")
        found: dict[str, list[Any]] = {}
        faults: list[str] = []
        for place, target, read, nothing in self._columns:
            text = _text(cells, place)
            if not text or text.lower() in nothing:
                continue
            try:
                value = read(_readable(text))
            except _Fault as fault:
                quoted = text if len(text) <= LONGEST_QUOTED else text[: LONGEST_QUOTED - 1] + "…"
                faults.append(f"{self._names[place]}: “{' '.join(quoted.split())}” {fault}")
            else:
                found.setdefault(target, []).append(value)
        client = self._client(found, faults)
        if faults:
            raise Rejected(" ".join(faults)[:LONGEST_REASON])
        if not (client.first_name or client.last_name or client.phones or client.emails):
            raise Rejected(NOTHING_KNOWN)
        return client

    def _client(self, found: Mapping[str, list[Any]], faults: list[str]) -> NewClient:
        """The client of the values that were found in the columns."""
        values = {target: found[target][-1] for target in _AS_THEY_ARE if target in found}
        if "full_name" in found:
            values["first_name"], values["last_name"] = found["full_name"][0]
        if "external_source_id" in values:
            values.setdefault("external_source", self._choices.source)
        else:
            values.pop("external_source", None)
        phones = [*found.get("mobile", ()), *found.get("phone", ())]
        return NewClient(
            **values,
            phones=_details(DetailKind.PHONE, phones, faults),
            emails=_details(DetailKind.EMAIL, found.get("email", ()), faults),
            addresses=_addresses({part: found[target][0] for target, part in ADDRESS_PARTS.items() if target in found}, faults),
        )

    def _born(self, text: str) -> date:
        born = import_dates.read(text, self._choices.order, self._today)
        if born is None:
            form = "month/day/year" if self._choices.order is import_dates.Order.MONTH_FIRST else "day/month/year"
            raise _Fault(f"is not a date of the form {form}.")
        if not EARLIEST_BIRTH <= born <= self._today:
            raise _Fault("is not a day on which somebody who is alive was born.")
        return born


def _details(kind: DetailKind, cells: Iterable[list[tuple[str, str]]], faults: list[str]) -> list[TypedDetail]:
    """Details of pairs of what is compared and what was typed, each once, the first one primary."""
    found: dict[str, TypedDetail] = {}
    for pairs in cells:
        for value, typed in pairs:
            if value not in found:
                found[value] = TypedDetail(kind, value, typed, is_primary=not found)
    if len(found) > MOST_OF_A_KIND:
        faults.append(f"A client can have at most {MOST_OF_A_KIND} of these: {kind.value}.")
    return list(found.values())


def _addresses(parts: Mapping[str, str], faults: list[str]) -> list[TypedDetail]:
    if not parts:
        return []
    try:
        found = read_address(parts)
    except InvalidInput as error:
        faults += error.fields.values()
        return []
    return [replace(found, is_primary=True)] if found else []


def _text(cells: Sequence[str], place: int) -> str:
    if place >= len(cells):
        return ""
    text = cells[place].strip()
    # So that a file of rejected rows, in which formulas are made harmless by an apostrophe, can be uploaded again.
    return text[1:] if text[:1] == "'" and text[1:2] in ("=", "+", "-", "@") else text


def _readable(text: str) -> str:
    if "\ufffd" in text:
        raise _Fault("holds a character that could not be read. Look at how the text of the file is encoded.")
    if text in _SHEET_ERRORS:
        raise _Fault("is an error that the spreadsheet shows.")
    return text if text.isascii() else text.translate(_UNSEEN).strip()


def _phones(text: str) -> list[tuple[str, str]]:
    if number := normal.phone(text):
        return [(number, _one_line(text, _LONGEST_TYPED))]
    parts = [part.strip() for part in _BETWEEN_PHONES.split(text[:LONGEST_LIST]) if part.strip()]
    numbers = [normal.phone(part) for part in parts]
    if len(parts) < 2 or len(text) > LONGEST_LIST or not all(numbers):
        raise _Fault("is not a phone number.")
    return [(number, part) for number, part in zip(numbers, parts, strict=True) if number]


def _emails(text: str) -> list[tuple[str, str]]:
    if address := normal.email(text):
        return [(address, text)]
    parts = []
    for part in _BETWEEN_EMAILS.split(text[:LONGEST_LIST]):
        named = _IN_BRACKETS.fullmatch(part)
        parts += [word.removeprefix("mailto:") for word in (named[1] if named else part).split()]
    addresses = [normal.email(part) for part in parts]
    if not parts or len(text) > LONGEST_LIST or not all(addresses):
        raise _Fault("is not an email address.")
    return [(address, part) for address, part in zip(addresses, parts, strict=True) if address]


def _one_line(text: str, longest: int) -> str:
    try:
        return line(text, "it", 1, longest)
    except ValueError:
        raise _Fault(f"is longer than {longest} characters, or holds one that cannot be kept.") from None


def _name(text: str) -> str:
    return _one_line(text, _LONGEST_NAME)


def _names(text: str) -> tuple[str, str]:
    first, last = split_name(_one_line(text, 2 * _LONGEST_NAME))
    return _name(first) if first else "", _name(last) if last else ""


def _case_ids(text: str) -> list[int]:
    numbers = [part for part in re.split(r"[,;|\s]+", text) if part]
    if not all(part.isascii() and part.isdecimal() and 0 < int(part[:17]) <= LARGEST_CASE_ID for part in numbers):
        raise _Fault("is no list of case numbers, which are whole numbers.")
    if len(numbers) > MOST_CASES:
        raise _Fault(f"is a list of more than {MOST_CASES} case numbers.")
    return list(dict.fromkeys(map(int, numbers)))


def _flag(text: str) -> bool:
    word = re.sub(r"[^\w✓]", "", text.lower())
    if word in _YES or word in _NO:
        return word in _YES
    raise _Fault("is neither yes nor no.")


_READERS: dict[str, Callable[[str], Any]] = {
    "first_name": _name,
    "last_name": _name,
    "full_name": _names,
    "mobile": _phones,
    "phone": _phones,
    "email": _emails,
    **dict.fromkeys(ADDRESS_PARTS, str),
    "external_source_id": lambda text: _one_line(text, _LONGEST_ID),
    "external_source": lambda text: _one_line(text, _LONGEST_SOURCE),
    "case_ids": _case_ids,
    "voice_calls_opted_out": _flag,
    "enrichment_opted_out": _flag,
}
_AS_THEY_ARE = (
    "first_name", "last_name", "date_of_birth", "external_source_id", "external_source", "case_ids", "voice_calls_opted_out",
    "enrichment_opted_out",
)  # fmt: skip
