"""The clients in numbered pages with their number in all, as the public API lists them."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import selectinload

from kayse_dash.clients import search
from kayse_dash.clients.models import Client, Detail, DetailKind
from kayse_dash.db import db


@dataclass(frozen=True)
class Wanted:
    """Which clients; None and empty text mean all.

    Args:
        text: what somebody would type into the search; see `search`.
        external_source, external_source_id: what another system calls itself, and them.
        email: in lower case; any of theirs.
        phone: in E.164; any of theirs.
    """

    text: str = ""
    external_source: str | None = None
    external_source_id: str | None = None
    email: str | None = None
    phone: str | None = None


def page(wanted: Wanted, number: int, size: int) -> tuple[list[Client], int]:
    """One page of the clients by id, with their details, pages counted from 1; and how many match.

    A text that very many clients match finds at most 3,000 of them by each thing that it can mean.
    """
    query = sa.select(Client.id).where(*_conditions(wanted))
    if wanted.text:
        found = search.understand(wanted.text).ids
        query = query.where(Client.id.in_(sa.select(found.c.id)))
    ids = list(db.session.scalars(query.order_by(Client.id).offset((number - 1) * size).limit(size)))
    total = db.session.scalar(sa.select(sa.func.count()).select_from(query.subquery())) or 0
    clients = sa.select(Client).where(Client.id.in_(ids)).order_by(Client.id).options(selectinload(Client.details))
    return list(db.session.scalars(clients)) if ids else [], total


def _conditions(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.external_source is not None:
        conditions.append(Client.external_source == wanted.external_source)
    if wanted.external_source_id is not None:
        conditions.append(Client.external_source_id == wanted.external_source_id)
    if wanted.email is not None:
        conditions.append(_has(DetailKind.EMAIL, wanted.email))
    if wanted.phone is not None:
        conditions.append(_has(DetailKind.PHONE, wanted.phone))
    return conditions


def _has(kind: DetailKind, value: str) -> sa.ColumnElement[bool]:
    return Client.id.in_(sa.select(Detail.client_id).where(Detail.kind == kind, Detail.value == value))
