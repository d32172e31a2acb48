"""The settings of people, keys and the audit trail, as an administrator meets them."""

from __future__ import annotations

import html
import json
import re
import shlex
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kayse_dash import clock, web
from kayse_dash.accounts import api_keys, audit, users
from kayse_dash.accounts.models import ApiKey, AuditEntry, Role, User
from kayse_dash.db import db
from tests.accounts.conftest import PASSWORD
from tests.conftest import on_both_databases

YES = {"confirmed": "yes"}


@pytest.fixture
def admin(app: Flask, ada: User) -> FlaskClient:
    """A browser in which Ada is logged in."""
    browser = app.test_client()
    assert browser.post("/login", data={"email": "ada@firm.test", "password": PASSWORD}).status_code == 303
    return browser


def shown(answer: TestResponse, element_id: str) -> str:
    """The value of a copy field."""
    return html.unescape(re.search(rf'id="{element_id}" value="([^"]+)"', answer.text)[1])


def form_id(answer: TestResponse) -> str:
    return re.search(r'name="once" value="([^"]+)"', answer.text)[1]


@pytest.mark.parametrize("role", ["viewer", "staff"])
@pytest.mark.parametrize("path", ["/settings/users", "/settings/api-keys", "/settings/audit"])
def test_only_administrators_see_these_pages(login: Callable[[str], FlaskClient], ada: User, role: str, path: str) -> None:
    assert login(role).get(path).status_code == 403


@pytest.mark.parametrize("role", ["viewer", "staff"])
def test_only_administrators_change_anything_here(login: Callable[[str], FlaskClient], ada: User, role: str) -> None:
    key, _ = api_keys.create("Phone agents", ada.id, clock.now())
    db.session.commit()
    browser, person = login(role), f"/settings/users/{ada.id}"
    for path in (
        "/settings/users",
        f"{person}/role",
        f"{person}/password",
        f"{person}/deactivate",
        f"{person}/reactivate",
        "/settings/api-keys",
        f"/settings/api-keys/{key.id}/revoke",
    ):
        assert browser.post(path, data=YES | {"role": "viewer", "name": "x"}).status_code == 403, path
    assert key.revoked_at is None
    assert ada.active


# People


def test_a_person_is_added_with_a_password_that_is_shown_once(admin: FlaskClient) -> None:
    data = {"email": "Sam@firm.test", "name": "Sam", "role": "staff", "once": form_id(admin.get("/settings/users"))}
    answer = admin.post("/settings/users", data=data)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    password = shown(answer, "their-password")
    assert password not in str(answer.headers)
    assert password not in admin.get("/settings/users").text
    sam = admin.application.test_client()
    assert sam.post("/login", data={"email": "sam@firm.test", "password": password}).status_code == 303
    assert users.by_email("sam@firm.test").role is Role.STAFF
    again = admin.post("/settings/users", data=data)
    assert (again.status_code, again.location) == (303, "/settings/users")
    assert password not in str(db.session.execute(sa.select(AuditEntry.__table__)).all())


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"email": "ada@firm.test"}, "Somebody with this email has an account already."),
        ({"email": "nonsense"}, "Enter an email address"),
        ({"email": "a\0@firm.test"}, "Enter an email address"),
        ({"email": ""}, "Enter an email address."),
        ({"name": "n" * 121}, "at most 120"),
        ({"role": "owner"}, "Choose a role."),
        ({"role": ""}, "Choose a role."),
    ],
)
def test_a_person_that_cannot_be_added_is_explained(admin: FlaskClient, changed: dict[str, str], words: str) -> None:
    data = {"email": "sam@firm.test", "name": "Sam", "role": "viewer"} | changed
    answer = admin.post("/settings/users", data=data)
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{data["name"]}"' in answer.text
    assert db.session.scalar(sa.select(sa.func.count(User.id))) == 1


def test_a_reset_password_is_shown_once_and_ends_the_sessions(admin: FlaskClient, sam: User) -> None:
    theirs = admin.application.test_client()
    theirs.post("/login", data={"email": "sam@firm.test", "password": PASSWORD})
    path = f"/settings/users/{sam.id}/password"
    assert "Reset the password of Sam?" in admin.post(path, data={"confirmed": "", "once": "f1"}).text
    assert theirs.get("/account").status_code == 200
    answer = admin.post(path, data=YES | {"once": "f1"})
    password = shown(answer, "their-password")
    assert theirs.get("/account").status_code == 302
    assert admin.post(path, data=YES | {"once": "f1"}).location == "/settings/users"
    assert theirs.post("/login", data={"email": "sam@firm.test", "password": password}).status_code == 303
    assert admin.get("/account").status_code == 200


