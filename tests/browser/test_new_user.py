"""The first hour with the real product, in a real browser: from the code that is printed at the start to one's own events."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Browser, Locator, Page, expect

from tests.browser.person import ADMIN, ADMIN_GIVEN, PASSWORD, log_in, somebody
from tests.product import TO_THIS_MACHINE, Api, Product
from tests.receiver import Receiver

pytestmark = [pytest.mark.browser, pytest.mark.slow]

SOON = 15_000  # ms; other tests keep the processors busy


@pytest.fixture(scope="module")
def product(start: Callable[..., Product]) -> Product:
    """Set up by an administrator, and empty."""
    return start(**TO_THIS_MACHINE, **ADMIN_GIVEN).wait()


@pytest.fixture(scope="module")
def busy(start: Callable[..., Product]) -> Product:
    """With the sample firm, and more events than fit on a page."""
    product = start(**TO_THIS_MACHINE, **ADMIN_GIVEN).wait()
    assert product.command("demo").returncode == 0
    events = [{"event": name, "data": {}} for name in ("call_started", "call_ended") for _ in range(30)]
    product.api().post("/v1/events", {"events": events})
    return product


def test_from_the_printed_code_to_a_failure_that_is_healed(start: Callable[..., Product], browser: Browser) -> None:
    """/setup, the overview's next steps, the sample firm, its inbox, a failure explained, Retry, and the sample firm removed."""
    product = start(**TO_THIS_MACHINE).wait()
    [code] = re.findall(r"Set-up code: (\S+)", product.printed)
    with somebody(browser, product) as page:
        become_administrator(page, code)
        see_what_to_do_next(page)
        load_the_sample_firm(page)
        see_signed_messages_in_the_inbox(page)
        answer_with(page, "500 error")
        see_a_failure_explained(page)
        failing = page.url
        page.goto("/inboxes")
        page.get_by_role("link", name="Sample case management system").click()
        answer_with(page, "200 OK")
        page.goto(failing)
        page.get_by_role("button", name="Retry").click()
        expect(page.get_by_text(re.compile("^Delivered"))).to_be_visible(timeout=SOON)
        expect(page.locator("[hx-trigger^=every]")).to_have_count(0)
        remove_the_sample_firm(page)


def become_administrator(page: Page, code: str) -> None:
    page.goto("/")
    expect(page).to_have_url(re.compile("/setup$"))
    page.get_by_label("code").fill(code.lower())
    page.get_by_label("Name").fill("Anna Berg")
    page.get_by_label("Email").fill(ADMIN)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("again").fill(PASSWORD)
    page.get_by_role("button", name="Make the account").click()
    expect(page.get_by_role("heading", name="Overview")).to_be_visible()
    page.goto("/setup")
    expect(page).to_have_url(re.compile("/$"))  # its time is over


def see_what_to_do_next(page: Page) -> None:
    expect(page.get_by_role("heading", name="Get started")).to_be_visible()
    expect(page.locator(".timeline__title")).to_have_text(["Add a webhook", "Create an API key", "Send the first event"])


def load_the_sample_firm(page: Page) -> None:
    page.get_by_role("button", name="Load the sample firm").click()
    expect(figure(page, "Delivered today")).to_have_text(re.compile(r"^[1-9]"), timeout=SOON)
    expect(page.get_by_role("heading", name="The last 24 hours")).to_be_visible()
    page.locator("nav").get_by_role("link", name="Deliveries").click()
    rows = page.locator("#delivery-list tbody tr")
    expect(rows.first).to_contain_text("Delivered", timeout=SOON)
    newest = rows.first.get_by_role("link").get_attribute("href")
    expect(rows.first.get_by_role("link")).not_to_have_attribute("href", newest, timeout=SOON)


def see_signed_messages_in_the_inbox(page: Page) -> None:
    page.locator("nav").get_by_role("link", name="Test inboxes").click()
    page.get_by_role("link", name="Sample case management system").click()
    expect(page.get_by_text("Signature verified").first).to_be_visible()
    message = page.locator("#messages details").first
    message.locator("summary").click()
    expect(message.get_by_text("webhook-signature: v1,")).to_be_visible()


def answer_with(page: Page, words: str) -> None:
    page.locator("#answers").get_by_role("switch").click()
    expect(page.locator("#answers")).to_contain_text(f"Answers {words}")


