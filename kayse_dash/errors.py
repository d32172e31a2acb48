"""The exceptions of this product, one family.

KayseError
├── ConfigError          the installation was told something it cannot use; stops the start
├── InvalidInput         a person or program sent what cannot be taken; says why, by field
├── NotFound             there is no such record (or this user may not know of it)
├── Conflict             the record's state does not allow this, or somebody else changed it first
└── Forbidden            this user or key may not do this

A failed attempt is not an exception: it is a row. What another server did wrong is an
`outbound.Answer`, which is a value.
"""

from __future__ import annotations


class KayseError(Exception):
    """Base of all; `str(error)` is fit to be shown to a person."""

    status = 500
    code = "internal_error"


class ConfigError(KayseError):
    """The environment or the data folder cannot be used as it is."""


class InvalidInput(KayseError):
    """Input that cannot be taken.

    Args:
        message: one sentence for the whole input.
        fields: field name (dotted path for nested input) to the sentence that explains its fault.
    """

    status = 422
    code = "invalid_input"

    def __init__(self, message: str, fields: dict[str, str] | None = None) -> None:
        super().__init__(message)
        self.fields = fields or {}


class NotFound(KayseError):
    status = 404
    code = "not_found"


class Conflict(KayseError):
    status = 409
    code = "conflict"


class Forbidden(KayseError):
    status = 403
    code = "forbidden"