def test_the_form_of_another_person_is_not_taken_for_a_reload(admin: FlaskClient, sam: User, ada: User) -> None:
    for user in (sam, ada):
        assert admin.post(f"/settings/users/{user.id}/password", data=YES | {"once": "f1"}).status_code == 200


def test_the_question_carries_on_what_the_form_held(admin: FlaskClient, sam: User) -> None:
    question = admin.post(f"/settings/users/{sam.id}/password", data={"confirmed": "", "once": "f1"}).text
    assert f'action="/settings/users/{sam.id}/password"' in question
    assert 'name="once" value="f1"' in question
    assert 'name="confirmed" value="yes"' in question


def test_roles_change_and_the_last_administrator_stays(admin: FlaskClient, ada: User, sam: User) -> None:
    path = "/settings/users/{}/role"
    answer = admin.post(path.format(ada.id), data={"role": "staff"}, follow_redirects=True)
    assert "This is the only administrator." in answer.text
    assert ada.role is Role.ADMIN
    assert admin.post(path.format(sam.id), data={"role": "admin"}).status_code == 303
    assert admin.post(path.format(ada.id), data={"role": "viewer"}).status_code == 303
    assert (ada.role, sam.role) == (Role.VIEWER, Role.ADMIN)
    assert admin.get("/settings/users").status_code == 403


def test_a_person_is_deactivated_after_a_question_and_may_come_back(admin: FlaskClient, ada: User, sam: User) -> None:
    path = "/settings/users/{}/deactivate"
    assert "Deactivate Sam?" in admin.post(path.format(sam.id)).text
    assert sam.active
    admin.post(path.format(sam.id), data=YES)
    assert not sam.active
    assert "Deactivated" in admin.get("/settings/users").text
    admin.post(f"/settings/users/{sam.id}/reactivate")
    assert sam.active
    assert "This is the only administrator." in admin.post(path.format(ada.id), data=YES, follow_redirects=True).text
    assert ada.active


@pytest.mark.parametrize("number", ["999", str(2**31), str(2**63), "9" * 60])
def test_who_is_not_there_is_not_found(admin: FlaskClient, number: str) -> None:
    for action in ("role", "password", "deactivate", "reactivate"):
        assert admin.post(f"/settings/users/{number}/{action}", data=YES | {"role": "viewer"}).status_code == 404, action
    assert admin.post(f"/settings/api-keys/{number}/revoke", data=YES).status_code == 404


@pytest.mark.parametrize("role", ["", "owner", "ADMIN", "\0", "x" * 10_000])
def test_a_role_that_does_not_exist_is_refused(admin: FlaskClient, sam: User, role: str) -> None:
    assert admin.post(f"/settings/users/{sam.id}/role", data={"role": role}).status_code == 422
    assert sam.role is Role.STAFF


def test_names_are_shown_as_text(admin: FlaskClient, sam: User) -> None:
    users.rename(sam, '<script>alert(1)</script>"', clock.now())
    page = admin.get("/settings/users").text
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert" in page


# Keys


def test_a_key_is_shown_once_with_a_command_that_is_ready_to_run(admin: FlaskClient) -> None:
    data = {"name": "Phone agents", "once": form_id(admin.get("/settings/api-keys"))}
    answer = admin.post("/settings/api-keys", data=data)
    assert answer.status_code == 200
    assert answer.headers["Cache-Control"] == "no-store"
    text = shown(answer, "api-key")
    key = api_keys.authenticate(text, clock.now())
    assert key.name == "Phone agents"
    assert key.created_by == users.by_email("ada@firm.test").id
    secret = text.rpartition(f"kd_{key.prefix}_")[2]
    assert secret not in str(answer.headers)
    with admin.session_transaction() as session:
        assert secret not in str(dict(session))
    assert admin.post("/settings/api-keys", data=data).location == "/settings/api-keys"
    assert db.session.scalar(sa.select(sa.func.count(ApiKey.id))) == 1
    page = admin.get("/settings/api-keys").text
    assert secret not in page
    assert f"kd_{key.prefix}" in page


