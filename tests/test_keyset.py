"""Pages by key, on a table that grows while it is read."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from kayse_dash import clock, keyset, web
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput
from kayse_dash.events.models import Event
from kayse_dash.keyset import Count, Place, Search
from tests.conftest import on_both_databases

EVERYTHING = Search(Event.seq)


def add(number: int, type: str = "call_ended") -> None:
    now = clock.now()
    first = (db.session.scalar(sa.select(sa.func.max(Event.seq))) or 0) + 1
    rows = [
        {"id": f"e{n}", "type": type, "timestamp": now, "recorded_at": now, "data": "{}", "is_test": False, "epoch": 0}
        for n in range(first, first + number)
    ]
    db.session.execute(sa.insert(Event), rows)
    db.session.commit()


def of_type(name: str) -> Search:
    return Search(Event.seq, checked=lambda row: [row.type == name])


def read_all(search: Search, rows: int, meanwhile=lambda: None) -> list[list[int]]:
    """Every page from the newest to the oldest; `meanwhile` runs between two pages."""
    pages, place = [], None
    while True:
        page = keyset.read(search, place, rows)
        pages.append(page.keys)
        if page.older is None:
            return pages
        place = page.older
        meanwhile()


@on_both_databases
def test_pages_have_no_gaps_and_no_repeats_while_rows_are_added(app):
    add(23)
    pages = read_all(EVERYTHING, 5, meanwhile=lambda: add(3))
    assert [key for page in pages for key in page] == list(range(23, 0, -1))
    assert [len(page) for page in pages] == [5, 5, 5, 5, 3]


def test_the_way_back_shows_the_same_pages(app):
    add(20)
    first = keyset.read(EVERYTHING, None, 5)
    second = keyset.read(EVERYTHING, first.older, 5)
    third = keyset.read(EVERYTHING, second.older, 5)
    back = keyset.read(EVERYTHING, third.newer, 5)
    assert back.keys == second.keys == [15, 14, 13, 12, 11]
    assert keyset.read(EVERYTHING, back.older, 5).keys == third.keys


def test_the_way_back_ends_at_the_newest_page_whole(app):
    add(7)
    second = keyset.read(EVERYTHING, Place("before", 3), 5)
    assert second.keys == [2, 1]
    newest = keyset.read(EVERYTHING, second.newer, 5)
    assert newest.keys == [7, 6, 5, 4, 3]
    assert newest.newer is None
    add(1)
    assert keyset.read(EVERYTHING, second.newer, 5).keys == [7, 6, 5, 4, 3]
    assert keyset.read(EVERYTHING, Place("after", 8), 5).keys == [8, 7, 6, 5, 4]


def test_a_last_page_that_is_just_full_has_no_older_one(app):
    add(5)
    page = keyset.read(EVERYTHING, None, 5)
    assert (page.keys, page.older, page.newer, page.cut) == ([5, 4, 3, 2, 1], None, None, False)


def test_an_empty_table_is_an_empty_page(app):
    assert keyset.read(EVERYTHING) == keyset.Slice([], None, None, False)
    assert keyset.count(EVERYTHING) == Count(0)


@on_both_databases
def test_conditions_that_no_index_serves_are_checked_on_so_many_rows_and_the_link_goes_on_from_there(app, monkeypatch):
    monkeypatch.setattr(keyset, "LOOK_THROUGH", 10)
    add(3, "case.updated")
    add(25)
    add(2, "case.updated")
    pages = read_all(of_type("case.updated"), 5)
    assert pages == [[30, 29], [], [3, 2, 1]]
    assert keyset.read(of_type("case.updated")).cut
    assert not keyset.read(of_type("case.updated"), Place("before", 11)).cut


def test_the_way_back_goes_on_where_checking_stopped(app, monkeypatch):
    monkeypatch.setattr(keyset, "LOOK_THROUGH", 10)
    add(2, "case.updated")
    add(25)
    add(2, "case.updated")
    page = keyset.read(of_type("case.updated"), Place("after", 0), 5)
    assert (page.keys, page.cut, page.newer) == ([2, 1], True, Place("after", 10))
    page = keyset.read(of_type("case.updated"), page.newer, 5)
    assert (page.keys, page.newer, page.older) == ([], Place("after", 20), Place("before", 11))
    assert keyset.read(of_type("case.updated"), page.newer, 5).keys == [29, 28]


def test_pages_of_checked_rows_have_no_gaps_and_no_repeats(app, monkeypatch):
    monkeypatch.setattr(keyset, "LOOK_THROUGH", 7)
    for _ in range(10):
        add(1, "case.updated")
        add(2)
    found = [key for page in read_all(of_type("case.updated"), 2, meanwhile=lambda: add(1, "case.updated")) for key in page]
    assert found == list(range(28, 0, -3))


def test_counts_stop_at_a_cap(app, monkeypatch):
    monkeypatch.setattr(keyset, "COUNT_CAP", 10)
    add(10)
    assert keyset.count(EVERYTHING) == Count(10)
    add(5)
    assert keyset.count(EVERYTHING) == Count(11)


def test_counts_of_checked_rows_say_among_how_many(app, monkeypatch):
    monkeypatch.setattr(keyset, "LOOK_THROUGH", 10)
    add(4, "case.updated")
    add(3)
    assert keyset.count(of_type("case.updated")) == Count(4)
    add(5)
    assert keyset.count(of_type("case.updated")) == Count(2, among=10)


def test_a_place_travels_in_a_cursor():
    place = Place("before", 12)
    assert Place.of(web.decode_cursor(web.encode_cursor(*place.values))) == place
    assert Place.of(None) is None


SIDES = [["beside", 1], [["before"], 1], [1, "before"]]
KEYS = [["before"], ["before", "1"], ["before", True], ["before", -1], ["before", 2**63], ["before", 1.5], ["before", 1, 2]]


@pytest.mark.parametrize("values", [[], *SIDES, *KEYS])
def test_a_cursor_that_stands_for_no_place_is_refused(values):
    with pytest.raises(InvalidInput):
        Place.of(values)


@pytest.mark.parametrize("text", ["?", "ü", "bm8", "W1tb" * 1000, "\0", "e30"])
def test_a_text_that_is_no_cursor_is_refused(text):
    with pytest.raises(InvalidInput):
        web.decode_cursor(text)
