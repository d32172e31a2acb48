"""Clients for tests."""

from __future__ import annotations

from typing import Any

from kayse_dash import clock
from kayse_dash.clients import records
from kayse_dash.clients.models import Client, DetailKind, Source
from kayse_dash.db import db

JANE = {
    "first_name": "Jane",
    "last_name": "O'Brien",
    "email": "Jane@Example.com",
    "mobile": "(212) 555-0142",
    "external_source": "clio",
    "external_source_id": "c-7",
    "date_of_birth": "1980-12-31",
    "address_line1": "12 Main Street",
    "city": "Boston",
    "state": "Massachusetts",
    "postal_code": "2139",
    "case_ids": [7, 9],
}


def make_client(
    given: dict[str, Any] | None = None, source: Source = Source.API, by: str = "API key Clio", **over: Any
) -> Client:
    """One client, Jane O'Brien unless told otherwise, loaded with details."""
    wanted = {**(JANE if given is None else given), **over}
    client = records.create(records.check(wanted, None), source, by, clock.now())
    db.session.commit()
    return records.get(client.id)


def change(client: Client, given: dict[str, Any], source: Source = Source.PERSON, by: str = "staff@firm.test") -> list[str]:
    """Change a client as a page or a program does; the fields that are different now."""
    changed = records.update(client, records.check(given, client), source, by, clock.now())
    db.session.commit()
    return changed


def values(client_id: int, kind: DetailKind) -> list[tuple[str, bool]]:
    """The details of a kind, each with whether it is the primary one."""
    found = [(one.value, one.is_primary) for one in records.get(client_id).details if one.kind is kind]
    db.session.commit()
    return found