def see_a_failure_explained(page: Page) -> None:
    """The next live event fails: the overview says so, and its delivery says why and when it is tried again."""
    page.goto("/")
    expect(page.get_by_text("Sample case management system is failing")).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="View Logs").first.click()
    row = page.locator("#delivery-list tbody tr").filter(has=page.get_by_text("500", exact=True)).first
    expect(row).to_contain_text(re.compile("in [45] min"), timeout=SOON)
    row.get_by_role("link").click()
    expect(page.locator(".alert", has_text="500")).to_be_visible()
    expect(page.get_by_text("was told to answer 500").first).to_be_visible()
    expect(page.locator(".badge").get_by_role("time")).to_have_attribute("title", re.compile(r"\d\d:\d\d:\d\d UTC"))


def remove_the_sample_firm(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Remove the sample firm").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove the sample firm").click()
    expect(page.get_by_role("button", name="Load the sample firm")).to_be_visible()
    page.goto("/settings/webhooks")
    expect(page.get_by_text("No webhooks yet")).to_be_visible()


def figure(page: Page, label: str) -> Locator:
    return page.locator(".stat", has_text=label).locator(".stat__value")


def test_a_key_is_shown_once_and_reports_an_event(product: Product, browser: Browser) -> None:
    with somebody(browser, product) as page:
        log_in(page)
        page.locator("nav").get_by_role("link", name="API keys").click()
        page.get_by_label("Name").fill("Phone agents")
        page.get_by_role("button", name="Make key").click()
        key = page.get_by_label("API key", exact=True).input_value()
        page.reload()  # which sends the form again
        expect(page.get_by_text("This key was made and shown already")).to_be_visible()
        assert key not in page.content()
        expect(page.get_by_role("row", name="Phone agents")).to_have_count(1)

        page.goto("/events")
        expect(page.get_by_text("No events yet")).to_be_visible()
        api = Api(product.address, key)
        event = api.post("/v1/events", {"event": "document_uploaded", "data": {"name": "police-report.pdf"}})
        page.get_by_role("link", name="Document uploaded").click(timeout=SOON)  # it appears by itself
        expect(page.get_by_text(event["id"])).to_be_visible()
        expect(page.get_by_text("police-report.pdf")).to_be_visible()

        page.goto("/settings/api-keys")
        page.get_by_role("button", name="Revoke").click()
        page.get_by_role("dialog").get_by_role("button", name="Revoke").click()
        expect(page.get_by_role("row", name="Phone agents")).to_contain_text("Revoked")
        assert api.send("GET", "/v1/events").status_code == 401


CHANGING = (
    "/settings/webhooks/new", "/settings/webhooks/1/edit", "/settings/webhooks/1/disable", "/settings/webhooks/1/enable",
    "/settings/webhooks/1/test", "/settings/webhooks/1/retry-failed", "/settings/webhooks/1/held/drop",
    "/settings/webhooks/1/rotate-secret", "/settings/webhooks/1/delete", "/deliveries/1/retry", "/deliveries/1/cancel",
    "/campaigns", "/campaigns/1", "/campaigns/1/delete", "/inboxes", "/inboxes/1/answers", "/inboxes/1/empty",
    "/inboxes/1/delete", "/sample-firm", "/sample-firm/remove", "/settings/users", "/settings/api-keys",
)  # fmt: skip
LOOKING = (
    "/", "/settings/webhooks", "/settings/webhooks/1", "/settings/webhooks/1/log", "/deliveries", "/deliveries/1", "/events",
    "/campaigns", "/inboxes", "/inboxes/1", "/reference",
)  # fmt: skip


def test_a_viewer_sees_everything_and_changes_nothing(busy: Product, browser: Browser) -> None:
    with somebody(browser, busy) as page:
        log_in(page)
        page.goto("/settings/users")
        page.get_by_label("Name").fill("Vera Viewer")
        page.get_by_label("Email", exact=True).fill("vera@firm.test")
        page.get_by_role("radio", name="Viewer").check()
        page.get_by_role("button", name="Add person").click()
        password = page.get_by_label("Password").input_value()
        expect(page.get_by_role("row", name="Vera Viewer")).to_be_visible()
    with somebody(browser, busy) as page:
        log_in(page, "vera@firm.test", password)
        for path in LOOKING:
            page.goto(path)
            expect(page.get_by_role("heading", level=1)).to_be_visible()
            own = page.locator("main form[method=post], main button[hx-post], main a[href*=delete], main a[href$=edit]")
            assert own.all_inner_texts() == [], path
            expect(page.locator("nav").get_by_text("API keys")).to_have_count(0)
        token = page.locator("[name=csrf_token]").first.input_value()
        answers = {path: page.request.post(path, form={"csrf_token": token}).status for path in CHANGING}
        assert answers == dict.fromkeys(CHANGING, 403)
    assert len(busy.api().get("/v1/webhooks")["data"]) == 2


