"""What is sent to us is checked field by field and refused in plain words."""

from __future__ import annotations

import json
import re
import time
from itertools import count
from typing import Any

import pytest

from kayse_dash.events import validation
from kayse_dash.events.catalogue import CATALOGUE

JARGON = re.compile(r"schema|\btype\b|\bstring\b|integer|boolean|\bnull\b|array|instance|propert|format|validat|valueerror", re.I)

MOMENT = "This must be a date and time such as 2024-01-15T10:30:00Z."
NOT_FINITE = "This is NaN or infinity, which JSON does not have."
BROKEN = "This holds a broken character (half of a surrogate pair)."
BROKEN_NAME = "This has a name with a broken character (half of a surrogate pair)."
TOO_DEEP = "This is nested deeper than 64 levels."
NO_JSON = "This is a value that JSON does not have."


def nested(levels: int) -> dict[str, Any]:
    data: dict[str, Any] = {}
    for _ in range(levels - 1):
        data = {"inner": data}
    return data


def a_list_in(levels: int) -> list[Any]:
    data: list[Any] = []
    for _ in range(levels - 1):
        data = [data]
    return data


@pytest.mark.parametrize("name", CATALOGUE)
def test_samples_and_empty_data_are_fine(name: str) -> None:
    assert validation.check(name, CATALOGUE[name].sample) == {}
    assert validation.check(name, {}) == {}


@pytest.mark.parametrize(
    "data",
    [
        {"id": 7},
        {"id": "call_7", "duration_seconds": 0, "started_at": None},
        {"id": 2**63, "duration_seconds": 10**30, "other": -(10**400)},
        {"duration_seconds": 1.5},
        {"started_at": "2024-01-15T10:30:00Z"},
        {"started_at": "2024-01-15T10:30:00.123456+05:30"},
        {"started_at": "2024-01-15 10:30"},  # senders write this, and the event is worth having
        {"started_at": "2024-01-15"},
        {"started_at": ""},
        {"from_number": "anonymous"},
        {"status": "a status of their own"},
        {"unknown": {"é": ["\x00", "日本", "😀"]}},
        {"unknown": nested(63)},
        {"unknown": a_list_in(63)},
        {"": ""},
        {"x" * 10_000: "y" * 100_000},
    ],
    ids=map(str, count()),
)
def test_what_another_system_may_send_is_fine(data: dict[str, Any]) -> None:
    assert validation.check("call_ended", data) == {}


