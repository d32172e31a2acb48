"""Clients as a CSV file that a spreadsheet opens without harm, written as it is read."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.clients import listing, normal
from kayse_dash.clients.listing import Filters, Sort
from kayse_dash.clients.models import Client, Detail, DetailKind
from kayse_dash.db import reading

BATCH = 1_000
BYTE_ORDER_MARK = "\ufeff"  # without it Excel takes UTF-8 for an old Windows encoding

# What a spreadsheet takes for the beginning of a formula (OWASP, CSV Injection).
_FORMULA = ("=", "+", "-", "@", "\t", "\r")

HEADINGS = (
    "Client id", "First name", "Last name", "Phone", "Other phones", "Email", "Other emails", "Address line 1", "Address line 2",
    "City", "State", "ZIP code", "Date of birth", "External source", "External source id", "Case ids", "Opted out of voice calls",
    "Opted out of enrichment", "Came from", "Added", "Last changed",
)  # fmt: skip
_CLIENT = Client.__table__.c
_DETAIL = Detail.__table__.c


def pieces(engine: sa.Engine, filters: Filters, sort: Sort) -> Iterator[str]:
    """The file piece by piece, headings first; all of it is the state of one moment.

    It reads on a connection of its own, for it goes on after the request that asked for it.
    """
    with engine.connect() as connection:
        with reading():
            connection.begin()
        yield BYTE_ORDER_MARK + _line(HEADINGS)
        found = connection.execution_options(yield_per=BATCH).execute(listing.every(filters, sort))
        for ids in found.scalars().partitions():
            yield "".join(_batch(connection, ids))


def _batch(connection: sa.Connection, ids: Sequence[int]) -> Iterator[str]:
    at_once = {"yield_per": None}
    rows = connection.execute(sa.select(Client.__table__).where(_CLIENT.id.in_(ids)), execution_options=at_once)
    clients = {row.id: row for row in rows}
    details: dict[int, list[Any]] = defaultdict(list)
    known = sa.select(Detail.__table__).where(_DETAIL.client_id.in_(ids)).order_by(_DETAIL.is_primary.desc(), _DETAIL.id)
    for detail in connection.execute(known, execution_options=at_once):
        details[detail.client_id].append(detail)
    for client_id in ids:
        yield _line(_cells(clients[client_id], details[client_id]))


def _cells(client: Any, details: Sequence[Any]) -> Iterator[Any]:
    phones, emails, addresses = ([one for one in details if one.kind is kind] for kind in DetailKind)
    yield from (client.id, client.first_name, client.last_name)
    yield from _first_and_rest([normal.phone_shown(one.value) for one in phones])
    yield from _first_and_rest([one.value for one in emails])
    address = addresses[0] if addresses else None
    yield from (getattr(address, part, None) for part in ("line1", "line2", "city", "state", "postal_code"))
    yield from (client.date_of_birth, client.external_source, client.external_source_id)
    yield ", ".join(map(str, client.case_ids))
    yield from ("yes" if flag else "no" for flag in (client.voice_calls_opted_out, client.enrichment_opted_out))
    yield from (client.origin.value, clock.iso(client.created_at), clock.iso(client.updated_at))


def _first_and_rest(values: Sequence[str]) -> tuple[str, str]:
    return (values[0] if values else "", "; ".join(values[1:]))


def _line(cells: Any) -> str:
    out = io.StringIO()
    csv.writer(out).writerow([safe(cell) for cell in cells])
    return out.getvalue()


def safe(value: Any) -> str:
    """A cell that no spreadsheet takes for a formula: what could be one is text, by a leading apostrophe."""
    text = "" if value is None else str(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
