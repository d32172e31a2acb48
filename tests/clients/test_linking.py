"""Events find their client: by id, by another system's id, by phone; and stay without one when in doubt."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock, intake
from kayse_dash.clients import linking, merging, records
from kayse_dash.clients.models import Client
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.events.models import Event
from kayse_dash.events.record import NewEvent
from tests.clients.people import make_client
from tests.conftest import on_both_databases

FIRM, JANES = "+12025550123", "+12125550142"
_numbers = itertools.count(1)


@pytest.fixture
def jane(app: Flask) -> int:
    return make_client().id


def new(data: dict[str, Any], type: str = "call_ended", **more: Any) -> NewEvent:
    return NewEvent(type, record.as_json(data), **more)


def linked(*data: dict[str, Any]) -> list[int | None]:
    found = [event.client_id for event in linking.link([new(one) for one in data])]
    db.session.rollback()
    return found


@contextmanager
def asked() -> Iterator[list[str]]:
    """The statements that are sent to the database meanwhile."""
    statements: list[str] = []

    def note(*call: Any) -> None:
        statements.append(call[2])

    sa.event.listen(db.engine, "before_cursor_execute", note)
    yield statements
    sa.event.remove(db.engine, "before_cursor_execute", note)


@on_both_databases
def test_a_client_is_known_by_every_name_that_data_can_have_for_it(jane: int) -> None:
    bob = make_client({"first_name": "Bob", "phones": ["(646) 555-0101", "(646) 555-0102"]}).id
    assert linked(
        {"client_id": jane},
        {"client_id": str(jane)},
        {"client": {"id": jane}},
        {"external_source": "clio", "external_source_id": "c-7"},
        {"client": {"external_source": " clio ", "external_source_id": "c-7"}},
        {"direction": "inbound", "from_number": JANES, "to_number": FIRM},
        {"direction": "outbound", "from_number": FIRM, "to_number": "(212) 555-0142"},
        {"from": "212.555.0142", "to": FIRM},
        {"mobile": "646-555-0102"},
        {"client": {"phone": "+1 646 555 0101"}},
        {"answers": [{"field": "accident_date", "value": "2024-01-03"}, {"field": "mobile", "value": "6465550101"}]},
    ) == [*[jane] * 8, *[bob] * 3]


@on_both_databases
def test_in_doubt_an_event_stays_without_a_client(jane: int) -> None:
    make_client({"first_name": "Twin", "mobile": "(646) 555-0101"})
    make_client({"first_name": "Other twin", "mobile": "(646) 555-0101"})
    unknown: list[dict[str, Any]] = [
        {},
        {"client_id": jane + 100},
        {"external_source": "litify", "external_source_id": "c-7"},
        {"external_source": "clio"},
        {"mobile": "(646) 555-0101"},
        {"direction": "inbound", "from_number": FIRM, "to_number": JANES},
        {"direction": "outbound", "from_number": JANES},
        {"mobile": JANES, "phone": "+16465550101"},
        {"answers": [{"field": "other_drivers_phone", "value": JANES}]},
        {"transfer_to": JANES},
    ]
    assert linked(*unknown) == [None] * len(unknown)


@on_both_databases
def test_the_surer_word_counts(jane: int) -> None:
    bob = make_client({"first_name": "Bob", "mobile": "(646) 555-0101", "external_source": "clio", "external_source_id": "b"}).id
    assert linked(
        {"client_id": jane, "external_source": "clio", "external_source_id": "b", "mobile": "6465550101"},
        {"external_source": "clio", "external_source_id": "b", "mobile": JANES},
        {"client_id": 999_999, "external_source": "clio", "external_source_id": "b"},
        {"client_id": 999_999, "mobile": JANES},
        {"direction": "inbound", "from_number": JANES, "mobile": "6465550101"},
        {"direction": "inbound", "from_number": "+12025550177", "mobile": "6465550101"},
    ) == [jane, bob, bob, jane, jane, bob]


def test_what_is_given_is_kept_whether_it_is_known_or_not(jane: int) -> None:
    events = [new({"client_id": jane}, client_id=7_000_000_000), new({"client_id": jane}, is_test=True), new({"id": "x"})]
    with asked() as statements:
        assert linking.link(events) == events
    assert statements == []


@on_both_databases
def test_a_client_who_was_merged_is_the_one_that_was_kept(jane: int) -> None:
    second = make_client({"first_name": "J", "last_name": "OBrien"}).id
    third = make_client({"first_name": "Jane B", "last_name": "OBrien"}).id
    for kept, gone in ((second, jane), (third, second)):
        merging.merge(records.get(kept), records.get(gone), (), "staff@firm.test", clock.now())
        db.session.commit()
    assert linked({"client_id": jane}, {"client_id": second}, {"client_id": third}) == [third, third, third]


@on_both_databases
def test_a_batch_takes_two_look_ups_and_links_each_of_its_events(jane: int) -> None:
    people = [make_client({"first_name": f"No {n}", "mobile": f"+1646555{1000 + n}"}).id for n in range(20)]
    batch = [new({"to_number": f"+1646555{1000 + n}", "client_id": 999_999}) for n in range(20)] * 10
    batch += [new({"client_id": jane}), new({"external_source": "clio", "external_source_id": "c-7"}), new({})]
    db.session.commit()
    with asked() as statements:
        found = [event.client_id for event in linking.link(batch)]
    assert found == people * 10 + [jane, jane, None]
    assert len([one for one in statements if one.startswith(("SELECT", "WITH"))]) == 2


HOSTILE: list[dict[str, Any]] = [
    {"client_id": 0},
    {"client_id": -1},
    {"client_id": 2**63},
    {"client_id": 10**400},
    {"client_id": True},
    {"client_id": 1.0},
    {"client_id": "9" * 19},
    {"client_id": "9" * 4000},
    {"client_id": "١"},
    {"client_id": {"$ne": 1}},
    {"client": [1]},
    {"client": {"id": []}},
    {"external_source": "a\0b", "external_source_id": "1"},
    {"external_source": "clio", "external_source_id": "x" * 5000},
    {"external_source": ["clio"], "external_source_id": {"a": 1}},
    {"direction": ["inbound"], "from_number": 5},
    {"direction": "sideways", "from_number": {"a": "b"}},
    {"mobile": "\0"},
    {"mobile": "+" + "9" * 5000},
    {"phone": "٢١٢٥٥٥"},
    {"answers": "mobile"},
    {"answers": [None, 5, {"field": ["mobile"], "value": "x"}, {"field": "mobile", "value": []}]},
    {"answers": [{"field": "mobile", "value": f"212555{n:04}"} for n in range(2000)]},
]


@on_both_databases
def test_hostile_data_links_to_nobody_and_breaks_nothing(app: Flask) -> None:
    assert [data for data in HOSTILE if linked(data) != [None]] == []
    assert linked(*HOSTILE) == [None] * len(HOSTILE)


def test_data_that_is_no_object_is_passed_over(app: Flask) -> None:
    for text in ('["client_id"]', '"client_id"', '{"client_id": ', "[" * 100_000 + '"client_id"'):
        assert linking.link([NewEvent("call_ended", text)])[0].client_id is None


def test_a_large_batch_of_numbers_stays_below_what_a_statement_takes(jane: int) -> None:
    batch = [new({name: f"+1212{n:07}" for name, n in zip(linking.OWN, itertools.count(number * 10))}) for number in range(1000)]
    assert {event.client_id for event in linking.link(batch)} == {None}


@on_both_databases
def test_the_intake_records_the_client_with_the_event(jane: int) -> None:
    sample = CATALOGUE["call_started"].sample | {"to_number": JANES}
    events = [new(sample, "call_started", id=f"e{next(_numbers)}"), new({"id": "case_1"}, "case.updated")]
    recorded = intake.receive(events, clock.now())
    db.session.commit()
    assert [db.session.get_one(Event, one.seq).client_id for one in recorded] == [jane, None]


@on_both_databases
def test_a_repeat_that_now_finds_its_client_is_still_a_repeat(app: Flask) -> None:
    event = new({"mobile": JANES}, id="again")
    intake.receive([event], clock.now())
    db.session.commit()
    make_client()
    [recorded] = intake.receive([event], clock.now())
    db.session.commit()
    assert recorded.duplicate
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Client)) == 1