FILTERED = {"/deliveries": "Deliveries", "/events": "Events", "/settings/webhooks/1/log": "Sample case management system"}


def test_back_shows_whole_pages(busy: Product, browser: Browser) -> None:
    """After filtering, paging and switching in place, the Back button never shows a naked fragment."""
    with somebody(browser, busy) as page:
        log_in(page)
        for path, name in FILTERED.items():
            page.goto(path)
            page.get_by_role("link", name="Older").click()
            page.get_by_role("link", name="Newer").wait_for()
            page.goto(path)
            page.locator("select[name=event]").select_option("call_ended")
            expect(page).to_have_url(re.compile("event=call_ended"))
            expect(page.locator("tbody").get_by_text("call_ended").first).to_be_visible()
            expect(page.locator("tbody").get_by_text("call_started")).to_have_count(0)
            page.locator("a.row-link__a").first.click()
            page.locator(".back-link").wait_for()
            page.go_back()
            see_whole_page(page, name)
            expect(page.locator("select[name=event]")).to_have_value("call_ended")
            expect(page.locator("tbody").get_by_text("call_started")).to_have_count(0)
            page.go_back()
            see_whole_page(page, name)
            page.go_back()
            see_whole_page(page, name)
            expect(page.get_by_role("link", name="Newer")).to_be_visible()

        page.goto("/settings/webhooks")
        switch = page.get_by_role("switch", name="Send events to Sample intake sheet")
        switch.click()
        expect(switch).to_have_attribute("aria-checked", "false")
        page.get_by_role("link", name="Sample intake sheet").click()
        page.get_by_role("heading", name="Sample intake sheet").wait_for()
        page.go_back()
        see_whole_page(page, "Webhooks")
        expect(switch).to_have_attribute("aria-checked", "false")
        switch.click()


def see_whole_page(page: Page, heading: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(heading)
    expect(page.locator("body > header.sidebar")).to_be_visible()
    expect(page.locator("main")).to_have_count(1)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)


def test_a_webhook_is_added_by_keyboard_alone(product: Product, browser: Browser, receiver: Receiver) -> None:
    with somebody(browser, product) as page:
        log_in(page)
        page.goto("/settings/webhooks")
        press_on(page, page.get_by_role("link", name="Add Webhook").first, "Enter")
        press_on(page, page.get_by_label("Name", exact=True))
        page.keyboard.type("Case management")
        press_on(page, page.get_by_label("Destination URL"))
        page.keyboard.type(receiver.url)
        page.keyboard.press("Enter")
        press_on(page, page.get_by_role("radio", name="All events"), "ArrowDown")
        press_on(page, page.get_by_role("checkbox", name="task_completed"), "Space")
        press_on(page, page.get_by_role("button", name="Next").last, "Enter")
        expect(page.get_by_text("No call event is chosen")).to_be_visible()
        press_on(page, page.get_by_role("button", name="Next").last, "Space")
        press_on(page, page.get_by_role("radio", name="None"), "ArrowDown")
        press_on(page, page.get_by_label("Key", exact=True))
        page.keyboard.type("k-123456")
        press_on(page, page.get_by_role("button", name="Next").last, "Enter")
        expect(page.get_by_role("heading", name="Review")).to_be_visible()
        press_on(page, page.get_by_role("button", name="Save").last, "Enter")
        expect(page.get_by_role("heading", name="Send a test")).to_be_visible()
        press_on(page, page.get_by_role("button", name="Test"), "Space")
        expect(page.locator("#request-body")).to_contain_text("task_completed", timeout=SOON)
    [request] = receiver.requests
    assert (request.headers["X-Public-Api-Key"], request.headers["webhook-test"]) == ("k-123456", "true")


def press_on(page: Page, target: Locator, key: str | None = None) -> None:
    """Go to an element with the Tab key, see that it shows where the keyboard is, and press a key on it."""
    target.wait_for()
    for _ in range(60):
        if target.evaluate("(element) => element === document.activeElement"):
            break
        page.keyboard.press("Tab")
    expect(target).to_be_focused()
    assert target.evaluate(SHOWS_FOCUS), f"nobody can see that {target} has the focus"
    if key:
        page.keyboard.press(key)


# A radio button or box in a card is shown by its label.
SHOWS_FOCUS = """(element) => [element, element.closest("label")].some((part) => {
    const style = part && getComputedStyle(part);
    return style && ((style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow !== "none");
})"""
