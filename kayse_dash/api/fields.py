"""The kinds of values that requests and answers are made of: pydantic types, each with its JSON Schema."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, PlainSerializer, StringConstraints, WithJsonSchema

from kayse_dash.clock import iso
from kayse_dash.events import catalogue, validation

LARGEST_ID = 2**31 - 1
LARGEST_FOREIGN_ID = 2**53 - 1  # what every JSON reader keeps exactly (RFC 8259 section 6)
LONGEST_QUERY = 200
EVENT_ID = r"^[A-Za-z0-9][A-Za-z0-9._:~@+=-]{0,127}$"

_MOMENT = re.compile(r"(\d{4}-\d\d-\d\d)[Tt ](\d\d:\d\d:\d\d(?:\.\d{1,9})?)([Zz]|[+-]\d\d:\d\d)", re.ASCII)
_NAIVE = re.compile(r"\d{4}-\d\d-\d\d([Tt ]\d\d:\d\d(:\d\d(\.\d+)?)?)?", re.ASCII)


def read_moment(value: Any) -> datetime:
    """A time with its zone, as RFC 3339 section 5.6 writes it, in UTC.

    Raises:
        ValueError: in words fit for a person.
    """
    example = "2024-01-15T10:30:00Z"
    if not isinstance(value, str):
        raise ValueError(f"This must be a time as text, such as {example}.")
    if _NAIVE.fullmatch(value):
        raise ValueError(f"This time does not say its zone. Add Z for UTC or an offset such as -05:00, as in {example}.")
    parts = _MOMENT.fullmatch(value)
    if parts is None:
        raise ValueError(f"This must be a time with its zone, such as {example} or 2024-01-15T05:30:00-05:00.")
    try:
        moment = datetime.fromisoformat(f"{parts[1]}T{parts[2]}{parts[3].upper()}").astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError("There is no such day or time in the calendar.") from None
    if not 1970 <= moment.year <= 9000:
        raise ValueError("This time is too far from now.")
    return moment


def _moment_in_query(value: Any) -> Any:
    # A plus sign in an address means a blank, unless the sender escaped it.
    return re.sub(r" (\d\d:\d\d)$", r"+\1", value) if isinstance(value, str) else value


def _whole_in_query(value: Any) -> int:
    if not isinstance(value, str) or not re.fullmatch(r"-?\d{1,18}", value, re.ASCII):
        raise ValueError("This must be a whole number.")
    return int(value)


def _flag_in_query(value: Any) -> bool:
    if value not in ("true", "false"):
        raise ValueError("Say true or false.")
    return value == "true"


def _without_nul(text: str) -> str:
    if "\0" in text:
        raise ValueError("This holds a character that cannot be kept (NUL).")
    return text


def _event_id(text: str) -> str:
    if not re.fullmatch(EVENT_ID, text):
        raise ValueError("An id has 1 to 128 letters, digits and . _ : ~ @ + = - and begins with a letter or digit.")
    return text


def _event_name(name: str) -> str:
    if faults := validation.check(name, {}):
        raise ValueError(faults["event"])
    return name


def text(longest: int) -> Any:
    """The type of a text that can be kept, of at most `longest` characters."""
    return Annotated[str, StringConstraints(max_length=longest), AfterValidator(_without_nul)]


_MOMENT_SCHEMA = {"type": "string", "format": "date-time", "examples": ["2024-01-15T10:30:00Z"]}

EVENT_NAME_SCHEMA = {"type": "string", "enum": list(catalogue.CATALOGUE), "examples": ["call_ended"]}

# In bodies and addresses.
EventId = Annotated[str, AfterValidator(_event_id), Field(json_schema_extra={"pattern": EVENT_ID, "maxLength": 128})]
EventName = Annotated[str, AfterValidator(_event_name), WithJsonSchema(EVENT_NAME_SCHEMA)]

# In bodies.
ForeignId = Annotated[int, Field(ge=1, le=LARGEST_FOREIGN_ID)]
Moment = Annotated[datetime, BeforeValidator(read_moment), WithJsonSchema(_MOMENT_SCHEMA, mode="validation")]

# In addresses.
Id = Annotated[int, Field(ge=1, le=LARGEST_ID), BeforeValidator(_whole_in_query)]
BigId = Annotated[int, Field(ge=1, le=2**63 - 1), BeforeValidator(_whole_in_query)]
ForeignIdInQuery = Annotated[ForeignId, BeforeValidator(_whole_in_query)]
FlagInQuery = Annotated[bool, BeforeValidator(_flag_in_query)]
MomentInQuery = Annotated[
    datetime, BeforeValidator(read_moment), BeforeValidator(_moment_in_query), WithJsonSchema(_MOMENT_SCHEMA, mode="validation")
]
QueryText = text(LONGEST_QUERY)
Size = Annotated[int, Field(ge=1, le=100), BeforeValidator(_whole_in_query)]
PageNumber = Annotated[int, Field(ge=1, le=1_000_000), BeforeValidator(_whole_in_query)]

# In answers.
Shown = Annotated[datetime, PlainSerializer(iso, when_used="json"), WithJsonSchema(_MOMENT_SCHEMA, mode="serialization")]