def test_the_example_is_one_command_with_valid_json(admin: FlaskClient) -> None:
    answer = admin.post("/settings/api-keys", data={"name": "Phone agents"})
    command = shlex.split(html.unescape(re.search(r'<code id="curl"[^>]*>(.+?)</code>', answer.text, re.DOTALL)[1]))
    assert command[:2] == ["curl", "http://127.0.0.1:8000/v1/events"]
    assert f"X-API-KEY: {shown(answer, 'api-key')}" in command
    assert json.loads(command[command.index("-d") + 1])["event"] == "task_completed"


@pytest.mark.parametrize("name", ["", " ", "n" * 121, "nul\0"])
def test_a_key_without_a_usable_name_is_not_made(admin: FlaskClient, name: str) -> None:
    assert admin.post("/settings/api-keys", data={"name": name}).status_code == 422
    assert db.session.scalar(sa.select(sa.func.count(ApiKey.id))) == 0


def test_a_key_is_revoked_after_a_question(admin: FlaskClient, ada: User) -> None:
    key, text = api_keys.create("Phone agents", ada.id, clock.now())
    db.session.commit()
    path = f"/settings/api-keys/{key.id}/revoke"
    assert "Revoke the key “Phone agents”?" in admin.post(path).text
    assert api_keys.authenticate(text, clock.now())
    assert admin.post(path, data=YES).location == "/settings/api-keys"
    assert api_keys.authenticate(text, clock.now()) is None
    assert "Revoked" in admin.get("/settings/api-keys").text


# The audit trail


def subjects(answer: TestResponse) -> list[str]:
    return re.findall(r'<td data-label="To what"[^>]*>([^<]*)</td>', answer.text)


@on_both_databases
def test_the_audit_trail_is_read_page_by_page_without_gap_or_repeat(admin: FlaskClient) -> None:
    for number in range(120):
        audit.note("webhook.created", f"webhook {number}", actor="sam@firm.test")
    url, seen = "/settings/audit?actor=sam@firm.test", []
    while url:
        page = admin.get(url)
        assert page.status_code == 200
        seen += subjects(page)
        older = re.search(r'href="([^"]+)" rel="next"', page.text)
        url = html.unescape(older[1]) if older else None
    assert seen == [f"webhook {number}" for number in reversed(range(120))]


def test_the_audit_trail_is_narrowed_by_person_and_action(admin: FlaskClient) -> None:
    audit.note("webhook.created", "webhook 1", actor="sam@firm.test")
    audit.note("webhook.deleted", "webhook 2", {"name": "Clio"}, actor="sam@firm.test")
    page = admin.get("/settings/audit?actor=sam@firm.test&action=webhook.deleted")
    assert subjects(page) == ["webhook 2"]
    assert "Webhook deleted" in page.text
    assert "Clio" in page.text
    assert "<html" in page.text
    fragment = admin.get("/settings/audit?actor=nobody", headers={"HX-Request": "true"})
    assert "<html" not in fragment.text
    assert subjects(fragment) == []
    assert "No entry fits this choice." in fragment.text


@pytest.mark.parametrize("values", [[2**63], [-1], ["a"], [1, 2], [None], [True], [1.5], []])
def test_a_made_up_cursor_is_no_server_error(admin: FlaskClient, values: list[object]) -> None:
    assert admin.get("/settings/audit", query_string={"cursor": web.encode_cursor(*values)}).status_code == 404


@pytest.mark.parametrize("text", ["x", "é", "\0", "W" * 4000, "e30"])
def test_a_broken_cursor_is_no_server_error(admin: FlaskClient, text: str) -> None:
    assert admin.get("/settings/audit", query_string={"cursor": text}).status_code == 422


@on_both_databases
def test_hostile_filters_are_no_server_error(admin: FlaskClient) -> None:
    for text in ("\0", "%", "x" * 10_000, "' OR 1=1 --"):
        page = admin.get("/settings/audit", query_string={"actor": text, "action": text})
        assert page.status_code == 200
        assert subjects(page) == [] or text == "\0"
