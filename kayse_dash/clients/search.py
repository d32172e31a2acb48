"""What somebody who looks for a client can mean by what they typed. Each meaning is a range of an index, found at once.

A name ("smith", "john smith", "smith, john", beginnings of them), a phone in any format, an email or its beginning, the id that
another system or this one has for the client.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import InstrumentedAttribute

from kayse_dash.clients import normal
from kayse_dash.clients.models import Client, Detail, DetailKind
from kayse_dash.db import db

MOST_FOUND = 1_000  # clients by one meaning; beyond that PostgreSQL would read the whole table to sort them
LOOK_THROUGH = 10_000  # of one last name, for those with a first name
MOST_WORDS = 6
SHORTEST_PHONE = 3  # digits
SHORTEST_EMAIL = 3  # letters, without an @
LARGEST_ID = 2**63 - 1

# Above every letter: what begins with `x` lies between `x` and `x` + this, byte by byte.
_LAST_SIGN = "\U0010ffff"
_PHONE = re.compile(r"[+(]?\s*\d[\d\s().+/-]*(?:x\d*)?", re.ASCII | re.IGNORECASE)
_OWN_ID = re.compile(r"#?(\d{1,18})", re.ASCII)
# Every area code that the North American Numbering Plan has room for: a local number is looked up under each of them.
_AREA_CODES = range(200, 1000)


@dataclass(frozen=True)
class Meaning:
    """What was typed, understood.

    Args:
        ranges: queries of the column `id`; a client in any of them is meant.
        phone, email: what a client's detail holds if it was found by that; empty if by something else.
    """

    ranges: list[sa.Select[Any]]
    phone: str = ""
    email: str = ""

    def found_by(self, detail: Detail) -> bool:
        """Whether a detail is what its client was found by."""
        if detail.kind is DetailKind.PHONE:
            return bool(self.phone) and self.phone in detail.value
        return detail.kind is DetailKind.EMAIL and bool(self.email) and detail.value.startswith(self.email)

    @cached_property
    def ids(self) -> sa.Subquery:
        """The clients who are meant, once each."""
        return sa.union(*(sa.select(one.subquery().c.id) for one in self.ranges)).subquery()

    @cached_property
    def is_cut(self) -> bool:
        """Whether one of the meanings is that of more clients than are looked for."""
        counts = [sa.select(sa.func.count()).select_from(one.subquery()).scalar_subquery() for one in self.ranges]
        return MOST_FOUND in db.session.execute(sa.select(*counts)).one()


def understand(text: str, most: int | None = MOST_FOUND) -> Meaning:
    """What `text` can mean.

    Args:
        most: clients by one meaning; None for all of them, however long that takes.
    """
    text = text.strip()
    ranges = [_exact_id(Client.external_source_id == text)]
    if own := _OWN_ID.fullmatch(text):
        ranges.append(_exact_id(Client.id == int(own[1])))
    digits = re.sub(r"\D", "", text.lower().partition("x")[0], flags=re.ASCII)
    if _PHONE.fullmatch(text) and len(digits) >= SHORTEST_PHONE:
        return Meaning([*ranges, *_by_phone(text, digits, most)], phone=_national(text, digits))
    email = text.lower() if " " not in text and ("@" in text or len(text) >= SHORTEST_EMAIL) else ""
    if email:
        ranges.append(_details(DetailKind.EMAIL, _begins(Detail.value, email), most))
    if "@" not in text:
        ranges += _by_name(text, most)
    return Meaning(ranges, email=email)


def _begins(column: InstrumentedAttribute[str], beginning: str) -> sa.ColumnElement[bool]:
    return sa.and_(column >= beginning, column < beginning + _LAST_SIGN)


def _exact_id(condition: sa.ColumnElement[bool]) -> sa.Select[Any]:
    return sa.select(Client.id.label("id")).where(condition).limit(MOST_FOUND)


def _details(kind: DetailKind, condition: sa.ColumnElement[bool], most: int | None) -> sa.Select[Any]:
    query = sa.select(Detail.client_id.label("id")).where(Detail.kind == kind, condition)
    return query.order_by(Detail.value, Detail.client_id).limit(most)


def _national(text: str, digits: str) -> str:
    """The part of a phone number that one in E.164 holds, whether or not the country was typed."""
    return (normal.phone(text) or digits).removeprefix("+1")


def _by_phone(text: str, digits: str, most: int | None) -> Iterator[sa.Select[Any]]:
    if whole := normal.phone(text):
        yield _details(DetailKind.PHONE, Detail.value == whole, most)
        return
    if not text.startswith("+"):
        national = digits.removeprefix("1")
        if national:
            yield _details(DetailKind.PHONE, _begins(Detail.value, f"+1{national}"), most)
        if len(digits) == 7:
            numbers = [f"+1{code}{digits}" for code in _AREA_CODES]
            yield _details(DetailKind.PHONE, Detail.value.in_(numbers), most)
    yield _details(DetailKind.PHONE, _begins(Detail.value, f"+{digits}"), most)


def _by_name(text: str, most: int | None) -> Iterator[sa.Select[Any]]:
    before, comma, after = text.partition(",")
    last, first = normal.name_key(before), normal.name_key(after)
    if comma and last and first:
        yield from _both(last, first, most)
        return
    words = normal.name_key(text).split()[:MOST_WORDS]
    if not words:
        return
    whole = " ".join(words)
    yield _names(_begins(Client.last_key, whole), Client.last_key, most)
    yield _names(_begins(Client.first_key, whole), Client.first_key, most)
    if any(sign.isdigit() for sign in whole):
        return  # an id or an address; nobody's name is looked for in two parts that hold numbers
    for split in range(1, len(words)):
        one, other = " ".join(words[:split]), " ".join(words[split:])
        yield from _both(other, one, most)
        yield from _both(one, other, most)


def _both(last: str, first: str, most: int | None) -> Iterator[sa.Select[Any]]:
    """Clients whose names begin so. Of a last name that very many have, all with exactly this first name are found."""
    yield _names(sa.and_(Client.first_key == first, _begins(Client.last_key, last)), Client.first_key, most)
    yield _names(sa.and_(Client.last_key == last, _begins(Client.first_key, first)), Client.last_key, most)
    query = sa.select(Client.id, Client.first_key).where(_begins(Client.last_key, last))
    looked = query.order_by(Client.last_key, Client.first_key, Client.id).limit(LOOK_THROUGH if most else None).subquery()
    yield sa.select(looked.c.id.label("id")).where(_begins(looked.c.first_key, first)).limit(most)


def _names(condition: sa.ColumnElement[bool], by: InstrumentedAttribute[str], most: int | None) -> sa.Select[Any]:
    other = Client.first_key if by is Client.last_key else Client.last_key
    return sa.select(Client.id.label("id")).where(condition).order_by(by, other, Client.id).limit(most)
