"""Reading what a person or program typed into a form or sent as JSON. Pure."""

from __future__ import annotations

import unicodedata
from typing import Any


def line(value: Any, what: str, shortest: int, longest: int) -> str:
    """One line of text, its blanks put in order.

    Args:
        what: how the message names it, such as "The name".
        shortest, longest: characters.

    Raises:
        ValueError: it is none; the message is fit to be shown to a person.
    """
    if value is None or (isinstance(value, str) and not value.strip()):
        raise ValueError(f"{what} is missing.")
    if not isinstance(value, str):
        raise ValueError(f"{what} must be text.")
    text = " ".join(value.split())
    # Cc: control characters, NUL among them, which PostgreSQL cannot keep; Cs: halves of surrogate pairs, which UTF-8 cannot.
    # What is printable has none of them, and is told much faster.
    if not text.isprintable() and any(unicodedata.category(sign) in ("Cc", "Cs") for sign in text):
        raise ValueError(f"{what} holds a character that cannot be kept.")
    if not shortest <= len(text) <= longest:
        raise ValueError(f"{what} needs {shortest} to {longest} characters.")
    return text


def identifier(value: Any, longest: int) -> str | None:
    """An id of another system, a text or a whole number, as text of at most `longest` characters; None where it is none."""
    if type(value) is int and abs(value) < 2**63:
        value = str(value)
    try:
        return line(value, "The id", 1, longest)
    except ValueError:
        return None


def record_id(value: Any) -> int | None:
    """`value` where it can be the id of a record (the database driver refuses larger numbers), else None."""
    return value if type(value) is int and 0 < value < 2**31 else None
