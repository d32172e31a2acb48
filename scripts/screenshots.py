"""Pictures of the main pages for README and docs: `make screenshots` starts the product with the sample firm and takes them.

Three of each: `<name>.png` and `<name>-dark.png` at 1280 px, `<name>-phone.png` at 390 px.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

PROJECT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT))

from tests.browser.person import PASSWORD, log_in, somebody  # noqa: E402
from tests.conftest import BROWSER  # noqa: E402
from tests.product import TO_THIS_MACHINE, Api, Product  # noqa: E402
from tests.waiting import wait_until  # noqa: E402

FOLDER = PROJECT / "docs" / "screenshots"
PORT = 8765  # it can be seen in the pictures
LOOKS = {"": (1280, 800, "light"), "-dark": (1280, 800, "dark"), "-phone": (390, 844, "light")}
PAGES = {
    "overview": "/",
    "webhooks": "/settings/webhooks",
    "webhook": "/settings/webhooks/2",
    "deliveries": "/deliveries",
    "events": "/events",
    "inbox": "/inboxes/1",
    "reference": "/reference",
}
ANNA = "anna@firm.example"
LARGEST_BYTES = 150_000
SETTLED_MS = 400
CALL = {
    "event": "call_ended",
    "campaign_id": 1,
    "client_id": 4711,
    "data": {"id": "call_8f2c", "client_name": "Dana Whitfield", "duration_seconds": 312},
}


def main() -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        product = Product(Path(folder) / "data", PORT, **TO_THIS_MACHINE).wait()
        browser = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox", "--disable-dev-shm-usage"])
        try:
            take_all(browser, product)
        finally:
            browser.close()
            product.kill()
    for picture in sorted(FOLDER.glob("*.png")):
        size = picture.stat().st_size
        print(f"{picture.relative_to(PROJECT)}  {size // 1000} kB{'  TOO LARGE' if size > LARGEST_BYTES else ''}")


def take_all(browser: Browser, product: Product) -> None:
    product.command("user", "create", ANNA, "--role", "admin", "--name", "Anna Berg", "--password-stdin", typed=PASSWORD)
    product.command("demo")
    api = product.api("Phone agents")
    wait_until(lambda: api.get("/v1/deliveries?state=pending")["data"] == [], "the sample firm's deliveries", 30)
    for name, path in PAGES.items():
        take(browser, product, name, path)
    take(browser, product, "add-webhook", "/settings/webhooks/new", to_security)
    take(browser, product, "delivery", f"/deliveries/{a_failing_delivery(browser, product, api)}")


def take(browser: Browser, product: Product, name: str, path: str, go_on: Callable[[Page], None] = lambda page: None) -> None:
    """Open a page, go on from there, and take its pictures."""
    for look, (width, height, scheme) in LOOKS.items():
        with somebody(browser, product, width, height, color_scheme=scheme, reduced_motion="reduce") as page:
            log_in(page, ANNA)
            page.goto(path)
            go_on(page)
            page.mouse.move(0, 0)
            page.wait_for_timeout(SETTLED_MS)
            page.screenshot(path=FOLDER / f"{name}{look}.png")


def to_security(page: Page) -> None:
    """Fill in the first steps of a new webhook and choose how to prove who sends."""
    page.get_by_label("Name", exact=True).fill("Case management")
    page.get_by_label("Destination URL").fill("http://127.0.0.1:8765/inbox/case-management")
    for step in ("Events", "Campaigns and case types", "Security"):
        page.get_by_role("button", name="Next").last.click()
        page.get_by_role("heading", name=step, exact=True).wait_for()
    page.get_by_text("HMAC Signature").click()
    page.evaluate("scrollTo(0, 0)")


def a_failing_delivery(browser: Browser, product: Product, api: Api) -> int:
    """Have the case management system answer with an error, and report a call; returns the delivery's id."""
    with somebody(browser, product) as page:
        log_in(page, ANNA)
        page.goto("/inboxes/1")
        page.locator("#answers").get_by_role("switch").click()
        page.get_by_text("Answers 500 error").wait_for()
    event = api.post("/v1/events", CALL)["id"]
    [delivery] = [one for one in api.get("/v1/deliveries?webhook_id=1")["data"] if one["event_id"] == event]
    path = f"/v1/deliveries/{delivery['id']}"
    wait_until(lambda: api.get(path)["attempt_count"] == 1, "the first attempt")
    return delivery["id"]


if __name__ == "__main__":
    main()
