"""What the four transfer events tell becomes one row a call, in whatever order and however often they come."""

from __future__ import annotations

import itertools
import threading
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock, intake
from kayse_dash.clients import agents, transfers
from kayse_dash.clients.models import Agent, Transfer
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.catalogue import CATALOGUE, TRANSFER_EVENTS
from kayse_dash.events.models import Event
from kayse_dash.events.record import NewEvent
from tests.clients.people import make_client
from tests.clients.test_linking import asked
from tests.conftest import on_both_databases
from tests.webhooks.engine import in_app

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
TOLD = (
    "call_id",
    "agent_id",
    "campaign_id",
    "client_id",
    "started_at",
    "bridged_at",
    "cancelled_at",
    "ended_at",
    "reason",
    "transfer_to",
)


def told(name: str, seconds: float, call: Any = "call_1", **data: Any) -> NewEvent:
    """A transfer event, `seconds` after noon."""
    return NewEvent(f"transfer_{name}", record.as_json({"call_id": call, **data}), timestamp=NOON + timedelta(seconds=seconds))


def receive(*events: NewEvent) -> None:
    intake.receive(events, clock.now())
    db.session.commit()


def rows() -> list[dict[str, Any]]:
    found = [{name: getattr(row, name) for name in TOLD} for row in db.session.scalars(sa.select(Transfer).order_by(Transfer.id))]
    db.session.rollback()
    db.session.expire_all()
    return found


def only() -> dict[str, Any]:
    [row] = rows()
    return row


def make_agent(name: str = "Intake agent", **given: Any) -> Agent:
    agent = agents.create(agents.check({"name": name, **given}), clock.now())
    db.session.commit()
    return agent


@on_both_databases
def test_a_transfer_is_told_by_its_events(app: Flask) -> None:
    agent, client = make_agent(external_id="agent_7c2e").id, make_client().id
    about = {"agent_id": "agent_7c2e", "transfer_to": "+12025550188", "client_id": client}
    receive(
        told("started", 0, reason="wants a person", **about),
        told("bridged", 14, **about),
        told("ended", 163, reason="hangup", **about),
    )
    assert only() == {
        "call_id": "call_1",
        "agent_id": agent,
        "campaign_id": None,
        "client_id": client,
        "started_at": NOON,
        "bridged_at": NOON + timedelta(seconds=14),
        "cancelled_at": None,
        "ended_at": NOON + timedelta(seconds=163),
        "reason": None,
        "transfer_to": "+12025550188",
    }


STORY = [
    told("started", 0, transfer_to="+12025550188"),
    told("cancelled", 20, reason="busy"),
    told("bridged", 60, transfer_to="+12025550199", agent_id="agent_7c2e"),
    told("ended", 300),
]
LATER = [told("started", 40), told("cancelled", 45, reason="aborted"), told("cancelled", 20, reason="a"), told("ended", 21)]


@on_both_databases
def test_the_order_in_which_events_come_and_repeats_change_nothing(app: Flask) -> None:
    make_agent(external_id="agent_7c2e")
    events = [*STORY, *LATER]
    receive(*events)
    expected = only()
    assert (expected["started_at"], expected["reason"]) == (NOON, "a")
    assert expected["ended_at"] == NOON + timedelta(seconds=300)
    orders = [*itertools.islice(itertools.permutations(events), 0, 40_000, 3_331), events[::-1], events * 2]
    for number, order in enumerate(orders):
        db.session.execute(sa.delete(Transfer))
        if number % 2:
            receive(*order)
        else:
            for event in order:
                receive(event)
        assert only() == expected


def test_every_order_of_the_four_gives_the_same(app: Flask) -> None:
    found = []
    for order in itertools.permutations(STORY):
        db.session.execute(sa.delete(Transfer))
        receive(*order)
        found.append(only())
    assert found == [found[0]] * 24


@on_both_databases
def test_events_that_come_in_at_the_same_moment_lose_nothing(app: Flask) -> None:
    make_agent(external_id="agent_7c2e")
    receive(*STORY)
    expected = only()
    for _ in range(5):
        db.session.execute(sa.delete(Transfer))
        db.session.commit()
        threads = [threading.Thread(target=in_app(partial(receive, event))) for event in STORY]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(20)
        assert only() == expected


@on_both_databases
def test_a_repeat_of_the_same_event_is_not_taken_down_again(app: Flask) -> None:
    event = NewEvent("transfer_started", record.as_json({"call_id": "c"}), timestamp=NOON, id="once")
    receive(event)
    db.session.execute(sa.delete(Transfer))
    db.session.commit()
    receive(event)
    assert rows() == []


@on_both_databases
def test_a_call_is_known_by_its_call_id_or_else_by_the_id(app: Flask) -> None:
    receive(
        told("started", 0, "call_1", id="transfer_1"),
        told("started", 0, None, id="transfer_2"),
        told("started", 0, 77),
        told("started", 0, "x" * 128),
    )
    assert [row["call_id"] for row in rows()] == ["77", "call_1", "transfer_2", "x" * 128]


