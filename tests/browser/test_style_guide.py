"""What the parts do in a real browser, tried on the style guide."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import expect

from tests.test_words import AGO

pytestmark = pytest.mark.browser


POLLED = """<div id="polled" hx-get="/polled" hx-trigger="every 200ms" hx-swap="outerHTML">{}</div>"""


@pytest.fixture
def guide(visit):
    """`with guide(width=390) as page:` opens the style guide for an administrator."""
    return partial(visit, "admin", "/styleguide")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_part_breaks_a_rule_of_accessibility(guide, scheme, width):
    with guide(width, color_scheme=scheme) as page:
        faults = Axe().run(page, options={"rules": {"target-size": {"enabled": True}}}).response["violations"]
        assert [(fault["id"], [node["html"] for node in fault["nodes"]]) for fault in faults] == []


@pytest.mark.parametrize("width", [320, 390, 700, 960, 1280, 1920])
def test_the_page_never_scrolls_sideways(guide, width):
    with guide(width) as page:
        page.evaluate("document.querySelectorAll('details:not([data-menu])').forEach((part) => { part.open = true })")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        page.evaluate("scrollTo(1000, 0)")
        assert page.evaluate("scrollX") == 0


def test_the_navigation_is_a_menu_on_a_small_screen_without_javascript(guide):
    with guide(390, java_script_enabled=False) as page:
        link = page.locator(".topbar").get_by_role("link", name="Deliveries")
        expect(link).to_be_hidden()
        page.get_by_text("Menu", exact=True).click()
        expect(link).to_be_visible()
        expect(page.locator(".sidebar")).to_be_hidden()


def test_a_button_works_without_javascript(guide):
    with guide(java_script_enabled=False) as page:
        page.get_by_role("button", name="Try: saved").click()
        expect(page.locator("#flash")).to_contain_text("The change was saved.")
        expect(page.get_by_role("button", name="Copy").first).to_be_hidden()


def test_an_answer_lands_in_its_place_and_its_message_can_be_dismissed(guide):
    with guide() as page:
        page.get_by_role("button", name="Try: saved").click()
        expect(page.locator("#tried")).to_contain_text("Answered")
        page.get_by_role("button", name="Dismiss this message").click()
        expect(page.locator("#flash")).to_be_empty()


def test_a_refusal_is_told_in_its_words_and_changes_nothing_else(guide):
    with guide() as page:
        page.get_by_role("button", name="Try: refused").click()
        expect(page.locator("#flash")).to_contain_text("Another person changed this webhook.")
        expect(page.locator("#tried")).to_be_empty()


def test_an_invalid_form_comes_back_with_its_faults_in_focus(guide):
    with guide() as page:
        page.get_by_role("button", name="Try: invalid").click()
        expect(page.locator("#tried [role=alert]")).to_be_focused()
        expect(page.locator("#sent-name")).to_have_attribute("aria-invalid", "true")
        expect(page.locator("#sent-name")).to_have_accessible_description("Give the webhook a name.")


def test_a_server_that_cannot_be_reached_is_told_until_it_can(guide):
    with guide() as page:
        page.route("**/styleguide", lambda route: route.abort())
        page.get_by_role("button", name="Try: saved").click()
        expect(page.locator("#flash")).to_contain_text("cannot be reached")
        page.unroute("**/styleguide")
        page.get_by_role("button", name="Try: invalid").click()
        expect(page.locator("#flash")).to_be_empty()


def test_an_error_without_words_of_ours_is_told_too(guide):
    with guide() as page:
        page.route("**/styleguide", lambda route: route.fulfill(status=502, body="Bad gateway"))
        page.get_by_role("button", name="Try: saved").click()
        expect(page.locator("#flash")).to_contain_text("error 502")
        expect(page.locator("#tried")).to_be_empty()


def test_a_double_click_sends_once(guide):
    with guide() as page:
        posts = []
        page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
        button = page.get_by_role("button", name="Try: slow")
        button.dblclick()
        expect(button).to_have_attribute("aria-busy", "true")
        expect(page.locator("#tried")).to_contain_text("Answered")
        expect(button).not_to_have_attribute("aria-busy", "true")
        assert len(posts) == 1


def test_a_question_is_asked_first_and_no_means_no(guide):
    with guide() as page:
        posts = []
        page.on("request", lambda request: posts.append(request.post_data) if request.method == "POST" else None)
        button = page.get_by_role("button", name="Try: ask first")
        dialog = page.get_by_role("dialog", name="Retry 312 failed deliveries?")
        for refuse in (lambda: page.keyboard.press("Escape"), lambda: dialog.get_by_role("button", name="Cancel").click()):
            button.click()
            expect(dialog).to_be_visible()
            refuse()
            expect(dialog).to_be_hidden()
            expect(button).to_be_focused()
        assert posts == []
        button.click()
        dialog.get_by_role("button", name="Try: ask first").click()
        expect(page.locator("#tried")).to_contain_text("Answered")
        assert len(posts) == 1
        assert "confirmed=yes" in posts[0]


def test_copying_gives_the_text_and_says_so(guide):
    with guide(permissions=["clipboard-read", "clipboard-write"]) as page:
        button = page.locator(".copy-field").get_by_role("button", name="Copy")
        button.click()
        expect(page.locator(".copy-field button")).to_contain_text("Copied")
        assert page.evaluate("navigator.clipboard.readText()") == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
        expect(button).to_contain_text("Copy", timeout=4000)


def test_copying_works_where_the_clipboard_interface_is_missing(guide):
    with guide(permissions=["clipboard-read", "clipboard-write"]) as page:
        read = "(async () => (await window.clipboardKept.readText()))()"
        page.evaluate(
            "window.clipboardKept = navigator.clipboard; Object.defineProperty(navigator, 'clipboard', {value: undefined})"
        )
        page.locator(".code").filter(has_text="Send an event").get_by_role("button").click()
        expect(page.locator(".code").filter(has_text="Send an event").get_by_role("button")).to_contain_text("Copied")
        assert page.evaluate(read).startswith("curl -X POST")


def test_a_list_is_shortened_by_typing_and_chosen_at_once(guide):
    with guide() as page:
        events, every = page.locator("#sample-events"), page.get_by_label("Select all")
        assert every.evaluate("(box) => box.indeterminate")
        page.get_by_label("Search the events").fill("CALL_ an")
        expect(events.locator("li:visible")).to_have_count(1)
        every.check()
        page.get_by_label("Search the events").fill("")
        assert events.locator("[name=events]:checked").evaluate_all("(found) => found.map((box) => box.value)") == [
            "call_started",
            "call_analyzed",
        ]
        page.get_by_label("Search the events").fill("nothing like it")
        expect(page.get_by_text("Nothing matches.")).to_be_visible()


def test_menus_close_on_escape_and_elsewhere_and_keep_the_keyboard(guide):
    with guide() as page:
        menu = page.get_by_label("More actions", exact=True)
        entry = page.get_by_role("link", name="Duplicate").first
        menu.click()
        expect(entry).to_be_visible()
        page.keyboard.press("Escape")
        expect(entry).to_be_hidden()
        expect(menu).to_be_focused()
        menu.click()
        page.get_by_role("heading", name="Buttons").click()
        expect(entry).to_be_hidden()


def test_the_slash_key_goes_to_the_search_but_not_while_typing(guide):
    with guide() as page:
        page.keyboard.press("/")
        expect(page.get_by_label("Search deliveries")).to_be_focused()
        page.locator("#notes").focus()
        page.keyboard.press("/")
        expect(page.locator("#notes")).to_have_value("/")


def test_times_on_an_open_page_follow_the_rules_of_words(guide):
    with guide() as page:
        for passed, said in AGO:
            shown = page.evaluate("ago", passed.total_seconds())
            assert shown == (said if shown is not None else None)
            assert (shown is None) == (passed >= timedelta(days=1) or passed < -timedelta(hours=48)), passed


def test_a_poll_keeps_focus_and_open_parts_and_waits_while_a_question_is_open(guide):
    with guide() as page:
        served: list[str] = []

        def serve(route):
            body = POLLED.format(
                f"""<details id="part"><summary>Part</summary>{len(served) // 5}</details><button>Retry</button>"""
            )
            served.append(body)
            route.fulfill(status=200, content_type="text/html", body=body)

        page.route("**/polled", serve)
        page.evaluate(
            "(html) => { const place = document.querySelector('#tried'); place.innerHTML = html; htmx.process(place); }",
            POLLED.format(""),
        )
        page.locator("#part summary").click()
        page.locator("#polled button").focus()
        kept = page.locator("#polled").element_handle()
        page.wait_for_function("(kept) => !kept.isConnected", arg=kept)
        expect(page.locator("#polled button")).to_be_focused()
        expect(page.locator("#part")).to_have_attribute("open", "")
        page.get_by_role("button", name="Try: ask first").click()
        page.wait_for_timeout(300)
        before = len(served)
        page.wait_for_timeout(700)
        assert len(served) == before
        page.keyboard.press("Escape")
        page.wait_for_function("(kept) => !kept.isConnected", arg=page.locator("#polled").element_handle())
        assert len(served) > before
