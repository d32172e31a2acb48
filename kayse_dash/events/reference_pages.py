"""The API reference: what a webhook receives, how to verify it, and how to send events, made from what the code goes by."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from flask import Blueprint, current_app, render_template

from kayse_dash.events import catalogue, validation
from kayse_dash.events.catalogue import EventType
from kayse_dash.events.fields import Fields, Schema
from kayse_dash.webhooks.envelope import USER_AGENT

bp = Blueprint("reference", __name__)

LANGUAGES = {
    "python": "Python",
    "node": "Node.js",
    "php": "PHP",
    "ruby": "Ruby",
    "go": "Go",
    "csharp": "C#",
    "java": "Java",
    "shell": "Shell (openssl)",
}

KINDS = {
    "string": "Text",
    "number": "Number",
    "integer": "Whole number",
    "boolean": "True or false",
    "array": "List",
    "object": "Object",
}


@dataclass(frozen=True)
class FieldRow:
    """A line of an event's table of fields; `name` is the path to the field, such as `segments[].text`."""

    name: str
    kind: str
    description: str


@dataclass(frozen=True)
class CodeSample:
    """A program that verifies signatures."""

    language: str
    label: str
    code: str


@bp.get("/reference")
def reference() -> str:
    settings = current_app.extensions["kayse_settings"]
    return render_template(
        "reference/reference.html",
        categories=catalogue.CATEGORIES,
        rows=field_rows,
        body=sample_body,
        waits=settings.retry_waits,
        time_limit=f"{settings.request_timeout:g}",
        base_url=settings.base_url,
        user_agent=USER_AGENT,
        posted=_posted(),
        refused={
            "error": {
                "code": "invalid_input",
                "message": "Please check the fields that are named.",
                "fields": validation.check("call_start", {}) | validation.check("call_ended", {"duration_seconds": "long"}),
            }
        },
    )


def field_rows(kind: EventType) -> list[FieldRow]:
    """Every field of an event's data, those inside others after them."""
    return list(_rows(kind.schema["properties"], ""))


def sample_body(kind: EventType) -> dict[str, Any]:
    """The whole body of a sample."""
    return {"event": kind.name, "timestamp": catalogue.SAMPLE_TIME, "data": kind.sample}


@bp.app_template_global()
def verification_samples() -> list[CodeSample]:
    """Programs that verify a signature, for any page that shows a secret; `reference/_verify.html` lays them out."""
    environment = current_app.jinja_env
    return [
        # Read, not rendered: these are programs, and braces in them are theirs.
        CodeSample(language, label, environment.loader.get_source(environment, f"reference/verify/{language}.txt")[0])
        for language, label in LANGUAGES.items()
    ]


def _rows(fields: Fields, prefix: str) -> Iterator[FieldRow]:
    for name, schema in fields.items():
        yield FieldRow(prefix + name, _kind(schema), schema["description"])
        yield from _rows_inside(schema, prefix + name)


def _rows_inside(schema: Schema, path: str) -> Iterator[FieldRow]:
    if inner := schema.get("properties"):
        yield from _rows(inner, f"{path}.")
    if entry := schema.get("items"):
        yield from _rows_inside(entry, f"{path}[]")
    if value := schema.get("additionalProperties"):
        yield from _rows_inside(value, f"{path}.*")


def _kind(schema: Schema) -> str:
    if schema.get("format") == "date-time":
        return "Date and time"
    kinds = [words for kind, words in KINDS.items() if kind in schema.get("type", ())]
    return " or ".join(kinds).capitalize() or "Any"


def _posted() -> dict[str, Any]:
    """What the page's examples post: part of a sample, so that the reference cannot teach what the checks refuse."""
    ended = catalogue.CATALOGUE["call_ended"].sample
    return {
        "event": "call_ended",
        "id": f"{ended['id']}-ended",
        "timestamp": catalogue.SAMPLE_TIME,
        "campaign_id": ended["campaign_id"],
        "client_id": ended["client_id"],
        "data": {name: ended[name] for name in ("id", "status", "duration_seconds")},
    }
