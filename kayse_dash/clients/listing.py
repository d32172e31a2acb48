"""The list of clients: filtered, sorted and read page by page; the work of a page does not grow with the number of clients.

What an index serves is asked of all clients. Filters that none serves are checked client by client: on those that a search found,
or without a search on the next thousands in order; a page that is not full by then says so, and goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from kayse_dash.clients import search
from kayse_dash.clients.models import Client, Detail, DetailKind, Source
from kayse_dash.clients.search import Meaning
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput

PAGE_ROWS = 50
AFTER = "after"
BEFORE = "before"
LOOK_THROUGH = 5_000  # clients, by what stands in their own row
LOOK_INTO = 2_000  # clients, by their details
COUNT_CAP = 10_000


class Sort(StrEnum):
    NAME = "name"
    NEWEST = "newest"
    CHANGED = "changed"

    @property
    def columns(self) -> tuple[InstrumentedAttribute[Any], ...]:
        """What orders the list; an index has these columns in this order."""
        return {
            Sort.NAME: (Client.last_key, Client.first_key, Client.id),
            Sort.NEWEST: (Client.id,),
            Sort.CHANGED: (Client.updated_at, Client.id),
        }[self]

    @property
    def descends(self) -> bool:
        return self is not Sort.NAME


class OptOut(StrEnum):
    CALLS = "calls"
    ENRICHMENT = "enrichment"


@dataclass(frozen=True)
class Filters:
    """Which clients to show; None and empty text mean all.

    Args:
        text: what was typed to look for; see `search`.
        lacks: a kind of detail of which they have none.
        opted_out: of what they opted out.
        source: how they came in.
        state: the USPS code of a state in which they have an address.
    """

    text: str = ""
    lacks: DetailKind | None = None
    opted_out: OptOut | None = None
    source: Source | None = None
    state: str | None = None

    @property
    def any(self) -> bool:
        return self != Filters()

    @property
    def checked(self) -> bool:
        """Whether anything is asked that no index serves."""
        return replace(self, text="") != Filters()

    @property
    def look_through(self) -> int:
        """How many clients are checked for one page."""
        return LOOK_INTO if self.lacks or self.state else LOOK_THROUGH


@dataclass(frozen=True)
class Place:
    """Where a page begins: after or before the client of these values in the list's order."""

    side: str
    values: tuple[Any, ...]

    @classmethod
    def of(cls, sort: Sort, values: list[Any] | None) -> Place | None:
        """The place that the values of a cursor stand for; None for the first page.

        Raises:
            InvalidInput: they stand for none in this order.
        """
        match sort, values:
            case _, None:
                return None
            case Sort.NAME, ["after" | "before" as side, str(last), str(first), int(key)] if _is_text(last + first) and _is_id(
                key
            ):
                return cls(side, (last, first, key))
            case Sort.NEWEST, ["after" | "before" as side, int(key)] if _is_id(key):
                return cls(side, (key,))
            case Sort.CHANGED, ["after" | "before" as side, str(moment), int(key)] if _is_id(key) and (at := _moment(moment)):
                return cls(side, (at, key))
        raise InvalidInput(
            "This page of the list cannot be found.", {"cursor": "This is not a cursor that an earlier page gave."}
        )

    @property
    def cursor(self) -> list[Any]:
        """What to put into a cursor."""
        return [self.side, *(value.isoformat() if isinstance(value, datetime) else value for value in self.values)]


def _is_text(text: str) -> bool:
    return len(text) <= 200 and all(sign.isalnum() or sign == " " for sign in text)


def _is_id(key: Any) -> bool:
    return type(key) is int and 0 < key < 2**63


