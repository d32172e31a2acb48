"""Client records: what is taken, how it is kept, who is found."""

from __future__ import annotations

import json

import pytest
import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.clients import records
from kayse_dash.clients.models import Client, DetailKind, Source
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound
from tests.clients.people import JANE, change, make_client, values
from tests.conftest import on_both_databases

NOW = clock.now()


@on_both_databases
def test_a_client_is_kept_in_normal_form_beside_what_was_typed(app):
    client = make_client()

    known = records.as_api(client)
    assert {name: value for name, value in known.items() if not name.endswith(("_at", "s")) or name == "case_ids"} == {
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
    }
    assert known["phones"] == [
        {
            "value": "+12125550142",
            "typed": "(212) 555-0142",
            "primary": True,
            "source": "public_api",
            "source_name": None,
            "created_at": known["created_at"],
        }
    ]
    assert json.loads(json.dumps(known)) == known
    address = client.details[2]
    assert (address.value, address.typed) == ("12 MAIN ST BOSTON MA 02139", "12 Main Street, Boston, MA 02139")
    assert {detail.entered_by for detail in client.details} == {"API key Clio"}
    assert (client.first_key, client.last_key, client.version) == ("jane", "obrien", 1)


@on_both_databases
def test_a_client_is_found_by_phone_email_and_external_id(app):
    client, other = make_client(), make_client({"first_name": "Bob", "mobile": "2125550142"})
    assert [one.id for one in records.find_by_phone("+12125550142")] == [client.id, other.id]
    assert [one.id for one in records.find_by_email("jane@example.com")] == [client.id]
    assert records.find_by_phone("+12125550143") == []
    assert records.by_external("clio", "c-7").id == client.id
    assert records.by_external("clio", "C-7") is None
    assert records.by_external("litify", "c-7") is None


@pytest.mark.parametrize("client_id", [0, -1, 7, 2**63, 10**40])
def test_who_is_not_on_record_is_not_found(app, client_id):
    with pytest.raises(NotFound):
        records.get(client_id)


@on_both_databases
def test_a_new_primary_phone_leaves_the_old_one_beside_it(app):
    client = make_client()
    assert change(client, {"mobile": "617 555 0199"}) == ["phones"]
    assert values(client.id, DetailKind.PHONE) == [("+12125550142", False), ("+16175550199", True)]
    old, new = (one for one in records.get(client.id).details if one.kind is DetailKind.PHONE)
    assert (old.source, old.entered_by) == (Source.API, "API key Clio")
    assert (new.source, new.entered_by) == (Source.PERSON, "staff@firm.test")

    change(records.get(client.id), {"mobile": None})
    assert values(client.id, DetailKind.PHONE) == [("+12125550142", True)]


@on_both_databases
def test_a_list_says_all_there_is_of_a_kind(app):
    client = make_client(emails=["jane@example.com", "b@x.co"])
    change(client, {"emails": ["c@x.co", {"value": "B@x.co", "primary": True}]})
    assert values(client.id, DetailKind.EMAIL) == [("b@x.co", True), ("c@x.co", False)]
    change(records.get(client.id), {"emails": []})
    assert values(client.id, DetailKind.EMAIL) == []
    assert len(values(client.id, DetailKind.PHONE)) == 1


def test_an_address_that_is_completed_stays_one_and_one_that_moved_becomes_two(app):
    client = make_client({"last_name": "Doe", "city": "Boston"})
    change(client, {"address_line1": "12 Main St", "postal_code": "02139"})
    assert values(client.id, DetailKind.ADDRESS) == [("12 MAIN ST BOSTON 02139", True)]
    change(records.get(client.id), {"city": "Salem"})
    assert values(client.id, DetailKind.ADDRESS) == [("12 MAIN ST BOSTON 02139", False), ("12 MAIN ST SALEM 02139", True)]
    change(records.get(client.id), dict.fromkeys(("address_line1", "city", "postal_code")))
    assert values(client.id, DetailKind.ADDRESS) == [("12 MAIN ST BOSTON 02139", True)]


def test_how_an_address_is_written_can_be_put_right(app):
    client = make_client()
    change(client, {"address_line1": "12 MAIN ST."})
    assert [(one.line1, one.source) for one in records.get(client.id).details if one.line1] == [("12 MAIN ST.", Source.API)]


def test_a_program_that_sends_the_normal_form_back_does_not_lose_what_was_typed(app):
    client = make_client()
    assert change(client, {"phones": ["+12125550142"], "email": "jane@example.com"}) == []
    assert [one.typed for one in records.get(client.id).details[:2]] == ["(212) 555-0142", "Jane@Example.com"]


def test_what_is_sent_back_unchanged_changes_nothing(app):
    client = make_client()
    before = records.as_api(client)
    assert change(client, {name: before[name] for name in JANE} | {"addresses": before["addresses"]}) == []
    assert records.as_api(records.get(client.id)) == before


def test_a_change_names_its_fields_and_counts_the_version_up(app):
    client = make_client()
    assert change(client, {"last_name": "Roe", "first_name": "Jane", "voice_calls_opted_out": True}) == [
        "last_name",
        "voice_calls_opted_out",
    ]
    client = records.get(client.id)
    assert (client.version, client.last_key, client.update_origin, client.origin) == (2, "roe", Source.PERSON, Source.API)


def test_who_saw_an_older_version_does_not_change_a_newer_one(app):
    client = make_client()
    change(client, {"last_name": "Roe"})
    client = records.get(client.id)
    with pytest.raises(Conflict, match="Somebody else"):
        records.update(client, {"last_name": "Doe"}, Source.PERSON, "x", NOW, version=1)
    assert client.last_name == "Roe"


@on_both_databases
def test_an_external_id_belongs_to_one_client(app):
    make_client()
    with pytest.raises(InvalidInput) as refused:
        records.check({"last_name": "Doe", "external_source": "clio", "external_source_id": "c-7"}, None)
    assert refused.value.fields == {"external_source_id": records.TAKEN}

    values = records.check({"last_name": "Doe", "external_source": "clio", "external_source_id": "c-8"}, None)
    records.create(values, Source.API, "x", NOW)
    with pytest.raises(Conflict):  # another one was quicker
        records.create(values, Source.API, "x", NOW)
    db.session.commit()
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Client)) == 2

    other = records.by_external("clio", "c-8")
    with pytest.raises(InvalidInput):
        records.check({"external_source_id": "c-7"}, other)
    assert records.check({"external_source_id": "c-8"}, other)["external_source_id"] == "c-8"


def test_a_client_cannot_be_emptied(app):
    client = make_client({"mobile": "2125550142"})
    with pytest.raises(InvalidInput):
        records.check({"phones": []}, client)
    assert records.check({"phones": [], "last_name": "Doe"}, client)
