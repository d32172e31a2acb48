"""Looking events up: the record of events, filtered and page by page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import load_only

from kayse_dash import keyset
from kayse_dash.db import db
from kayse_dash.errors import NotFound
from kayse_dash.events import record
from kayse_dash.events.models import Event
from kayse_dash.keyset import Count, Place, Search, Slice

# Machines that record events agree on the time so well that nothing stands further than this from where its time belongs.
OUT_OF_ORDER = 1_000


@dataclass(frozen=True)
class Filters:
    """What to show of the record; None and empty text mean all.

    Args:
        text: the beginning of an event's id.
        since, until: of its recording, both inclusive.
        tests: whether to show test events too.
        client_id: the client they are about.
    """

    type: str | None = None
    campaign_id: int | None = None
    since: datetime | None = None
    until: datetime | None = None
    text: str = ""
    tests: bool = False
    client_id: int | None = None

    @property
    def any(self) -> bool:
        """Whether anything narrows the record."""
        return replace(self, tests=False) != Filters()


@dataclass(frozen=True)
class Page:
    """One page of events, newest first."""

    rows: Sequence[Event]
    slice: Slice
    count: Count


def page(filters: Filters, place: Place | None = None, rows: int = keyset.PAGE_ROWS) -> Page:
    """The page of the record that begins at `place`, without the payloads; the newest for None."""
    search = _search(filters)
    found = keyset.read(search, place, rows)
    return Page(_rows(found.keys), found, keyset.count(search))


def whole(filters: Filters, place: Place | None, rows: int) -> tuple[list[Event], Slice]:
    """The events of a page with their payloads, uncounted; and where its neighbours begin."""
    found = keyset.read(_search(filters), place, rows)
    query = sa.select(Event).where(Event.seq.in_(found.keys)).order_by(Event.seq.desc())
    return list(db.session.scalars(query)) if found.keys else [], found


def get(event_id: str) -> Event:
    """The event of this public id.

    Raises:
        NotFound: there is none.
    """
    event = record.find(event_id) if "\0" not in event_id else None
    if event is None:
        raise NotFound("There is no such event. Its record may have been removed by retention.")
    return event


def bounds(since: datetime | None, until: datetime | None) -> tuple[int | None, int | None]:
    """Between which places of the record (`seq`) all events of a time stand; a little beyond it on both sides.

    Args:
        since, until: inclusive; None for no limit, which has no bound.
    """
    first = _first_seq(Event.recorded_at >= since) if since else None
    last = _first_seq(Event.recorded_at > until) if until else None
    low = None if since is None else keyset.LARGEST_KEY if first is None else first - OUT_OF_ORDER
    return low, None if last is None else last + OUT_OF_ORDER


def _first_seq(condition: sa.ColumnElement[bool]) -> int | None:
    return db.session.scalar(sa.select(Event.seq).where(condition).order_by(Event.recorded_at, Event.seq).limit(1))


def _rows(seqs: list[int]) -> Sequence[Event]:
    # A payload may be a megabyte, and no row shows it.
    shown = (Event.id, Event.type, Event.timestamp, Event.recorded_at, Event.campaign_id, Event.is_test)
    query = sa.select(Event).where(Event.seq.in_(seqs)).order_by(Event.seq.desc()).options(load_only(*shown, raiseload=True))
    return db.session.scalars(query).all() if seqs else []


def _search(filters: Filters) -> Search:
    indexed: list[sa.ColumnElement[bool]] = []
    if filters.type is not None:
        indexed.append(Event.type == filters.type)
    if filters.client_id is not None:
        indexed.append(Event.client_id == filters.client_id)
    if not filters.tests:
        indexed.append(Event.is_test.is_(False))
    low, high = bounds(filters.since, filters.until)
    if filters.since is not None:
        indexed += [Event.recorded_at >= filters.since, Event.seq >= low]
    if filters.until is not None:
        indexed.append(Event.recorded_at <= filters.until)
    if high is not None:
        indexed.append(Event.seq < high)
    text = filters.text
    if text and (named := record.find(text)) is not None:
        indexed.append(Event.seq == named.seq)
        text = ""
    if filters.campaign_id is None and not text:
        return Search(Event.seq, indexed)
    return Search(Event.seq, indexed, lambda row: _checked(row, filters.campaign_id, text))


def _checked(row: Any, campaign_id: int | None, text: str) -> list[sa.ColumnElement[bool]]:
    checked: list[sa.ColumnElement[bool]] = []
    if campaign_id is not None:
        checked.append(row.campaign_id == campaign_id)
    if text:
        checked.append(row.id.startswith(text, autoescape=True))
    return checked
