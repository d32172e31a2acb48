import threading

import pytest
import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.api.clients import ClientChange
from kayse_dash.clients import merging, records
from kayse_dash.clients.fields import NewClient
from kayse_dash.clients.models import Client
from kayse_dash.db import db
from tests.clients.people import JANE
from tests.conftest import on_both_databases

PRIMARY = {
    "first_name": "Jane", "last_name": "O'Brien", "email": "jane@example.com", "mobile": "+12125550142",
    "external_source": "clio", "external_source_id": "c-7", "date_of_birth": "1980-12-31", "case_ids": [7, 9],
    "address_line1": "12 Main Street", "address_line2": None, "city": "Boston", "state": "MA", "postal_code": "02139",
    "voice_calls_opted_out": False, "enrichment_opted_out": False, "origin": "public_api", "update_origin": "public_api",
}  # fmt: skip


def create(api, status=201, **body):
    answer = api.post("/v1/clients", json=body)
    assert answer.status_code == status, answer.json
    return answer.json


def entries():
    found = [(entry.action, entry.subject, entry.details) for entry in db.session.scalars(sa.select(AuditEntry))]
    return [entry for entry in found if entry[0].startswith("client.")]


def count():
    return db.session.scalar(sa.select(sa.func.count()).select_from(Client))


def test_every_field_of_a_client_can_be_sent():
    assert set(NewClient.__dataclass_fields__) <= set(ClientChange.model_fields)


