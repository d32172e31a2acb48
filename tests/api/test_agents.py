import pytest
import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import campaigns
from kayse_dash.clients.agents import CALLS, TRANSFERS
from kayse_dash.clients.models import Agent
from kayse_dash.db import db


@pytest.fixture
def campaign(app):
    made = campaigns.create({"name": "January"}, clock.now()).id
    db.session.commit()
    return made


def create(api, status=201, **body):
    answer = api.post("/v1/agents", json=body)
    assert answer.status_code == status, answer.json
    return answer.json


def test_an_agent_is_made_changed_and_deleted(api, campaign):
    made = create(api, name="  Intake   agent ", external_id="agent_7c2e", campaign_id=campaign, created_via="wizard")
    path = f"/v1/agents/{made['id']}"
    assert made | {"created_at": ""} == {
        "id": 1, "name": "Intake agent", "external_id": "agent_7c2e", "campaign_id": campaign, "created_via": "wizard",
        "events": list(CALLS), "created_at": "",
    }  # fmt: skip
    assert api.get(path).json == made
    changed = api.patch(path, json={"campaign_id": None, "external_id": "", "events": ["transfer_ended", "call_ended"]}).json
    assert changed == made | {"campaign_id": None, "external_id": None, "events": ["call_ended", "transfer_ended"]}
    assert api.patch(path, json={}).json == changed
    answer = api.delete(path)
    assert (answer.status_code, answer.data) == (204, b"")
    assert api.get(path).status_code == api.patch(path, json={}).status_code == api.delete(path).status_code == 404
    entries = [(entry.action, entry.subject, entry.details) for entry in db.session.scalars(sa.select(AuditEntry))][1:]
    assert [entry[:2] for entry in entries] == [
        ("agent.created", "agent 1"),
        ("agent.changed", "agent 1"),
        ("agent.deleted", "agent 1"),
    ]
    assert entries[0][2] == {"name": "Intake agent", "created_via": "wizard"}
    assert entries[1][2]["external_id"] == {"from": "agent_7c2e", "to": None}
    assert set(entries[1][2]) == {"campaign_id", "external_id", "events"}


@pytest.mark.parametrize("told", [{}, {"events": []}, {"events": ["call_ended"]}, {"created_via": "campaign"}])
def test_a_new_agent_sends_the_four_transfer_events_whatever_is_asked_for(api, told):
    assert set(create(api, name="Agent", **told)["events"]) >= set(TRANSFERS)


def test_what_is_wrong_is_said_by_field(api):
    create(api, name="First", external_id="agent_1")
    for body, fields in (
        ({}, {"name"}), ({"name": " "}, {"name"}), ({"name": "x" * 201}, {"name"}), ({"name": "a\0b"}, {"name"}),
        ({"name": 5}, {"name"}), ({"name": None}, {"name"}), ({"name": "a", "external_id": "x" * 129}, {"external_id"}),
        ({"name": "a", "external_id": "agent_1"}, {"external_id"}), ({"name": "a", "external_id": 5}, {"external_id"}),
        ({"name": "a", "campaign_id": 99}, {"campaign_id"}), ({"name": "a", "campaign_id": "1"}, {"campaign_id"}),
        ({"name": "a", "campaign_id": 2**63}, {"campaign_id"}), ({"name": "a", "campaign_id": True}, {"campaign_id"}),
        ({"name": "a", "created_via": "magic"}, {"created_via"}), ({"name": "a", "created_via": None}, {"created_via"}),
        ({"name": "a", "events": ["task_completed"]}, {"events"}), ({"name": "a", "events": None}, {"events"}),
        ({"name": "a", "events": "call_ended"}, {"events"}), ({"name": "a", "events": [5]}, {"events.0"}),
        ({"name": "a", "events": ["call_ended"] * 9}, {"events"}), ({"name": "a", "id": 5}, {"id"}),
        ({"name": "", "events": ["x"], "created_via": "y"}, {"name", "events", "created_via"}),
    ):  # fmt: skip
        assert set(create(api, 422, **body)["error"]["fields"]) == fields, body
    other = create(api, name="Second")
    answer = api.patch(f"/v1/agents/{other['id']}", json={"name": "Changed", "external_id": "agent_1"})
    assert answer.status_code == 422
    assert api.patch(f"/v1/agents/{other['id']}", json={"created_via": "wizard"}).status_code == 422
    assert api.get(f"/v1/agents/{other['id']}").json == other
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Agent)) == 2


def test_they_are_listed_by_page(api):
    for name in ("zeta", "alpha", "mid"):
        create(api, name=name)
    first = api.get("/v1/agents?page_size=2").json
    assert ([row["name"] for row in first["data"]], first["page"], first["total"]) == (["zeta", "alpha"], 1, 3)
    assert [row["name"] for row in api.get("/v1/agents?page_size=2&page=2").json["data"]] == ["mid"]
    assert api.get("/v1/agents?page_size=500").status_code == 422


def test_a_transfer_that_is_sent_is_the_agents_that_the_api_made(api, login):
    agent = create(api, name="Intake agent", external_id="agent_7c2e")["id"]
    data = {"id": "transfer_1", "call_id": "call_1", "agent_id": "agent_7c2e"}
    events = [{"event": name, "data": data | {"reason": "busy"}} for name in ("transfer_cancelled", "transfer_started")]
    assert api.post("/v1/events", json={"events": events}).status_code == 202
    page = login("viewer").get(f"/agents/{agent}").text
    assert "call_1" in page
    assert "the line was busy" in page
