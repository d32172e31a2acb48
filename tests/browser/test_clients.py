"""Clients in a real browser: a client's page, adding one, merging two and taking that back."""

from __future__ import annotations

import re

import pytest
import sqlalchemy as sa
from playwright.sync_api import expect

from kayse_dash.clients import records
from kayse_dash.clients.models import Client, DetailKind
from kayse_dash.db import db
from tests.clients.people import make_client, values
from tests.factories import make_event

pytestmark = pytest.mark.browser


def test_a_client_is_added_and_found_by_its_phone(visit) -> None:
    with visit("staff", "/clients") as page:
        page.get_by_role("link", name="Add client").first.click()
        page.get_by_label("First name").fill("Jane")
        page.get_by_label("Last name").fill("O'Brien")
        page.get_by_label("Phone 1").fill("212-555-0142")
        page.get_by_role("button", name="More phones").click()
        expect(page.get_by_label("Phone 1")).to_have_value("212-555-0142")
        page.get_by_label("Phone 3").fill("555")
        page.get_by_label("Last name").press("Enter")  # saves, and does not ask for more rows
        expect(page.get_by_role("alert")).to_contain_text("This is not a phone number")
        page.get_by_label("Phone 3").fill("(617) 555-0199")
        page.get_by_role("button", name="Save", exact=True).click()
        expect(page.get_by_role("heading", name="Jane O'Brien")).to_be_visible()

        page.get_by_role("link", name="Clients").first.click()
        page.get_by_label("Search").fill("617 5550199")
        row = page.get_by_role("row", name="O'Brien, Jane")
        expect(row).to_contain_text("(617) 555-0199")
        expect(page).to_have_url(re.compile("q=617"))
        page.get_by_label("Search").fill("nobody")
        expect(page.get_by_text("No client matches")).to_be_visible()


def test_the_details_of_a_client_change_in_place(visit) -> None:
    client_id = make_client(phones=["(212) 555-0142", "617 555 0199"]).id
    for number in range(11):
        make_event(id=f"evt-{number}", client_id=client_id)
    with visit("staff", f"/clients/{client_id}") as page:
        details = page.locator("#details")
        second = details.get_by_role("listitem").filter(has_text="(617) 555-0199")
        second.get_by_label("More about").click()
        second.get_by_role("button", name="Make primary").click()
        expect(second.get_by_text("Primary", exact=True)).to_be_visible()

        second.get_by_label("More about").click()
        second.get_by_role("button", name="Remove").click()
        expect(second).to_have_count(0)
        page.locator("#flash").get_by_role("link", name="Undo").click()
        expect(second.get_by_text("Primary", exact=True)).to_be_visible()
        expect(page.locator("#flash")).to_contain_text("It is back.")

        page.get_by_label("Add a phone or an email").fill("jane at example")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(details).to_contain_text("This is not a phone number")
        page.get_by_label("Add a phone or an email").fill("jane@work.example")
        page.get_by_role("button", name="Add", exact=True).click()
        expect(details.get_by_role("listitem").filter(has_text="jane@work.example")).to_contain_text("Entered by staff@firm.test")

        page.get_by_role("switch", name="No voice calls").click()
        expect(page.get_by_role("switch", name="No voice calls")).to_be_checked()

        expect(page.get_by_text("evt-10")).to_be_visible()
        page.get_by_role("link", name="Older").click()
        expect(page.get_by_text("evt-0", exact=True)).to_be_visible()
    assert values(client_id, DetailKind.PHONE) == [("+12125550142", False), ("+16175550199", True)]
    assert records.get(client_id).voice_calls_opted_out is True


def test_two_clients_are_merged_and_taken_apart_again(visit) -> None:
    kept = make_client().id
    gone = make_client({"first_name": "Janie", "last_name": "O'Brien", "phones": ["617 555 0199", "212 555 0142"]}).id
    with visit("staff", f"/clients/{kept}") as page:
        page.get_by_role("link", name="Compare").click()
        page.get_by_label("Janie", exact=True).check()
        page.get_by_role("button", name="Merge", exact=True).click()
        expect(page.get_by_role("heading", name="Janie O'Brien")).to_be_visible()
        expect(page.locator("#details")).to_contain_text("(617) 555-0199")
        page.get_by_role("button", name="Take back").click()
        page.get_by_role("dialog").get_by_role("button", name="Take back").click()
        expect(page.get_by_role("heading", name="Jane O'Brien")).to_be_visible()
    assert (records.get(kept).first_name, records.get(gone).first_name) == ("Jane", "Janie")
    assert values(gone, DetailKind.PHONE) == [("+16175550199", True), ("+12125550142", False)]


def test_a_client_is_deleted_for_good(visit) -> None:
    client_id = make_client().id
    with visit("staff", f"/clients/{client_id}") as page:
        page.get_by_label("More about this client").click()
        page.get_by_role("link", name="Delete for good").click()
        page.get_by_role("button", name="Delete for good").click()
        expect(page.locator("#flash")).to_contain_text("deleted for good")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Client)) == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_no_page_is_wider_than_the_screen(visit, width) -> None:
    long = "x" * 100
    kept = make_client(
        {"first_name": long, "last_name": long, "email": f"{'y' * 60}@{long[:60]}.example", "address_line1": long * 2}
    ).id
    other = make_client({"first_name": long, "last_name": "z", "email": f"{'z' * 60}@{long[:60]}.example"}).id
    with visit("staff", "/clients", width=width) as page:
        for path in ("", f"/{kept}", f"/{kept}/edit", f"/{kept}/merge", f"/{kept}/merge?with={other}", f"/{kept}/delete", "/new"):
            page.goto(f"/clients{path}")
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path