@on_both_databases
def test_a_client_is_made_read_changed_and_deleted(api):
    made = create(api, **JANE)
    path = f"/v1/clients/{made['id']}"
    assert {name: made[name] for name in PRIMARY} == PRIMARY
    about = {"primary": True, "source": "public_api", "source_name": "Phone agents", "created_at": made["created_at"]}
    assert made["phones"] == [{"value": "+12125550142", "typed": "(212) 555-0142", **about}]
    assert api.get(path).json == made
    changed = api.patch(path, json={"mobile": "646 555 0101", "voice_calls_opted_out": True, "city": None}).json
    assert (changed["mobile"], changed["voice_calls_opted_out"], changed["city"]) == ("+16465550101", True, None)
    assert [(one["value"], one["primary"]) for one in changed["phones"]] == [("+12125550142", False), ("+16465550101", True)]
    assert api.patch(path, json={}).json == changed
    answer = api.delete(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert api.get(path).status_code == api.patch(path, json={}).status_code == api.delete(path).status_code == 404
    one = f"client {made['id']}"
    assert [entry[:2] for entry in entries()] == [("client.created", one), ("client.changed", one), ("client.deleted", one)]
    # Who it was must not outlive the client in the trail.
    assert entries()[1][2] == {"changed": ["voice_calls_opted_out", "phones", "addresses"]}
    assert "Jane" not in str(entries())


@on_both_databases
def test_a_client_that_is_known_by_its_external_id_is_changed_by_a_post(api):
    made = create(api, **JANE)
    again = {"external_source": " clio", "external_source_id": "c-7 ", "email": "jane.obrien@example.com"}
    changed = create(api, 200, **again)
    assert changed["id"] == made["id"]
    assert (changed["first_name"], changed["email"]) == ("Jane", "jane.obrien@example.com")
    assert [one["value"] for one in changed["emails"]] == ["jane@example.com", "jane.obrien@example.com"]
    assert create(api, 200, **again) == changed
    assert (count(), len(entries())) == (1, 2)
    for other in (
        {"external_source": "litify", "external_source_id": "c-7"},
        {"external_source": "clio", "external_source_id": "c-8"},
    ):
        assert create(api, **JANE | other)["id"] != made["id"]
    assert create(api, 422, external_source="clio", external_source_id="c-7", email="x")["error"]["fields"].keys() == {"email"}
    assert create(api, 422, external_source="clio", first_name="X")["error"]["fields"].keys() == {"external_source_id"}


def test_a_client_that_was_merged_into_another_is_that_one(api):
    kept, gone = create(api, **JANE), create(api, **JANE | {"external_source": "litify", "external_source_id": "L-1"})
    merging.merge(records.get(kept["id"]), records.get(gone["id"]), (), "staff@firm.test", clock.now())
    db.session.commit()
    changed = create(api, 200, external_source="litify", external_source_id="L-1", first_name="Janet")
    assert (changed["id"], changed["first_name"]) == (kept["id"], "Janet")
    assert (changed["external_source"], changed["external_source_id"]) == ("clio", "c-7")
    assert count() == 1


@on_both_databases
def test_of_many_who_post_the_same_client_at_once_one_makes_it(app, api):
    statuses = []

    def post(number):
        answer = api.post(
            "/v1/clients", json={"external_source": "clio", "external_source_id": "c-7", "last_name": f"No {number}"}
        )
        statuses.append(answer.status_code)

    db.session.commit()
    threads = [threading.Thread(target=post, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(statuses) == [200] * 5 + [201]
    assert count() == 1


def test_an_external_id_of_somebody_else_is_refused(api):
    create(api, **JANE)
    other = create(api, first_name="Bob")
    answer = api.patch(f"/v1/clients/{other['id']}", json={"external_source": "clio", "external_source_id": "c-7"})
    assert answer.status_code == 422
    assert set(answer.json["error"]["fields"]) == {"external_source_id"}


def test_what_is_wrong_is_said_by_field(api):
    for body, fields in (
        ({}, {"last_name"}), ({"first_name": " "}, {"last_name"}), ({"last_name": 5}, {"last_name"}),
        ({"last_name": "x" * 101}, {"last_name"}), ({"last_name": "a\0b"}, {"last_name"}), ({"mobile": "12"}, {"mobile"}),
        ({"email": "nobody"}, {"email"}), ({"email": "a\0@example.com"}, {"email"}), ({"mobile": ["1"]}, {"mobile"}),
        ({"last_name": "a", "date_of_birth": "31.12.1980"}, {"date_of_birth"}),
        ({"last_name": "a", "date_of_birth": "9999-12-31"}, {"date_of_birth"}),
        ({"last_name": "a", "case_ids": ["7"]}, {"case_ids.0"}), ({"last_name": "a", "case_ids": [2**70]}, {"case_ids"}),
        ({"last_name": "a", "case_ids": None}, {"case_ids"}),
        ({"last_name": "a", "voice_calls_opted_out": 1}, {"voice_calls_opted_out"}),
        ({"last_name": "a", "phones": ["12", {"value": None}]}, {"phones.1.value"}),
        ({"last_name": "a", "phones": ["12", {"value": "13", "primary": True}]}, {"phones.0", "phones.1"}),
        ({"emails": [{"value": "a@example.com", "primary": 1, "typed": "x"}]}, {"emails.0.primary", "emails.0.typed"}),
        ({"last_name": "a", "phones": ["2125550142"] * 51}, {"phones"}), ({"last_name": "a", "emails": {"a": 1}}, {"emails"}),
        ({"last_name": "a", "addresses": ["12 Main St"]}, {"addresses.0"}),
        ({"last_name": "a", "addresses": [{"city": "\0"}]}, {"addresses.0.city"}),
        ({"last_name": "a", "external_source": "x" * 61, "external_source_id": "1"}, {"external_source"}),
        ({"last_name": "a", "external_source": "a\0", "external_source_id": "1"}, {"external_source"}),
        ({"last_name": "a", "origin": "person"}, {"origin"}), ({"last_name": "a", "id": 7}, {"id"}),
        ({"last_name": "a", "first_nam": "b"}, {"first_nam"}),
    ):  # fmt: skip
        assert set(create(api, 422, **body)["error"]["fields"]) == fields, body
    assert count() == 0


def test_they_are_listed_by_page_and_filtered(api):
    create(api, **JANE)
    create(api, first_name="Bob", phones=["6465550101", "6465550102"])
    create(api, first_name="Ann", external_source="clio", external_source_id="c-8", email="ANN@example.com")

    def names(query):
        return [row["first_name"] for row in api.get(f"/v1/clients{query}").json["data"]]

    first = api.get("/v1/clients?page_size=2").json
    assert ([row["first_name"] for row in first["data"]], first["page"], first["total"]) == (["Jane", "Bob"], 1, 3)
    assert names("?page_size=2&page=2") == ["Ann"]
    assert names("?q=o%27brien") == names("?q=jane") == names("?q=212-555-0142") == ["Jane"]
    assert names("?mobile=(646)+555-0102") == ["Bob"]
    assert names("?email=Ann@Example.com") == ["Ann"]
    assert names("?external_source=clio") == ["Jane", "Ann"]
    assert names("?external_source=clio&external_source_id=c-8") == ["Ann"]
    assert names("?external_source=litify") == []
    for query in ("mobile=abc", "email=abc", "page_size=500", "page=0", "q=%00", "external_source=%00", "name=jane"):
        assert api.get(f"/v1/clients?{query}").status_code == 422, query


def test_an_event_about_a_client_is_linked_to_it(api):
    client = create(api, **JANE)["id"]
    data = {"direction": "outbound", "to_number": "+12125550142"}
    event = api.post("/v1/events", json={"event": "call_started", "data": data}).json["id"]
    assert api.get(f"/v1/events/{event}").json["client_id"] == client
    assert [row["id"] for row in api.get(f"/v1/events?client_id={client}").json["data"]] == [event]
    assert api.delete(f"/v1/clients/{client}").status_code == 204
    assert api.get(f"/v1/events/{event}").json["data"] == {"erased": True}


@pytest.mark.parametrize("client_id", ["0", "1", "-1", str(2**63), "9" * 5000, "abc", "1.0", "%00"])
def test_what_is_no_client_is_404(api, client_id):
    for method in ("get", "delete"):
        assert getattr(api, method)(f"/v1/clients/{client_id}").status_code == 404
    assert api.patch(f"/v1/clients/{client_id}", json={"last_name": "a"}).status_code == 404
