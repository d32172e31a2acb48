"""A webhook's life in a real browser: the wizard, the test, the log, retry, on and off."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest
from flask import Flask
from playwright.sync_api import Page, expect

from kayse_dash import clock, intake
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.events.record import NewEvent
from kayse_dash.webhooks import endpoints
from tests.factories import make_endpoint
from tests.receiver import Receiver, Reply

pytestmark = pytest.mark.browser

Visit = Callable[..., AbstractContextManager[Page]]
StartWorker = Callable[..., subprocess.Popen[str]]


def happens(kind: str, data: str = "{}") -> None:
    intake.receive([NewEvent(kind, data)], clock.now())
    db.session.commit()


def a_webhook(receiver: Receiver) -> int:
    """A webhook to the receiver; its id, and no transaction left open."""
    endpoint_id = make_endpoint(name="Clio", url=receiver.url).id
    db.session.commit()
    return endpoint_id


def test_the_wizard_from_the_address_to_the_answer_of_the_test(
    app: Flask, visit: Visit, receiver: Receiver, start_worker: StartWorker
) -> None:
    """Each step says what is wrong with it, Back keeps what was typed, and the test shows request and answer."""
    db.session.add(Campaign(name="Spring outreach", created_at=clock.now()))
    db.session.commit()
    receiver.answer = Reply(200, headers={"X-Seen": "yes"}, body=b'{"ok": true}')
    start_worker()
    with visit("staff", "/settings/webhooks") as page:
        page.get_by_role("link", name="Add Webhook").first.click()
        page.get_by_label("Name", exact=True).fill("Clio intake")
        page.get_by_label("Destination URL").fill("ftp://example.com/x")
        page.get_by_role("button", name="Next").last.click()
        expect(page.locator("#url-error")).to_be_visible()
        page.get_by_label("Destination URL").fill(receiver.url + "/clio")
        expect(page.get_by_text("This address can be used.")).to_be_visible()
        page.get_by_role("button", name="Next").last.click()

        page.get_by_text("Only the events I pick").click()
        page.get_by_label("Find an event").fill("transfer")
        expect(page.get_by_text("document_uploaded")).to_be_hidden()
        page.get_by_label("Find an event").fill("")
        page.get_by_label("All of calls").check()
        expect(page.locator("input[name=events]:checked")).to_have_count(8)
        page.get_by_role("button", name="Next").last.click()

        page.get_by_label("Spring outreach").check()
        page.get_by_role("button", name="Back").click()
        expect(page.locator("input[name=events]:checked")).to_have_count(8)
        page.get_by_role("button", name="Next").last.click()
        expect(page.get_by_label("Spring outreach")).to_be_visible()
        expect(page.get_by_label("Spring outreach")).to_be_checked()
        page.get_by_role("button", name="Next").last.click()

        page.get_by_text("HMAC Signature").click()
        secret = page.get_by_label("Signing secret").input_value()
        assert secret.startswith("whsec_")
        page.get_by_role("button", name="Next").last.click()
        expect(page.get_by_role("heading", name="Review")).to_be_visible()
        expect(page.get_by_text("Clio intake", exact=True)).to_be_visible()
        page.get_by_role("button", name="Save").last.click()

        expect(page.get_by_role("heading", name="Send a test")).to_be_visible()
        assert secret not in page.content()
        page.get_by_label("Event", exact=True).select_option("transfer_bridged")
        page.get_by_role("button", name="Test").last.click()
        expect(page.locator("#response-headers")).to_contain_text("X-Seen: yes", timeout=10_000)
        expect(page.locator("#request-headers")).to_contain_text("webhook-test: true")
        expect(page.locator("#request-body")).to_contain_text('"event": "transfer_bridged"')
        page.reload()
    [request] = receiver.requests
    assert request.headers["webhook-test"] == "true"
    [endpoint] = endpoints.all_live()
    assert endpoint.auth.secret == secret
    assert len(endpoint.events) == 8
    assert endpoint.enabled


def test_without_a_call_event_no_campaign_is_offered(app: Flask, visit: Visit) -> None:
    db.session.add(Campaign(name="Spring outreach", created_at=clock.now()))
    db.session.commit()
    with visit("staff", "/settings/webhooks/new?url=https://203.0.113.5/x") as page:
        page.get_by_label("Name", exact=True).fill("Tasks only")
        page.get_by_label("Destination URL").fill("http://127.0.0.1:9/x")
        page.get_by_role("button", name="Next").last.click()
        page.get_by_text("Only the events I pick").click()
        page.get_by_label("task_completed").check()
        page.get_by_role("button", name="Next").last.click()
        expect(page.get_by_text("No call event is chosen")).to_be_visible()
        expect(page.get_by_label("Spring outreach")).to_be_hidden()


def test_without_javascript_the_wizard_is_one_long_form(app: Flask, visit: Visit, receiver: Receiver) -> None:
    with visit("staff", "/settings/webhooks/new", java_script_enabled=False) as page:
        page.get_by_label("Name", exact=True).fill("Plain")
        page.get_by_label("Destination URL").fill("nonsense")
        page.get_by_text("API Key", exact=True).click()
        page.get_by_label("Key", exact=True).fill("k-123456")
        page.get_by_role("button", name="Save").click()
        expect(page.locator("#url-error")).to_be_visible()
        expect(page.get_by_label("Key", exact=True)).to_have_value("k-123456")
        page.get_by_label("Destination URL").fill(receiver.url)
        page.get_by_role("button", name="Save").click()
        expect(page.get_by_role("heading", name="Send a test")).to_be_visible()
    [endpoint] = endpoints.all_live()
    assert (endpoint.auth.header, endpoint.auth.value) == ("X-Public-Api-Key", "k-123456")


def test_a_failing_receiver_explains_itself_and_retry_delivers(
    app: Flask, visit: Visit, receiver: Receiver, start_worker: StartWorker
) -> None:
    """A new delivery shows up in the log by itself; its page tells what went wrong and when it is tried again."""
    clio = a_webhook(receiver)
    receiver.answer = Reply(500, body=b"<b>boom</b>")
    start_worker()
    with visit("staff", f"/settings/webhooks/{clio}/log") as page:
        happens("call_ended", '{"id":"call_1"}')
        expect(page.get_by_text("call_ended").first).to_be_visible(timeout=8_000)
        expect(page.get_by_text("500").first).to_be_visible(timeout=8_000)
        page.locator("a.row-link__a").first.click()
        expect(page.get_by_text(re.compile("in [45] min")).first).to_be_visible()
        expect(page.get_by_text("<b>boom</b>").first).to_be_visible()
        receiver.answer = Reply(200)
        page.get_by_role("button", name="Retry").first.click()
        expect(page.locator(".badge", has_text="Delivered").first).to_be_visible(timeout=8_000)
    assert len(receiver.requests) == 2
    assert len({request.headers["webhook-id"] for request in receiver.requests}) == 1


def test_off_holds_and_on_asks_what_to_do(app: Flask, visit: Visit, receiver: Receiver, start_worker: StartWorker) -> None:
    clio = a_webhook(receiver)
    start_worker()
    with visit("staff", "/settings/webhooks") as page:
        page.get_by_role("switch", name="Send events to Clio").click()
        expect(page.get_by_role("switch", name="Send events to Clio")).to_have_attribute("aria-checked", "false")
        happens("task_completed")
        happens("task_completed")
        page.get_by_role("switch", name="Send events to Clio").click()
        expect(page.get_by_text("2 deliveries were held")).to_be_visible()
        page.get_by_role("button", name="Enable").last.click()
        expect(page.get_by_text("2 held deliveries are being sent.")).to_be_visible()
        page.goto(f"/settings/webhooks/{clio}/log")
        expect(page.locator("tbody .badge", has_text="Delivered")).to_have_count(2, timeout=8_000)
    assert len(receiver.requests) == 2


def test_retry_failed_counts_first_and_shows_its_progress(
    app: Flask, visit: Visit, receiver: Receiver, start_worker: StartWorker
) -> None:
    clio = a_webhook(receiver)
    receiver.answer = Reply(500)
    worker = start_worker(KAYSE_RETRY_WAITS="0")
    for _ in range(3):
        happens("form_submitted")
    with visit("staff", f"/settings/webhooks/{clio}") as page:
        expect(page.get_by_text("3 deliveries failed for good")).to_be_visible(timeout=10_000)
        page.get_by_role("link", name="Retry failed").click()
        expect(page.get_by_text("3 deliveries would be sent again.")).to_be_visible()
        receiver.answer = Reply(200)
        page.get_by_role("button", name="Retry failed").click()
        expect(page.locator(".progress span.num", has_text="3 of 3")).to_be_visible(timeout=10_000)
        expect(page.locator(".stat", has_text="Delivered")).to_contain_text("3")
    assert worker.poll() is None


def test_a_webhook_is_deleted_after_saying_what_is_lost(app: Flask, visit: Visit) -> None:
    endpoint = make_endpoint(name="Clio")
    happens("form_submitted")
    with visit("staff", f"/settings/webhooks/{endpoint.id}/delete") as page:
        expect(page.get_by_text("1 delivery that waits is cancelled")).to_be_visible()
        page.get_by_role("button", name="Delete").last.click()
        expect(page.get_by_text("Clio is deleted.")).to_be_visible()
    db.session.expire_all()
    assert endpoints.all_live() == []
