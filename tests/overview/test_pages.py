"""The overview as a browser meets it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient

from kayse_dash import clock, create_app
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.inbox import inboxes
from kayse_dash.webhooks import endpoints, outcomes
from kayse_dash.webhooks.models import Delivery, Endpoint, HourlyCount
from kayse_dash.webhooks.schedule import State
from tests.factories import make_delivery, make_endpoint, make_event

HTMX = {"HX-Request": "true"}
Login = Callable[[str], FlaskClient]


@pytest.fixture
def worker(redis_server: redis.Redis) -> None:
    """A worker that was seen just now."""
    redis_server.zadd("kayse:workers", {"worker-1": clock.now().timestamp()})


def test_a_new_installation_says_what_to_do_next(login: Login, worker: None) -> None:
    page = login("admin").get("/").text
    for words in ("Get started", "Add Webhook", "Create an API key", "curl -X POST http://127.0.0.1:8000/v1/events"):
        assert words in page
    assert "Load the sample firm" in page
    assert "Newest deliveries" not in page


def test_staff_are_told_whom_to_ask_for_a_key_and_viewers_get_no_buttons(login: Login) -> None:
    assert "Ask an administrator for one." in login("staff").get("/").text
    viewer = login("viewer").get("/").text
    assert "Load the sample firm" not in viewer
    assert "/settings/webhooks/new" not in viewer


def test_without_a_worker_the_page_says_that_nobody_is_sending(login: Login, redis_server: redis.Redis) -> None:
    browser = login("viewer")
    assert "Nobody is sending: no worker process is running" in browser.get("/").text
    redis_server.zadd("kayse:workers", {"worker-1": clock.now().timestamp()})
    assert "Nobody is sending" not in browser.get("/").text


def test_without_redis_the_page_still_opens_and_says_so(settings: Settings, login: Login) -> None:
    browser = login("staff")
    away = create_app(replace(settings, redis_url="unix:///nowhere/redis.sock"))
    browser.application.wsgi_app = away.wsgi_app
    db.session.commit()
    assert "Redis does not answer" in browser.get("/").text


def test_the_figures_stand_on_the_page(login: Login, worker: None) -> None:
    hook = make_endpoint(name="Clio intake")
    now = clock.now()
    db.session.add(
        HourlyCount(endpoint_id=hook.id, hour=now.replace(minute=0, second=0, microsecond=0), delivered=1234, failed=1)
    )
    make_delivery(endpoint=hook, state=State.DELIVERED, type="transfer_bridged")
    page = login("viewer").get("/").text
    assert "99.9 %" in page
    assert "1,234" in page
    assert "Transfer bridged" in page
    assert "Needs attention" not in page


def test_a_failing_webhook_is_explained_in_plain_words(login: Login, worker: None) -> None:
    now = clock.now()
    make_endpoint(name="Clio", failing_since=now - timedelta(hours=2), last_error="timeout")
    make_endpoint(name="Zapier", failing_since=now - timedelta(days=4, hours=5), last_error="503")
    page = login("staff").get("/").text
    assert "Clio is failing" in page
    assert "The other system did not answer within 5 seconds" in page
    assert "Zapier will be switched off in 19 h" in page


def test_what_was_switched_off_and_what_is_held_offers_what_helps(login: Login, worker: None) -> None:
    gone, paused = make_endpoint(name="Clio"), make_endpoint(name="Zapier")
    make_event()
    endpoints.switch_off(gone, outcomes.GONE, clock.now())
    endpoints.switch_off(paused, "Sam switched it off.", clock.now())
    db.session.commit()
    page = login("staff").get("/").text
    assert "Clio was switched off" in page
    assert "410 Gone" in page
    assert "1 delivery is held for Zapier" in page
    assert f"/settings/webhooks/{gone.id}/enable" in page
    assert f"/settings/webhooks/{paused.id}/enable" in page
    assert "/enable" not in login("viewer").get("/").text


def test_the_page_looks_again_by_itself(login: Login, worker: None) -> None:
    make_endpoint()
    answer = login("viewer").get("/", headers=HTMX)
    assert '<div id="overview"' in answer.text
    assert 'hx-trigger="every 5s"' in answer.text
    assert "<html" not in answer.text


def test_the_sample_firm_is_loaded_and_removed_by_a_button(login: Login, worker: None) -> None:
    browser = login("staff")
    assert browser.post("/sample-firm").location == "/"
    page = browser.get("/").text
    assert "The sample firm is there: 200 clients, 6 campaigns, 8 agents" in page
    assert "New events come in for the next ten minutes." in page
    assert "also sent to webhooks of your own" not in page
    assert "Remove the sample firm" in page
    assert "Load the sample firm" not in page
    assert "Sample case management system" in page
    assert "removed" not in browser.post("/sample-firm/remove").text
    assert len(inboxes.all_by_name()) == 2
    answer = browser.post("/sample-firm/remove", data={"confirmed": "yes"}, follow_redirects=True)
    assert "The sample firm was removed: 2 webhooks, 2 test inboxes, 6 campaigns, 8 agents, 200 clients and 4" in answer.text
    assert "Load the sample firm" in answer.text
    assert inboxes.all_by_name() == []


def test_whoever_has_webhooks_of_their_own_is_asked_first(login: Login, worker: None) -> None:
    make_endpoint(name="Clio")
    browser = login("staff")
    assert "also sent to webhooks of your own" in browser.get("/").text
    asked = browser.post("/sample-firm").text
    assert "also sent to webhooks of your own" in asked
    assert inboxes.all_by_name() == []
    assert browser.post("/sample-firm", data={"confirmed": "yes"}).location == "/"
    assert len(inboxes.all_by_name()) == 2


def test_a_viewer_cannot_load_or_remove_it(login: Login) -> None:
    viewer = login("viewer")
    assert viewer.post("/sample-firm").status_code == 403
    assert viewer.post("/sample-firm/remove", data={"confirmed": "yes"}).status_code == 403
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Endpoint)) == 0


def test_a_busy_installation_costs_few_queries(app: Flask, login: Login, worker: None) -> None:
    hooks = [make_endpoint(failing_since=clock.now(), last_error="500") for _ in range(15)]
    for hook in hooks:
        for state in (State.HELD, State.PENDING, State.DELIVERED):
            make_delivery(endpoint=hook, state=state)
    assert db.session.scalar(sa.select(sa.func.count()).select_from(Delivery)) == 45
    browser = login("viewer")
    asked: list[str] = []
    with app.app_context():
        sa.event.listen(db.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    browser.get("/")
    assert 5 < len(asked) <= 30
