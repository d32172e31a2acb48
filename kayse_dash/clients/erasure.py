"""Taking everything personal of a client out of the records that stay behind: events, attempts, test inboxes, imports, merges.

What accounts for something stays: that an event of this type happened at this time, that it was delivered and when, that an
import rejected a row.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kayse_dash.clients import normal
from kayse_dash.clients.import_models import Import, ImportChange, ImportReject
from kayse_dash.clients.models import Client, DetailKind, Merge, Transfer
from kayse_dash.db import db
from kayse_dash.events.models import ERASED, Event
from kayse_dash.inbox import messages
from kayse_dash.webhooks.models import Attempt, Delivery
from kayse_dash.webhooks.schedule import State

REJECTED_ONE_WHO_WAS_DELETED = "What this row said was erased, because the client was deleted for good."
CHUNK = 500
COUNT_CAP = 10_000

_OWED = (State.PENDING, State.HELD, State.SENDING)


@dataclass(frozen=True)
class Traces:
    """What is on record about a client beside the client itself, each counted to 10,000 and one."""

    events: int
    owed: int  # deliveries of them that wait, are held or are being sent


def traces(client_id: int) -> Traces:
    """What deleting a client would erase."""
    events = sa.select(Event.seq).where(Event.client_id == client_id)
    owed = (
        sa.select(Delivery.id)
        .join(Event, Event.seq == Delivery.event_seq)
        .where(Event.client_id == client_id, Delivery.state.in_(_OWED))
    )
    counts = [
        sa.select(sa.func.count()).select_from(one.limit(COUNT_CAP + 1).subquery()).scalar_subquery() for one in (events, owed)
    ]
    return Traces(*db.session.execute(sa.select(*counts)).one())


def erase_traces(client: Client, now: datetime) -> int:
    """Erase what other records say of a client, who is loaded with details; the client itself stays.

    What is owed of its events is cancelled, and what failed too, for it is not to be tried again: nothing is left to send.

    Returns:
        How many events lost their data.
    """
    erased = _erase_events(client.id)
    db.session.execute(sa.update(Transfer).where(Transfer.client_id == client.id).values(client_id=None, updated_at=now))
    merged = _forget_merges(client.id)
    _forget_imports(client, merged)
    return erased


def _erase_events(client_id: int) -> int:
    events = db.session.execute(sa.select(Event.seq, Event.id).where(Event.client_id == client_id)).all()
    for start in range(0, len(events), CHUNK):
        seqs = [event.seq for event in events[start : start + CHUNK]]
        owed = sa.select(Delivery.id).where(Delivery.event_seq.in_(seqs))
        for statement in (
            sa.update(Event).where(Event.seq.in_(seqs)).values(data=ERASED),
            # One that is being sent right now is not overruled by what comes of it, so that it is not tried again.
            sa.update(Delivery)
            .where(Delivery.event_seq.in_(seqs), Delivery.state.in_([*_OWED, State.FAILED]))
            .values(state=State.CANCELLED, due_at=None, lease_by=None, lease_until=None),
            sa.update(Attempt).where(Attempt.delivery_id.in_(owed)).values(response_headers=None, response_body=None),
        ):
            db.session.execute(statement.execution_options(synchronize_session="fetch"))
    messages.forget({event.id for event in events})
    return len(events)


def _forget_merges(client_id: int) -> set[int]:
    """Delete the merges that remember a client; returns the ids of all who were merged into it."""
    whole = {client_id}
    while True:
        into = sa.select(Merge.gone_id).where(Merge.kept_id.in_(whole), Merge.undone_at.is_(None))
        more = set(db.session.scalars(into)) - whole
        if not more:
            break
        whole |= more
    db.session.execute(sa.delete(Merge).where(sa.or_(Merge.kept_id.in_(whole), Merge.gone_id.in_(whole))))
    return whole


def _forget_imports(client: Client, merged: Collection[int]) -> None:
    changes = sa.delete(ImportChange).where(ImportChange.import_id.in_(sa.select(Import.id)), ImportChange.client_id.in_(merged))
    db.session.execute(changes)
    hints = list(_hints(client))
    if not hints:
        return
    tells = _telling(client)
    query = sa.select(ImportReject.import_id, ImportReject.row, ImportReject.cells).where(sa.or_(*hints))
    for import_id, row, values in db.session.execute(query).all():
        if tells(values):
            db.session.execute(
                sa.update(ImportReject)
                .where(ImportReject.import_id == import_id, ImportReject.row == row)
                .values(cells=[], reason=REJECTED_ONE_WHO_WAS_DELETED)
            )


def _hints(client: Client) -> Iterator[sa.ColumnElement[bool]]:
    """What holds of a row that tells of a client, however it is written; the other rows need no closer look."""
    text = sa.func.lower(sa.type_coerce(ImportReject.cells, sa.Text))

    def holds(part: str) -> sa.ColumnElement[bool]:
        return text.contains(part, autoescape=True)

    for detail in client.details:
        if detail.kind is DetailKind.PHONE:
            yield holds(detail.value[-4:])
        elif detail.kind is DetailKind.EMAIL:
            yield holds(_plain_part(detail.value))
    if client.external_source_id:
        yield holds(_plain_part(client.external_source_id))
    if client.first_key and client.last_key:
        yield sa.and_(holds(_plain_part(client.first_name)), holds(_plain_part(client.last_name)))


def _plain_part(text: str) -> str:
    """The longest part of a text that is the same in every writing of it: databases lower the letters of English only."""
    return max(re.findall(r"[a-z0-9]+", unicodedata.normalize("NFC", text).lower()), key=len, default=text)


def _telling(client: Client) -> Callable[[Sequence[Any]], bool]:
    """A test of whether the cells of a row tell of this client: by a phone, an email, the external id, or the whole name."""
    phones = {detail.value for detail in client.details if detail.kind is DetailKind.PHONE}
    emails = {detail.value for detail in client.details if detail.kind is DetailKind.EMAIL}
    names = set(f"{client.first_key} {client.last_key}".split()) if client.first_key and client.last_key else None

    def tells(cells: Sequence[Any]) -> bool:
        texts = [str(cell) for cell in cells if cell]
        if client.external_source_id and client.external_source_id in texts:
            return True
        if any(normal.phone(text) in phones or normal.email(text) in emails for text in texts):
            return True
        return names is not None and names <= set(normal.name_key(" ".join(texts)).split())

    return tells