def _moment(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo and 1970 <= moment.year <= 9000 else None


@dataclass(frozen=True)
class Row:
    """A client in the list, with the phone, email and address that are shown of it."""

    client: Client
    phone: Detail | None
    email: Detail | None
    address: Detail | None


@dataclass(frozen=True)
class Page:
    """One page of the list.

    Args:
        previous, following: where its neighbours begin; None where there is none.
        count: how many match, as far as was counted; None where nobody counted.
        more: there are more than `count`.
        looked: only so many clients in order were looked through.
    """

    rows: Sequence[Row]
    previous: Place | None
    following: Place | None
    count: int | None
    more: bool = False
    looked: int | None = None


def page(filters: Filters, sort: Sort = Sort.NAME, place: Place | None = None) -> Page:
    """The page of the list that begins at `place`; the first for None."""
    meaning = search.understand(filters.text) if filters.text else None
    forward = place is None or place.side == AFTER
    read = _read(filters, meaning, sort, place)
    if not forward and len(read.keys) <= PAGE_ROWS and read.resume is None:
        return page(filters, sort)
    shown = read.keys[:PAGE_ROWS]
    end = shown[-1] if len(read.keys) > PAGE_ROWS else read.resume
    beyond = Place(AFTER if forward else BEFORE, end) if end else None
    behind = Place(BEFORE if forward else AFTER, shown[0]) if place and shown else None
    previous, following = (behind, beyond) if forward else (beyond, behind)
    ids = [key[-1] for key in (shown if forward else reversed(shown))]
    return Page(_rows(ids, meaning), previous, following, read.count, read.more, filters.look_through if read.resume else None)


@dataclass(frozen=True)
class _Read:
    """The next clients in order, by what orders them: one more than a page holds, if there are so many."""

    keys: Sequence[tuple[Any, ...]]
    count: int | None
    more: bool = False
    resume: tuple[Any, ...] | None = None  # where looking through stopped, short of a page and of the end


def _read(filters: Filters, meaning: Meaning | None, sort: Sort, place: Place | None) -> _Read:
    if meaning:
        return _read_found(filters, meaning, sort, place)
    if filters.checked:
        return _read_through(filters, sort, place)
    keys = _keys(sa.select(*sort.columns), sort.columns, sort, place)
    capped = sa.select(Client.id).limit(COUNT_CAP + 1).subquery()
    count = db.session.scalar(sa.select(sa.func.count()).select_from(capped)) or 0
    return _Read(keys, min(count, COUNT_CAP), count > COUNT_CAP)


def _read_found(filters: Filters, meaning: Meaning, sort: Sort, place: Place | None) -> _Read:
    found = meaning.ids.join(Client, Client.id == meaning.ids.c.id)
    query = sa.select(*sort.columns).select_from(found).where(*_checked(filters, Client))
    count = db.session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
    return _Read(_keys(query, sort.columns, sort, place), count, meaning.is_cut)


def _read_through(filters: Filters, sort: Sort, place: Place | None) -> _Read:
    wanted = (*sort.columns, Client.origin, Client.voice_calls_opted_out, Client.enrichment_opted_out)
    rows = _ordered(sa.select(*wanted), sort.columns, sort, place).limit(filters.look_through).subquery()
    columns = tuple(rows.c[column.key] for column in sort.columns)
    counted = sa.func.count().over()
    query = _ordered(sa.select(*columns, counted).where(*_checked(filters, rows.c)), columns, sort, place, bound=False)
    found = db.session.execute(query.limit(PAGE_ROWS + 1)).all()
    keys = [tuple(row[:-1]) for row in found]
    count = (found[0][-1] if found else 0) if place is None else None
    if len(keys) > PAGE_ROWS:
        return _Read(keys, count, _goes_on(filters, sort, place) is not None)
    resume = _goes_on(filters, sort, place)
    return _Read(keys, count, resume is not None, resume)


def _goes_on(filters: Filters, sort: Sort, place: Place | None) -> tuple[Any, ...] | None:
    """The last client that is looked through from `place` on; None where that is the end of the list."""
    last = _ordered(sa.select(*sort.columns), sort.columns, sort, place).offset(filters.look_through - 1).limit(2)
    rows = db.session.execute(last).all()
    return tuple(rows[0]) if len(rows) == 2 else None


def _keys(query: sa.Select[Any], columns: Sequence[Any], sort: Sort, place: Place | None) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in db.session.execute(_ordered(query, columns, sort, place).limit(PAGE_ROWS + 1))]


def _ordered(
    query: sa.Select[Any], columns: Sequence[Any], sort: Sort, place: Place | None, *, bound: bool = True
) -> sa.Select[Any]:
    """`query` in the order in which a page is read: from its beginning forward, or from its end backward."""
    descends = sort.descends is (place is None or place.side == AFTER)
    if place and bound:
        key = sa.tuple_(*columns) if len(columns) > 1 else columns[0]
        start = place.values if len(columns) > 1 else place.values[0]
        query = query.where(key < start if descends else key > start)
    return query.order_by(*(column.desc() if descends else column.asc() for column in columns))


def _checked(filters: Filters, row: Any) -> list[sa.ColumnElement[bool]]:
    """The conditions that are checked client by client, of `row`, which has the columns of a client."""
    conditions: list[sa.ColumnElement[bool]] = []
    if filters.lacks:
        conditions.append(~sa.exists().where(Detail.client_id == row.id, Detail.kind == filters.lacks))
    if filters.state:
        living = (Detail.client_id == row.id, Detail.kind == DetailKind.ADDRESS, Detail.state == filters.state)
        conditions.append(sa.exists().where(*living))
    if filters.source:
        conditions.append(row.origin == filters.source)
    if filters.opted_out is OptOut.CALLS:
        conditions.append(row.voice_calls_opted_out.is_(True))
    if filters.opted_out is OptOut.ENRICHMENT:
        conditions.append(row.enrichment_opted_out.is_(True))
    return conditions


def _rows(ids: Sequence[int], meaning: Meaning | None) -> list[Row]:
    if not ids:
        return []
    clients = {client.id: client for client in db.session.scalars(sa.select(Client).where(Client.id.in_(ids)))}
    details: dict[tuple[int, DetailKind], Detail] = {}
    query = sa.select(Detail).where(Detail.client_id.in_(ids)).order_by(Detail.is_primary.desc(), Detail.id)
    known = db.session.scalars(query).all()
    # What a client was found by is shown before what is primary.
    for detail in sorted(known, key=lambda one: not meaning.found_by(one)) if meaning else known:
        details.setdefault((detail.client_id, detail.kind), detail)
    return [Row(clients[key], *(details.get((key, kind)) for kind in DetailKind)) for key in ids if key in clients]


def every(filters: Filters, sort: Sort) -> sa.Select[Any]:
    """The query of the ids of all clients that match, in order; it takes as long as there are clients."""
    query = sa.select(Client.id).where(*_checked(filters, Client))
    if filters.text:
        ids = search.understand(filters.text, most=None).ids
        query = query.where(Client.id.in_(sa.select(ids.c.id)))
    return _ordered(query, sort.columns, sort, None)
