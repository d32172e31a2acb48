import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.webhooks import endpoints
from tests.factories import make_endpoint


def create(api, status=201, **body):
    answer = api.post("/v1/campaigns", json=body)
    assert answer.status_code == status, answer.json
    return answer.json


def test_a_campaign_is_made_changed_and_deleted(api):
    made = create(api, name="  January   intake ", case_type="Auto")
    path = f"/v1/campaigns/{made['id']}"
    assert made | {"created_at": ""} == {
        "id": 1, "name": "January intake", "case_type": "Auto", "active": True, "self_healing_disabled": False, "created_at": ""
    }  # fmt: skip
    assert api.get(path).json == made
    changed = api.patch(path, json={"case_type": None, "active": False, "self_healing_disabled": True}).json
    assert changed == made | {"case_type": None, "active": False, "self_healing_disabled": True}
    assert api.patch(path, json={}).json == changed
    answer = api.delete(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert api.get(path).status_code == api.patch(path, json={}).status_code == api.delete(path).status_code == 404
    entries = [(entry.action, entry.subject, entry.details) for entry in db.session.scalars(sa.select(AuditEntry))][1:]
    assert entries == [
        ("campaign.created", "campaign 1", {"name": "January intake"}),
        ("campaign.changed", "campaign 1", {"changed": ["case_type", "active", "self_healing_disabled"]}),
        ("campaign.deleted", "campaign 1", {"name": "January intake"}),
    ]


def test_one_that_webhooks_are_narrowed_to_stays(api):
    campaign = create(api, name="January")
    hook = make_endpoint(name="Case management", campaign_ids=[campaign["id"]])
    answer = api.delete(f"/v1/campaigns/{campaign['id']}")
    assert answer.status_code == 409
    assert "“Case management”" in answer.json["error"]["message"]
    endpoints.delete(endpoints.get(hook.id), clock.now())
    db.session.commit()
    assert api.delete(f"/v1/campaigns/{campaign['id']}").status_code == 204


def test_what_is_wrong_is_said_by_field(api):
    for body, fields in (
        ({}, {"name"}), ({"name": " "}, {"name"}), ({"name": "x" * 201}, {"name"}), ({"name": "a\0b"}, {"name"}),
        ({"name": 5}, {"name"}), ({"name": None}, {"name"}), ({"name": "a", "case_type": "x" * 101}, {"case_type"}),
        ({"name": "a", "active": 1}, {"active"}), ({"name": "a", "active": None}, {"active"}), ({"name": "a", "id": 5}, {"id"}),
        ({"name": "", "case_type": "\0", "self_healing_disabled": "no"}, {"self_healing_disabled"}),
    ):  # fmt: skip
        assert set(create(api, 422, **body)["error"]["fields"]) == fields, body
    made = create(api, name="January", case_type="")
    assert made["case_type"] is None
    assert api.patch(f"/v1/campaigns/{made['id']}", json={"name": ""}).status_code == 422
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Campaign)) == 1


def test_they_are_listed_by_page(api):
    for name in ("zeta", "alpha", "mid"):
        create(api, name=name)
    first = api.get("/v1/campaigns?page_size=2").json
    assert ([row["name"] for row in first["data"]], first["page"], first["total"]) == (["zeta", "alpha"], 1, 3)
    assert [row["name"] for row in api.get("/v1/campaigns?page_size=2&page=2").json["data"]] == ["mid"]
    assert api.get("/v1/campaigns?page_size=500").status_code == 422
