"""The agents' pages, as a browser meets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kayse_dash import clock, intake
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import agents, campaigns
from kayse_dash.clients.agents import CALLS, TRANSFERS
from kayse_dash.clients.models import Agent, Campaign, CreatedVia
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.record import NewEvent
from tests.clients.people import make_client
from tests.clients.test_agents import make
from tests.factories import make_delivery, make_endpoint, make_event

Login = Callable[[str], FlaskClient]
NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)
FRAGMENT = {"HX-Request": "true"}


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    campaign = campaigns.create({"name": "Spring intake"}, clock.now())
    db.session.commit()
    return campaign


@pytest.fixture
def agent(app: Flask) -> Agent:
    return make(external_id="agent_7c2e")


def told(name: str, seconds: float, call: str = "call_1", **data: Any) -> NewEvent:
    data = {"call_id": call, "agent_id": "agent_7c2e", **data}
    return NewEvent(f"transfer_{name}", record.as_json(data), timestamp=NOON + timedelta(seconds=seconds))


def receive(*events: NewEvent) -> None:
    intake.receive(events, clock.now())
    db.session.commit()


def last_entry() -> AuditEntry:
    return db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


def text_of(html: str) -> str:
    """What a page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", html).split())


def lines_of(html: str) -> list[str]:
    """Each line of time."""
    return [text_of(line) for line in re.findall(r'<ol class="course">(.*?)</ol>', html, re.DOTALL)]


def test_the_empty_page_says_what_agents_do_by_themselves(login: Login) -> None:
    page = login("staff").get("/agents").text
    assert "No agents yet" in page
    assert "all four transfer events from the start" in page
    assert "No transfers yet" in page


@pytest.mark.parametrize(("flow", "label"), [("builder", "Agent Builder"), ("wizard", "Wizard"), ("campaign", "Campaign")])
def test_an_agent_is_added_from_each_flow_and_is_covered(login: Login, campaign: Campaign, flow: str, label: str) -> None:
    browser = login("staff")
    assert label in browser.get("/agents/new").text
    form = {"name": " Intake  agent ", "created_via": flow, "campaign_id": str(campaign.id), "external_id": "agent_1"}
    answer = browser.post("/agents", data=form)
    [made] = agents.newest()[0]
    assert answer.location == f"/agents/{made.id}"
    assert (made.name, made.created_via, made.campaign_id, made.external_id) == (
        "Intake agent", CreatedVia(flow), campaign.id, "agent_1"
    )  # fmt: skip
    assert made.events == list(CALLS)
    assert "All four on" in browser.get("/agents").text
    assert (last_entry().action, last_entry().details["created_via"]) == ("agent.created", flow)


def test_from_a_campaign_the_form_has_the_campaign_set(login: Login, campaign: Campaign) -> None:
    browser = login("staff")
    link = f"/agents/new?campaign={campaign.id}"
    assert link in browser.get(f"/campaigns/{campaign.id}").text
    form = browser.get(link).text
    assert re.search(rf'<option selected value="{campaign.id}">Spring intake', form)
    assert re.search(r'checked[^>]* value="campaign"', form)
    for strange in ("abc", "99", "9" * 50, "\0", "-1"):
        assert browser.get("/agents/new", query_string={"campaign": strange}).status_code == 200


def test_the_campaigns_page_shows_its_agents_and_what_is_off(login: Login, campaign: Campaign) -> None:
    full, half = make("Full", campaign_id=campaign.id), make("Half", campaign_id=campaign.id)
    make("Another campaign's")
    agents.update(half, {"events": ["transfer_started"]})
    page = text_of(login("staff").get(f"/campaigns/{campaign.id}").text)
    assert "Full All transfer events Half 3 of 4 transfer events off" in page
    assert "Another campaign" not in page
    assert full.id != half.id


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"name": ""}, "name"),
        ({"name": "y" * 201}, "name"),
        ({"name": "bad\0name"}, "name"),
        ({"external_id": "x" * 129}, "external_id"),
        ({"external_id": "agent_7c2e"}, "external_id"),
        ({"campaign_id": "99"}, "campaign_id"),
        ({"campaign_id": "abc"}, "campaign_id"),
        ({"campaign_id": "9" * 50}, "campaign_id"),
        ({"campaign_id": "1\0"}, "campaign_id"),
        ({"created_via": "magic"}, "created_via"),
        ({"created_via": "campaign"}, "campaign_id"),
    ],
)
def test_what_cannot_be_kept_comes_back_with_the_reason(login: Login, agent: Agent, given: dict[str, str], field: str) -> None:
    form = {"name": "Night line", "created_via": "builder", "campaign_id": "", "external_id": ""} | given
    answer = login("staff").post("/agents", data=form)
    assert answer.status_code == 422
    assert f'id="{field}-error"' in answer.text
    assert form["name"].partition("\0")[0] in answer.text
    assert len(agents.newest()[0]) == 1


