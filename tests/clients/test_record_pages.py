"""A client's pages, as a browser meets them."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from markupsafe import Markup

from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients import cards, records
from kayse_dash.clients.models import Client, DetailKind, Source
from kayse_dash.db import db
from tests.clients.people import JANE, change, make_client, values
from tests.factories import make_event

Login = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}


def last_entry() -> AuditEntry:
    return db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc()).limit(1)).one()


def typed(**over: str) -> dict[str, str]:
    """What a browser sends of the empty form, with what was typed."""
    return {"first_name": "", "last_name": "", "date_of_birth": "", "case_ids": "", "phones-0": "", "emails-0": ""} | over


def undo_link(page: str) -> str:
    return unescape(re.search(r'href="([^"]*/details/restore\?token=[^"]*)"', page)[1])


def test_a_client_is_added_with_several_phones_and_an_address(login: Login) -> None:
    browser = login("staff")
    assert "Add client" in browser.get("/clients/new").text
    form = typed(
        first_name=" Jane ", last_name="O'Brien", date_of_birth="1980-12-31", case_ids="7, 9", voice_calls_opted_out="y",
        external_source="clio", external_source_id="c-7",
    ) | {
        "phones-0": "(212) 555-0142", "phones-1": "617 555 0199", "phones-2": "", "primary_phones": "phones-1",
        "emails-0": "Jane@Example.com",
        "addresses-0-address_line1": "12 Main Street", "addresses-0-city": "Boston", "addresses-0-state": "ma",
        "addresses-0-postal_code": "2139",
    }  # fmt: skip

    answer = browser.post("/clients", data=form)

    client = db.session.scalars(sa.select(Client)).one()
    assert answer.location == f"/clients/{client.id}"
    assert (client.name, str(client.date_of_birth), client.case_ids, client.voice_calls_opted_out) == (
        "Jane O'Brien", "1980-12-31", [7, 9], True,
    )  # fmt: skip
    assert values(client.id, DetailKind.PHONE) == [("+12125550142", False), ("+16175550199", True)]
    assert values(client.id, DetailKind.ADDRESS) == [("12 MAIN ST BOSTON MA 02139", True)]
    detail = records.get(client.id).details[0]
    assert (detail.source, detail.entered_by) == (Source.PERSON, "staff@firm.test")
    assert (last_entry().action, last_entry().subject, last_entry().details) == ("client.created", f"client {client.id}", {})


def test_what_cannot_be_kept_comes_back_beside_its_input_with_everything_that_was_typed(login: Login) -> None:
    form = typed(last_name="Doe", case_ids="7 MV-1", date_of_birth="31.12.1980") | {
        "phones-0": "", "phones-1": "5550142", "emails-0": "jane@", "addresses-0-city": "x" * 101
    }  # fmt: skip
    answer = login("staff").post("/clients", data=form)

    assert answer.status_code == 422
    for sentence in (
        "This is not a phone number",
        "This is not an email address",
        "at most 100|needs 1 to 100",
        "list of case numbers",
    ):
        assert re.search(sentence, answer.text), sentence
    for value in ('value="Doe"', 'value="5550142"', 'value="jane@"', 'value="7 MV-1"', "x" * 101):
        assert value in answer.text
    assert 'id="phones-1-error"' in answer.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Client)) == 0


@pytest.mark.parametrize("form", [typed(), typed(last_name="  ") | {"addresses-0-city": " "}])
def test_nobody_without_a_name_or_a_way_to_reach_them_is_added(login: Login, form) -> None:
    answer = login("staff").post("/clients", data=form)
    assert answer.status_code == 422
    assert "Give at least a name, a phone number or an email address." in answer.text


@pytest.mark.parametrize("value", ["a\0b", "\ud800", "1" * 5000])
def test_hostile_text_is_a_fault_by_field(login: Login, value) -> None:
    form = typed(last_name=value, external_source=value) | {
        "phones-0": value,
        "emails-0": f"{value}@x.com",
        "addresses-0-city": value,
    }
    data = {name: text.encode("utf-8", "surrogatepass") for name, text in form.items()}
    assert login("staff").post("/clients", data=data).status_code == 422


def test_more_rows_are_offered_without_losing_what_was_typed(login: Login) -> None:
    form = typed(last_name="Doe") | {"phones-0": "212 555 0142", "phones-1": "617 555 0199", "more": "phones"}
    page = login("staff").post("/clients", data=form)
    assert page.status_code == 200
    assert 'name="phones-4"' in page.text
    assert 'value="617 555 0199"' in page.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Client)) == 0


def test_a_client_is_changed_and_an_emptied_line_is_removed(login: Login) -> None:
    client = make_client(phones=["(212) 555-0142", "617 555 0199"])
    browser = login("staff")
    page = browser.get(f"/clients/{client.id}/edit").text
    assert 'value="617 555 0199"' in page
    form = typed(first_name="Jane", last_name="Roe", version="1") | {"phones-0": "", "phones-1": "617 555 0199"}

    assert browser.post(f"/clients/{client.id}", data=form).location == f"/clients/{client.id}"

    after = records.get(client.id)
    assert (after.name, after.version, after.update_origin) == ("Jane Roe", 2, Source.PERSON)
    assert [one.value for one in after.details] == ["+16175550199"]
    assert after.details[0].source is Source.API  # what was not changed keeps where it came from
    assert last_entry().details == {
        "fields": [
            "last_name",
            "external_source",
            "external_source_id",
            "date_of_birth",
            "case_ids",
            "phones",
            "emails",
            "addresses",
        ]
    }


def test_the_edit_page_sent_back_unchanged_changes_nothing(login: Login) -> None:
    client = make_client(phones=["(212) 555-0142", "617 555 0199"])
    browser = login("staff")
    page = browser.get(f"/clients/{client.id}/edit").text
    inputs = re.findall(r"<input[^>]*>", page)
    form = {}
    for one in inputs:
        name, value = re.search(r'name="([^"]*)"', one), re.search(r'value="([^"]*)"', one)
        if name and (not re.search(r'type="(radio|checkbox)"', one) or " checked" in one):
            form[name[1]] = unescape(value[1]) if value else ""

    browser.post(f"/clients/{client.id}", data=form)

    assert records.get(client.id).version == 1
    assert "Nothing was changed." in browser.get(f"/clients/{client.id}").text


def test_who_was_overtaken_by_somebody_else_is_told_and_keeps_what_was_typed(login: Login) -> None:
    client = make_client()
    change(client, {"last_name": "Brien"})
    browser = login("staff")
    form = typed(first_name="Janet", last_name="O'Brien", version="1")
    answer = browser.post(f"/clients/{client.id}", data=form)

    assert answer.status_code == 409
    assert "Somebody else changed this client while you were typing" in answer.text
    assert 'value="Janet"' in answer.text
    assert records.get(client.id).last_name == "Brien"
    assert browser.post(f"/clients/{client.id}", data=form | {"version": "2"}).status_code == 303
    assert records.get(client.id).first_name == "Janet"


def test_the_page_shows_each_detail_with_where_it_came_from(login: Login) -> None:
    client = make_client(JANE | {"phones": ["(212) 555-0142", "617 555 0199"]})
    page = login("viewer").get(f"/clients/{client.id}").text
    for words in (
        "(212) 555-0142",
        "(617) 555-0199",
        "jane@example.com",
        "12 Main Street, Boston, MA 02139",
        "31 Dec 1980",
        "7, 9",
    ):
        assert words in page
    assert page.count("Sent by API key Clio") == 4
    assert page.count(">Primary<") == 1
    assert "Edit" not in re.sub(r"<nav.*?</nav>", "", page, flags=re.DOTALL)
    assert "No events yet" in page


def test_the_page_shows_the_events_about_the_client_page_by_page(login: Login) -> None:
    client = make_client()
    for number in range(11):
        make_event(id=f"evt-{number}", client_id=client.id)
    make_event(id="evt-other", client_id=client.id + 1)
    browser = login("viewer")
    page = browser.get(f"/clients/{client.id}").text
    assert "evt-10" in page
    assert "evt-other" not in page
    older = unescape(re.search(r'href="([^"]*cursor=[^"]*)" rel="next"', page)[1])
    fragment = browser.get(older, headers=HTMX).text
    assert "evt-0" in fragment
    assert "<html" not in fragment
    assert "<html" in browser.get(older).text


def test_a_phone_or_an_email_is_added_from_the_page(login: Login) -> None:
    client = make_client({"last_name": "Doe"})
    browser, path = login("staff"), f"/clients/{client.id}/details"

    assert browser.post(path, data={"value": "212-555-0142"}).location == f"/clients/{client.id}"
    fragment = browser.post(path, data={"value": "Doe@x.com"}, headers=HTMX).text
    assert 'id="details"' in fragment
    assert "The email was added." in fragment

    assert values(client.id, DetailKind.PHONE) == [("+12125550142", True)]
    assert values(client.id, DetailKind.EMAIL) == [("doe@x.com", True)]
    assert last_entry().details == {"added": "email"}


@pytest.mark.parametrize(
    ("value", "words"),
    [("123", "not a phone number"), ("x@", "not an email"), ("", "missing"), ("2125550142", "on record already")],
)
def test_what_is_no_phone_and_no_email_comes_back_with_the_reason(login: Login, value, words) -> None:
    client = make_client()
    browser, path = login("staff"), f"/clients/{client.id}/details"
    for headers in ({}, HTMX):
        answer = browser.post(path, data={"value": value}, headers=headers)
        assert answer.status_code == 422
        assert words in answer.text
    assert records.get(client.id).version == 1


def test_another_detail_is_made_the_primary_one(login: Login) -> None:
    client = make_client(phones=["(212) 555-0142", "617 555 0199"])
    second = records.get(client.id).details[1]
    login("staff").post(f"/clients/{client.id}/details/{second.id}/primary")
    assert values(client.id, DetailKind.PHONE) == [("+12125550142", False), ("+16175550199", True)]


def test_a_detail_is_removed_and_put_back_with_where_it_came_from(login: Login) -> None:
    client = make_client(phones=["(212) 555-0142", "617 555 0199"])
    first = records.get(client.id).details[0]
    known = (first.value, first.typed, first.source, first.entered_by, first.created_at)
    browser = login("staff")

    fragment = browser.post(f"/clients/{client.id}/details/{first.id}/remove", headers=HTMX).text
    assert values(client.id, DetailKind.PHONE) == [("+16175550199", True)]
    link = undo_link(fragment)
    assert "(212) 555-0142" in browser.get(link).text  # the question, without JavaScript
    assert "It is back." in browser.post(link, headers=HTMX).text

    assert values(client.id, DetailKind.PHONE) == [("+16175550199", False), ("+12125550142", True)]
    back = next(one for one in records.get(client.id).details if one.value == "+12125550142")
    assert (back.value, back.typed, back.source, back.entered_by, back.created_at) == known
    assert "on record already" in browser.post(link, headers=HTMX).text


def test_a_removed_detail_cannot_be_given_to_another_client(login: Login) -> None:
    client, other = make_client(), make_client({"last_name": "Doe"})
    browser = login("staff")
    detail_id = records.get(client.id).details[0].id
    browser.post(f"/clients/{client.id}/details/{detail_id}/remove")
    link = undo_link(browser.get(f"/clients/{client.id}").text).replace(f"/clients/{client.id}/", f"/clients/{other.id}/")
    assert browser.post(link).status_code == 404
    assert browser.post(f"/clients/{other.id}/details/restore?token=x").status_code == 404
    assert browser.post(f"/clients/{other.id}/details/{detail_id}/remove").status_code == 404


def test_opting_out_is_a_switch(login: Login) -> None:
    client = make_client()
    browser = login("staff")
    browser.post(f"/clients/{client.id}/opt-out/voice_calls_opted_out", data={"to": "on"})
    assert records.get(client.id).voice_calls_opted_out is True
    assert last_entry().details == {"fields": ["voice_calls_opted_out"]}
    browser.post(f"/clients/{client.id}/opt-out/voice_calls_opted_out", data={"to": "off"})
    assert records.get(client.id).voice_calls_opted_out is False
    assert browser.post(f"/clients/{client.id}/opt-out/name").status_code == 404


def test_other_parts_of_the_product_add_cards(app: Flask, login: Login) -> None:
    client = make_client()
    browser = login("viewer")
    cards.add(app, lambda one: Markup("<p>Looked up {}</p>").format(one.first_name + "<"))
    cards.add(app, lambda one: None)
    assert "<p>Looked up Jane&lt;</p>" in browser.get(f"/clients/{client.id}").text


def test_viewers_look_and_do_not_change(login: Login) -> None:
    client = make_client()
    browser = login("viewer")
    for path in ("/clients/new", f"/clients/{client.id}/edit", f"/clients/{client.id}/merge", f"/clients/{client.id}/delete"):
        assert browser.get(path).status_code == 403
    for path in ("", f"/{client.id}", f"/{client.id}/details", f"/{client.id}/merge", f"/{client.id}/delete", "/export"):
        assert browser.post(f"/clients{path}").status_code == 403


@pytest.mark.parametrize("client_id", ["0", "7", str(2**63), "9" * 40])
def test_who_is_not_on_record_is_not_found(login: Login, client_id) -> None:
    browser = login("staff")
    for path in ("", "/edit", "/merge", "/delete"):
        assert browser.get(f"/clients/{client_id}{path}").status_code == 404
