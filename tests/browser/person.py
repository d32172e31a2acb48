"""Somebody with a browser at the running product."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page

from tests.product import Product

ADMIN, PASSWORD = "anna@firm.test", "correct horse battery staple"
ADMIN_GIVEN = {"KAYSE_ADMIN_EMAIL": ADMIN, "KAYSE_ADMIN_PASSWORD": PASSWORD}


@contextmanager
def somebody(browser: Browser, product: Product, width: int = 1280, height: int = 900, **options: object) -> Iterator[Page]:
    """A fresh browser at the product's door. Whatever its console calls an error fails the test."""
    context = browser.new_context(viewport={"width": width, "height": height}, base_url=product.address, **options)
    page = context.new_page()
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(str(error)))
    page.on("console", lambda line: faults.append(f"{line.text} at {page.url}") if line.type == "error" else None)
    try:
        yield page
    finally:
        context.close()
    assert faults == []


def log_in(page: Page, email: str = ADMIN, password: str = PASSWORD) -> None:
    page.goto("/login")
    page.get_by_label("Email").fill(email)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Log in").click()
    page.get_by_role("heading", name="Overview").wait_for()
