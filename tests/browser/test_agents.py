"""Agents in a browser: live call transfer coverage as calls are put through, and what a campaign's page leads to."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from kayse_dash import clock, intake
from kayse_dash.clients import agents, campaigns
from kayse_dash.clients.agents import TRANSFERS
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.record import NewEvent
from tests.clients.people import make_client
from tests.clients.test_agents import make

pytestmark = pytest.mark.browser


def happen(name: str, at: datetime, call: str = "call_1", **data: Any) -> None:
    """A transfer event comes in."""
    data = {"call_id": call, "agent_id": "agent_7c2e", **data}
    intake.receive([NewEvent(f"transfer_{name}", record.as_json(data), timestamp=at)], clock.now())
    db.session.commit()


def make_campaign() -> int:
    campaign_id = campaigns.create({"name": "Spring intake"}, clock.now()).id
    db.session.commit()
    return campaign_id


def violations(page: Page) -> list[str]:
    return [one["id"] for one in Axe().run(page).response["violations"]]


def test_an_agent_is_added_and_its_transfers_appear_by_themselves_as_they_go_on(visit):
    make_client()
    began = clock.now()
    with visit("staff", "/agents") as page:
        page.get_by_role("link", name="Add agent").first.click()
        page.get_by_label("Name").fill("Intake agent")
        page.get_by_label("Wizard").check()
        page.get_by_label("Id in the voice software").fill("agent_7c2e")
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("It sends all four transfer events.")).to_be_visible()
        expect(page.get_by_role("region", name="Transfer events").get_by_text("On", exact=True)).to_have_count(4)
        expect(page.get_by_text("No transfers yet")).to_be_visible()
        line = page.locator(".course")
        happen("started", began, direction="outbound", to_number="+12125550142")
        expect(page.get_by_text("Being put through")).to_be_visible(timeout=8000)
        expect(page.get_by_role("link", name="Jane O'Brien")).to_be_visible()
        happen("bridged", began + timedelta(seconds=14))
        expect(line).to_contain_text(re.compile(r"Started.*14 s.*Connected", re.DOTALL), timeout=8000)
        happen("ended", began + timedelta(seconds=163))
        expect(line).to_contain_text(re.compile(r"Connected.*2 min 29 s.*Ended", re.DOTALL), timeout=8000)
        expect(page.locator(".badge", has_text="Connected")).to_be_visible()
        page.get_by_role("link", name="Agents").first.click()
        row = page.get_by_role("row", name="Intake agent")
        expect(row).to_contain_text("All four on")
        expect(row.get_by_role("cell", name="1", exact=True)).to_have_count(2)


def test_taking_a_transfer_event_off_is_warned_of_and_shows(visit):
    agent = make(external_id="agent_7c2e")
    with visit("staff", f"/agents/{agent.id}") as page:
        page.get_by_role("link", name="Edit").click()
        page.get_by_label("Transfer bridged").uncheck()
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_text("Transfers would no longer be reported completely")).to_be_visible()
        expect(page.get_by_label("Transfer bridged")).not_to_be_checked()
        page.get_by_role("button", name="Save anyway").click()
        expect(page.get_by_text("Transfers of this agent are not reported completely")).to_be_visible()
        happen("bridged", clock.now())
        page.reload()
        expect(page.get_by_text("It sends events that are off here")).to_be_visible()


def test_a_webhook_and_an_agent_are_added_from_a_campaign_with_it_set(visit):
    campaign_id = make_campaign()
    with visit("staff", f"/campaigns/{campaign_id}") as page:
        page.get_by_role("link", name="Add agent for this campaign").click()
        expect(page.get_by_role("radio", name="Campaign")).to_be_checked()
        expect(page.get_by_label("Campaign").last).to_have_value(str(campaign_id))
        page.get_by_label("Name").fill("Outreach agent")
        page.get_by_role("button", name="Save").click()
        page.get_by_role("link", name="Spring intake").click()
        expect(page.get_by_role("link", name="Outreach agent")).to_be_visible()
        page.get_by_role("link", name="Add webhook for this campaign").click()
        expect(page.get_by_label("Name", exact=True)).to_have_value("Spring intake calls")
        page.get_by_label("Destination URL").fill("http://127.0.0.1:9/hook")
        page.get_by_role("button", name="Next").last.click()
        page.get_by_role("button", name="Next").last.click()
        expect(page.get_by_label("Spring intake")).to_be_checked()
        page.get_by_role("button", name="Next").last.click()
        page.get_by_role("button", name="Next").last.click()
        expect(page.get_by_role("heading", name="Review")).to_be_visible()
        page.get_by_role("button", name="Save").last.click()
        expect(page.get_by_role("heading", name="Send a test")).to_be_visible()
    db.session.expire_all()
    [hook] = campaigns.filtered_by(campaign_id)
    assert (hook.name, hook.campaign_ids) == ("Spring intake calls", [campaign_id])


def test_deleting_asks_in_a_dialog(visit):
    agent = make()
    with visit("staff", f"/agents/{agent.id}") as page:
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Cancel").click()
        expect(page.get_by_role("heading", name="Intake agent")).to_be_visible()
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("dialog").get_by_role("button", name="Delete").click()
        expect(page.get_by_text("No agents yet")).to_be_visible()


def test_all_of_it_works_without_scripts(visit):
    agent_id = make(external_id="agent_7c2e").id
    for number in range(27):
        happen("started", clock.now(), f"call_{number:02}")
    with visit("staff", "/agents", java_script_enabled=False) as page:
        page.get_by_role("link", name="Older").click()
        expect(page.locator(".course")).to_have_count(2)
        page.goto(f"/agents/{agent_id}/edit")
        page.get_by_label("Transfer ended").uncheck()
        page.get_by_role("button", name="Save").click()
        page.get_by_role("button", name="Save anyway").click()
        page.get_by_role("button", name="Delete").click()
        page.get_by_role("button", name="Delete agent").click()
        expect(page.get_by_text("No agents yet")).to_be_visible()
    db.session.expire_all()
    assert agents.newest()[0] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_can_be_used_by_everybody(visit, scheme):
    campaign_id = make_campaign()
    full, half = make("Full", external_id="agent_7c2e", campaign_id=campaign_id), make("Half", external_id="agent_1")
    agents.update(half, {"events": [TRANSFERS[0]]})
    db.session.commit()
    began = clock.now()
    for call, names in {
        "1": ("started",),
        "2": ("started", "bridged", "ended"),
        "3": ("started", "cancelled"),
        "4": ("ended",),
    }.items():
        for second, name in enumerate(names):
            happen(name, began + timedelta(seconds=second), call, reason="busy")
    happen("cancelled", began, "5", agent_id="agent_1")
    paths = [
        "/agents",
        f"/agents/{full.id}",
        f"/agents/{half.id}",
        f"/agents/{half.id}/edit",
        "/agents/new",
        f"/campaigns/{campaign_id}",
    ]
    with visit("staff", "/agents", color_scheme=scheme) as page:
        for path in paths:
            page.goto(path)
            assert violations(page) == [], path
            for width in (1280, 390):
                page.set_viewport_size({"width": width, "height": 900})
                assert page.evaluate("document.documentElement.scrollWidth") <= width, path
