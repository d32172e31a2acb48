"""Making, changing and deleting voice agents, and knowing which one an event speaks of."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import joinedload

from kayse_dash import keyset
from kayse_dash.clients.models import Agent, Campaign, CreatedVia
from kayse_dash.db import db, escape_like
from kayse_dash.errors import InvalidInput, NotFound
from kayse_dash.events.catalogue import CALL_EVENTS, CATALOGUE, TRANSFER_EVENTS
from kayse_dash.keyset import Place, Search, Slice
from kayse_dash.typed import line, record_id

LARGEST_ID = 2**31 - 1
PAGE_ROWS = 25
CALLS = tuple(name for name in CATALOGUE if name in CALL_EVENTS)
TRANSFERS = tuple(name for name in CATALOGUE if name in TRANSFER_EVENTS)
TAKEN = "Another agent has this id already."

_columns = Agent.__table__.c
# Asked for every batch that tells of transfers, so made once.
_MATCHING = sa.select(_columns.id, _columns.external_id).where(
    _columns.external_id.in_(sa.bindparam("names", expanding=True)) | _columns.id.in_(sa.bindparam("ids", expanding=True))
)


def get(agent_id: int) -> Agent:
    """The agent with this id, and its campaign.

    Raises:
        NotFound: there is none.
    """
    query = sa.select(Agent).where(Agent.id == agent_id).options(joinedload(Agent.campaign))
    agent = db.session.scalar(query) if 0 < agent_id <= LARGEST_ID else None
    if agent is None:
        raise NotFound("There is no such agent. It may have been deleted.")
    return agent


def newest(text: str = "", place: Place | None = None) -> tuple[list[Agent], Slice]:
    """One page of the agents, newest first, with their campaigns; those whose name or id has `text` in it."""
    found = keyset.read(Search(Agent.id, checked=(lambda row: [_has(row, text)]) if text else None), place, PAGE_ROWS)
    query = sa.select(Agent).where(Agent.id.in_(found.keys)).order_by(Agent.id.desc()).options(joinedload(Agent.campaign))
    return list(db.session.scalars(query)) if found.keys else [], found


def page(number: int, size: int) -> tuple[list[Agent], int]:
    """One page of the agents by id, pages counted from 1; and how many agents there are."""
    query = sa.select(Agent).order_by(Agent.id).offset((number - 1) * size).limit(size)
    return list(db.session.scalars(query)), db.session.scalar(sa.select(sa.func.count()).select_from(Agent)) or 0


def of_campaign(campaign_id: int, most: int) -> list[Agent]:
    """Up to `most` agents of a campaign, by name."""
    query = sa.select(Agent).where(Agent.campaign_id == campaign_id).order_by(sa.func.lower(Agent.name), Agent.id).limit(most)
    return list(db.session.scalars(query))


def matching(names: Collection[str]) -> dict[str, int]:
    """The ids of the agents that events call by these names: their external ids, else the ids they have here."""
    ids = [int(name) for name in names if name.isascii() and name.isdigit() and 0 < int(name) <= LARGEST_ID]
    found = db.session.execute(_MATCHING, {"names": list(names), "ids": ids}).all() if names else []
    return {str(agent_id): agent_id for agent_id, _ in found} | {name: agent_id for agent_id, name in found if name in names}


def check(given: Mapping[str, Any], current: Agent | None = None) -> dict[str, Any]:
    """Check what was said of an agent and bring it into the form in which it is kept.

    Args:
        given: any of `name, external_id, campaign_id, created_via, events`; what is missing keeps its value.
        current: the agent being changed; None for a new one, which needs a name.

    Raises:
        InvalidInput: by field.
    """
    values: dict[str, Any] = {}
    faults: dict[str, str] = {}
    for field, check_one in _CHECKS.items():
        if field in given or (field == "name" and current is None):
            try:
                values[field] = check_one(given.get(field))
            except ValueError as error:
                faults[field] = str(error)
    if values.get("external_id") and _is_taken(values["external_id"], current):
        faults["external_id"] = TAKEN
    if faults:
        raise InvalidInput("Please check the fields that are marked.", faults)
    return values


def create(values: Mapping[str, Any], now: datetime) -> Agent:
    """Make an agent from what `check` returned.

    It sends all eight call events unless told which; whatever it was told, it sends the four transfer events.

    Raises:
        InvalidInput: another agent came to have its external id just now.
    """
    events = _in_order({*values.get("events", CALLS), *TRANSFERS})
    agent = Agent(**{"created_via": CreatedVia.BUILDER, **values, "events": events}, created_at=now)
    with _one_id_each():
        db.session.add(agent)
    return agent


def update(agent: Agent, values: Mapping[str, Any]) -> list[str]:
    """Change an agent by what `check` returned; the names of the fields that are different now.

    Raises:
        InvalidInput: another agent came to have its external id just now.
    """
    changed = [field for field, value in values.items() if getattr(agent, field) != value]
    with _one_id_each():
        for field in changed:
            setattr(agent, field, values[field])
    return changed


def delete(agent: Agent) -> None:
    """Delete an agent; the transfers it made stay on record without it."""
    db.session.delete(agent)


@contextmanager
def _one_id_each() -> Iterator[None]:
    """Write what is done inside, or nothing of it where it takes another agent's external id."""
    try:
        with db.session.begin_nested():
            yield
    except IntegrityError as error:
        raise InvalidInput("Please check the fields that are marked.", {"external_id": TAKEN}) from error


def _has(row: Any, text: str) -> sa.ColumnElement[bool]:
    pattern = f"%{escape_like(text)}%"
    return row.name.ilike(pattern, escape="\\") | row.external_id.ilike(pattern, escape="\\")


def _is_taken(external_id: str, current: Agent | None) -> bool:
    holder = db.session.scalar(sa.select(Agent.id).where(Agent.external_id == external_id))
    return holder is not None and (current is None or holder != current.id)


def _in_order(names: Collection[str]) -> list[str]:
    return [name for name in CALLS if name in names]


def _name(value: Any) -> str:
    return line(value, "The name", 1, Agent.name.type.length)


def _external_id(value: Any) -> str | None:
    if value is None or (isinstance(value, str) and not value.strip()):
        return None
    return line(value, "The id", 1, Agent.external_id.type.length)


def _campaign_id(value: Any) -> int | None:
    if value is None:
        return None
    if record_id(value) is None or db.session.get(Campaign, value) is None:
        raise ValueError("There is no campaign with this id.")
    return value


def _created_via(value: Any) -> CreatedVia:
    if not isinstance(value, str) or value not in list(CreatedVia):
        raise ValueError(f"Choose one of {', '.join(CreatedVia)}.")
    return CreatedVia(value)


def _events(value: Any) -> list[str]:
    if not isinstance(value, list) or any(not isinstance(name, str) for name in value):
        raise ValueError("This must be a list of the names of events.")
    if strange := next((name for name in value if name not in CALLS), None):
        raise ValueError(f"An agent sends call events only: {', '.join(CALLS)}." + _quoted(strange))
    return _in_order(value)


def _quoted(name: str) -> str:
    return f" “{name}” is none of them." if len(name) <= 60 and name.isprintable() else ""


_CHECKS = {
    "name": _name,
    "external_id": _external_id,
    "campaign_id": _campaign_id,
    "created_via": _created_via,
    "events": _events,
}
