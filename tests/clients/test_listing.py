"""The list of clients: order, pages, filters."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash.clients import listing, records
from kayse_dash.clients.listing import Filters, OptOut, Place, Sort
from kayse_dash.clients.models import Client, Detail, DetailKind, Source
from kayse_dash.db import db
from kayse_dash.errors import InvalidInput
from tests.clients.people import make_client
from tests.conftest import on_both_databases

everybody = itertools.chain.from_iterable
START = datetime(2026, 3, 12, 14, tzinfo=UTC)


def fill(how_many: int, **over: object) -> list[int]:
    """So many clients, Doe00 to Doe…, each changed a minute after the one before; every third without a phone."""
    for number in range(how_many):
        values = records.check(
            {"first_name": f"A{number % 3}", "last_name": f"Doe{number % 40:02}", "mobile": "2125550142"}, None
        )
        client = records.create(values | ({"phones": []} if number % 3 == 0 else {}) | over, Source.IMPORT, "x", START)
        client.updated_at = START + timedelta(minutes=number)
    db.session.commit()
    return list(db.session.scalars(sa.select(Client.id).order_by(Client.id)))


def pages(filters: Filters, sort: Sort, backwards: bool = False) -> list[list[int]]:
    """All pages, by their ids."""
    found, place = [], None
    if backwards:
        place = listing.page(filters, sort, _last(filters, sort)).previous
    while True:
        page = listing.page(filters, sort, place)
        found.append([row.client.id for row in page.rows])
        place = page.previous if backwards else page.following
        if place is None:
            return found


def _last(filters: Filters, sort: Sort) -> Place | None:
    place = None
    while (following := listing.page(filters, sort, place).following) is not None:
        place = following
    return place


def expected(sort: Sort, wanted=lambda client: True) -> list[int]:
    columns = [column.desc() if sort.descends else column for column in sort.columns]
    return [client.id for client in db.session.scalars(sa.select(Client).order_by(*columns)) if wanted(client)]


@on_both_databases
def test_pages_hold_everybody_once_in_order_forward_and_back(app: Flask):
    fill(120)
    for sort in Sort:
        forward = pages(Filters(), sort)
        assert [len(page) for page in forward] == [50, 50, 20]
        assert list(everybody(forward)) == expected(sort)
        assert pages(Filters(), sort, backwards=True) == [forward[1], forward[0]]


@on_both_databases
def test_a_filter_that_is_checked_client_by_client_loses_nobody(app: Flask, monkeypatch):
    monkeypatch.setattr(listing, "LOOK_INTO", 25)
    monkeypatch.setattr(listing, "LOOK_THROUGH", 25)
    fill(120)
    filters = Filters(lacks=DetailKind.PHONE)
    for sort in Sort:
        forward = pages(filters, sort)
        assert list(everybody(forward)) == [one for one in expected(sort) if not _has_phone(one)]
        assert len(forward) == 5  # 25 are looked through for each
        back = pages(filters, sort, backwards=True)
        assert set(everybody(back)) == set(everybody(forward[:-1]))
        assert back[-1] == forward[0]

        first = listing.page(filters, sort)
        assert (first.looked, first.more, first.count) == (25, True, len(forward[0]))
        nobody = listing.page(Filters(source=Source.PERSON), sort)
        assert (nobody.rows, nobody.looked, nobody.count) == ([], 25, 0)


def _has_phone(client_id: int) -> bool:
    return db.session.scalar(sa.select(sa.exists().where(Detail.client_id == client_id, Detail.kind == DetailKind.PHONE)))


@on_both_databases
def test_what_was_searched_is_sorted_filtered_and_counted(app: Flask, monkeypatch):
    monkeypatch.setattr(listing, "PAGE_ROWS", 15)
    fill(120)
    make_client({"last_name": "Other"})
    filters = Filters("doe", lacks=DetailKind.PHONE)
    for sort in Sort:
        forward = pages(filters, sort)
        assert list(everybody(forward)) == expected(sort, lambda one: one.last_name != "Other" and not _has_phone(one.id))
        second = listing.page(filters, sort, listing.page(filters, sort).following)
        assert (second.count, second.more, len(second.rows)) == (40, False, 15)


@on_both_databases
def test_filters(app: Flask):
    boston = make_client({"last_name": "A", "city": "Boston", "state": "MA"}, Source.PERSON).id
    texan = make_client({"last_name": "B", "addresses": [{"state": "TX"}, {"state": "Massachusetts"}], "email": "b@x.co"}).id
    quiet = make_client({"last_name": "C", "voice_calls_opted_out": True}, Source.IMPORT).id
    private = make_client({"last_name": "D", "enrichment_opted_out": True, "mobile": "2125550142"}).id
    for filters, whom in (
        (Filters(state="MA"), [boston, texan]),
        (Filters(state="TX"), [texan]),
        (Filters(lacks=DetailKind.ADDRESS), [quiet, private]),
        (Filters(lacks=DetailKind.EMAIL), [boston, quiet, private]),
        (Filters(lacks=DetailKind.PHONE), [boston, texan, quiet]),
        (Filters(opted_out=OptOut.CALLS), [quiet]),
        (Filters(opted_out=OptOut.ENRICHMENT), [private]),
        (Filters(source=Source.API), [texan, private]),
        (Filters(source=Source.API, state="TX", lacks=DetailKind.PHONE), [texan]),
        (Filters("a", state="MA"), [boston]),
    ):
        page = listing.page(filters)
        assert [row.client.id for row in page.rows] == whom, filters
        assert (page.count, page.more) == (len(whom), False)
        assert list(db.session.scalars(listing.every(filters, Sort.NAME))) == whom


def test_counting_ends_at_a_cap(app: Flask, monkeypatch):
    monkeypatch.setattr(listing, "COUNT_CAP", 5)
    fill(6)
    page = listing.page(Filters())
    assert (page.count, page.more) == (5, True)


@pytest.mark.parametrize(
    "values",
    [
        [],
        ["after"],
        ["behind", 1],
        ["after", "1"],
        ["after", True],
        ["after", 0],
        ["after", 2**63],
        ["after", 1, 2],
        "after",
        7,
        ["after", "a\0", "b", 1],
        ["after", "a", "\ud800", 1],
        ["after", "x" * 201, "", 1],
        ["after", "2026-03-12", 1],
        ["after", "2026-03-12T14:00:00", 1],
        ["after", "99999-01-01T00:00:00Z", 1],
        ["after", None, "a", 1],
    ],
)
def test_a_cursor_that_no_page_gave_is_refused(values):
    for sort in Sort:
        with pytest.raises(InvalidInput):
            Place.of(sort, values)


@pytest.mark.parametrize("sort", list(Sort))
def test_a_cursor_comes_back_as_the_place_it_stands_for(app: Flask, sort):
    fill(60)
    place = listing.page(Filters(), sort).following
    assert Place.of(sort, place.cursor) == place
    other = Sort.NAME if sort is not Sort.NAME else Sort.NEWEST
    with pytest.raises(InvalidInput):
        Place.of(other, place.cursor)


def test_somebody_who_was_deleted_in_between_leaves_no_gap(app: Flask):
    ids = fill(60)
    following = listing.page(Filters(), Sort.NEWEST).following
    db.session.execute(sa.delete(Client).where(Client.id == following.values[0]))
    db.session.commit()
    assert [row.client.id for row in listing.page(Filters(), Sort.NEWEST, following).rows] == ids[9::-1]
