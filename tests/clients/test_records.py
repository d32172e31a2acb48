"""Client records: what is taken, how it is kept, who is found."""

from __future__ import annotations

import pytest

from kayse_dash import clock
from kayse_dash.clients import records
from kayse_dash.clients.models import Client, DetailKind, Source
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from tests.conftest import on_both_databases

NOW = clock.now()
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


def make(given=JANE, source=Source.API, by="API key Clio", **over) -> Client:
    client = records.create(records.check({**given, **over}, None), source, by, NOW)
    db.session.commit()
    return records.get(client.id)


def change(client: Client, given: dict, source=Source.PERSON, by="staff@firm.test") -> list[str]:
    changed = records.update(client, records.check(given, client), source, by, clock.now())
    db.session.commit()
    return changed


def values(client: Client, kind: DetailKind) -> list[tuple[str, bool]]:
    return [(one.value, one.is_primary) for one in records.get(client.id).details if one.kind is kind]


@on_both_databases
def test_a_client_is_kept_in_normal_form_beside_what_was_typed(app):
    client = make()

    assert records.as_api(client) | {"phones": [], "emails": [], "addresses": [], "created_at": "", "updated_at": ""} == {
        "id": client.id,
        "first_name": "Jane",
        "last_name": "O'Brien",
        "email": "jane@example.com",
        "mobile": "+12125550142",
        "external_source": "clio",
        "external_source_id": "c-7",
        "date_of_birth": "1980-12-31",
        "address_line1": "12 Main Street",
        "address_line2": None,
        "city": "Boston",
        "state": "MA",
        "postal_code": "02139",
        "voice_calls_opted_out": False,
        "enrichment_opted_out": False,
        "case_ids": [7, 9],
        "origin": "public_api",
        "update_origin": "public_api",
        "created_at": "",
        "updated_at": "",
        "phones": [],
        "emails": [],
        "addresses": [],
    }
    phone, email, address = client.details
    assert (phone.typed, phone.entered_by, phone.source) == ("(212) 555-0142", "API key Clio", Source.API)
    assert email.typed == "Jane@Example.com"
    assert (address.value, address.typed) == ("12 MAIN ST BOSTON MA 02139", "12 Main Street, Boston, MA 02139")
    assert (client.first_key, client.last_key) == ("jane", "obrien")
