"""Finding events again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kayse_dash.db import db
from kayse_dash.errors import NotFound
from kayse_dash.events import log
from kayse_dash.events.log import Filters
from tests.conftest import on_both_databases
from tests.factories import make_event

NOW = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)


def found(**filters) -> list[str]:
    return [row.id for row in log.page(Filters(**filters)).rows]


@on_both_databases
def test_each_filter_shows_what_fits_newest_first(app):
    make_event(id="a", type="call_ended", campaign_id=1, now=NOW)
    make_event(id="b", type="case.updated", now=NOW + timedelta(minutes=1))
    make_event(id="ab", type="call_ended", campaign_id=2, now=NOW + timedelta(minutes=2))
    make_event(id="t", is_test=True, now=NOW + timedelta(minutes=3))
    assert found() == ["ab", "b", "a"]
    assert found(tests=True) == ["t", "ab", "b", "a"]
    assert found(type="call_ended") == ["ab", "a"]
    assert found(campaign_id=2) == ["ab"]
    assert found(since=NOW + timedelta(minutes=1)) == ["ab", "b"]
    assert found(until=NOW + timedelta(minutes=1)) == ["b", "a"]
    assert found(since=NOW + timedelta(minutes=1), until=NOW + timedelta(minutes=1)) == ["b"]
    assert found(text="ab") == ["ab"]
    assert found(text="b") == ["b"]
    assert found(text="%") == []


def test_the_beginning_of_an_id_finds_its_events(app):
    make_event(id="evt_1a")
    make_event(id="evt_1b")
    make_event(id="evt_2")
    assert found(text="evt_1") == ["evt_1b", "evt_1a"]


def test_an_event_is_recorded_when_it_comes_in_whatever_time_it_tells(app):
    make_event(id="late", timestamp=NOW - timedelta(days=30), now=NOW)
    assert found(since=NOW) == ["late"]


def test_rows_come_without_payloads(app):
    make_event(id="a")
    db.session.expunge_all()
    [row] = log.page(Filters()).rows
    with pytest.raises(sa.exc.InvalidRequestError):
        _ = row.data


@pytest.mark.parametrize("event_id", ["nothing", "a\0b", "x" * 5000])
def test_an_event_that_never_was_is_not_found(app, event_id):
    with pytest.raises(NotFound):
        log.get(event_id)


def test_filters_say_whether_they_narrow_anything():
    assert not Filters().any
    assert not Filters(tests=True).any
    assert Filters(type="call_ended").any