@on_both_databases
def test_an_event_that_names_no_call_is_recorded_and_tells_nothing(app: Flask) -> None:
    for call in (None, "", "  ", "x" * 129, "a\0b", 10**400, True, 1.5, [], {"a": 1}):
        receive(told("started", 0, call))
    assert rows() == []
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Event)) == 10


@on_both_databases
def test_hostile_data_beside_a_call_is_left_out(app: Flask) -> None:
    receive(told("cancelled", 0, reason="a\0b", transfer_to={"a": 1}, agent_id=10**400))
    assert (only()["reason"], only()["transfer_to"], only()["agent_id"]) == (None, None, None)
    receive(told("cancelled", -5, reason="y" * 5000, transfer_to="z" * 5000, agent_id="\0"))
    assert (only()["reason"], only()["transfer_to"]) == ("y" * 100, "z" * 100)


@on_both_databases
def test_an_agent_is_known_by_its_own_name_before_the_id_it_has_here(app: Flask) -> None:
    first = make_agent().id
    second = make_agent(external_id=str(first)).id
    third = make_agent(external_id="agent_x").id
    calls = {"a": first, "b": str(first), "c": third, "d": "agent_x", "e": "agent_y", "f": 2**40, "g": second}
    receive(*(told("started", 0, call, agent_id=agent) for call, agent in calls.items()))
    assert {row["call_id"]: row["agent_id"] for row in rows()} == {
        "a": second, "b": second, "c": third, "d": third, "e": None, "f": None, "g": second
    }  # fmt: skip


def test_tests_and_other_events_tell_nothing_and_cost_nothing(app: Flask) -> None:
    sample = record.as_json(CATALOGUE["transfer_started"].sample)
    others = [
        record.Recorded(f"e{n}", n, NewEvent(kind, "{}")) for n, kind in enumerate(CATALOGUE) if kind not in TRANSFER_EVENTS
    ]
    with asked() as statements:
        transfers.note([record.Recorded("t", 1, NewEvent("transfer_started", sample, is_test=True)), *others], NOON)
    assert statements == []


@on_both_databases
def test_a_batch_takes_two_statements(app: Flask) -> None:
    agent = make_agent(external_id="agent_7c2e").id
    new = [told(name, n, f"call_{n}", agent_id="agent_7c2e") for n in range(100) for name in ("started", "bridged", "ended")]
    recorded = [record.Recorded(f"e{n}", n, event) for n, event in enumerate(new)]
    db.session.commit()
    with asked() as statements:
        transfers.note(recorded, NOON)
    assert [statement.split()[0] for statement in statements if not statement.startswith("BEGIN")] == ["SELECT", "INSERT"]
    db.session.commit()
    assert transfers.counts([agent], NOON) == {agent: transfers.Counts(100, 100, 0, 100)}


@on_both_databases
def test_counts_are_of_the_time_since_and_of_each_agent(app: Flask) -> None:
    one, other = make_agent(external_id="a").id, make_agent(external_id="b").id
    receive(
        told("started", 0, "1", agent_id="a"),
        told("cancelled", 10, "1", agent_id="a"),
        told("started", 100, "2", agent_id="a"),
        told("bridged", 110, "2", agent_id="a"),
        told("started", 100, "3", agent_id="b"),
        told("started", 100, "4"),
    )
    found = transfers.counts([one, other], NOON + timedelta(seconds=10))
    assert found == {one: transfers.Counts(1, 1, 1, 0), other: transfers.Counts(1)}
    assert found[one].of("transfer_cancelled") == 1


def test_counting_stops_and_says_so(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transfers, "COUNTED", 3)
    agent = make_agent(external_id="a").id
    receive(*(told("started", n, f"call_{n}", agent_id="a") for n in range(4)))
    assert transfers.counts([agent], NOON)[agent] == transfers.Counts(started=3, is_capped=True)


@on_both_databases
def test_pages_are_newest_first_and_of_one_agent_where_asked(app: Flask) -> None:
    agent = make_agent(external_id="a").id
    receive(*(told("started", n, f"call_{n:02}", agent_id="a" if n % 2 else None) for n in range(60)))
    first = transfers.page()
    assert [row.call_id for row in first.rows] == [f"call_{n:02}" for n in range(59, 34, -1)]
    assert first.rows[0].agent.name == "Intake agent"
    assert (first.count.found, first.slice.newer) == (60, None)
    second = transfers.page(first.slice.older)
    assert second.rows[0].call_id == "call_34"
    assert [row.call_id for row in transfers.page(agent_id=agent).rows] == [f"call_{n:02}" for n in range(59, 9, -2)]


@on_both_databases
def test_transfers_outlive_their_agent(app: Flask) -> None:
    agent = make_agent(external_id="a")
    receive(told("started", 0, agent_id="a"))
    agents.delete(agents.get(agent.id))
    db.session.commit()
    assert only()["agent_id"] is None