def test_an_agent_is_changed_and_the_trail_says_how(login: Login, agent: Agent, campaign: Campaign) -> None:
    browser = login("staff")
    assert browser.get(f"/agents/{agent.id}/edit").text.count(" checked") == 8
    form = {"name": "Night line", "campaign_id": str(campaign.id), "external_id": "", "events": ["call_ended", *TRANSFERS]}
    assert browser.post(f"/agents/{agent.id}/edit", data=form).location == f"/agents/{agent.id}"
    assert (agent.name, agent.campaign_id, agent.external_id) == ("Night line", campaign.id, None)
    assert agent.events == ["call_ended", *TRANSFERS]
    assert last_entry().details["name"] == {"from": "Intake agent", "to": "Night line"}
    assert set(last_entry().details) == {"name", "campaign_id", "external_id", "events"}


def test_taking_a_transfer_event_off_warns_first(login: Login, agent: Agent) -> None:
    browser = login("staff")
    path = f"/agents/{agent.id}/edit"
    form = {"name": "Night line", "campaign_id": "", "external_id": "", "events": ["call_ended", "transfer_started"]}
    asked = browser.post(path, data=form)
    assert asked.status_code == 422
    assert "You took off: transfer bridged, transfer cancelled, transfer ended." in text_of(asked.text)
    assert 'value="Night line"' in asked.text
    assert asked.text.count(" checked") == 2
    assert (agent.name, agent.events) == ("Intake agent", list(CALLS))
    assert browser.post(path, data=form | {"confirmed": "yes"}).status_code == 303
    assert agent.events == ["call_ended", "transfer_started"]
    page = text_of(browser.get(f"/agents/{agent.id}").text)
    assert "Transfers of this agent are not reported completely" in page
    assert "3 of 4 off" in browser.get("/agents").text
    form["events"] = ["transfer_started"]
    assert browser.post(path, data=form).status_code == 303


def test_everything_that_is_wrong_is_said_at_once(login: Login) -> None:
    answer = login("staff").post("/agents", data={"name": "", "created_via": "campaign", "campaign_id": ""})
    assert answer.status_code == 422
    assert 'id="name-error"' in answer.text
    assert 'id="campaign_id-error"' in answer.text


@pytest.mark.parametrize("events", [["task_completed"], ["\0"], ["x" * 5000]])
def test_events_that_an_agent_cannot_send_are_refused(login: Login, agent: Agent, events: list[str]) -> None:
    form = {"name": "Night line", "campaign_id": "", "external_id": "", "events": events, "confirmed": "yes"}
    answer = login("staff").post(f"/agents/{agent.id}/edit", data=form)
    assert answer.status_code == 422
    assert "An agent sends call events only" in answer.text
    assert agent.events == list(CALLS)


def test_deleting_asks_first(login: Login, agent: Agent) -> None:
    browser = login("staff")
    receive(told("started", 0))
    assert "Delete “Intake agent”?" in browser.post(f"/agents/{agent.id}/delete").text
    assert len(agents.newest()[0]) == 1
    assert browser.post(f"/agents/{agent.id}/delete", data={"confirmed": "yes"}).location == "/agents"
    assert agents.newest()[0] == []
    assert last_entry().action == "agent.deleted"
    assert "call_1" in browser.get("/agents").text


