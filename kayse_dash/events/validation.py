"""Checks an event that was sent to us against the catalogue, and says what is wrong in plain words, field by field."""

from __future__ import annotations

import math
from collections.abc import Iterable
from datetime import datetime
from functools import cache
from itertools import islice

from jsonschema_rs import Draft202012Validator, ValidationError, ValidationErrorKind

from kayse_dash.events import catalogue

MOST_FAULTS = 20
MOST_LOOKED_THROUGH = 200  # entries of a list or object in which all faults are looked for; of those beyond, one is named
DEEPEST = 64
# Python writes no integer of more than 4,300 digits (sys.int_info.default_max_str_digits), so such a number could not be sent on.
MOST_DIGITS = 4300
LARGEST_BITS = int(MOST_DIGITS * math.log2(10))
LONGEST_SHOWN = 60  # characters of a name that came from outside

KINDS = {
    "string": "text",
    "number": "a number",
    "integer": "a whole number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
}


def check(event_name: object, data: object) -> dict[str, str]:
    """Say what is wrong with an event; empty when it can be recorded and sent as it is.

    Args:
        event_name: what was given as the event's name.
        data: what was given as its data, as a JSON parser made it.

    Returns:
        The field's path (`event`, `data`, `data.segments.0.text`) to a sentence, for at most 20 faults.
    """
    kind = catalogue.find(event_name)
    faults = {} if kind else {"event": _unknown(event_name)}
    if flaw := _flaw(data, DEEPEST):
        words, path = flaw
        return {**faults, _path(["data", *reversed(path)]): f"{words}."}
    if not isinstance(data, dict):
        return {**faults, "data": f"This must be an object such as {{}}, not {_kind_of(data)}."}
    if kind is None or _validator(kind.name).is_valid(data):
        return faults
    for error in _errors(_validator(kind.name), data):
        faults[_path(["data", *error.instance_path])] = _words(error)
    return faults


def clean_json(value: object) -> str | None:
    """Say why `value` cannot be sent on as JSON in UTF-8; None when it can.

    Refused are NaN and infinity, text with half of a surrogate pair (RFC 8259 section 8.2 leaves it undefined, UTF-8 has no
    form for it), nesting deeper than 64 levels, and integers of more than 4,300 digits. Any other integer is fine.
    """
    flaw = _flaw(value, DEEPEST)
    if flaw is None:
        return None
    words, path = flaw
    return f"{words} (in {_path(reversed(path))})." if path else f"{words}."


def _errors(validator: Draft202012Validator, data: object) -> list[ValidationError]:
    """At least one error of invalid data, at most 20."""
    # The library makes all errors before it gives the first: half a million in a body of 1 MiB take it ten seconds.
    if errors := list(islice(validator.iter_errors(_beginning(data)), MOST_FAULTS)):
        return errors
    try:
        validator.validate(data)
    except ValidationError as first:
        return [first]
    return []


def _beginning(value: object) -> object:
    """`value` with the first entries of each list and object only."""
    if isinstance(value, dict):
        return {name: _beginning(inner) for name, inner in islice(value.items(), MOST_LOOKED_THROUGH)}
    if isinstance(value, list):
        return [_beginning(inner) for inner in value[:MOST_LOOKED_THROUGH]]
    return value


def _flaw(value: object, levels: int) -> tuple[str, list[object]] | None:
    """What cannot be sent on, and the path to it from the inside out."""
    if isinstance(value, str):
        return None if value.isascii() or _encodes(value) else ("This holds a broken character (half of a surrogate pair)", [])
    if value is None or isinstance(value, bool):
        return None
    if isinstance(value, int):
        return None if value.bit_length() <= LARGEST_BITS else (f"This is a number of more than {MOST_DIGITS:,} digits", [])
    if isinstance(value, float):
        return None if math.isfinite(value) else ("This is NaN or infinity, which JSON does not have", [])
    if not isinstance(value, dict | list):
        return "This is a value that JSON does not have", []
    if levels == 0:
        return f"This is nested deeper than {DEEPEST} levels", []
    return _flaw_inside(value, levels)


def _flaw_inside(value: dict | list, levels: int) -> tuple[str, list[object]] | None:
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                return "This has a name that is not text", []
            if not name.isascii() and not _encodes(name):
                return "This has a name with a broken character (half of a surrogate pair)", []
    for name, inner in value.items() if isinstance(value, dict) else enumerate(value):
        if flaw := _flaw(inner, levels - 1):
            # The way down to what is too deep would be sixty names long and help nobody.
            return flaw if flaw[0].startswith("This is nested") else (flaw[0], [*flaw[1], name])
    return None


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


@cache
def _validator(event_name: str) -> Draft202012Validator:
    return Draft202012Validator(
        catalogue.CATALOGUE[event_name].schema, validate_formats=True, formats={"date-time": _is_moment}
    )


def _is_moment(text: str) -> bool:
    """Whether a receiver can make sense of it as a date and time; wider than RFC 3339, because senders are.

    A date alone passes, so does a time without its zone, and so does the empty text some senders write for null.
    """
    try:
        return not text or bool(datetime.fromisoformat(text))
    except ValueError:
        return False


def _unknown(name: object) -> str:
    if name is None:
        return "This is missing: name the event, such as call_started."
    if not isinstance(name, str):
        return f"This must be the name of an event, such as call_started, not {_kind_of(name)}."
    guess = catalogue.closest(name)
    return f"There is no event “{_shown(name)}”." + (f" Did you mean {guess}?" if guess else "")


def _words(error: ValidationError) -> str:
    if isinstance(error.kind, ValidationErrorKind.Format):
        return f"This must be a date and time such as {catalogue.SAMPLE_TIME}."
    wanted = " or ".join(words for kind, words in KINDS.items() if kind in error.kind.types)
    return f"This must be {wanted}, not {_kind_of(error.instance)}."


def _kind_of(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and not value.is_integer():
        return "a number with a fraction"
    kinds = {str: "text", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return next((words for kind, words in kinds.items() if isinstance(value, kind)), "something else")


def _path(names: Iterable[object]) -> str:
    return ".".join(_shown(str(name)) for name in names)


def _shown(text: str) -> str:
    """Text from outside as it can be said back: encodable, and not too long."""
    text = text.encode("utf-8", "replace").decode()
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"
