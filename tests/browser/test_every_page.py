"""Every page of a firm at work: it opens without an error, fits a screen and a phone, and breaks no rule of accessibility.

The pages are found by following links, as a person does, and compared with those that the application names: none is forgotten.
"""

from __future__ import annotations

import sqlite3
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask
from playwright.sync_api import Browser, Error, Page
from werkzeug.exceptions import HTTPException

from tests.browser.person import ADMIN_GIVEN, log_in, somebody
from tests.product import TO_THIS_MACHINE, Product, free_port
from tests.receiver import Receiver, Reply

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.timeout(240)]

NO_PAGES = {"/healthz", "/readyz", "/metrics", "/inbox/<token>", "/static/<path:filename>"}
FOR_STRANGERS = {"/login", "/setup"}

WHOLE: dict[str, Any] = {}
NO_CONTRAST = {"rules": {"color-contrast": {"enabled": False}}}
ONLY_CONTRAST = {"runOnly": ["color-contrast"]}


@pytest.fixture(scope="module")
def firm(start: Callable[..., Product]) -> Iterator[tuple[Product, list[str]]]:
    """A product in use, and where to begin looking at it: at what is in an unusual state, and at what no link leads to.

    Besides the sample firm there are a webhook that fails, one that was switched off with deliveries held, and a recovery.
    """
    product = start(**TO_THIS_MACHINE, **ADMIN_GIVEN, KAYSE_RETRY_WAITS="0,300").wait()
    assert product.command("demo").returncode == 0
    api, gone = product.api("Phone agents"), Receiver()
    gone.answer = Reply.gone()
    failing = api.post("/v1/webhooks", {"name": "Intake sheet", "url": f"http://127.0.0.1:{free_port()}/"})["id"]
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
    attempt = look_up(product, "SELECT id FROM attempts WHERE delivery_id = ?", given_up["id"])
    webhook = f"/settings/webhooks/{off}"
    yield (
        product,
        [
            "/",
            "/styleguide",
            webhook,
            f"{webhook}/enable",
            f"{webhook}/rotate-secret",
            f"{webhook}/test/{test}",
            f"{webhook}/recoveries/{recovery}",
            f"/settings/webhooks/{failing}/retry-failed",
            f"/deliveries/{given_up['id']}",
            f"/deliveries/{given_up['id']}/attempts/{attempt}",
            f"/events/{first}",
        ],
    )
    gone.close()


def look_up(product: Product, query: str, value: int) -> int:
    """A number that the API does not tell."""
    with closing(sqlite3.connect(product.folder / "kayse.sqlite3")) as database:
        [number] = database.execute(f"{query} LIMIT 1", [value]).fetchone()
    return number


@pytest.mark.parametrize(
    ("width", "scheme", "rules"),
    [
        pytest.param(1280, "light", WHOLE, id="screen"),
        pytest.param(1280, "dark", ONLY_CONTRAST, id="dark"),
        pytest.param(390, "light", NO_CONTRAST, id="phone"),
    ],
)
def test_every_page_opens_fits_and_is_accessible(
    app: Flask, firm: tuple[Product, list[str]], browser: Browser, width: int, scheme: str, rules: dict[str, Any]
) -> None:
    """In both colour schemes and on a phone; there the colours are the same, and dark differs in nothing but colours."""
    product, beginnings = firm
    with somebody(browser, product, width, color_scheme=scheme, reduced_motion="reduce") as page:
        faults = {"/login": faults_at(page, "/login", rules)}
        log_in(page)
        waiting, seen = deque(beginnings), {None} | NO_PAGES | FOR_STRANGERS
        while waiting:
            address = waiting.popleft()
            page_rule = rule_of(app, address)
            if page_rule in seen:
                continue
            seen.add(page_rule)
            faults[address] = faults_at(page, address, rules)
            waiting += page.locator("a[href^='/']").evaluate_all("(links) => links.map((link) => link.getAttribute('href'))")
    assert {address: fault for address, fault in faults.items() if fault} == {}
    assert pages_of(app) - seen == set(), "no link leads there: begin looking there, above"


def pages_of(app: Flask) -> set[str]:
    """What the application answers with pages, by their rules; those of clients are looked at where a link leads there."""
    rules = (rule.rule for rule in app.url_map.iter_rules() if "GET" in rule.methods)
    return {rule for rule in rules if not rule.startswith(("/v1/", "/clients/"))}


def rule_of(app: Flask, address: str) -> str | None:
    """The rule that an address follows; None if it is none of a page."""
    try:
        rule, _ = app.url_map.bind("localhost").match(urlsplit(address).path, return_rule=True)
    except HTTPException:
        return None
    return None if rule.rule.startswith("/v1/") else rule.rule


def faults_at(page: Page, address: str, rules: dict[str, Any]) -> list[str]:
    """What is wrong with a page, all that can be unfolded unfolded; `rules` are axe's options."""
    try:
        opened = page.goto(address)
    except Error as error:
        if "Download is starting" in str(error):
            return []  # a file, no page
        raise
    if not opened.ok:
        return [f"status {opened.status}"]
    page.evaluate("document.querySelectorAll('details:not([data-menu])').forEach((part) => { part.open = true })")
    page.evaluate("scrollTo(1000, 0)")
    found = ["it scrolls sideways"] if page.evaluate("scrollX") else []
    for fault in Axe().run(page, options={"resultTypes": ["violations"], **rules}).response["violations"]:
        found += [f"{fault['id']}: {node['html'][:200]}" for node in fault["nodes"]]
    return found
