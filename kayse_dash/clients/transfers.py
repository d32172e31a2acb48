"""Live call transfers: what their events tell of each call, kept as one row a call, in whatever order they come in."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import joinedload

from kayse_dash import keyset
from kayse_dash.clients import agents
from kayse_dash.clients.models import Transfer
from kayse_dash.db import db, is_sqlite
from kayse_dash.events.catalogue import TRANSFER_EVENTS
from kayse_dash.events.record import Recorded
from kayse_dash.keyset import Count, Place, Search, Slice
from kayse_dash.typed import identifier, line

LONGEST_CALL_ID = Transfer.__table__.c.call_id.type.length
LONGEST_WORDS = Transfer.__table__.c.reason.type.length

PAGE_ROWS = 25
COUNTED = 2_000  # of the newest transfers of an agent

TIMES = {
    "transfer_started": "started_at",
    "transfer_bridged": "bridged_at",
    "transfer_cancelled": "cancelled_at",
    "transfer_ended": "ended_at",
}


@dataclass(frozen=True)
class Page:
    """One page of transfers, newest first."""

    rows: Sequence[Transfer]
    slice: Slice
    count: Count


@dataclass(frozen=True)
class Counts:
    """How many transfers of an agent began, were connected, given up and ended; `is_capped` where more than were counted."""

    started: int = 0
    bridged: int = 0
    cancelled: int = 0
    ended: int = 0
    is_capped: bool = False

    def of(self, event: str) -> int:
        """How many times one of the four events was told of."""
        return getattr(self, event.removeprefix("transfer_"))


def note(recorded: Sequence[Recorded], now: datetime) -> None:
    """Take down what newly recorded events tell of transfers. The caller commits.

    A call's transfer has the first start, connection and cancellation that was told of, and the last end. So it is the same
    whatever order the events come in, and however often. Tests and events that name no call tell nothing.
    """
    told = [entry for entry in recorded if entry.new.type in TRANSFER_EVENTS and not entry.new.is_test]
    if not told:
        return
    said = [(entry, _data(entry.new.data)) for entry in told]
    known = agents.matching({name for _, data in said if (name := _agent_name(data))})
    rows = [row for entry, data in said if (row := _row(entry, data, known, now))]
    if rows:
        # In one order everywhere, so that two batches which tell of the same calls cannot wait for each other in a circle.
        db.session.execute(_statement(is_sqlite()), sorted(rows, key=lambda row: row["call_id"]))


def page(place: Place | None = None, agent_id: int | None = None) -> Page:
    """The page of all transfers, or of an agent's, that begins at `place`; the newest for None."""
    search = Search(Transfer.id, [Transfer.agent_id == agent_id] if agent_id else [])
    found = keyset.read(search, place, PAGE_ROWS)
    query = sa.select(Transfer).where(Transfer.id.in_(found.keys)).order_by(Transfer.id.desc())
    rows = list(db.session.scalars(query.options(joinedload(Transfer.agent)))) if found.keys else []
    return Page(rows, found, keyset.count(search))


def counts(agent_ids: Collection[int], since: datetime) -> dict[int, Counts]:
    """What was told of each agent's transfers since a time, among its newest 2,000."""
    return {agent_id: _counts(agent_id, since) for agent_id in agent_ids}


def _counts(agent_id: int, since: datetime) -> Counts:
    columns = [Transfer.__table__.c[name] for name in (*TIMES.values(), "updated_at")]
    newest = sa.select(*columns).where(Transfer.agent_id == agent_id).order_by(Transfer.id.desc()).limit(COUNTED).subquery()
    since_then = [sa.func.count(sa.case((column >= since, 1))) for column in newest.c]
    *found, of_late = db.session.execute(sa.select(*since_then)).one()
    return Counts(*found, is_capped=of_late == COUNTED)


def _data(text: str) -> dict[str, Any]:
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return data if isinstance(data, dict) else {}


def _agent_name(data: dict[str, Any]) -> str | None:
    return identifier(data.get("agent_id"), 128)


def _row(entry: Recorded, data: dict[str, Any], known: dict[str, int], now: datetime) -> dict[str, Any] | None:
    """What one event tells; None where it names no call."""
    call_id = identifier(data.get("call_id"), LONGEST_CALL_ID) or identifier(data.get("id"), LONGEST_CALL_ID)
    if call_id is None:
        return None
    event = entry.new
    return {
        "call_id": call_id,
        "agent_id": known.get(_agent_name(data) or ""),
        "campaign_id": event.campaign_id,
        "client_id": event.client_id,
        **dict.fromkeys(TIMES.values()),
        TIMES[event.type]: event.timestamp or now,
        "reason": _words(data, "reason") if event.type == "transfer_cancelled" else None,
        "transfer_to": _words(data, "transfer_to") or _words(data, "transfer_to_name"),
        "updated_at": now,
    }


def _words(data: dict[str, Any], name: str) -> str | None:
    text = data.get(name)
    try:
        return line(text[:LONGEST_WORDS], name, 1, LONGEST_WORDS) if isinstance(text, str) else None
    except ValueError:
        return None


@cache
def _statement(on_sqlite: bool) -> sa.Insert:
    """Made once, and on the table rather than the model: most of the time of one event would go into making it."""
    table = Transfer.__table__
    insert = (sqlite.insert if on_sqlite else postgresql.insert)(table)
    old, new = table.c, insert.excluded
    least, greatest = (sa.func.min, sa.func.max) if on_sqlite else (sa.func.least, sa.func.greatest)

    def of_both(choose: Any, name: str) -> sa.ColumnElement[Any]:
        # SQLite's min and max are null where one of the two is.
        return sa.func.coalesce(choose(old[name], new[name]), old[name], new[name])

    smallest = ("started_at", "bridged_at", "cancelled_at", "agent_id", "campaign_id", "client_id", "transfer_to")
    return insert.on_conflict_do_update(
        index_elements=["call_id"],
        set_={
            **{name: of_both(least, name) for name in smallest},
            "ended_at": of_both(greatest, "ended_at"),
            "reason": sa.case(
                (new.cancelled_at.is_(None), old.reason),
                (sa.or_(old.cancelled_at.is_(None), new.cancelled_at < old.cancelled_at), new.reason),
                (new.cancelled_at == old.cancelled_at, of_both(least, "reason")),
                else_=old.reason,
            ),
            "updated_at": of_both(greatest, "updated_at"),
        },
    )
