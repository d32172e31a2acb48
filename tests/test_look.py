"""The frame and the parts of every page, as markup. How they behave is tested in tests/browser/test_style_guide.py."""

from __future__ import annotations

import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pytest
from flask import render_template, render_template_string

from kayse_dash.webhooks.schedule import State
from tests.factories import make_delivery
from tests.visitors import Visitor

ROOT = Path(__file__).resolve().parent.parent
SHEET = (ROOT / "static" / "app.css").read_text()


class Elements(HTMLParser):
    """Every element of a page as (name, attributes)."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag, attrs):
        self.found.append((tag, dict(attrs)))

    def of(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.found if name == tag]


@pytest.fixture
def guide(login) -> str:
    return login("admin").get("/styleguide").text


def test_only_administrators_see_the_style_guide(login):
    assert login("staff").get("/styleguide").status_code == 403


def test_nothing_in_a_page_is_forbidden_by_the_security_policy(guide):
    page = Elements(guide)
    assert [attributes for _, attributes in page.found if "style" in attributes] == []
    assert [name for _, attributes in page.found for name in attributes if name.startswith(("on", "hx-on"))] == []
    assert page.of("style") == []
    assert all(script["src"].startswith("/static/") for script in page.of("script"))


def test_no_id_stands_twice_and_every_reference_finds_its_element(guide):
    page = Elements(guide)
    ids = Counter(attributes["id"] for _, attributes in page.found if attributes.get("id"))
    assert [name for name, count in ids.items() if count > 1] == []
    for name in ("for", "aria-describedby", "aria-labelledby"):
        wanted = {word for _, attributes in page.found for word in (attributes.get(name) or "").split()}
        assert wanted - set(ids) == set()


def test_htmx_swaps_answers_and_faults_in_a_form_but_no_other_errors(guide):
    (meta,) = [meta for meta in Elements(guide).of("meta") if meta.get("name") == "htmx-config"]
    config = json.loads(meta["content"])
    known = (ROOT / "static" / "vendor" / "htmx-2.0.11.min.js").read_text()
    assert [name for name in config if f"{name}:" not in known] == []

    def swaps(status: int) -> bool:
        return next(rule["swap"] for rule in config["responseHandling"] if re.search(rule["code"], str(status)))

    swapped = [status for status in (200, 202, 204, 304, 422, 400, 403, 404, 429, 500) if swaps(status)]
    assert swapped == [200, 202, 422]


def test_every_post_form_carries_a_token(app, login):
    app.config["WTF_CSRF_ENABLED"] = True
    html = login("admin").get("/styleguide").text
    forms = [form for form in re.findall(r"<form.*?</form>", html, re.DOTALL) if 'method="post"' in form]
    assert len(forms) > 10
    assert [form for form in forms if not re.search(r'name="csrf_token"[^>]* value="[^"]{40,}"', form)] == []


def test_the_sheet_is_small_and_every_colour_has_a_light_and_a_dark_value():
    assert len(SHEET.encode()) <= 40 * 1024
    tokens = dict(re.findall(r"^\s*--([\w-]+): (.*?);", SHEET[: SHEET.index("/* ---- Elements")], re.MULTILINE))
    assert [name for name, value in tokens.items() if "#" in value and not value.startswith("light-dark(")] == []
    used = set(re.findall(r"var\(--([\w-]+)", SHEET))
    assert (
        used
        - set(tokens)
        - {"tone", "tone-soft", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8"}
        - set(re.findall(r"--([\w-]+):", SHEET))
        == set()
    )


def test_every_class_of_the_parts_is_in_the_sheet(guide):
    styled = set(re.findall(r"\.([a-z][\w-]*)", SHEET))
    used = {name for _, attributes in Elements(guide).found for name in (attributes.get("class") or "").split()}
    the_plain_one = {"badge--plain", "button--secondary", "language-json", "language-bash"}
    assert used - styled - the_plain_one == set()


def test_the_navigation_marks_where_one_is(app):
    for path in ("/", "/settings/webhooks", "/settings/webhooks/7", "/events", "/settings/users"):
        with app.test_request_context(path):
            places = Elements(render_template("_navigation.html", may=lambda role: True, current_user=_Someone())).of("a")
        marked = {place["href"] for place in places if "aria-current" in place}
        assert len(marked) == 1, path
        assert path.startswith(marked.pop())


def test_only_administrators_are_led_to_the_settings_of_people_and_keys(app):
    with app.test_request_context("/"):
        html = render_template("_navigation.html", may=lambda role: False, current_user=_Someone())
    assert "/settings/webhooks" in html
    assert "/settings/users" not in html


class _Someone:
    shown_name = "<Maria>"
    role = type("Role", (), {"label": "Staff"})


def test_every_state_of_a_delivery_has_its_own_shape(app):
    with app.test_request_context():
        shapes = {_macro("badge(state)", state=state).split('<path d="')[1].split('"')[0] for state in State}
    assert len(shapes) == len(State)


def test_an_unknown_state_is_shown_and_not_an_error(app):
    with app.test_request_context():
        assert "Melted" in _macro("badge(state)", state="melted")


SHOWN = [
    "alert('bad', text, text)",
    "badge('failed', text=text)",
    "bars([(text, 1, 0)], text)",
    "button(text, href=text, title=text)",
    "code_block(text, 'x', title=text)",
    "copy_button(text=text)",
    "copy_field('x', text, text)",
    "empty(text, text)",
    "key_value([(text, text)])",
    "message('error', text)",
    "moment('failed', text, text, text)",
    "page_header(text, text, back=(text, text))",
    "post_button(text, text, confirm=text, fields={'a': text})",
    "progress(1, 2, text)",
    "search_box('q', text, text)",
    "select_box('s', text, [(text, text)], text)",
    "stat(text, text, text, href=text)",
    "steps(2, [(text, text), text])",
    "tabs([(text, text, true, text)])",
    "tag(text)",
    "toggle(true, text, text)",
]


def test_what_people_typed_is_never_markup(app):
    with app.test_request_context():
        for part in SHOWN:
            html = _macro(part, text="\"'><b>")
            assert "<b>" not in html, part
            assert "\"'>" not in html, part
            assert "&lt;b&gt;" in html, part


def test_a_token_in_a_fragment_does_not_make_it_another_one(app, login):
    app.test_client_class = Visitor
    path = f"/deliveries/{make_delivery(state=State.FAILED).id}"
    first, second = (login("staff").get(path, headers={"HX-Request": "true"}) for _ in range(2))
    assert first.text != second.text
    assert first.headers["ETag"] == second.headers["ETag"]


def _macro(call: str, **context: object) -> str:
    return render_template_string("{% from '_macros.html' import " + call.split("(")[0] + " %}{{ " + call + " }}", **context)


def test_an_error_is_a_page_for_a_browser_and_a_message_for_htmx(app, login):
    page = login("admin").get("/no-such-page")
    assert page.status_code == 404
    assert "There is no such page" in page.text
    fragment = login("admin").get("/no-such-page", headers={"HX-Request": "true"})
    assert fragment.headers["HX-Reswap"] == "none"
    assert 'id="flash" hx-swap-oob="innerHTML"' in fragment.text
    assert "<html" not in fragment.text
