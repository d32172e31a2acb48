"""The catalogue says what the product's description says, and agrees with itself."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

import jsonschema_rs
import pytest

from kayse_dash.events import catalogue
from kayse_dash.events.catalogue import CALL_EVENTS, CATALOGUE, CATEGORIES, TRANSFER_EVENTS, EventType
from kayse_dash.events.fields import Fields, Schema

# The description's table "Available Events", and the event of its payload example.
DESCRIBED = {
    "Calls": [
        "call_started",
        "call_ended",
        "call_analyzed",
        "transcript_updated",
        "transfer_started",
        "transfer_bridged",
        "transfer_cancelled",
        "transfer_ended",
    ],
    "Messages": ["message_sent", "message_delivered"],
    "Tasks": ["task_completed"],
    "Forms": ["form_submitted"],
    "Documents": ["document_uploaded"],
    "Cases": ["case.updated"],
}
EXAMPLE = {"id": "case_123", "name": "Smith Case", "status": "Active", "changes": {"status": {"old": "New", "new": "Active"}}}

every_event = pytest.mark.parametrize("kind", CATALOGUE.values(), ids=CATALOGUE)


def test_names_categories_and_their_order_are_those_of_the_description() -> None:
    assert {category: [kind.name for kind in kinds] for category, kinds in CATEGORIES.items()} == DESCRIBED
    assert list(CATEGORIES) == list(DESCRIBED)
    assert list(CATALOGUE) == [name for names in DESCRIBED.values() for name in names]


def test_the_eight_call_events_take_a_campaign_filter_and_no_other() -> None:
    assert {kind.name for kind in CATALOGUE.values() if kind.takes_campaign_filter} == set(DESCRIBED["Calls"]) == CALL_EVENTS


def test_the_transfer_events_are_four_call_events() -> None:
    assert {"transfer_started", "transfer_bridged", "transfer_cancelled", "transfer_ended"} == TRANSFER_EVENTS
    assert TRANSFER_EVENTS < CALL_EVENTS


def test_the_sample_of_case_updated_is_the_descriptions_example() -> None:
    assert CATALOGUE["case.updated"].sample == EXAMPLE


@every_event
def test_its_schema_is_valid_and_takes_its_sample(kind: EventType) -> None:
    jsonschema_rs.meta.validate(kind.schema)
    assert kind.schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert jsonschema_rs.Draft202012Validator(kind.schema, validate_formats=True).is_valid(kind.sample)
    assert json.loads(json.dumps(kind.sample)) == kind.sample


@every_event
def test_its_schema_requires_nothing_and_takes_null_for_every_field(kind: EventType) -> None:
    validator = jsonschema_rs.Draft202012Validator(kind.schema, validate_formats=True)
    assert validator.is_valid({})
    assert validator.is_valid({"a_field_of_the_sender": [1, {"x": None}]})
    assert validator.is_valid(dict.fromkeys(kind.sample))
    for _path, schema in _every_field(kind.schema["properties"]):
        assert "required" not in schema
        assert "enum" not in schema
        assert "null" in schema.get("type", ["null"])


@every_event
def test_its_schema_refuses_a_wrong_type_in_every_field_that_has_one(kind: EventType) -> None:
    validator = jsonschema_rs.Draft202012Validator(kind.schema)
    for name, schema in kind.schema["properties"].items():
        wrong = "text" if "string" not in schema["type"] else ["a list"]
        assert not validator.is_valid({name: wrong}), name


@every_event
def test_it_is_described_in_sentences(kind: EventType) -> None:
    assert kind.label == kind.label.strip()
    assert re.sub("[^a-z]", "", kind.label.lower()) == re.sub("[^a-z]", "", kind.name)
    for sentence in (kind.meaning, kind.fires):
        assert re.fullmatch(r"[A-Z].*[.)]", sentence)
    for path, schema in _every_field(kind.schema["properties"]):
        assert schema["description"].endswith("."), path


@every_event
def test_its_sample_names_nobody_real(kind: EventType) -> None:
    text = json.dumps(kind.sample)
    assert all(re.fullmatch(r"\+1\d{3}55501\d\d", phone) for phone in re.findall(r"\+\d+", text))
    assert all(host.endswith("example.com") for host in re.findall(r"(?:@|https?://)([a-z.-]+)", text))


@every_event
def test_its_sample_carries_what_other_parts_go_by(kind: EventType) -> None:
    if kind.name in CALL_EVENTS:
        known = "id client_id campaign_id agent_id direction from_number to_number started_at".split()
        assert all(kind.sample[name] for name in known)
    if kind.name in TRANSFER_EVENTS:
        assert kind.sample["call_id"] == CATALOGUE["call_started"].sample["id"]
        assert kind.sample["transfer_to"]
    if kind.name != "case.updated":
        assert isinstance(kind.sample["client_id"], int)


@pytest.mark.parametrize("name", [None, 1, [], {}, "", "Call_started", "call_started ", "\ud800", b"call_started"])
def test_what_is_no_event_is_not_found(name: object) -> None:
    assert catalogue.find(name) is None


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("call_start", "call_started"),
        ("Call Started", "call_started"),
        ("call.ended", "call_ended"),
        ("callEnded", "call_ended"),
        ("call_analysed", "call_analyzed"),
        ("transfer_canceled", "transfer_cancelled"),
        ("case_updated", "case.updated"),
        ("sms_sent", "message_sent"),
        ("x", None),
        ("", None),
        ("\ud800\x00", None),
        pytest.param("call_started" * 100_000, None, id="a megabyte"),
    ],
)
def test_a_slip_of_the_pen_is_understood(written: str, meant: str | None) -> None:
    assert catalogue.closest(written) == meant


def _every_field(fields: Fields) -> Iterator[tuple[str, Schema]]:
    for name, schema in fields.items():
        yield name, schema
        for inner in ("items", "additionalProperties"):
            if inner in schema:
                yield from _every_field({f"{name}.*": schema[inner]})
        yield from _every_field(schema.get("properties", {}))
