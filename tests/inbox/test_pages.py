"""The receiver as other programs meet it, and the pages of test inboxes as a browser does."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kayse_dash import outbound
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.db import db
from kayse_dash.inbox import inboxes, messages
from kayse_dash.inbox.models import Inbox, InboxMessage
from tests.factories import make_endpoint

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)
HTMX = {"HX-Request": "true"}
Login = Callable[[str], FlaskClient]


@pytest.fixture
def inbox(app: Flask) -> Inbox:
    inbox = inboxes.create("Case management", NOW)
    db.session.commit()
    return inbox


def kept(inbox: Inbox) -> list[InboxMessage]:
    query = sa.select(InboxMessage).where(InboxMessage.inbox_id == inbox.id).order_by(InboxMessage.id)
    return list(db.session.scalars(query))


def audited() -> list[str]:
    return list(db.session.scalars(sa.select(AuditEntry.action).order_by(AuditEntry.id)))


# The receiver


@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_request_of_any_method_is_kept_without_login_or_token(
    app: Flask, client: FlaskClient, inbox: Inbox, method: str
) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    answer = client.open(
        f"/inbox/{inbox.token}", method=method, data=b'{"event":"call_ended"}', headers={"X-Api-Key": "0123456789ab"}
    )
    assert (answer.status_code, answer.mimetype) == (200, "text/plain")
    assert method == "HEAD" or answer.text == "Received by the test inbox Case management.\n"
    [message] = kept(inbox)
    assert (message.method, message.body, message.answered) == (method, '{"event":"call_ended"}', 200)
    assert ["X-Api-Key", "0123…"] in message.headers


def test_an_inbox_answers_what_it_was_told(client: FlaskClient, inbox: Inbox) -> None:
    inbox.answers = 500
    answer = client.post(f"/inbox/{inbox.token}", json={})
    assert answer.status_code == 500
    assert "was told to answer 500" in answer.text
    assert [message.answered for message in kept(inbox)] == [500]


@pytest.mark.parametrize("token", ["nope", "%00", "x" * 3000])
def test_an_unknown_address_is_404_in_plain_text(client: FlaskClient, token: str) -> None:
    answer = client.post(f"/inbox/{token}", json={})
    assert (answer.status_code, answer.mimetype) == (404, "text/plain")
    assert db.session.scalar(sa.select(sa.func.count()).select_from(InboxMessage)) == 0


def test_a_body_of_one_mebibyte_is_taken_and_a_longer_one_refused(client: FlaskClient, inbox: Inbox) -> None:
    assert client.post(f"/inbox/{inbox.token}", data=b"x" * 1024 * 1024).status_code == 200
    answer = client.post(f"/inbox/{inbox.token}", data=b"x" * (1024 * 1024 + 1))
    assert (answer.status_code, answer.mimetype) == (413, "text/plain")
    assert [len(message.body) for message in kept(inbox)] == [1024 * 1024]


def test_a_form_post_is_kept_as_it_came(client: FlaskClient, inbox: Inbox) -> None:
    client.post(f"/inbox/{inbox.token}", data={"a": "1", "b": "x y"})
    assert [message.body for message in kept(inbox)] == ["a=1&b=x+y"]


def test_a_webhook_may_send_to_an_inbox_of_this_installation(app: Flask, inbox: Inbox) -> None:
    db.session.commit()
    check = outbound.check_url(inboxes.address(inbox), outbound.policy())
    assert (check.problem, check.url) == (None, inboxes.address(inbox))


# The pages


def test_the_empty_list_says_what_an_inbox_is_for(login: Login) -> None:
    page = login("staff").get("/inboxes").text
    assert "No test inbox yet" in page
    assert "press Test" in page


def test_a_viewer_looks_and_changes_nothing(login: Login, inbox: Inbox) -> None:
    viewer = login("viewer")
    assert "Add test inbox" not in viewer.get("/inboxes").text
    page = viewer.get(f"/inboxes/{inbox.id}").text
    assert "Answers 200 OK" in page
    assert 'role="switch"' not in page
    assert viewer.post("/inboxes", data={"name": "Mine"}).status_code == 403
    assert viewer.post(f"/inboxes/{inbox.id}/empty", data={"confirmed": "yes"}).status_code == 403


def test_an_inbox_is_added_and_its_address_shown(app: Flask, login: Login) -> None:
    browser = login("staff")
    answer = browser.post("/inboxes", data={"name": "  Clio,  for testing "})
    assert answer.status_code == 303
    page = browser.get(answer.location).text
    inbox = db.session.scalars(sa.select(Inbox)).one()
    assert inbox.name == "Clio, for testing"
    assert f'value="{inboxes.address(inbox)}"' in page
    assert "Nothing has arrived yet" in page
    assert audited() == ["inbox.created"]


@pytest.mark.parametrize("name", ["", "x", "y" * 121, "bad\0name"])
def test_a_name_that_cannot_be_kept_comes_back_with_the_reason(login: Login, name: str) -> None:
    answer = login("staff").post("/inboxes", data={"name": name})
    assert answer.status_code == 422
    assert "field__error" in answer.text
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Inbox)) == 0


def test_the_page_offers_to_add_a_webhook_to_this_inbox(login: Login, inbox: Inbox) -> None:
    page = login("staff").get(f"/inboxes/{inbox.id}").text
    [link] = re.findall(r'href="(/settings/webhooks/new\?url=[^"]+)"', page)
    form = login("staff").get(link).text
    assert f'value="{inboxes.address(inbox)}"' in form


def test_new_messages_come_as_a_fragment_and_nothing_new_costs_nothing(login: Login, inbox: Inbox) -> None:
    browser = login("viewer")
    browser.post(f"/inbox/{inbox.token}", json={"event": "call_ended", "data": {"note": "<b>é"}})
    answer = browser.get(f"/inboxes/{inbox.id}", headers=HTMX)
    assert answer.text.lstrip().startswith('<div id="message-list"')
    assert 'hx-trigger="every 2s"' in answer.text
    assert "call_ended" in answer.text
    assert "&lt;b&gt;é" in answer.text
    again = browser.get(f"/inboxes/{inbox.id}", headers={**HTMX, "If-None-Match": answer.headers["ETag"]})
    assert again.status_code == 304


def test_older_pages_do_not_poll(login: Login, inbox: Inbox) -> None:
    for number in range(51):
        messages.store(inbox.id, "POST", [], f"number {number}.".encode(), 200, NOW)
    browser = login("viewer")
    newest = browser.get(f"/inboxes/{inbox.id}").text
    assert "number 50." in newest
    assert "number 0." not in newest
    [older] = set(re.findall(r'href="([^"]+)" rel="next"', newest))
    page = browser.get(older).text
    assert "number 0." in page
    assert "every 2s" not in page


@pytest.mark.parametrize("cursor", ["x", "W10", "WzFd", "WyJiZWZvcmUiLCAxZTk5XQ"])
def test_a_cursor_that_was_never_given_is_an_error_page(login: Login, inbox: Inbox, cursor: str) -> None:
    assert login("viewer").get(f"/inboxes/{inbox.id}?cursor={cursor}").status_code == 422


def test_the_switch_changes_what_is_answered_in_place(login: Login, inbox: Inbox) -> None:
    browser = login("staff")
    answer = browser.post(f"/inboxes/{inbox.id}/answers", data={"status": "500"}, headers=HTMX)
    assert answer.status_code == 200
    assert "Answers 500 error" in answer.text
    assert "<html" not in answer.text
    assert browser.post(f"/inbox/{inbox.token}").status_code == 500
    assert browser.post(f"/inboxes/{inbox.id}/answers", data={"status": "200"}).status_code == 303
    assert browser.post(f"/inbox/{inbox.token}").status_code == 200


@pytest.mark.parametrize("status", ["", "204", "abc", "9" * 5000])
def test_any_other_answer_is_refused(login: Login, inbox: Inbox, status: str) -> None:
    assert login("staff").post(f"/inboxes/{inbox.id}/answers", data={"status": status}).status_code == 422
    assert inbox.answers == 200


def test_emptying_asks_first(login: Login, inbox: Inbox) -> None:
    browser = login("staff")
    browser.post(f"/inbox/{inbox.token}")
    asked = browser.post(f"/inboxes/{inbox.id}/empty", data={"confirmed": ""})
    assert "Every message in it is deleted" in asked.text
    assert len(kept(inbox)) == 1
    assert browser.post(f"/inboxes/{inbox.id}/empty", data={"confirmed": "yes"}).status_code == 303
    assert kept(inbox) == []


def test_deleting_is_refused_while_a_webhook_sends_here(login: Login, inbox: Inbox) -> None:
    make_endpoint(name="Clio intake", url=inboxes.address(inbox))
    browser = login("staff")
    answer = browser.post(f"/inboxes/{inbox.id}/delete", data={"confirmed": "yes"}, follow_redirects=True)
    assert "“Clio intake” still sends to this inbox" in answer.text
    assert inboxes.find(inbox.token) is not None


def test_a_deleted_inbox_takes_nothing_more(login: Login, inbox: Inbox) -> None:
    address = f"/inbox/{inbox.token}"
    browser = login("staff")
    browser.post(address)
    assert "stops working" in browser.post(f"/inboxes/{inbox.id}/delete").text
    answer = browser.post(f"/inboxes/{inbox.id}/delete", data={"confirmed": "yes"})
    assert (answer.status_code, answer.location) == (303, "/inboxes")
    assert browser.post(address).status_code == 404
    assert audited() == ["inbox.deleted"]


def test_a_long_message_has_a_page_with_all_of_it(login: Login, inbox: Inbox) -> None:
    browser = login("viewer")
    browser.post(f"/inbox/{inbox.token}", data="x" * messages.SHOWN_BODY + " the end")
    page = browser.get(f"/inboxes/{inbox.id}").text
    assert "the end" not in page
    [link] = re.findall(rf'href="(/inboxes/{inbox.id}/messages/\d+)"', page)
    assert "the end" in browser.get(link).text
    assert browser.get(f"/inboxes/{inbox.id}/messages/{2**70}").status_code == 404
