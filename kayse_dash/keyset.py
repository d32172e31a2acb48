"""Pages of tables that only grow, newest first, read by key: the work of a page does not grow with the table.

What a filter asks for is split in two. Conditions that an index serves together with the key are asked of the whole table. All
others are checked row by row, on the next `LOOK_THROUGH` rows only; a page that found less than it holds by then says so, and its
link to older ones goes on from there. So pages have no gaps and no repeats, whatever is added while somebody reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute, aliased

from kayse_dash.db import db
from kayse_dash.errors import InvalidInput

PAGE_ROWS = 50
LOOK_THROUGH = 10_000
COUNT_CAP = 10_000
LARGEST_KEY = 2**63 - 1

BEFORE = "before"
AFTER = "after"


@dataclass(frozen=True)
class Search:
    """What to look for.

    Args:
        key: the ascending primary key that orders the table.
        indexed: conditions that an index serves together with `key`.
        checked: gives the conditions that are checked row by row, for (an alias of) the model; None for none.
    """

    key: InstrumentedAttribute[int]
    indexed: Sequence[sa.ColumnElement[bool]] = ()
    checked: Callable[[Any], Sequence[sa.ColumnElement[bool]]] | None = None


@dataclass(frozen=True)
class Place:
    """Where a page begins: at the key before or after `key`."""

    side: str
    key: int

    @classmethod
    def of(cls, values: list[Any] | None) -> Place | None:
        """The place that the values of a cursor stand for; None for the newest page.

        Raises:
            InvalidInput: they stand for none.
        """
        match values:
            case None:
                return None
            case ["before" | "after" as side, int(key)] if type(key) is int and 0 <= key <= LARGEST_KEY:
                return cls(side, key)
        raise InvalidInput(
            "This page of the list cannot be found.", {"cursor": "This is not a cursor that an earlier answer gave."}
        )

    @property
    def values(self) -> tuple[str, int]:
        """What to put into a cursor."""
        return self.side, self.key


@dataclass(frozen=True)
class Slice:
    """One page.

    Args:
        keys: newest first.
        newer, older: where the neighbouring pages begin; None where there is none.
        cut: `LOOK_THROUGH` rows were checked and the page was not full by then.
    """

    keys: list[int]
    newer: Place | None
    older: Place | None
    cut: bool


@dataclass(frozen=True)
class Count:
    """How many rows match: at most one above `COUNT_CAP`; `among` says that only so many of the newest were looked at."""

    found: int
    among: int | None = None

    @property
    def is_capped(self) -> bool:
        """Whether there are more than were counted."""
        return self.found > COUNT_CAP


def read(search: Search, place: Place | None = None, rows: int = PAGE_ROWS) -> Slice:
    """The keys of one page of up to `rows`."""
    if place is not None and place.side == AFTER:
        return _newer(search, place.key, rows)
    bound = [search.key < place.key] if place else []
    keys, cut_at = _keys(search, bound, rows + 1, search.key.desc())
    older = None
    if len(keys) > rows:
        keys = keys[:rows]
        older = Place(BEFORE, keys[-1])
    elif cut_at is not None:
        older = Place(BEFORE, cut_at)
    newer = Place(AFTER, place.key - 1) if place else None
    return Slice(keys, newer, older, cut_at is not None and len(keys) < rows)


def count(search: Search) -> Count:
    """How many rows match, counted with a cap."""
    if search.checked is None:
        capped = sa.select(sa.literal(1)).select_from(search.key.class_).where(*search.indexed).limit(COUNT_CAP + 1)
        return Count(db.session.scalar(sa.select(sa.func.count()).select_from(capped.subquery())) or 0)
    row, conditions = _window(search, [], search.key.desc())
    matches = sa.func.sum(sa.case((sa.and_(*conditions), 1), else_=0))
    looked, found = db.session.execute(sa.select(sa.func.count(), matches).select_from(row)).one()
    return Count(found or 0, looked if looked == LOOK_THROUGH else None)


def _newer(search: Search, key: int, rows: int) -> Slice:
    keys, cut_at = _keys(search, [search.key > key], rows + 1, search.key.asc())
    if len(keys) <= rows and cut_at is None:
        return read(search, None, rows)
    kept = keys[:rows]
    newer = Place(AFTER, kept[-1] if len(keys) > rows else cut_at)
    return Slice(kept[::-1], newer, Place(BEFORE, key + 1), len(keys) <= rows)


def _keys(search: Search, bound: list[Any], limit: int, order: sa.UnaryExpression[Any]) -> tuple[list[int], int | None]:
    """The next keys that match, and the key at which checking stopped if it did before the end."""
    if search.checked is None:
        query = sa.select(search.key).where(*search.indexed, *bound).order_by(order).limit(limit)
        return list(db.session.scalars(query)), None
    row, conditions = _window(search, bound, order)
    key = getattr(row, search.key.key)
    descending = order.modifier is sa.sql.operators.desc_op
    query = sa.select(key).where(*conditions).order_by(key.desc() if descending else key.asc()).limit(limit)
    keys = list(db.session.scalars(query))
    if len(keys) == limit:
        return keys, None
    last = sa.func.min(key) if descending else sa.func.max(key)
    looked, last_key = db.session.execute(sa.select(sa.func.count(), last).select_from(row)).one()
    if looked < LOOK_THROUGH:
        return keys, None
    further = search.key < last_key if descending else search.key > last_key
    return keys, last_key if db.session.scalar(sa.select(sa.exists().where(*search.indexed, further))) else None


def _window(search: Search, bound: list[Any], order: sa.UnaryExpression[Any]) -> tuple[Any, Sequence[sa.ColumnElement[bool]]]:
    """The rows that are checked, as an alias of the model, and what is checked on them."""
    assert search.checked is not None
    model = search.key.class_
    rows = sa.select(model).where(*search.indexed, *bound).order_by(order).limit(LOOK_THROUGH).subquery()
    row = aliased(model, rows)
    return row, search.checked(row)
