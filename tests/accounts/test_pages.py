"""Login, set-up and one's own account, as a browser meets them."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from kayse_dash import clock
from kayse_dash.accounts import sessions, setup, throttle, users
from kayse_dash.accounts.models import AuditEntry, Role, User
from kayse_dash.config import Settings
from kayse_dash.db import db
from tests.accounts.conftest import PASSWORD
from tests.conftest import on_both_databases

NEW = "another long password"


def log_in(browser: FlaskClient, email: str = "ada@firm.test", password: str = PASSWORD, **more: object) -> TestResponse:
    return browser.post("/login", data={"email": email, "password": password}, **more)


def may_see_pages(browser: FlaskClient) -> bool:
    answer = browser.get("/account")
    assert answer.status_code in (200, 302)
    return answer.status_code == 200


def test_who_logs_in_is_in_until_logging_out(client: FlaskClient, ada: User) -> None:
    assert not may_see_pages(client)
    answer = log_in(client, " ADA@firm.test ")
    assert (answer.status_code, answer.location) == (303, "/")
    assert may_see_pages(client)
    assert ada.last_login_at is not None
    answer = client.post("/logout")
    assert (answer.status_code, answer.location) == (303, "/login")
    assert not may_see_pages(client)


@pytest.mark.parametrize(
    ("email", "password"),
    [
        ("ada@firm.test", "not the password"),
        ("eve@firm.test", PASSWORD),
        ("no address", PASSWORD),
        ("a\0@firm.test", PASSWORD),
        ("ada@firm.test", PASSWORD + "\0"),
        ("gone@firm.test", PASSWORD),
    ],
)
def test_whatever_is_wrong_reads_the_same(client: FlaskClient, ada: User, email: str, password: str) -> None:
    gone = users.create("gone@firm.test", "", Role.STAFF, PASSWORD, clock.now())
    users.deactivate(gone, clock.now())
    answer = log_in(client, email, password)
    assert answer.status_code == 422
    assert "Wrong email or password." in answer.text
    assert password not in answer.text
    assert not may_see_pages(client)


def test_a_wrong_login_keeps_the_address_that_was_typed(client: FlaskClient, ada: User) -> None:
    assert 'value="ada@firm.tset"' in log_in(client, "ada@firm.tset").text
    assert "Enter your password." in log_in(client, password="").text


@pytest.mark.parametrize(
    ("target", "goes_to"),
    [
        ("/deliveries?state=failed&q=a%20b", "/deliveries?state=failed&q=a%20b"),
        ("", "/"),
        ("https://evil.example/", "/"),
        ("//evil.example/", "/"),
        ("/\\evil.example/", "/"),
        ("/\t/evil.example/", "/"),
        ("/\n/evil.example/", "/"),
        ("javascript:alert(1)", "/"),
        ("evil.example", "/"),
    ],
)
def test_login_leads_back_but_never_to_another_site(client: FlaskClient, ada: User, target: str, goes_to: str) -> None:
    answer = log_in(client, query_string={"next": target})
    assert (answer.status_code, answer.location) == (303, goes_to)
    assert client.get("/login", query_string={"next": target}).location == goes_to


def test_the_way_back_survives_a_wrong_password(client: FlaskClient, ada: User) -> None:
    first = client.get("/account?x=1")
    assert first.location == "/login?next=/account?x%3D1"
    for page in (client.get(first.location), client.post(first.location, data={"email": "ada@firm.test", "password": "wrong"})):
        action = re.search(r'<form method="post" action="([^"]+)"', page.text)[1]
        assert action == first.location
    assert log_in(client, query_string={"next": "/account?x=1"}).location == "/account?x=1"


def test_after_ten_failures_one_must_wait_even_with_the_right_password(client: FlaskClient, ada: User, sam: User) -> None:
    for _ in range(10):
        assert log_in(client, password="not the password").status_code == 422
    answer = log_in(client)
    assert answer.status_code == 429
    assert "Please wait 15 minutes, then try again." in answer.text
    assert 0 < int(answer.headers["Retry-After"]) <= 900
    assert 'value="ada@firm.test"' in answer.text
    assert log_in(client, "sam@firm.test").status_code == 303
    elsewhere = client.application.test_client()
    assert log_in(elsewhere, environ_base={"REMOTE_ADDR": "198.51.100.7"}).status_code == 303


def test_logins_stand_in_the_audit_trail_without_what_a_stranger_typed(client: FlaskClient, ada: User) -> None:
    log_in(client, "my-secret-password-in-the-wrong-field")
    log_in(client, password="not the password")
    log_in(client)
    entries = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action.like("user.log%")).order_by(AuditEntry.id)).all()
    assert [(entry.action, entry.actor, entry.subject) for entry in entries] == [
        ("user.login_failed", "somebody", "nobody we know"),
        ("user.login_failed", "somebody", f"user {ada.id}"),
        ("user.logged_in", "ada@firm.test", f"user {ada.id}"),
    ]
    assert {entry.address for entry in entries} == {"127.0.0.1"}
    assert not [entry for entry in entries if "secret" in str((entry.actor, entry.subject, entry.details))]


def test_login_begins_a_session_that_shares_nothing_with_the_one_before(client: FlaskClient, ada: User) -> None:
    with client.session_transaction() as session:
        session["planted"] = "by somebody else"
    log_in(client)
    with client.session_transaction() as session:
        assert "planted" not in session
        assert session.permanent


def test_the_cookie_lasts_two_weeks_from_the_last_visit(client: FlaskClient, ada: User) -> None:
    cookie = log_in(client).headers["Set-Cookie"]
    expires = datetime.strptime(re.search(r"Expires=([^;]+)", cookie)[1], "%a, %d %b %Y %H:%M:%S GMT").replace(tzinfo=UTC)
    assert abs(expires - clock.now() - timedelta(days=14)) < timedelta(minutes=1)
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    client.get("/account")  # which puts a CSRF token into the session
    assert "Set-Cookie" not in client.get("/account").headers
    with client.session_transaction() as session:
        session["renewed"] -= sessions.RENEWED_EVERY.total_seconds() + 1
    assert "Expires=" in client.get("/account").headers["Set-Cookie"]


def test_an_expired_page_of_htmx_is_led_to_the_login(client: FlaskClient, ada: User) -> None:
    answer = client.get("/account", headers={"HX-Request": "true"})
    assert answer.status_code == 401
    assert answer.headers["HX-Redirect"].startswith("/login")


def test_nothing_is_posted_without_the_csrf_token(app: Flask, ada: User) -> None:
    app.config["WTF_CSRF_ENABLED"] = True
    browser = app.test_client()
    assert log_in(browser).status_code == 400
    assert not may_see_pages(browser)
    data = {"email": "ada@firm.test", "password": PASSWORD, "csrf_token": _token(browser.get("/login"))}
    assert browser.post("/login", data=data | {"csrf_token": data["csrf_token"][:-1]}).status_code == 400
    assert browser.post("/login", data=data).status_code == 303
    for path in ("/logout", "/account/name", "/account/password", "/settings/users", "/settings/api-keys"):
        assert browser.post(path, data={"name": "Eve"}).status_code == 400, path
    assert may_see_pages(browser)
    token = _token(browser.get("/account"))
    assert browser.post("/account/name", data={"name": "Eve"}, headers={"X-CSRFToken": token}).status_code == 303
    assert ada.name == "Eve"


def _token(page: TestResponse) -> str:
    return re.search(r'name="csrf_token" value="([^"]+)"', page.text)[1]


# Set-up


@pytest.fixture
def code(app: Flask, settings: Settings) -> str:
    return setup.setup_code(settings.data_dir)


def first_admin(setup_code: str, **changed: str) -> dict[str, str]:
    return {"code": setup_code, "name": "Ada", "email": "ada@firm.test", "password": PASSWORD, "again": PASSWORD} | changed


def test_with_nobody_there_the_login_leads_to_the_set_up(client: FlaskClient, settings: Settings) -> None:
    assert client.get("/login").location == "/setup"
    assert client.get("/setup").status_code == 200
    assert (settings.data_dir / setup.FILE).exists()
    assert setup.setup_code(settings.data_dir) not in client.get("/setup").text


def test_the_code_makes_the_first_administrator_and_logs_in(client: FlaskClient, code: str, settings: Settings) -> None:
    answer = client.post("/setup", data=first_admin(code.lower()))
    assert (answer.status_code, answer.location) == (303, "/")
    assert may_see_pages(client)
    assert users.by_email("ada@firm.test").role is Role.ADMIN
    assert not (settings.data_dir / setup.FILE).exists()
    assert db.session.scalars(sa.select(AuditEntry.actor)).all() == ["ada@firm.test"]


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"code": "AAAA-AAAA"}, "This is not the code."),
        ({"code": ""}, "Enter the code."),
        ({"email": "nonsense"}, "Enter an email address"),
        ({"email": "a\0@firm.test"}, "Enter an email address"),
        ({"name": "n" * 121}, "at most 120"),
        ({"password": "short", "again": "short"}, "at least 10"),
        ({"again": "something else"}, "The two passwords differ."),
    ],
)
def test_set_up_says_what_is_wrong_and_keeps_the_rest(
    client: FlaskClient, code: str, changed: dict[str, str], words: str
) -> None:
    answer = client.post("/setup", data=first_admin(code, **changed))
    assert answer.status_code == 422
    assert words in answer.text
    assert f'value="{changed.get("name", "Ada")}"' in answer.text
    assert PASSWORD not in answer.text
    assert not users.any_user()


def test_guessing_the_code_is_slowed(client: FlaskClient, code: str) -> None:
    for _ in range(throttle.SETUP_TRIES_PER_ADDRESS):
        assert client.post("/setup", data=first_admin("AAAA-AAAA")).status_code == 422
    answer = client.post("/setup", data=first_admin(code))
    assert answer.status_code == 429
    assert "Please wait 15 minutes" in answer.text
    assert not users.any_user()


def test_set_up_is_closed_once_somebody_has_an_account(client: FlaskClient, code: str, ada: User) -> None:
    assert client.get("/setup").location == "/login"
    answer = client.post("/setup", data=first_admin(code, email="eve@firm.test"))
    assert answer.location == "/login"
    assert db.session.scalars(sa.select(User.email)).all() == ["ada@firm.test"]


@on_both_databases
def test_of_two_set_ups_at_the_same_moment_one_wins(app: Flask, code: str) -> None:
    together, answers = threading.Barrier(2), {}

    def post(email: str) -> None:
        browser = app.test_client()
        together.wait(5)
        with app.app_context():
            answers[email] = browser.post("/setup", data=first_admin(code, email=email))

    threads = [threading.Thread(target=post, args=[email]) for email in ("ada@firm.test", "eve@firm.test")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    (winner,) = db.session.scalars(sa.select(User.email)).all()
    assert answers.pop(winner).location == "/"
    (loser,) = answers.values()
    assert loser.status_code == 422 or loser.location == "/login"
    assert not [answer for answer in answers.values() if answer.status_code == 500]


# The own account


@pytest.mark.parametrize("role", ["viewer", "staff", "admin"])
def test_everybody_may_change_the_own_name(login: Callable[[str], FlaskClient], role: str) -> None:
    browser = login(role)
    assert browser.post("/account/name", data={"name": "  Maria   Lopez "}).status_code == 303
    assert 'value="Maria Lopez"' in browser.get("/account").text
    answer = browser.post("/account/name", data={"name": "n" * 121})
    assert answer.status_code == 422
    assert "n" * 121 in answer.text


def test_a_new_password_ends_the_sessions_of_other_browsers_only(app: Flask, ada: User) -> None:
    here, elsewhere = app.test_client(), app.test_client()
    for browser in (here, elsewhere):
        assert log_in(browser).status_code == 303
    answer = here.post("/account/password", data={"current": PASSWORD, "password": NEW, "again": NEW})
    assert answer.status_code == 303
    assert may_see_pages(here)
    assert not may_see_pages(elsewhere)
    assert log_in(elsewhere).status_code == 422
    assert log_in(elsewhere, password=NEW).status_code == 303


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"current": "not it, sorry", "password": NEW, "again": NEW}, "This is not your current password."),
        ({"current": PASSWORD, "password": NEW, "again": "x"}, "The two passwords differ."),
        ({"current": PASSWORD, "password": "short", "again": "short"}, "at least 10"),
        ({"current": PASSWORD, "password": "password1234", "again": "password1234"}, "tried first"),
        ({}, "Enter your current password."),
    ],
)
def test_a_password_is_changed_by_its_owner_only_and_by_the_rule(
    client: FlaskClient, ada: User, data: dict[str, str], words: str
) -> None:
    log_in(client)
    answer = client.post("/account/password", data=data)
    assert answer.status_code == 422
    assert words in answer.text
    assert may_see_pages(client)
    assert log_in(client.application.test_client()).status_code == 303


def test_guessing_the_current_password_is_slowed(client: FlaskClient, ada: User) -> None:
    log_in(client)
    wrong = {"current": "not it, sorry", "password": NEW, "again": NEW}
    assert [client.post("/account/password", data=wrong).status_code for _ in range(11)] == [422] * 10 + [429]


def test_who_is_deactivated_is_out_at_once_and_stays_out(client: FlaskClient, ada: User, sam: User) -> None:
    log_in(client, "sam@firm.test")
    assert may_see_pages(client)
    users.deactivate(sam, clock.now())
    assert not may_see_pages(client)
    users.reactivate(sam, clock.now())
    assert not may_see_pages(client)
    assert log_in(client, "sam@firm.test").status_code == 303
