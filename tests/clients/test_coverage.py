"""Live Call Transfer Coverage: what is on, what came in, and what came in although it is off."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from flask import Flask

from kayse_dash import clock, intake
from kayse_dash.clients import agents, coverage
from kayse_dash.clients.agents import CALLS, TRANSFERS
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.record import NewEvent
from tests.clients.test_agents import make
from tests.conftest import on_both_databases


def happen(type: str, ago: timedelta = timedelta(), **data: Any) -> None:
    intake.receive([NewEvent(type, record.as_json({"id": f"{type} {ago}", **data}), timestamp=clock.now() - ago)], clock.now())
    db.session.commit()


def off_but_sent(agent_id: int) -> list[str]:
    [covered] = coverage.of([agents.get(agent_id)], clock.now())
    return [kind.name for kind in coverage.sent_though_off(covered)]


def test_an_agent_is_covered_when_all_four_are_on(app: Flask) -> None:
    full, half = make("Full"), make("Half")
    agents.update(half, {"events": ["call_ended", "transfer_started", "transfer_ended"]})
    first, second = coverage.of([full, half], clock.now())
    assert (first.is_full, first.off) == (True, [])
    assert (second.is_full, [kind.name for kind in second.off]) == (False, ["transfer_bridged", "transfer_cancelled"])
    assert [(kind.name, is_on, count) for kind, is_on, count in second.events] == [
        ("transfer_started", True, 0),
        ("transfer_bridged", False, 0),
        ("transfer_cancelled", False, 0),
        ("transfer_ended", True, 0),
    ]


@on_both_databases
def test_what_came_in_is_counted_for_thirty_days(app: Flask) -> None:
    agent = make(external_id="agent_7c2e").id
    happen("transfer_started", timedelta(days=29), agent_id="agent_7c2e")
    happen("transfer_started", timedelta(days=31), agent_id="agent_7c2e")
    happen("transfer_started", timedelta(days=1), agent_id="agent_other")
    [covered] = coverage.of([agents.get(agent)], clock.now())
    assert covered.counts.started == 1


@on_both_databases
def test_events_that_are_off_and_came_in_are_named(app: Flask) -> None:
    first, second, third = make("1", external_id='agent_7c2e "é%_'), make("2"), make("3")
    for agent in (first, second, third):
        agents.update(agent, {"events": []})
    ids = [agent.id for agent in (first, second, third)]
    db.session.commit()
    assert [off_but_sent(agent_id) for agent_id in ids] == [[], [], []]
    happen("transfer_bridged", agent_id='agent_7c2e "é%_')
    happen("call_ended", agent_id='agent_7c2e "é%_')
    happen("call_started", agent_id=second.id, direction="inbound")
    happen("call_analyzed", agent_id=str(second.id))
    happen("transcript_updated", agent_id=int(f"{second.id}0"))
    happen("message_sent", agent_id=third.id)
    assert [off_but_sent(agent_id) for agent_id in ids] == [
        ["call_ended", "transfer_bridged"],
        ["call_started", "call_analyzed"],
        [],
    ]
    agents.update(agents.get(ids[1]), {"events": ["call_started"]})
    assert off_but_sent(ids[1]) == ["call_analyzed"]


def test_every_event_is_named_for_an_agent_that_sends_none(app: Flask) -> None:
    agent = make(external_id="a").id
    agents.update(agents.get(agent), {"events": []})
    for name in CALLS:
        happen(name, agent_id="a")
    assert off_but_sent(agent) == list(CALLS)
    agents.update(agents.get(agent), {"events": list(TRANSFERS)})
    assert off_but_sent(agent) == [name for name in CALLS if name not in TRANSFERS]
