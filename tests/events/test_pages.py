"""The record of events and one event, as people see them."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.webhooks import endpoints
from kayse_dash.webhooks.models import Delivery
from kayse_dash.webhooks.schedule import State
from tests.factories import make_delivery, make_endpoint, make_event
from tests.visitors import Visitor

HTMX = {"HX-Request": "true"}
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def app(app: Flask) -> Flask:
    app.test_client_class = Visitor
    return app


@pytest.fixture
def viewer(login):
    return login("viewer")


def rows(page: str) -> list[str]:
    """The events of a list, in order."""
    return re.findall(r'class="row-link__a" href="/events/([^"]+)"', page)


def outcome(page: str, webhook: str) -> str:
    """The row of one webhook on an event's page, as text."""
    [row] = [row for row in re.findall(r"<tr.*?</tr>", page, re.DOTALL) if f">{webhook}<" in row]
    return " ".join(re.sub(r"<[^>]*>", " ", row).split())


class TestRecord:
    def test_it_teaches_while_it_is_empty(self, viewer):
        assert "No events yet" in viewer.get("/events").text

    def test_it_says_when_nothing_matches(self, viewer):
        make_event()
        page = viewer.get("/events?event=case.updated").text
        assert "No event matches" in page
        assert "Clear filters" in page

    def test_a_row_says_what_became_of_an_event(self, viewer):
        db.session.add(Campaign(id=7, name="Spring", created_at=clock.now()))
        make_endpoint(), make_endpoint(), make_endpoint(enabled=False)
        event = make_event(type="form_submitted", campaign_id=7)
        page = viewer.get("/events").text
        for words in ("Form submitted", "form_submitted", "Spring", "2 waiting", "Held", event.id, "1 event"):
            assert words in page, words

    def test_filters_work_from_the_address(self, viewer):
        one = make_event(id="evt_one", type="call_ended", campaign_id=7)
        other = make_event(id="evt_two", type="case.updated")
        for query in ("event=call_ended", "campaign=7", "q=evt_on", "q=evt_one"):
            assert rows(viewer.get(f"/events?{query}").text) == [one.id], query
        assert rows(viewer.get("/events?until=2999-01-01T00:00").text) == [other.id, one.id]
        assert rows(viewer.get("/events?since=2999-01-01T00:00").text) == []

    def test_tests_are_hidden_unless_asked_for(self, viewer):
        make_event(id="real")
        make_event(id="trial", is_test=True)
        assert rows(viewer.get("/events").text) == ["real"]
        page = viewer.get("/events?tests=1").text
        assert rows(page) == ["trial", "real"]
        assert 'class="tag">Test<' in page

    def test_pages_keep_their_filters_and_only_the_newest_polls(self, viewer):
        for number in range(51):
            make_event(id=f"e{number}")
        page = viewer.get("/events?event=call_ended").text
        assert 'hx-get="/events?event=call_ended" hx-trigger="every 3s"' in page
        older = re.search(r'href="([^"]*)" rel="next"', page)[1].replace("&amp;", "&")
        make_event(id="later")
        page = viewer.get(older).text
        assert rows(page) == ["e0"]
        assert 'hx-trigger="every' not in page
        newer = re.search(r'href="([^"]*)" rel="prev"', page)[1].replace("&amp;", "&")
        assert rows(viewer.get(newer).text) == [f"e{number}" for number in range(50, 0, -1)]

    def test_htmx_gets_the_list_alone_and_pays_nothing_for_an_unchanged_one(self, viewer):
        make_event(now=clock.now() - timedelta(days=3))
        part = viewer.get("/events", headers=HTMX)
        assert part.text.lstrip().startswith('<div id="event-list"')
        again = viewer.get("/events", headers=HTMX | {"If-None-Match": part.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")

    @pytest.mark.parametrize("name", ["event", "campaign", "since", "until", "q", "tests"])
    def test_no_address_breaks_it(self, viewer, name):
        make_event()
        for value in ("\0", "\ud800", "x" * 3000, "9" * 30, "-1", "%", "'", "0001-01-01", NASTY):
            answer = viewer.get("/events", query_string={name: value.encode("utf-8", "surrogatepass")})
            assert answer.status_code == 200, value
            assert NASTY not in answer.text

    def test_a_list_of_fifty_asks_the_database_at_most_eight_times(self, viewer):
        make_endpoint()
        for number in range(50):
            make_event(campaign_id=number)
        asked = []

        def note(_connection, _cursor, statement, *_rest):
            asked.append(statement)

        sa.event.listen(db.engine, "before_cursor_execute", note)
        page = viewer.get("/events").text
        sa.event.remove(db.engine, "before_cursor_execute", note)
        assert len(rows(page)) == 50
        assert 0 < len([one for one in asked if one.startswith("SELECT")]) <= 8


class TestEvent:
    def test_it_tells_everything(self, viewer):
        db.session.add(Campaign(id=7, name="Spring", created_at=clock.now()))
        event = make_event(
            type="call_ended", data={"summary": "Dana called"}, campaign_id=7, client_id=4711, case_type="Personal injury"
        )
        page = viewer.get(f"/events/{event.id}").text
        for words in ("Call ended", event.id, "Spring", "4711", "Personal injury", "&#34;summary&#34;: &#34;Dana called&#34;"):
            assert words in page, words
        assert 'data-copy="#payload"' in page

    def test_it_says_for_each_webhook_what_became_of_it_or_why_not(self, viewer):
        make_endpoint(name="All")
        make_endpoint(name="Paused", enabled=False)
        make_endpoint(name="Forms only", events=["form_submitted"])
        make_endpoint(name="Other campaign", campaign_ids=[7])
        make_endpoint(name="Other cases", case_types=["Workers compensation"])
        event = make_event(type="call_ended", campaign_id=8)
        make_endpoint(name="Late")
        page = viewer.get(f"/events/{event.id}").text
        assert "Waiting" in outcome(page, "All")
        assert "It matches this webhook." in outcome(page, "All")
        assert "Held" in outcome(page, "Paused")
        assert "does not listen to this event" in outcome(page, "Forms only")
        assert "campaign filter" in outcome(page, "Other campaign")
        assert "case type filter" in outcome(page, "Other cases")
        assert "added after the event" in outcome(page, "Late")
        assert all("Not sent" in outcome(page, name) for name in ("Forms only", "Other campaign", "Other cases", "Late"))
        delivery = db.session.scalars(sa.select(Delivery).where(Delivery.event_seq == event.seq)).first()
        assert f'href="/deliveries/{delivery.id}"' in page

    def test_what_was_owed_to_a_deleted_webhook_stays_readable(self, viewer):
        endpoint = make_endpoint(name="Old CRM")
        event = make_event()
        endpoints.delete(endpoints.get(endpoint.id), clock.now())
        db.session.commit()
        page = viewer.get(f"/events/{event.id}").text
        assert "Cancelled" in outcome(page, "Old CRM")
        assert "Deleted webhook" in page

    def test_a_test_shows_only_where_it_was_sent(self, viewer):
        make_endpoint(name="Other")
        delivery = make_delivery(endpoint=make_endpoint(name="Tried"), is_test=True)
        event_id = db.session.scalar(sa.text("SELECT id FROM events WHERE seq = :seq"), {"seq": delivery.event_seq})
        page = viewer.get(f"/events/{event_id}").text
        assert "Sent as a test" in outcome(page, "Tried")
        assert "Other" not in page

    def test_without_webhooks_it_says_so(self, viewer):
        assert "There are no webhooks" in viewer.get(f"/events/{make_event().id}").text

    def test_it_looks_again_while_a_delivery_is_moving(self, viewer):
        delivery = make_delivery()
        [event_id] = rows(viewer.get("/events").text)
        assert 'hx-trigger="every 2s"' in viewer.get(f"/events/{event_id}").text
        delivery.state = State.DELIVERED
        db.session.commit()
        part = viewer.get(f"/events/{event_id}", headers=HTMX).text
        assert part.lstrip().startswith('<div id="outcome-list"')
        assert "hx-trigger" not in part

    def test_a_hostile_payload_stays_text(self, viewer):
        event = make_event(data={"x": NASTY, "y": "</code></pre>" + NASTY}, case_type=NASTY)
        page = viewer.get(f"/events/{event.id}").text
        assert NASTY not in page
        assert "&lt;script&gt;" in page

    def test_the_payload_can_be_had_to_the_letter(self, viewer):
        data = json.dumps({"b": 1.50, "a": [NASTY, "ü"]}, ensure_ascii=False)
        answer = viewer.get(f"/events/{make_event(data=data).id}/payload")
        assert answer.text == data
        assert answer.mimetype == "application/json"
        assert answer.headers["Content-Disposition"].startswith("attachment")
        assert answer.headers["X-Content-Type-Options"] == "nosniff"

    def test_a_huge_payload_is_cut_with_a_way_to_the_whole(self, viewer):
        event = make_event(data={"long": "x" * 900_000, "last": "the end"})
        page = viewer.get(f"/events/{event.id}").text
        assert len(page) < 100_000
        assert "the end" not in page
        assert "Only the beginning is shown." in page
        assert "the end" in viewer.get(f"/events/{event.id}/payload").text

    def test_ids_of_callers_are_found_by_their_address(self, viewer):
        event = make_event(id="call:2026-03-12~a+b=c@d")
        [address] = rows(viewer.get("/events").text)
        assert event.id in viewer.get(f"/events/{address}").text

    @pytest.mark.parametrize("event_id", ["nothing", "%00", "x" * 5000, "%ed%a0%80", "a%2Fb"])
    def test_one_that_is_not_there_is_not_found(self, viewer, event_id):
        assert viewer.get(f"/events/{event_id}").status_code == 404
        assert viewer.get(f"/events/{event_id}/payload").status_code == 404

    def test_a_stranger_is_asked_to_log_in(self, client):
        event = make_event()
        for path in ("/events", f"/events/{event.id}", f"/events/{event.id}/payload"):
            assert "/login" in client.get(path).location