@pytest.mark.parametrize(
    ("name", "data", "faults"),
    [
        # the event
        ("call_start", {}, {"event": "There is no event “call_start”. Did you mean call_started?"}),
        ("case_updated", {}, {"event": "There is no event “case_updated”. Did you mean case.updated?"}),
        ("nonsense", {}, {"event": "There is no event “nonsense”."}),
        ("", {}, {"event": "There is no event “”."}),
        (None, {}, {"event": "This is missing: name the event, such as call_started."}),
        (12, {}, {"event": "This must be the name of an event, such as call_started, not a number."}),
        (["call_started"], {}, {"event": "This must be the name of an event, such as call_started, not a list."}),
        ({}, {}, {"event": "This must be the name of an event, such as call_started, not an object."}),
        ("\ud800\x00", {}, {"event": "There is no event “?\x00”."}),
        ("x" * 1_000_000, {}, {"event": f"There is no event “{'x' * 60}…”."}),
        # the data as a whole
        ("call_ended", None, {"data": "This must be an object such as {}, not nothing."}),
        ("call_ended", [], {"data": "This must be an object such as {}, not a list."}),
        ("call_ended", "{}", {"data": "This must be an object such as {}, not text."}),
        ("call_ended", 0, {"data": "This must be an object such as {}, not a number."}),
        ("call_ended", False, {"data": "This must be an object such as {}, not false."}),
        ("nope", [], {"event": "There is no event “nope”.", "data": "This must be an object such as {}, not a list."}),
        # fields
        ("call_ended", {"duration_seconds": "12"}, {"data.duration_seconds": "This must be a number, not text."}),
        ("call_ended", {"duration_seconds": True}, {"data.duration_seconds": "This must be a number, not true."}),
        ("call_ended", {"was_transferred": "yes"}, {"data.was_transferred": "This must be true or false, not text."}),
        ("call_ended", {"was_transferred": 1}, {"data.was_transferred": "This must be true or false, not a number."}),
        ("call_ended", {"id": 1.5}, {"data.id": "This must be text or a whole number, not a number with a fraction."}),
        ("call_ended", {"id": {}}, {"data.id": "This must be text or a whole number, not an object."}),
        ("call_ended", {"from_number": 12025550123}, {"data.from_number": "This must be text, not a number."}),
        ("call_ended", {"started_at": 1705314600}, {"data.started_at": "This must be text, not a number."}),
        ("call_ended", {"started_at": "soon"}, {"data.started_at": MOMENT}),
        ("call_ended", {"started_at": "\x00"}, {"data.started_at": MOMENT}),
        ("call_ended", {"started_at": "2024-13-45T99:00:00Z"}, {"data.started_at": MOMENT}),
        ("document_uploaded", {"size_bytes": "1"}, {"data.size_bytes": "This must be a whole number, not text."}),
        ("transcript_updated", {"segments": "Hello"}, {"data.segments": "This must be a list, not text."}),
        ("transcript_updated", {"segments": {}}, {"data.segments": "This must be a list, not an object."}),
        ("transcript_updated", {"segments": [None, {}, 3]}, {"data.segments.2": "This must be an object, not a number."}),
        ("transcript_updated", {"segments": [{"text": 0}]}, {"data.segments.0.text": "This must be text, not a number."}),
        ("case.updated", {"changes": {"status": "Active"}}, {"data.changes.status": "This must be an object, not text."}),
        ("case.updated", {"changes": {"x" * 99: 1}}, {f"data.changes.{'x' * 60}…": "This must be an object, not a number."}),
        (
            "call_ended",
            {"duration_seconds": [], "direction": 1},
            {"data.duration_seconds": "This must be a number, not a list.", "data.direction": "This must be text, not a number."},
        ),
        # what JSON or UTF-8 cannot carry
        ("call_ended", {"duration_seconds": float("nan")}, {"data.duration_seconds": NOT_FINITE}),
        ("call_ended", {"a": [0, {"b": float("-inf")}]}, {"data.a.1.b": NOT_FINITE}),
        ("call_ended", float("inf"), {"data": NOT_FINITE}),
        ("call_ended", {"from_number": "\ud800"}, {"data.from_number": BROKEN}),
        ("call_ended", {"a": ["b", "\udfff"]}, {"data.a.1": BROKEN}),
        ("call_ended", {"\ud800": 1}, {"data": BROKEN_NAME}),
        ("call_ended", {"a": {"\udc00b": 1}}, {"data.a": BROKEN_NAME}),
        ("call_ended", nested(65), {"data": TOO_DEEP}),
        ("call_ended", {"a": a_list_in(64)}, {"data": TOO_DEEP}),
        ("call_ended", {"a": nested(900)}, {"data": TOO_DEEP}),
        ("call_ended", {"n": 10**4300}, {"data.n": "This is a number of more than 4,300 digits."}),
        # what no JSON parser makes
        ("call_ended", b"{}", {"data": NO_JSON}),
        ("call_ended", {"a": {1, 2}}, {"data.a": NO_JSON}),
        ("call_ended", {1: 2}, {"data": "This has a name that is not text."}),
        (b"call_ended", {}, {"event": "This must be the name of an event, such as call_started, not something else."}),
    ],
    ids=map(str, count()),
)
def test_what_is_wrong_is_said_in_plain_words_by_field(name: object, data: object, faults: dict[str, str]) -> None:
    found = validation.check(name, data)
    assert found == faults
    json.dumps(found, ensure_ascii=False).encode()
    assert not any(JARGON.search(sentence) for sentence in found.values())


def test_at_most_twenty_faults_are_told() -> None:
    found = validation.check("transcript_updated", {"segments": [{"text": number} for number in range(500)]})
    assert len(found) == 20
    assert found["data.segments.0.text"] == "This must be text, not a number."


@pytest.mark.parametrize(
    "value",
    [None, True, 0, 10**4299, -(10**4299), 1e308, "", "\x00", "é", [], {}, nested(64), a_list_in(64), [{"a": [None]}]],
    ids=map(str, count()),
)
def test_clean_json_takes_what_can_be_sent_on(value: object) -> None:
    assert validation.clean_json(value) is None
    json.dumps(value, ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        (float("nan"), NOT_FINITE),
        ({"a": [1, float("inf")]}, "This is NaN or infinity, which JSON does not have (in a.1)."),
        ({"events": [{"x": "\ud83d"}]}, "This holds a broken character (half of a surrogate pair) (in events.0.x)."),
        ({"\ud83d": 1}, BROKEN_NAME),
        (nested(65), TOO_DEEP),
        (a_list_in(65), TOO_DEEP),
        (-(10**4301), "This is a number of more than 4,300 digits."),
        (object(), NO_JSON),
    ],
    ids=map(str, count()),
)
def test_clean_json_says_what_cannot_be_sent_on(value: object, problem: str) -> None:
    assert validation.clean_json(value) == problem


def test_a_fault_far_down_a_list_is_found() -> None:
    segments = [{"text": "yes"}] * 1000 + [{"text": 5}, {"text": 6}]
    faults = validation.check("transcript_updated", {"segments": segments})
    assert faults == {"data.segments.1000.text": "This must be text, not a number."}


def test_a_great_many_faults_take_no_time() -> None:
    begun = time.monotonic()
    faults = validation.check("transcript_updated", {"segments": [1] * 500_000})
    assert len(faults) == validation.MOST_FAULTS
    # Making an error of each would take about ten seconds.
    assert time.monotonic() - begun < 3
