"""What a column of a file can be, and what it probably is, by its heading and by what stands in it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from kayse_dash.clients import import_dates, normal

IGNORED = ""
ENOUGH = 0.8  # the share of values that have to look like something


@dataclass(frozen=True)
class Target:
    """What a column can become.

    Args:
        many: whether several columns can.
        headings: what such columns are called, the plainest first, to their rank.
    """

    label: str
    headings: dict[str, int]
    many: bool = False


def _target(label: str, headings: str, *, many: bool = False) -> Target:
    return Target(label, {heading: rank for rank, heading in enumerate(headings.split("|"))}, many)


TARGETS = {
    "first_name": _target("First name", "first|first name|firstname|given name|given|fname|forename|f name|christian name"),
    "last_name": _target("Last name", "last|last name|lastname|surname|family name|family|lname|l name|second name"),
    "full_name": _target("Full name", "name|full name|fullname|display name|names|legal name|contact|client|caller"),
    "mobile": _target(
        "Mobile phone", "mobile|mobile phone|mobile number|mobile no|cell|cell phone|cellphone|cell number|cellular|mobilephone"
    ),
    "phone": _target(
        "Phone",
        "phone|phone number|phone no|telephone|telephone number|tel|home phone|work phone|business phone|other phone|"
        "other phones|home|evening phone|day phone|daytime phone|alternate phone|alt phone|landline|phonenumber|callback number|"
        "contact number|work|work number|home number|main phone|office phone|number|phones|phone home|phone work|phone mobile|"
        "phone cell",
        many=True,
    ),
    "email": _target(
        "Email",
        "email|e mail|email address|e mail address|emailaddress|mail|work email|home email|personal email|other email|"
        "other emails|alternate email|alt email|email work|email home|emails",
        many=True,
    ),
    "address_line1": _target(
        "Address", "address|street|street address|address line|address line 1|address 1|addr|addr 1|address1|mailing address|"
        "mailing street|home address|home street|street 1|line 1|postal address|residence|address street"
    ),
    "address_line2": _target(
        "Address, second line", "address 2|address line 2|address2|addr 2|apt|apartment|unit|suite|apt suite|apt unit|street 2|"
        "line 2|apt no|apartment number|unit number"
    ),
    "city": _target("City", "city|town|mailing city|home city|city town|municipality"),
    "state": _target("State", "state|province|st|region|state province|mailing state|home state|state code"),
    "postal_code": _target(
        "ZIP code", "zip|zip code|zipcode|postal code|postcode|postal|post code|mailing zip|home postal code|zip postal code|"
        "mailing postal code|zip 4|zip5"
    ),
    "date_of_birth": _target(
        "Date of birth", "date of birth|dob|birth date|birthdate|birthday|d o b|born|date birth|birth|dateofbirth"
    ),
    "external_source_id": _target(
        "ID in another system",
        "external id|external source id|externalid|id|contact id|record id|client id|crm id|matter client id|lead id|reference|"
        "reference number|ref|uid|uuid|guid|customer id|source id|system id|key|unique id|clio id|person id",
    ),
    "external_source": _target(
        "Name of the other system", "external source|source system|system|crm|externalsource|origin system"
    ),
    "case_ids": _target(
        "Case numbers", "case ids|case id|cases|case number|case numbers|case no|matter id|matter ids|caseid"
    ),
    "voice_calls_opted_out": _target(
        "No voice calls",
        "voice calls opted out|do not call|dnc|no calls|opt out|opted out|call opt out|do not phone|no voice calls|"
        "opt out voice calls|calls opted out|opted out of voice calls|opted out of calls",
    ),
    "enrichment_opted_out": _target(
        "No data enrichment", "enrichment opted out|no enrichment|do not enrich|no data enrichment|opted out of enrichment"
    ),
}
# What a file of rejected rows has behind the columns of the file they came from.
APPENDED = ("Row", "Why it was rejected")
NAMES = ("first_name", "last_name", "full_name")
# At least one of these makes a client of a row.
IDENTIFYING = (*NAMES, "mobile", "phone", "email")

# Words that say whose a column is, not what.
_WHOSE = {
    "client", "contact", "customer", "primary", "person", "patient", "plaintiff", "claimant", "lead", "main", "the", "your",
}  # fmt: skip
_WORDS = re.compile(r"[a-z]+|\d+")
_CAMEL = re.compile(r"(?<=[a-z])(?=[A-Z])")
_ZIP = re.compile(r"\d{5}(-\d{4})?")
_PHONE_LIKE = re.compile(r"[\d\s().+-]{10,20}(\s*(x|ext)\.?\s*\d+)?", re.IGNORECASE)


def guess(headings: Sequence[str], columns: Sequence[Sequence[str]]) -> dict[int, str]:
    """What each column probably is; those that nothing tells of are left out.

    Args:
        headings: of each column; "" where it has none.
        columns: the first values of each column.
    """
    filled = [[value for value in values if value.strip()] for values in columns]
    by_heading = {place: hit for place, heading in enumerate(headings) if (hit := _by_heading(heading, filled[place]))}
    found: dict[int, str] = {}
    # Of two columns that could be the same, the one with the plainer heading is.
    for place, (target, _) in sorted(by_heading.items(), key=lambda item: (item[1][1], item[0])):
        _settle(found, place, target)
    for place, values in enumerate(filled):
        if place not in found and place not in by_heading and (target := _by_values(values)):
            _settle(found, place, target)
    if "first_name" in found.values() or "last_name" in found.values():
        found = {place: target for place, target in found.items() if target != "full_name"}
    return found


def _settle(found: dict[int, str], place: int, target: str) -> None:
    if target == "mobile" and "mobile" in found.values():
        target = "phone"
    if TARGETS[target].many or target not in found.values():
        found[place] = target


def _by_heading(heading: str, values: Sequence[str]) -> tuple[str, int] | None:
    """What a column is by its heading, and how plain that is."""
    words = _words(heading)
    for tried in (words, [word for word in words if word not in _WHOSE]):
        plain = " ".join(tried)
        without_number = " ".join(tried[:-1]) if tried and tried[-1].isdigit() else plain
        for name, target in TARGETS.items():
            rank = target.headings.get(plain)
            if rank is None and target.many:
                rank = target.headings.get(without_number)
            if rank is not None:
                return (name, rank) if _agrees(name, values) else None
    return None


def _agrees(name: str, values: Sequence[str]) -> bool:
    """Whether what stands in a column does not speak against its heading: "Contact" may be a name, or an email address."""
    if not values:
        return True
    if name == "full_name":
        return not _mostly(values, lambda value: "@" in value or value.strip().isdigit())
    if name == "case_ids":
        return _mostly(values, lambda value: re.fullmatch(r"[\d\s,;|]+", value))
    if name in ("mobile", "phone"):
        return any(normal.phone(value) for value in values)
    return True


def _by_values(values: Sequence[str]) -> str | None:
    if _mostly(values, lambda value: normal.email(value) is not None):
        return "email"
    if _mostly(values, lambda value: bool(_PHONE_LIKE.fullmatch(value.strip())) and normal.phone(value) is not None):
        return "phone"
    return None


def guess_without_headings(columns: Sequence[Sequence[str]]) -> dict[int, str]:
    """As `guess`, for a file that has none: more is told from the values, for nothing else tells."""
    found = guess([""] * len(columns), columns)
    tests: list[tuple[str, Callable[[str], Any]]] = [
        ("date_of_birth", import_dates.looks_like_date),
        ("postal_code", lambda value: _ZIP.fullmatch(value.strip())),
        ("state", lambda value: len(value.strip()) == 2 and normal.state_code(value)),
    ]
    for place, values in enumerate(columns):
        filled = [value for value in values if value.strip()]
        for target, test in tests:
            if place not in found and target not in found.values() and _mostly(filled, test):
                found[place] = target
    return found


def _mostly(values: Sequence[str], test: Callable[[str], Any]) -> bool:
    return bool(values) and sum(1 for value in values if test(value)) >= ENOUGH * len(values)


def has_headings(rows: Sequence[Sequence[str]]) -> bool:
    """Whether the first row of a file names its columns."""
    first = [cell for cell in rows[0] if cell.strip()]
    if sum(1 for cell in first if _by_heading(cell, ())) >= max(1, len(first) // 3):
        return True
    return not any("@" in cell or sum(map(str.isdigit, cell)) >= 4 or import_dates.looks_like_date(cell) for cell in first)


def shown(headings: Sequence[str], place: int) -> str:
    """How a column is called on pages: its heading, or its letter as in a spreadsheet; both where two have the same heading."""
    heading = headings[place].strip()
    if not heading:
        return f"Column {letter(place)}"
    same = sum(1 for other in headings if other.strip().casefold() == heading.casefold())
    return heading if same == 1 else f"{heading} (column {letter(place)})"


def letter(place: int) -> str:
    """The letters of a column in a spreadsheet: "A" for 0, "AB" for 27."""
    letters = ""
    place += 1
    while place:
        place, rest = divmod(place - 1, 26)
        letters = chr(ord("A") + rest) + letters
    return letters


def _words(heading: str) -> list[str]:
    return _WORDS.findall(normal.name_key(_CAMEL.sub(" ", heading.replace("_", " "))))
