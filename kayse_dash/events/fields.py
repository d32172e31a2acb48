"""Words for describing an event's fields: each makes a JSON Schema (2020-12) that also takes null and holds an example. Pure.

The example stands in the schema's `examples`, the schema's one place for it; samples are made from it.
"""

from __future__ import annotations

from typing import Any

Schema = dict[str, Any]
Fields = dict[str, Schema]


def text(description: str, example: str | None) -> Schema:
    return _field("string", description, example)


def moment(description: str, example: str | None) -> Schema:
    """A date and time."""
    return {**_field("string", description, example), "format": "date-time"}


def identifier(description: str, example: str | int | None) -> Schema:
    """An id of ours or of another system: text or a whole number."""
    return {"type": ["string", "integer", "null"], "description": description, "examples": [example]}


def number(description: str, example: float) -> Schema:
    return _field("number", description, example)


def whole(description: str, example: int) -> Schema:
    return _field("integer", description, example)


def flag(description: str, example: bool) -> Schema:
    return _field("boolean", description, example)


def anything(description: str, example: Any) -> Schema:
    """A value whose type depends on what it is the value of."""
    return {"description": description, "examples": [example]}


def listing(description: str, entry: Schema, *examples: Any) -> Schema:
    """A list of `entry`; its example is the entry's own unless others are given."""
    return {**_field("array", description, list(examples) or [example_of(entry)]), "items": entry}


def group(description: str, fields: Fields) -> Schema:
    """An object with these known fields, each of which may be missing; others may stand beside them."""
    return {**_field("object", description, sample_of(fields)), "properties": fields}


def mapping(description: str, value: Schema, example: dict[str, Any]) -> Schema:
    """An object whose keys are the sender's own."""
    return {**_field("object", description, example), "additionalProperties": value}


def example_of(schema: Schema) -> Any:
    return schema["examples"][0]


def sample_of(fields: Fields) -> dict[str, Any]:
    """An object of every field's example."""
    return {name: example_of(schema) for name, schema in fields.items()}


def _field(kind: str, description: str, example: Any) -> Schema:
    return {"type": [kind, "null"], "description": description, "examples": [example]}
