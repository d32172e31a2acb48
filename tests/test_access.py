"""Every page of the application, asked for by a stranger and by a viewer."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator

import pytest
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import AnyConverter, BaseConverter, Rule, UUIDConverter
from werkzeug.routing.converters import NumberConverter

from kayse_dash.accounts.access import SAFE_METHODS, role_needed
from kayse_dash.accounts.models import AuditEntry, Role
from kayse_dash.config import Settings
from kayse_dash.db import db
from tests.visitors import Visitor

# A view that is marked `@public` is open to the world: add it here when that is meant.
OPEN_TO_THE_WORLD = {"accounts", "inbox", "status"}


@pytest.fixture
def app(app: Flask) -> Flask:
    app.test_client_class = Visitor
    return app


def example(converter: BaseConverter) -> object:
    """A value that this part of an address can have."""
    match converter:
        case AnyConverter():
            return min(converter.items)
        case NumberConverter():
            return 1
        case UUIDConverter():
            return uuid.UUID(int=7)
        case _:
            return "x"


def pages(app: Flask) -> Iterator[tuple[Rule, str, str]]:
    """Each rule that the guard is concerned with, with an example of its address, and each of its methods."""
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or rule.endpoint.endswith(".static") or rule.rule.startswith("/v1/"):
            continue
        values = {name: example(converter) for name, converter in rule._converters.items()}
        _, address = rule.build(values)
        for method in sorted(rule.methods - {"HEAD", "OPTIONS"}):
            yield rule, address, method


def needed(app: Flask, rule: Rule, method: str) -> Role | None:
    return role_needed(app.view_functions[rule.endpoint], method)


def test_there_are_pages_of_every_kind(app: Flask) -> None:
    found = {(needed(app, rule, method), method in SAFE_METHODS) for rule, _, method in pages(app)}
    assert found >= {(role, safe) for role in (None, Role.VIEWER, Role.ADMIN) for safe in (True, False)}


def test_only_pages_that_are_meant_to_be_are_open_to_the_world(app: Flask) -> None:
    public = {rule.endpoint for rule, _, method in pages(app) if needed(app, rule, method) is None}
    assert {endpoint.partition(".")[0] for endpoint in public} <= OPEN_TO_THE_WORLD


def test_a_stranger_sees_no_page_that_is_not_public(app: Flask, client: FlaskClient) -> None:
    seen = []
    for rule, address, method in pages(app):
        if needed(app, rule, method) is None:
            continue
        answer = client.open(address, method=method)
        if answer.status_code != 302 or not answer.location.startswith("/login"):
            seen.append((method, rule.rule, answer.status_code))
        answer = client.open(address, method=method, headers={"HX-Request": "true"})
        if answer.status_code != 401 or not answer.headers["HX-Redirect"].startswith("/login"):
            seen.append((method, rule.rule, "htmx", answer.status_code))
    assert seen == []


def test_a_viewer_changes_nothing_that_is_not_marked_for_viewers(app: Flask, login: Callable[[str], FlaskClient]) -> None:
    browser, allowed = login("viewer"), []
    for rule, address, method in pages(app):
        role = needed(app, rule, method)
        if role in (Role.STAFF, Role.ADMIN) and browser.open(address, method=method).status_code != 403:
            allowed.append((method, rule.rule))
    assert allowed == []


def test_staff_see_and_change_nothing_that_is_for_administrators(app: Flask, login: Callable[[str], FlaskClient]) -> None:
    browser, allowed = login("staff"), []
    for rule, address, method in pages(app):
        if needed(app, rule, method) is Role.ADMIN and browser.open(address, method=method).status_code != 403:
            allowed.append((method, rule.rule))
    assert allowed == []


def test_what_viewers_may_post_concerns_only_themselves(app: Flask) -> None:
    posts = [(rule.endpoint, needed(app, rule, method)) for rule, _, method in pages(app) if method not in SAFE_METHODS]
    assert {endpoint for endpoint, role in posts if role is Role.VIEWER} == {"accounts.rename", "accounts.change_password"}


def test_nothing_is_posted_without_the_csrf_token(settings: Settings, login: Callable[[str], FlaskClient]) -> None:
    browser = login("admin")
    browser.application.config["WTF_CSRF_ENABLED"] = True
    taken = []
    for rule, address, method in pages(browser.application):
        if method in SAFE_METHODS or rule.endpoint.startswith("inbox."):
            continue
        if browser.open(address, method=method, data={"confirmed": "yes"}).status_code != 400:
            taken.append((method, rule.rule))
    assert taken == []
    assert db.session.scalar(sa.select(sa.func.count(AuditEntry.id))) == 0
