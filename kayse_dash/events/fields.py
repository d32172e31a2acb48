"""What the catalogue's entries are written with: makers of field schemas, and the fields that several events share. Pure.

Each maker gives a JSON Schema (2020-12) that also takes null and carries an example; samples are made of the examples.
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


WHO = {
    "client_id": identifier("The client, by the id in this dashboard.", 1042),
    "client_name": text("The client's full name.", "Dana Whitfield"),
    "case_id": identifier("The case it belongs to.", "case_123"),
}
CALL = {
    "id": identifier("The call; the same in all events of this call.", "call_5f3a9c"),
    **WHO,
    "campaign_id": identifier("The campaign the call belongs to.", 12),
    "agent_id": identifier("The AI voice agent that made or took the call.", 3),
    "agent_name": text("The agent's name.", "Intake agent"),
    "direction": text("`inbound` or `outbound`.", "outbound"),
    "from_number": text("The number that called, in E.164 form.", "+12025550123"),
    "to_number": text("The number that was called, in E.164 form.", "+12025550147"),
    "started_at": moment("When the call began.", "2024-01-15T10:22:41Z"),
}
CALL_OVER = {
    "ended_at": moment("When the call ended.", "2024-01-15T10:29:48Z"),
    "duration_seconds": number("How long it lasted, in seconds.", 427),
}
TRANSFER = {
    "id": identifier("The transfer; the same in all events of this transfer.", "transfer_77b1"),
    "call_id": identifier("The call that is transferred.", "call_5f3a9c"),
    **{name: schema for name, schema in CALL.items() if name not in ("id", "started_at")},
    "transfer_to": text("The number the call is transferred to, in E.164 form.", "+12025550188"),
    "transfer_to_name": text("Who answers there.", "Intake desk"),
    "transfer_type": text("`warm` (the agent introduces the caller first) or `cold`.", "warm"),
    "started_at": moment("When the transfer began.", "2024-01-15T10:27:05Z"),
}
MESSAGE = {
    "id": identifier("The message.", "msg_2e81d0"),
    **WHO,
    "campaign_id": identifier("The campaign the message belongs to, if any.", 12),
    "agent_id": identifier("The AI agent that wrote it, if any.", 3),
    "channel": text("`sms`, `email` or another way it was sent.", "sms"),
    "direction": text("`outbound` for messages from the firm.", "outbound"),
    "from_number": text("The number it was sent from, in E.164 form.", "+12025550123"),
    "to_number": text("The number it was sent to, in E.164 form.", "+12025550147"),
    "body": text("The text of the message.", "This is Harbor & Lane Law. Please send us the police report when you have it."),
    "sent_at": moment("When it was handed to the carrier.", "2024-01-15T10:29:12Z"),
}
PERSON = {
    "id": identifier("The person's user id.", 7),
    "name": text("Their name.", "Priya Raman"),
    "email": text("Their email address.", "priya.raman@example.com"),
}
