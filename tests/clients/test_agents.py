"""Agents send the four transfer events from the start, whoever makes them; those that existed before came to send them too."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade

from kayse_dash import clock
from kayse_dash.clients import agents, campaigns
from kayse_dash.clients.agents import CALLS, TRANSFERS
from kayse_dash.clients.models import Agent, CreatedVia
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput, NotFound
from tests.conftest import on_both_databases


def make(name: str = "Intake agent", **given: Any) -> Agent:
    agent = agents.create(agents.check({"name": name, **given}), clock.now())
    db.session.commit()
    return agent


def faults(current: Agent | None = None, **given: Any) -> dict[str, str]:
    with pytest.raises(InvalidInput) as refused:
        agents.check(given, current)
    return refused.value.fields


def test_there_are_eight_call_events_and_four_of_them_tell_of_transfers() -> None:
    assert len(CALLS) == 8
    assert TRANSFERS == ("transfer_started", "transfer_bridged", "transfer_cancelled", "transfer_ended")


@pytest.mark.parametrize("flow", list(CreatedVia))
def test_a_new_agent_sends_all_call_events_from_any_flow(app: Flask, flow: CreatedVia) -> None:
    agent = make(created_via=flow.value)
    assert (agent.created_via, agent.events) == (flow, list(CALLS))


@pytest.mark.parametrize("events", [[], ["call_ended"], ["transfer_ended", "call_ended"]])
def test_a_new_agent_sends_the_four_transfer_events_whatever_it_was_told(app: Flask, events: list[str]) -> None:
    assert make(events=events).events == [name for name in CALLS if name in {*events, *TRANSFERS}]


def test_later_they_can_be_switched_off(app: Flask) -> None:
    agent = make()
    assert agents.update(agent, agents.check({"events": ["transfer_ended", "call_started"]}, agent)) == ["events"]
    assert agent.events == ["call_started", "transfer_ended"]
    assert agents.update(agent, agents.check({"name": "Intake agent", "events": ["call_started", "transfer_ended"]}, agent)) == []


@on_both_databases
def test_what_was_typed_is_put_in_order(app: Flask) -> None:
    campaign = campaigns.create({"name": "January"}, clock.now())
    agent = make("  Intake   agent ", external_id=" agent_7c2e ", campaign_id=campaign.id)
    found = agents.get(agent.id)
    assert (found.name, found.external_id, found.campaign.name) == ("Intake agent", "agent_7c2e", "January")
    assert agents.check({"external_id": " ", "campaign_id": None}, found) == {"external_id": None, "campaign_id": None}


@on_both_databases
def test_what_is_wrong_is_said_by_field(app: Flask) -> None:
    mine = make(external_id="agent_1")
    for name in (None, "", " ", "x" * 201, "a\0b", 5, ["a"]):
        assert set(faults(name=name)) == {"name"}, name
    assert set(faults()) == {"name"}
    for external_id in ("x" * 129, "a\0b", 5, {"a": 1}):
        assert set(faults(mine, external_id=external_id)) == {"external_id"}, external_id
    assert faults(name="Other", external_id="agent_1") == {"external_id": agents.TAKEN}
    assert agents.check({"external_id": "agent_1"}, mine) == {"external_id": "agent_1"}
    for campaign_id in (0, -1, 1, 2**31, 2**63, True, "1", 1.0):
        assert set(faults(mine, campaign_id=campaign_id)) == {"campaign_id"}, campaign_id
    for flow in ("", "Builder", None, 5, ["builder"]):
        assert set(faults(mine, created_via=flow)) == {"created_via"}, flow
    for events in (None, "call_ended", ["task_completed"], ["\0" * 500], [5], {"call_ended": True}):
        assert set(faults(mine, events=events)) == {"events"}, events
    assert set(faults(name="", events=5, created_via=None)) == {"name", "events", "created_via"}


@on_both_databases
def test_of_two_who_take_an_id_at_once_the_second_is_refused(app: Flask) -> None:
    values = agents.check({"name": "One", "external_id": "agent_1"})
    others = agents.check({"name": "Two", "external_id": "agent_1"})
    third = make("Three")
    agents.create(values, clock.now())
    with pytest.raises(InvalidInput, match="check"):
        agents.create(others, clock.now())
    with pytest.raises(InvalidInput, match="check"):
        agents.update(agents.get(third.id), {"external_id": "agent_1"})
    db.session.commit()
    assert [agent.name for agent in agents.page(1, 10)[0]] == ["Three", "One"]


def test_an_id_that_no_record_can_have_is_not_found(app: Flask) -> None:
    for agent_id in (0, -1, 1, 2**31, 2**63, 10**30):
        with pytest.raises(NotFound):
            agents.get(agent_id)


@on_both_databases
def test_lists_are_by_page_and_searched_by_name_and_id(app: Flask) -> None:
    for number in range(30):
        make(f"Agent {number:02}", external_id=f"x%_{number}")
    shown, slice_ = agents.newest()
    assert [agent.name for agent in shown] == [f"Agent {number:02}" for number in range(29, 4, -1)]
    assert [agent.name for agent in agents.newest(place=slice_.older)[0]] == [f"Agent {n:02}" for n in range(4, -1, -1)]
    assert [agent.name for agent in agents.newest("GENT 07")[0]] == ["Agent 07"]
    assert [agent.name for agent in agents.newest("%_12")[0]] == ["Agent 12"]
    assert agents.newest("nobody")[0] == []
    rows, total = agents.page(2, 20)
    assert ([agent.name for agent in rows], total) == ([f"Agent {n}" for n in range(20, 30)], 30)


@on_both_databases
def test_an_agent_outlives_its_campaign(app: Flask) -> None:
    campaign = campaigns.create({"name": "January"}, clock.now())
    agent = make(campaign_id=campaign.id)
    assert agents.of_campaign(campaign.id, 10) == [agent]
    campaigns.delete(campaign)
    db.session.commit()
    assert agents.get(agent.id).campaign_id is None


@on_both_databases
def test_the_migration_turns_the_four_on_for_every_agent_that_existed_before(app: Flask) -> None:
    db.drop_all()
    db.session.execute(sa.text("DROP TABLE alembic_version"))
    db.session.commit()
    upgrade(revision="0002")
    before = {
        1: [],
        2: ["call_started"],
        3: ["transfer_ended", "call_ended"],
        4: list(CALLS),
        5: ["something_of_a_later_release"],
    }
    old = sa.text("INSERT INTO agents (id, name, created_via, events, created_at) VALUES (:id, 'Old', 'wizard', :events, :now)")
    now = clock.now().strftime("%Y-%m-%d %H:%M:%S.000000")
    db.session.execute(old, [{"id": key, "events": json.dumps(events), "now": now} for key, events in before.items()])
    db.session.execute(old, {"id": 6, "events": "", "now": now})
    db.session.commit()
    upgrade()
    after = {agent.id: agent.events for agent in db.session.scalars(sa.select(Agent))}
    assert after.pop(6) == list(TRANSFERS)
    for key, events in before.items():
        assert after[key][: len(events)] == events
        assert sorted(after[key]) == sorted({*events, *TRANSFERS}), key
    assert len(after) == len(before)
