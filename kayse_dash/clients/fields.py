"""What a person, a program or a file says of a client, checked and brought into the form in which it is kept."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any

from kayse_dash.clients import normal
from kayse_dash.clients.models import Client, Detail, DetailKind
from kayse_dash.errors import InvalidInput
from kayse_dash.typed import line

MOST_OF_A_KIND = 50  # phones, emails or addresses of one client
MOST_CASES = 500
LARGEST_CASE_ID = 2**53 - 1  # what every JSON reader keeps exactly (RFC 8259 section 6)
EARLIEST_BIRTH = date(1850, 1, 1)

ADDRESS_PARTS = {
    "address_line1": "line1",
    "address_line2": "line2",
    "city": "city",
    "state": "state",
    "postal_code": "postal_code",
}
LISTS = {"phones": DetailKind.PHONE, "emails": DetailKind.EMAIL, "addresses": DetailKind.ADDRESS}
FLAT = {"mobile": "phones", "email": "emails"}  # the public API's field for the primary one of a list

_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)
_PART_WORDS = {
    "line1": "The street", "line2": "The second line", "city": "The city", "state": "The state", "postal_code": "The ZIP code"
}  # fmt: skip

# Read once: asking a column is slow, and this runs for every row of an import.
_LONGEST_PARTS = {part: getattr(Detail, part).type.length for part in _PART_WORDS}
_LONGEST_TYPED = Detail.typed.type.length


@dataclass(frozen=True)
class TypedDetail:
    """A phone, an email or an address: `value` in the form that is compared, `typed` as it came; the parts of addresses only."""

    kind: DetailKind
    value: str
    typed: str
    line1: str | None = None
    line2: str | None = None
    city: str | None = None
    state: str | None = None
    postal_code: str | None = None
    is_primary: bool = False


@dataclass(frozen=True)
class NewClient:
    """A client as it is to be kept. Of each list that is not empty exactly one is the primary one."""

    first_name: str = ""
    last_name: str = ""
    external_source: str | None = None
    external_source_id: str | None = None
    date_of_birth: date | None = None
    case_ids: list[int] = field(default_factory=list)
    voice_calls_opted_out: bool = False
    enrichment_opted_out: bool = False
    phones: list[TypedDetail] = field(default_factory=list)
    emails: list[TypedDetail] = field(default_factory=list)
    addresses: list[TypedDetail] = field(default_factory=list)

    @property
    def details(self) -> list[TypedDetail]:
        return [*self.phones, *self.emails, *self.addresses]


def phone(value: Any) -> TypedDetail:
    """
    Raises:
        ValueError: it is no phone number; in words fit for a person.
    """
    typed = line(value, "The phone number", 1, _LONGEST_TYPED)
    number = normal.phone(typed)
    if number is None:
        raise ValueError("This is not a phone number. Write it with its area code, such as (212) 555-0142, or +44 … from abroad.")
    return TypedDetail(DetailKind.PHONE, number, typed)


def email(value: Any) -> TypedDetail:
    """
    Raises:
        ValueError: it is no email address; in words fit for a person.
    """
    typed = line(value, "The email address", 1, _LONGEST_TYPED)
    address = normal.email(typed)
    if address is None:
        raise ValueError("This is not an email address, such as name@example.com.")
    return TypedDetail(DetailKind.EMAIL, address, typed)


def address(parts: Mapping[str, Any]) -> TypedDetail | None:
    """An address of its parts, `line1` to `postal_code`; None where all of them are empty.

    Raises:
        InvalidInput: by part.
    """
    kept: dict[str, str | None] = {}
    faults: dict[str, str] = {}
    for part, words in _PART_WORDS.items():
        try:
            kept[part] = _optional(parts.get(part), words, _LONGEST_PARTS[part])
        except ValueError as error:
            faults[part] = str(error)
    if faults:
        raise InvalidInput("Please check the address.", faults)
    kept["state"] = normal.state_code(kept["state"] or "") or kept["state"]
    kept["postal_code"] = normal.zip_code(kept["postal_code"] or "") or kept["postal_code"]
    value = normal.address(*(kept[part] or "" for part in _PART_WORDS))
    if not value:
        return None
    return TypedDetail(DetailKind.ADDRESS, value, shown_address(kept), **kept)


def shown_address(parts: Mapping[str, str | None]) -> str:
    """An address on one line: "12 Main St, Apt 4, Boston, MA 02139"."""
    end = " ".join(part for part in (parts["state"], parts["postal_code"]) if part)
    written = ", ".join(part for part in (parts["line1"], parts["line2"], parts["city"], end) if part)
    return written[:_LONGEST_TYPED]


def check(given: Mapping[str, Any], current: Client | None, today: date) -> dict[str, Any]:
    """Check what was said of a client; the fields of `NewClient` that it tells, ready to be kept.

    Args:
        given: public field names, and the lists `phones`, `emails` (texts, or `{"value", "primary"}`) and `addresses`
            (`{"address_line1", …, "primary"}`). What is missing keeps its value. A list says all there is of a kind; `mobile`,
            `email` and the parts of an address say which is the primary one, and what was primary stays beside it.
        current: the client being changed, with its details; None for a new one.

    Raises:
        InvalidInput: by field.
    """
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for name, check_one in _COLUMNS.items():
        if name in given:
            try:
                values[name] = check_one(given[name], today)
            except ValueError as error:
                faults[name] = str(error)
    for name in LISTS:
        _list(name, given, current, values, faults)
    _flat_address(given, current, values, faults)
    if not faults:
        _together(values, current, faults)
    if faults:
        raise InvalidInput("Please check the fields that are marked.", faults)
    return values


def _together(values: Mapping[str, Any], current: Client | None, faults: dict[str, str]) -> None:
    """What only the fields together can be blamed for."""

    def after(name: str) -> Any:
        return values[name] if name in values else getattr(current, name, None)

    if bool(after("external_source")) != bool(after("external_source_id")):
        missing = "external_source_id" if after("external_source") else "external_source"
        faults[missing] = "Another system's record needs both: the name of the system and its id there."
    named = after("first_name") or after("last_name")
    reachable = any(values[name] if name in values else _known(current, LISTS[name]) for name in LISTS)
    if not named and not reachable:
        faults["last_name"] = "Give at least a name, a phone number or an email address."


def _list(name: str, given: Mapping[str, Any], current: Client | None, values: dict[str, Any], faults: dict[str, str]) -> None:
    """The list `name` as it is after the change, where `given` says anything of it."""
    flat = next((flat for flat, of in FLAT.items() if of == name), None)
    if name not in given and flat not in given:
        return
    found = _items(name, given[name], faults) if name in given else _known(current, LISTS[name])
    if flat in given:
        try:
            chosen = None if _is_empty(given[flat]) else _ITEMS[name](given[flat])
            found = _with_primary(found, chosen, name in given)
        except ValueError as error:
            faults[flat] = str(error)
    values[name] = _ordered(found)


def _items(name: str, given: Any, faults: dict[str, str]) -> list[TypedDetail]:
    if given is None:
        return []
    if isinstance(given, str) or not isinstance(given, Sequence):
        faults[name] = "This must be a list."
        return []
    if len(given) > MOST_OF_A_KIND:
        faults[name] = f"A client can have at most {MOST_OF_A_KIND} of these."
        return []
    found = []
    for number, item in enumerate(given):
        try:
            detail = _ITEMS[name](item)
            if detail is not None:
                found.append(detail)
        except InvalidInput as error:
            faults |= {f"{name}.{number}.{part}": fault for part, fault in error.fields.items()}
        except ValueError as error:
            faults[f"{name}.{number}"] = str(error)
    return found


def _valued(check_one: Callable[[Any], TypedDetail]) -> Callable[[Any], TypedDetail]:
    def read(item: Any) -> TypedDetail:
        if not isinstance(item, Mapping):
            return check_one(item)
        return replace(check_one(item.get("value")), is_primary=item.get("primary") is True)

    return read


def _address_item(item: Any) -> TypedDetail | None:
    if not isinstance(item, Mapping):
        raise ValueError("This must be an address of parts, such as address_line1, city, state and postal_code.")
    try:
        found = address({part: item.get(name) for name, part in ADDRESS_PARTS.items()})
    except InvalidInput as error:
        names = {part: name for name, part in ADDRESS_PARTS.items()}
        raise InvalidInput(str(error), {names[part]: fault for part, fault in error.fields.items()}) from error
    return found and replace(found, is_primary=item.get("primary") is True)


_ITEMS: dict[str, Callable[[Any], TypedDetail | None]] = {
    "phones": _valued(phone),
    "emails": _valued(email),
    "addresses": _address_item,
}


def _flat_address(given: Mapping[str, Any], current: Client | None, values: dict[str, Any], faults: dict[str, str]) -> None:
    told = {part: given[name] for name, part in ADDRESS_PARTS.items() if name in given}
    if not told:
        return
    known = values.get("addresses", _known(current, DetailKind.ADDRESS))
    now = next((one for one in known if one.is_primary), None)
    before = {part: getattr(now, part) for part in _PART_WORDS} if now else {}
    try:
        chosen = address(before | told)
    except InvalidInput as error:
        names = {part: name for name, part in ADDRESS_PARTS.items()}
        faults |= {names[part]: fault for part, fault in error.fields.items()}
        return
    # What is only completed is the same address; one that moved stays beside the new one.
    completed = chosen and now and all(getattr(chosen, part) == value for part, value in before.items() if value)
    rest = [one for one in known if one is not now] if completed else known
    values["addresses"] = _ordered(_with_primary(rest, chosen, "addresses" in given))


def _known(current: Client | None, kind: DetailKind) -> list[TypedDetail]:
    return [as_typed(detail) for detail in current.details if detail.kind is kind] if current else []


def as_typed(detail: Detail) -> TypedDetail:
    """A detail on record, in the form that is compared with others."""
    parts = {part: getattr(detail, part) for part in _PART_WORDS}
    return TypedDetail(detail.kind, detail.value, detail.typed, is_primary=detail.is_primary, **parts)


def _with_primary(known: list[TypedDetail], chosen: TypedDetail | None, whole_list: bool) -> list[TypedDetail]:
    """`known` with `chosen` as the primary one; without what was primary where nothing is chosen."""
    if chosen is None:
        return known if whole_list else [one for one in known if not one.is_primary]
    return [replace(chosen, is_primary=True), *(replace(one, is_primary=False) for one in known if one.value != chosen.value)]


def _ordered(found: list[TypedDetail]) -> list[TypedDetail]:
    """Each value once, and one of them primary: the first that is marked, else the first."""
    once: dict[str, TypedDetail] = {}
    for one in found:
        if one.value not in once or (one.is_primary and not once[one.value].is_primary):
            once[one.value] = one
    primary = next((one.value for one in once.values() if one.is_primary), next(iter(once), None))
    return [replace(one, is_primary=one.value == primary) for one in once.values()]


def _is_empty(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _optional(value: Any, what: str, longest: int) -> str | None:
    return None if _is_empty(value) else line(value, what, 1, longest)


def _birth(value: Any, today: date) -> date | None:
    if _is_empty(value):
        return None
    if not isinstance(value, date):
        try:
            if not isinstance(value, str) or not _DAY.fullmatch(value.strip()):
                raise ValueError
            value = date.fromisoformat(value.strip())
        except ValueError:
            raise ValueError("Write the date as year-month-day, such as 1980-12-31.") from None
    if not EARLIEST_BIRTH <= value <= today:
        raise ValueError("Nobody who is alive was born then.")
    return value


def _flag(value: Any, _today: date) -> bool:
    if not isinstance(value, bool):
        raise ValueError("Say true or false.")
    return value


def _case_ids(value: Any, _today: date) -> list[int]:
    if value is None:
        return []
    if not isinstance(value, list | tuple) or any(type(one) is not int or not 0 < one <= LARGEST_CASE_ID for one in value):
        raise ValueError("This must be a list of case numbers.")
    if len(value) > MOST_CASES:
        raise ValueError(f"At most {MOST_CASES} cases can be listed.")
    return list(dict.fromkeys(value))


_COLUMNS: dict[str, Callable[[Any, date], Any]] = {
    "first_name": lambda value, _: _optional(value, "The first name", Client.first_name.type.length) or "",
    "last_name": lambda value, _: _optional(value, "The last name", Client.last_name.type.length) or "",
    "external_source": lambda value, _: _optional(value, "The other system", Client.external_source.type.length),
    "external_source_id": lambda value, _: _optional(value, "The id there", Client.external_source_id.type.length),
    "date_of_birth": _birth,
    "case_ids": _case_ids,
    "voice_calls_opted_out": _flag,
    "enrichment_opted_out": _flag,
}
