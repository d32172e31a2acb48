"""The campaigns' pages, as a browser meets them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import campaigns
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from tests.factories import make_endpoint

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)
Login = Callable[[str], FlaskClient]


@pytest.fixture
def campaign(app: Flask) -> Campaign:
    campaign = campaigns.create({"name": "Spring intake", "case_type": "Premises liability"}, NOW)
    db.session.commit()
    return campaign


def all_names() -> list[str]:
    return [campaign.name for campaign in campaigns.by_name()]


def last_entry() -> AuditEntry:
    return db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


def test_the_empty_list_says_what_campaigns_are_for(login: Login) -> None:
    assert "No campaigns yet" in login("staff").get("/campaigns").text


def test_a_campaign_is_added(login: Login) -> None:
    browser = login("staff")
    assert "Save" in browser.get("/campaigns/new").text
    form = {"name": " Spring  intake ", "case_type": "", "active": "y"}
    assert browser.post("/campaigns", data=form).location == "/campaigns"
    [campaign] = campaigns.by_name()
    assert (campaign.name, campaign.case_type, campaign.active, campaign.self_healing_disabled) == (
        "Spring intake",
        None,
        True,
        False,
    )
    assert "Spring intake" in browser.get("/campaigns").text
    assert last_entry().action == "campaign.created"


@pytest.mark.parametrize("name", ["", "  ", "y" * 201, "bad\0name"])
def test_a_name_that_cannot_be_kept_comes_back_with_the_reason(login: Login, name: str) -> None:
    answer = login("staff").post("/campaigns", data={"name": name, "case_type": "Truck accident"})
    assert answer.status_code == 422
    assert "field__error" in answer.text
    assert "Truck accident" in answer.text
    assert all_names() == []


def test_a_campaign_is_changed_and_the_trail_says_how(login: Login, campaign: Campaign) -> None:
    browser = login("staff")
    assert 'value="Premises liability"' in browser.get(f"/campaigns/{campaign.id}").text
    form = {"name": "Autumn intake", "case_type": "Premises liability"}
    assert browser.post(f"/campaigns/{campaign.id}", data=form).status_code == 303
    assert (campaign.name, campaign.active) == ("Autumn intake", False)
    assert last_entry().details == {
        "name": {"from": "Spring intake", "to": "Autumn intake"},
        "active": {"from": True, "to": False},
    }


def test_a_change_that_cannot_be_kept_changes_nothing(login: Login, campaign: Campaign) -> None:
    answer = login("staff").post(f"/campaigns/{campaign.id}", data={"name": "", "case_type": "Other"})
    assert answer.status_code == 422
    assert (campaign.name, campaign.case_type) == ("Spring intake", "Premises liability")


def test_deleting_asks_first(login: Login, campaign: Campaign) -> None:
    browser = login("staff")
    asked = browser.post(f"/campaigns/{campaign.id}/delete")
    assert "Delete “Spring intake”?" in asked.text
    assert all_names() == ["Spring intake"]
    assert browser.post(f"/campaigns/{campaign.id}/delete", data={"confirmed": "yes"}).location == "/campaigns"
    assert all_names() == []


def test_a_campaign_in_a_filter_is_not_deleted_and_the_webhook_is_named(login: Login, campaign: Campaign) -> None:
    make_endpoint(name="Clio intake", campaign_ids=[campaign.id])
    browser = login("staff")
    assert "Webhooks narrowed to this campaign" in browser.get(f"/campaigns/{campaign.id}").text
    answer = browser.post(f"/campaigns/{campaign.id}/delete", data={"confirmed": "yes"}, follow_redirects=True)
    assert "Clio intake" in answer.text
    assert all_names() == ["Spring intake"]


def test_a_webhook_can_be_added_for_a_campaign(login: Login, campaign: Campaign) -> None:
    browser = login("staff")
    link = f"/settings/webhooks/new?campaign={campaign.id}"
    assert link in browser.get("/campaigns").text
    assert link in browser.get(f"/campaigns/{campaign.id}").text
    assert browser.get(link).status_code == 200


def test_a_viewer_looks_and_changes_nothing(login: Login, campaign: Campaign) -> None:
    viewer = login("viewer")
    page = viewer.get("/campaigns").text
    assert "Spring intake" in page
    assert "Add campaign" not in page
    assert viewer.get(f"/campaigns/{campaign.id}").status_code == 403
    assert viewer.post("/campaigns", data={"name": "Mine"}).status_code == 403
    assert viewer.post(f"/campaigns/{campaign.id}/delete", data={"confirmed": "yes"}).status_code == 403


@pytest.mark.parametrize("campaign_id", [0, 99, 2**31, 2**70])
def test_a_campaign_that_is_not_there_is_a_page_that_says_so(login: Login, campaign_id: int) -> None:
    assert login("staff").get(f"/campaigns/{campaign_id}").status_code == 404
