"""Every page of a firm at work: it opens without an error, fits a screen and a phone, and breaks no rule of accessibility.

The pages are those that the application itself names, so that a new one cannot be forgotten.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Page

from tests.browser.person import ADMIN_GIVEN, log_in, somebody
from tests.product import TO_THIS_MACHINE, Product, free_port
from tests.receiver import Receiver, Reply

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

NO_PAGES = {"/healthz", "/readyz", "/metrics", "/inbox/<token>", "/events/<event_id>/payload", "/static/<path:filename>"}
FOR_STRANGERS = {"/login", "/setup"}


@pytest.fixture(scope="module")
def firm(start: Callable[..., Product]) -> Iterator[tuple[Product, dict[str, str]]]:
    """A product in use, and by its parameters where a page with such parameters is found.

    There are the sample firm, a webhook that fails, one that was switched off with deliveries held, and a recovery.
    """
    product = start(**TO_THIS_MACHINE, **ADMIN_GIVEN, KAYSE_RETRY_WAITS="0,300").wait()
    assert product.command("demo").returncode == 0
    api, gone = product.api("Phone agents"), Receiver()
    gone.answer = Reply.gone()
    api.post("/v1/webhooks", {"name": "Intake sheet", "url": f"http://127.0.0.1:{free_port()}/"})
    off = api.post("/v1/webhooks", {"name": "Old case system", "url": gone.url, "auth": {"type": "hmac"}})["id"]
    event = {"event": "call_ended", "data": {"client_name": "Dana Whitfield", "note": "long" * 400}, "campaign_id": 1}
    first = api.post("/v1/events", event)["id"]
    [given_up] = api.get(f"/v1/deliveries?webhook_id={off}")["data"]
    api.settled(given_up["id"])
    api.post("/v1/events", {"events": [event] * 20})
    gone.answer = Reply(200)
    recovery = api.post(f"/v1/webhooks/{off}/enable", {"held": "send"})["recovery_id"]
    api.post(f"/v1/webhooks/{off}/disable", {"reason": "They move to a new server."})
    api.post("/v1/events", event)
    test = api.post(f"/v1/webhooks/{off}/test")["id"]
    numbers = {"endpoint_id": off, "delivery_id": given_up["id"], "recovery_id": recovery, "campaign_id": 1, "inbox_id": 1}
    numbers["agent_id"] = api.post("/v1/agents", {"name": "Intake agent"})["id"]
    numbers["attempt_id"] = look_up(product, "SELECT id FROM attempts WHERE delivery_id = ?", given_up["id"])
    numbers["message_id"] = look_up(product, "SELECT id FROM inbox_messages WHERE inbox_id = ?", 1)
    found = {f"<int:{name}>": str(number) for name, number in numbers.items()}
    yield product, found | {"<event_id>": first, "test/<int:delivery_id>": f"test/{test}"}
    gone.close()


def look_up(product: Product, query: str, value: int) -> int:
    """A number that the API does not tell."""
    with closing(sqlite3.connect(product.folder / "kayse.sqlite3")) as database:
        [number] = database.execute(f"{query} LIMIT 1", [value]).fetchone()
    return number


def pages(app: Flask, found: dict[str, str]) -> list[str]:
    """The address of every page that shows something to an administrator."""
    rules = {rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods and not rule.rule.startswith("/v1")}
    addresses = []
    for address in sorted(rules - NO_PAGES - FOR_STRANGERS):
        for parameter in sorted(found, key=len, reverse=True):
            address = address.replace(parameter, found[parameter])
        assert "<" not in address, f"{address}: say above where such a page is found"
        addresses.append(address)
    return addresses


WHOLE: dict[str, Any] = {}
NO_CONTRAST = {"rules": {"color-contrast": {"enabled": False}}}
ONLY_CONTRAST = {"runOnly": ["color-contrast"]}


@pytest.mark.parametrize(
    ("width", "scheme", "rules"),
    [
        pytest.param(1280, "light", WHOLE, id="screen"),
        pytest.param(1280, "dark", ONLY_CONTRAST, id="dark"),
        pytest.param(390, "light", NO_CONTRAST, id="phone"),
    ],
)
def test_every_page_opens_fits_and_is_accessible(
    app: Flask, firm: tuple[Product, dict[str, str]], browser: Browser, width: int, scheme: str, rules: dict[str, Any]
) -> None:
    """In both colour schemes and on a phone; there the colours are the same, and dark differs in nothing but colours."""
    product, found = firm
    with somebody(browser, product, width, color_scheme=scheme, reduced_motion="reduce") as page:
        faults = {"/login": faults_at(page, "/login", rules)}
        log_in(page)
        faults |= {address: faults_at(page, address, rules) for address in pages(app, found)}
    assert {address: fault for address, fault in faults.items() if fault} == {}


def faults_at(page: Page, address: str, rules: dict[str, Any]) -> list[str]:
    """What is wrong with a page, all that can be unfolded unfolded; `rules` are axe's options."""
    opened = page.goto(address)
    if not opened.ok:
        return [f"status {opened.status}"]
    page.evaluate("document.querySelectorAll('details:not([data-menu])').forEach((part) => { part.open = true })")
    page.evaluate("scrollTo(1000, 0)")
    found = ["it scrolls sideways"] if page.evaluate("scrollX") else []
    for fault in Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]:
        found += [f"{fault['id']}: {node['html'][:200]}" for node in fault["nodes"]]
    return found
