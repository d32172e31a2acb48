"""The log and a delivery, in a browser: what appears by itself, filters, Retry in place, and all of it without scripts."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from kayse_dash import clock
from kayse_dash.db import db
from kayse_dash.webhooks.models import Delivery
from kayse_dash.webhooks.schedule import State
from tests.factories import make_attempt, make_delivery, make_endpoint, make_event

pytestmark = pytest.mark.browser


def settle(delivery: Delivery, state: State) -> None:
    """What a worker would write."""
    delivery.state, delivery.due_at = state, None
    db.session.commit()


def violations(page: Page) -> list[str]:
    return [one["id"] for one in Axe().run(page).response["violations"]]


def test_new_deliveries_appear_by_themselves_and_change_as_they_go(visit):
    make_endpoint(name="Clio intake")
    with visit("viewer", "/deliveries") as page:
        expect(page.get_by_text("No deliveries yet")).to_be_visible()
        make_event(type="form_submitted")
        expect(page.get_by_role("link", name="Form submitted")).to_be_visible(timeout=8000)
        settle(db.session.query(Delivery).one(), State.DELIVERED)
        expect(page.locator("tbody").get_by_text("Delivered")).to_be_visible(timeout=8000)


def test_a_filter_holds_while_the_list_renews_itself(visit):
    endpoint = make_endpoint()
    make_delivery(endpoint=endpoint, state=State.FAILED)
    make_delivery(endpoint=endpoint, state=State.DELIVERED, type="case.updated")
    with visit("viewer", "/deliveries") as page:
        page.get_by_label("State").select_option("failed")
        expect(page.locator("tbody tr")).to_have_count(1)
        expect(page).to_have_url(re.compile("state=failed"))
        make_delivery(endpoint=endpoint, state=State.DELIVERED)
        make_delivery(endpoint=endpoint, state=State.FAILED)
        expect(page.locator("tbody tr")).to_have_count(2, timeout=8000)
        search = page.get_by_label("Search")
        search.press_sequentially("evt_")
        expect(page).to_have_url(re.compile("q=evt_"))
        expect(search).to_be_focused()
        expect(page.locator("tbody tr")).to_have_count(2)
        page.go_back()
        expect(page.get_by_role("heading", name="Deliveries")).to_be_visible()


def test_pages_turn_in_place(visit):
    endpoint = make_endpoint()
    for _ in range(51):
        make_delivery(endpoint=endpoint, state=State.DELIVERED)
    with visit("viewer", "/deliveries") as page:
        page.get_by_role("link", name="Older").click()
        expect(page.locator("tbody tr")).to_have_count(1)
        page.get_by_role("link", name="Newer").click()
        expect(page.locator("tbody tr")).to_have_count(50)
        assert page.locator("#delivery-list").count() == 1


def test_retry_works_in_place_and_the_page_follows_until_it_is_over(visit):
    delivery = make_delivery(endpoint=make_endpoint(name="Clio intake"))
    make_attempt(delivery=delivery, status=500)
    settle(delivery, State.FAILED)
    with visit("staff", f"/deliveries/{delivery.id}") as page:
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_text("Waiting: attempt 1 of 5")).to_be_visible()
        expect(page.get_by_text("It is being sent again.")).to_be_visible()
        page.locator("summary", has_text="Attempt 1").click()
        db.session.expire_all()
        make_attempt(delivery=delivery, status=200)
        settle(delivery, State.DELIVERED)
        expect(page.get_by_text("Delivered at attempt 2")).to_be_visible(timeout=8000)
        expect(page.locator("[hx-trigger^=every]")).to_have_count(0)


def test_what_cannot_be_done_is_said_and_the_page_stays(visit):
    delivery = make_delivery(endpoint=make_endpoint(enabled=False), state=State.FAILED)
    with visit("staff", f"/deliveries/{delivery.id}") as page:
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_text("The webhook is switched off. Switch it on first, then retry.")).to_be_visible()
        expect(page.get_by_role("heading", name="What is sent")).to_be_visible()


def test_all_of_it_works_without_scripts(visit):
    endpoint = make_endpoint()
    failed = make_delivery(endpoint=endpoint, state=State.FAILED, type="case.updated")
    for _ in range(51):
        make_delivery(endpoint=endpoint, state=State.DELIVERED)
    with visit("staff", "/deliveries", java_script_enabled=False) as page:
        page.get_by_role("link", name="Older").click()
        expect(page.locator("tbody tr")).to_have_count(2)
        page.goto("/deliveries")
        page.get_by_label("State").select_option("failed")
        page.get_by_role("button", name="Filter").click()
        page.get_by_role("link", name="Case updated").click()
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_text("Waiting: attempt 1 of 5")).to_be_visible()
        page.get_by_role("button", name="Cancel").click()
        expect(page.get_by_text("Cancelled before it was sent")).to_be_visible()
    db.session.expire_all()
    assert db.session.get_one(Delivery, failed.id).state is State.CANCELLED


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_pages_can_be_used_by_everybody(visit, scheme):
    delivery = make_delivery(data={"summary": "Dana called"}, due_at=clock.now() + timedelta(minutes=4))
    make_attempt(delivery=delivery, error="timeout", error_detail="read timed out")
    make_attempt(delivery=delivery, status=500)
    db.session.expire_all()
    make_delivery(is_test=True, state=State.HELD)
    with visit("staff", "/deliveries", color_scheme=scheme) as page:
        for path in ("/deliveries", "/deliveries?state=cancelled", f"/deliveries/{delivery.id}", "/events?tests=1"):
            page.goto(path)
            assert violations(page) == [], path
        page.locator("a.row-link__a").first.click()
        assert violations(page) == []