def test_a_line_of_time_tells_how_each_transfer_went(login: Login, agent: Agent) -> None:
    client = make_client().id
    receive(
        told("started", 0, transfer_to="+12025550188", client_id=client),
        told("bridged", 14),
        told("ended", 163),
        told("started", 200, "call_2", agent_id="unknown", transfer_to="<Intake desk>"),
        told("cancelled", 230, "call_2", agent_id="unknown", reason="no_answer"),
        told("started", 300, "call_3"),
        told("bridged", 300, "call_3"),
    )
    browser = login("viewer")
    for page in (browser.get("/agents").text, browser.get("/agents", headers=FRAGMENT).text):
        assert lines_of(page) == [
            "Started 12:05:00 Connected 12:05:00",
            "Started 12:03:20 after 30 s Not connected: nobody answered 12:03:50",
            "Started 12:00:00 after 14 s Connected 12:00:14 after 2 min 29 s Ended 12:02:43",
        ]
        assert f'href="/clients/{client}"' in page
        assert "to (202) 555-0188" in text_of(page)
        assert "&lt;Intake desk&gt;" in page
        assert page.count(f'href="/agents/{agent.id}"') >= 2
    own = browser.get(f"/agents/{agent.id}").text
    assert [line[:16] for line in lines_of(own)] == ["Started 12:05:00", "Started 12:00:00"]
    assert "2 transfers" in own


def test_an_event_and_its_delivery_lead_to_the_client(login: Login) -> None:
    client = make_client().id
    event = make_event(data={"client_id": client})
    delivery_id = make_delivery(endpoint=make_endpoint(), event=event).id
    event_id, stranger_id = event.id, make_event(client_id=client + 50).id
    browser = login("viewer")
    for path in (f"/events/{event_id}", f"/deliveries/{delivery_id}"):
        assert f'<a href="/clients/{client}">Jane O&#39;Brien</a>' in browser.get(path).text
    assert f"Client {client + 50} " in text_of(browser.get(f"/events/{stranger_id}").text)


def test_the_page_of_an_agent_counts_and_names_what_came_in_though_it_is_off(login: Login, agent: Agent) -> None:
    now = clock.now()
    agents.update(agent, {"events": ["transfer_started"]})
    events = [NewEvent(name, record.as_json({"id": "c", "agent_id": "agent_7c2e"}), timestamp=now) for name in TRANSFERS[:2]]
    receive(*events)
    page = text_of(login("viewer").get(f"/agents/{agent.id}").text)
    assert "Transfer started The AI started to transfer the call (e.g., to a human). On 1" in page
    assert "the two people are now talking. Off 1" in page
    assert "It sends events that are off here Transfer bridged came in nevertheless." in page


def test_pages_of_transfers_and_of_agents_turn(login: Login, agent: Agent) -> None:
    for number in range(30):
        make(f"Agent {number:02}")
    receive(*(told("started", number, f"call_{number:02}") for number in range(30)))
    browser = login("viewer")
    first = browser.get("/agents").text
    assert "Agent 29" in first
    assert "Agent 04" not in first
    older = {name: re.search(rf'href="(/agents\?{name}=[^"]+)"', first)[1] for name in ("agents", "cursor")}
    assert "Agent 04" in browser.get(older["agents"]).text
    second = browser.get(older["cursor"], headers=FRAGMENT).text
    assert "call_04" in second
    assert "call_29" not in second
    assert "hx-trigger" not in second
    assert "hx-trigger" in browser.get("/agents", headers=FRAGMENT).text
    found = browser.get("/agents?q=agent+07").text
    assert "Agent 07" in found
    assert "Agent 08" not in found
    assert "No agent matches" in browser.get("/agents?q=nobody").text
    for strange in ("?cursor=x", "?agents=x"):
        assert browser.get(f"/agents{strange}").status_code == 422
    assert browser.get("/agents", query_string={"q": "a\0" * 300}).status_code == 200


def test_a_viewer_looks_and_changes_nothing(login: Login, agent: Agent) -> None:
    viewer = login("viewer")
    page = viewer.get("/agents").text + viewer.get(f"/agents/{agent.id}").text
    assert "Intake agent" in page
    for words in ("Add agent", "Edit", "Delete"):
        assert words not in page
    assert viewer.get("/agents/new").status_code == viewer.get(f"/agents/{agent.id}/edit").status_code == 403
    for path in ("/agents", f"/agents/{agent.id}/edit", f"/agents/{agent.id}/delete"):
        assert viewer.post(path, data={"name": "Mine", "confirmed": "yes"}).status_code == 403


@pytest.mark.parametrize("agent_id", [0, 99, 2**31, 2**70])
def test_an_agent_that_is_not_there_is_a_page_that_says_so(login: Login, agent_id: int) -> None:
    assert login("staff").get(f"/agents/{agent_id}").status_code == 404
