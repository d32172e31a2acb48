"""The record of events: each is written once, whatever its sender repeats."""

from __future__ import annotations

import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from kayse_dash.db import db, is_sqlite
from kayse_dash.errors import Conflict
from kayse_dash.events.models import Event

CROCKFORD = "0123456789abcdefghjkmnpqrstvwxyz"
CHUNK = 500  # ids in one IN (…)

_NEXT_SEQS = sa.text("SELECT nextval(pg_get_serial_sequence('events', 'seq')) FROM generate_series(1, :count)")


@dataclass(frozen=True)
class NewEvent:
    """An event that was checked and may be recorded.

    `data` is JSON text. Without an `id` one is made; without a `timestamp` it is the time of recording.
    """

    type: str
    data: str
    timestamp: datetime | None = None
    id: str | None = None
    campaign_id: int | None = None
    client_id: int | None = None
    case_type: str | None = None
    is_test: bool = False


@dataclass
class Recorded:
    """An event as it stands in the record, and how many deliveries it is owed."""

    id: str
    seq: int
    new: NewEvent = field(repr=False)
    duplicate: bool = False
    deliveries: int = 0


def new_id(now: datetime) -> str:
    """A fresh event id that sorts by time: `evt_`, 10 characters of Unix milliseconds, 16 random ones (as a ULID)."""
    number = (int(now.timestamp() * 1000) << 80) | secrets.randbits(80)
    digits = []
    for _ in range(26):
        number, digit = divmod(number, 32)
        digits.append(CROCKFORD[digit])
    return "evt_" + "".join(reversed(digits))


def as_json(data: Any) -> str:
    """The JSON text in which an event's data is kept and sent."""
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False)


def write(events: Sequence[NewEvent], epoch: int, now: datetime) -> list[Recorded]:
    """Write events, in their order; one that stands in the record already is a duplicate and is not written again.

    Args:
        epoch: the version of the webhooks' settings they are matched against.

    Raises:
        Conflict: an id stands for another event already (another type or other data).
    """
    rows: dict[str, dict[str, Any]] = {}
    ids: list[str] = []
    for event in events:
        event_id = event.id or new_id(now)
        ids.append(event_id)
        if event_id in rows:
            _same_or_refuse(event_id, event, rows[event_id]["type"], rows[event_id]["data"])
            continue
        rows[event_id] = {
            "id": event_id,
            "type": event.type,
            "timestamp": event.timestamp or now,
            "recorded_at": now,
            "data": event.data,
            "campaign_id": event.campaign_id,
            "client_id": event.client_id,
            "case_type": event.case_type,
            "is_test": event.is_test,
            "epoch": epoch,
        }
    written = _insert(list(rows.values()))
    known = _known([event_id for event_id in rows if event_id not in written])
    recorded = []
    seen: set[str] = set()
    for event_id, event in zip(ids, events, strict=True):
        if event_id in known:
            _same_or_refuse(event_id, event, known[event_id].type, known[event_id].data)
        seq = written[event_id] if event_id in written else known[event_id].seq
        recorded.append(Recorded(event_id, seq, event, duplicate=event_id in known or event_id in seen))
        seen.add(event_id)
    return recorded


def find(event_id: str) -> Event | None:
    """The event of this public id."""
    return db.session.scalar(sa.select(Event).where(Event.id == event_id))


def _insert(rows: list[dict[str, Any]]) -> dict[str, int]:
    """Insert what is not there yet; the id and seq of what was inserted."""
    if not rows:
        return {}
    if not is_sqlite() and len(rows) > 1:
        # By id, with seqs of their own order: two batches with the same ids in another order would wait for each other.
        seqs = db.session.scalars(_NEXT_SEQS, {"count": len(rows)})
        rows = sorted(({**row, "seq": seq} for row, seq in zip(rows, seqs, strict=True)), key=lambda row: row["id"])
    # Otherwise the order of rows is the order of seq: they are numbered as they come.
    return {row.id: row.seq for row in db.session.execute(_insert_statement(is_sqlite()), rows)}


@cache
def _insert_statement(on_sqlite: bool) -> sa.Insert:
    """Made once, and on the table rather than the model: most of the time of one event would go into making it."""
    table = Event.__table__
    insert = (sqlite.insert if on_sqlite else postgresql.insert)(table).on_conflict_do_nothing(index_elements=["id"])
    return insert.returning(table.c.id, table.c.seq)


def _known(ids: list[str]) -> dict[str, sa.Row[Any]]:
    found: dict[str, sa.Row[Any]] = {}
    for start in range(0, len(ids), CHUNK):
        query = sa.select(Event.id, Event.seq, Event.type, Event.data).where(Event.id.in_(ids[start : start + CHUNK]))
        found.update({row.id: row for row in db.session.execute(query)})
    return found


def _same_or_refuse(event_id: str, event: NewEvent, event_type: str, data: str) -> None:
    if (event.type, event.data) != (event_type, data):
        raise Conflict(f"The id {event_id} stands for another event already. Nothing was recorded: give this one its own id.")
