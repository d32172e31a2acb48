"""Live Call Transfer Coverage: which of the four transfer events each agent sends, and what came in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from kayse_dash.clients import transfers
from kayse_dash.clients.agents import CALLS, TRANSFERS
from kayse_dash.clients.models import Agent
from kayse_dash.clients.transfers import Counts
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.catalogue import CATALOGUE, EventType
from kayse_dash.events.models import Event

PERIOD = timedelta(days=30)
LOOK_THROUGH = 200  # events of one kind


@dataclass(frozen=True)
class Coverage:
    """What one agent sends of its transfers.

    Args:
        off: the transfer events that are switched off.
        counts: what came in during the last 30 days.
    """

    agent: Agent
    off: list[EventType]
    counts: Counts

    @property
    def is_full(self) -> bool:
        return not self.off

    @property
    def events(self) -> Iterator[tuple[EventType, bool, int]]:
        """Each transfer event, whether it is on, and how often it came in."""
        for name in TRANSFERS:
            yield CATALOGUE[name], name in self.agent.events, self.counts.of(name)


def off(agent: Agent) -> list[EventType]:
    """The transfer events that are switched off for an agent."""
    return [CATALOGUE[name] for name in TRANSFERS if name not in agent.events]


def of(agents: Sequence[Agent], now: datetime) -> list[Coverage]:
    """The coverage of each of these agents, in their order."""
    counted = transfers.counts([agent.id for agent in agents], now - PERIOD)
    return [Coverage(agent, off(agent), counted[agent.id]) for agent in agents]


def sent_though_off(coverage: Coverage) -> list[EventType]:
    """The events that are switched off for an agent and came in nevertheless.

    Transfer events of the last 30 days; of the other call events, those among the newest 200 of their kind.
    """
    agent = coverage.agent
    off = [name for name in CALLS if name not in agent.events]
    return [CATALOGUE[name] for name in off if (coverage.counts.of(name) if name in TRANSFERS else _came_in(name, agent))]


def _came_in(event: str, agent: Agent) -> bool:
    newest = sa.select(Event.data).where(Event.type == event, Event.is_test.is_(False))
    data = newest.order_by(Event.seq.desc()).limit(LOOK_THROUGH).subquery().c.data
    names = [agent.id, str(agent.id), *([agent.external_id] if agent.external_id else [])]
    # As the record writes it: no blanks, and something follows the value.
    said = [f'"agent_id":{record.as_json(name)}{end}' for name in names for end in ",}"]
    return bool(db.session.scalar(sa.select(sa.exists().where(sa.or_(*(data.contains(one, autoescape=True) for one in said))))))
