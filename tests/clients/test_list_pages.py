"""The list of clients, as a browser meets it."""

from __future__ import annotations

import re
from collections.abc import Callable
from html import unescape

import pytest
from flask.testing import FlaskClient

from kayse_dash.clients import listing
from kayse_dash.clients.models import Source
from tests.clients.people import JANE, make_client

Login = Callable[[str], FlaskClient]
HTMX = {"HX-Request": "true"}


def shown(page: str) -> list[str]:
    return [unescape(name) for name in re.findall(r'class="row-link__a"[^>]*>([^<]*)<', page)]


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'href="([^"]*)" rel="{rel}"', page)
    return unescape(found[1]) if found else None


def test_the_empty_list_says_how_clients_come_in(login: Login) -> None:
    page = login("staff").get("/clients").text
    assert "No clients yet" in page
    assert 'name="q"' not in page  # there is nothing to search
    assert "Add client" not in login("viewer").get("/clients").text


def test_the_list_shows_who_how_to_reach_them_and_where_they_live(login: Login) -> None:
    make_client(JANE, voice_calls_opted_out=True)
    make_client({"mobile": "+44 20 7946 0958"})
    page = login("viewer").get("/clients").text
    assert shown(page) == ["No name", "O'Brien, Jane"]
    for words in ("(212) 555-0142", "jane@example.com", "Boston, MA", "clio c-7", "No calls", "+44 20 7946 0958", "2 clients"):
        assert words in page, words


def test_pages_keep_what_was_asked(login: Login, monkeypatch) -> None:
    monkeypatch.setattr(listing, "PAGE_ROWS", 2)
    for number in range(5):
        make_client({"first_name": "A", "last_name": f"Doe{number}"})
    make_client({"last_name": "Roe"})
    browser = login("viewer")

    first = browser.get("/clients?q=doe&lacks=phone&sort=newest").text
    assert shown(first) == ["Doe4, A", "Doe3, A"]
    assert link(first, "prev") is None
    second = browser.get(link(first, "next")).text
    assert shown(second) == ["Doe2, A", "Doe1, A"]
    third = browser.get(link(second, "next"), headers=HTMX).text
    assert shown(third) == ["Doe0, A"]
    assert link(third, "next") is None
    assert shown(browser.get(link(third, "prev")).text) == ["Doe2, A", "Doe1, A"]
    assert "5 clients" in first
    assert 'value="doe"' in second
    assert '<option value="newest" selected>' in second


def test_htmx_gets_the_list_alone(login: Login) -> None:
    make_client()
    fragment = login("viewer").get("/clients?q=jane", headers=HTMX).text
    assert shown(fragment) == ["O'Brien, Jane"]
    assert "<html" not in fragment
    assert 'name="q"' not in fragment


def test_filters_narrow_the_list(login: Login) -> None:
    make_client(JANE, Source.PERSON)
    make_client({"first_name": "Bob", "last_name": "Roe", "voice_calls_opted_out": True}, Source.IMPORT)
    browser = login("viewer")
    for query, names in (
        ("source=person", ["O'Brien, Jane"]),
        ("state=MA", ["O'Brien, Jane"]),
        ("opted_out=calls", ["Roe, Bob"]),
        ("lacks=email", ["Roe, Bob"]),
        ("opted_out=enrichment", []),
    ):
        page = browser.get(f"/clients?{query}").text
        assert shown(page) == names, query
    assert "No client matches" in page
    assert "Clear filters" in page


@pytest.mark.parametrize(
    "query", ["lacks=brain", "source=moon", "state=XX", "opted_out=1", "sort=shoe", "q=%00", f"q={'x' * 201}"]
)
def test_a_filter_that_makes_no_sense_is_left_out_and_named(login: Login, query) -> None:
    make_client()
    page = login("viewer").get(f"/clients?{query}")
    assert page.status_code == 200
    assert "Some filters were left out" in page.text
    assert shown(page.text) == ["O'Brien, Jane"]


@pytest.mark.parametrize("cursor", ["x", "W10", "WyJhZnRlciIsMF0", "WyJhZnRlciIsIHRydWVd"])
def test_a_cursor_that_no_page_gave_is_refused(login: Login, cursor) -> None:
    for sort in ("name", "newest", "changed"):
        assert login("viewer").get(f"/clients?sort={sort}&cursor={cursor}").status_code == 422


def test_a_search_that_very_many_match_says_so(login: Login, monkeypatch) -> None:
    from kayse_dash.clients import search

    monkeypatch.setattr(search, "MOST_FOUND", 2)
    monkeypatch.setattr(search.understand, "__defaults__", (2,))
    for number in range(3):
        make_client({"first_name": f"{number}", "last_name": "Doe"})
    page = login("viewer").get("/clients?q=doe").text
    assert "More than 2 match. The first ones are shown: type more to find the rest." in page


def test_a_filter_that_nobody_near_matches_offers_to_look_further(login: Login, monkeypatch) -> None:
    monkeypatch.setattr(listing, "LOOK_THROUGH", 2)
    for number in range(4):
        make_client({"first_name": f"{number}", "last_name": "Doe"}, Source.PERSON if number == 3 else Source.API)
    browser = login("viewer")
    page = browser.get("/clients?source=person").text
    assert "None of the 2 clients looked through matches" in page
    further = unescape(re.search(r'href="([^"]*cursor=[^"]*)"', page)[1])
    assert shown(browser.get(further).text) == ["Doe, 3"]
