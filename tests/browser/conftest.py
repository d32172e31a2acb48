"""A real Chromium, and the application behind a real server for it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

import pytest
from flask import Flask
from playwright.sync_api import Browser, Page, sync_playwright
from werkzeug.serving import make_server

from kayse_dash.db import db
from tests.conftest import BROWSER


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"])
        yield browser
        browser.close()


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    """Where `app` answers, with forms protected as they are in use."""
    app.config["WTF_CSRF_ENABLED"] = True
    server = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()


@pytest.fixture
def visit(browser: Browser, address: str, login) -> Callable[..., AbstractContextManager[Page]]:
    """`with visit("staff", "/deliveries", width=390) as page:` opens a page for somebody of that role (None: not logged in).

    A fault in a script or a breach of the content security policy fails the test.
    """

    @contextmanager
    def open_page(role: str | None, path: str, width: int = 1280, height: int = 900, **options: object) -> Iterator[Page]:
        context = browser.new_context(viewport={"width": width, "height": height}, base_url=address, **options)
        if role:
            context.add_cookies([{"name": "kayse", "value": login(role).get_cookie("kayse").value, "url": address}])
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.on("console", lambda line: faults.append(line.text) if "Content Security Policy" in line.text else None)
        db.session.commit()  # on SQLite the server could not write while the test's own transaction lasts
        page.goto(path)
        yield page
        assert faults == []
        context.close()

    return open_page
