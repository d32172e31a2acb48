"""The log and one delivery, as people see them."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock, keyset, web
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from kayse_dash.webhooks import deliveries, endpoints
from kayse_dash.webhooks.models import Delivery
from kayse_dash.webhooks.schedule import State, Trigger
from tests.factories import make_attempt, make_delivery, make_endpoint, make_event
from tests.visitors import Visitor

HTMX = {"HX-Request": "true"}
NASTY = "<script>alert(1)</script>"


@pytest.fixture
def app(app: Flask) -> Flask:
    app.test_client_class = Visitor
    return app


@pytest.fixture
def staff(login):
    return login("staff")


def rows(page: str) -> list[int]:
    """The deliveries of a list, in order."""
    return [int(found) for found in re.findall(r'class="row-link__a" href="/deliveries/(\d+)"', page)]


def link(page: str, rel: str) -> str | None:
    found = re.search(rf'href="([^"]*)" rel="{rel}"', page)
    return found[1].replace("&amp;", "&") if found else None


def state_of(delivery_id: int) -> State:
    db.session.expire_all()
    return db.session.get_one(Delivery, delivery_id).state


class TestLog:
    def test_it_teaches_while_it_is_empty(self, staff):
        assert "No deliveries yet" in staff.get("/deliveries").text

    def test_it_says_when_nothing_matches_and_how_to_see_all(self, staff):
        make_delivery()
        page = staff.get("/deliveries?state=failed").text
        assert "No delivery matches" in page
        assert 'href="/deliveries">Clear filters' in page

    def test_a_row_says_what_became_of_a_delivery(self, staff):
        endpoint = make_endpoint(name="Clio intake")
        due_at = clock.now() + timedelta(minutes=4)
        delivery = make_delivery(endpoint=endpoint, type="form_submitted", due_at=due_at)
        make_attempt(delivery=delivery, error="timeout")
        page = staff.get("/deliveries").text
        for words in (
            "Waiting",
            "Form submitted",
            "form_submitted",
            "Clio intake",
            "No answer in time",
            "in 4 min",
            "1 delivery",
        ):
            assert words in page, words
        assert f"{due_at:%H:%M:%S} UTC" in page

    def test_tests_are_marked(self, staff):
        make_delivery()
        assert 'class="tag">Test<' not in staff.get("/deliveries").text
        make_delivery(is_test=True)
        assert 'class="tag">Test<' in staff.get("/deliveries").text

    def test_every_filter_works_from_the_address(self, staff):
        db.session.add(Campaign(id=7, name="Spring", created_at=clock.now()))
        endpoint = make_endpoint()
        day = datetime(2026, 3, 12, 14, 0, tzinfo=UTC)
        one = make_delivery(
            endpoint=endpoint,
            type="call_ended",
            campaign_id=7,
            client_id=4711,
            data={"word": "needle"},
            now=day,
            state=State.FAILED,
        )
        make_attempt(delivery=one, status=503)
        other = make_delivery(type="case.updated", now=day + timedelta(hours=2))
        chosen = (
            f"webhook={endpoint.id} event=call_ended state=failed campaign=7 answer=5xx until=2026-03-12T15:00 q=4711 q=needle"
        )
        for query in [*chosen.split(), "&".join(chosen.split()[:6])]:
            assert rows(staff.get(f"/deliveries?{query}").text) == [one.id], query
        assert rows(staff.get("/deliveries?since=2026-03-12T15:00").text) == [other.id]
        page = staff.get("/deliveries?campaign=7&state=failed").text
        assert '<option value="7" selected>Spring</option>' in page
        assert '<option value="failed" selected>' in page

    def test_the_log_of_a_webhook_shows_its_own(self, staff):
        mine = make_delivery()
        make_delivery()
        page = staff.get(f"/settings/webhooks/{mine.endpoint_id}/log").text
        assert rows(page) == [mine.id]
        assert 'name="webhook"' not in page

    def test_the_log_of_a_deleted_webhook_stays(self, staff):
        delivery = make_delivery(endpoint=make_endpoint(name="Old CRM"))
        endpoints.delete(endpoints.get(delivery.endpoint_id), clock.now())
        db.session.commit()
        assert rows(staff.get(f"/settings/webhooks/{delivery.endpoint_id}/log").text) == [delivery.id]
        page = staff.get("/deliveries").text
        assert "Deleted webhook" in page
        assert staff.get(f"/deliveries?webhook={delivery.endpoint_id}").status_code == 200
        assert "deleted webhook" in staff.get(f"/deliveries/{delivery.id}").text

    def test_pages_go_on_without_gaps_or_repeats_while_deliveries_come_in(self, staff, monkeypatch):
        endpoint = make_endpoint()
        made = [make_delivery(endpoint=endpoint, state=State.FAILED).id for _ in range(115)]
        url, seen = "/deliveries?state=failed", []
        while url:
            page = staff.get(url).text
            seen.append(rows(page))
            url = link(page, "next")
            assert url is None or "state=failed" in url
            make_delivery(endpoint=endpoint, state=State.FAILED)
        assert [len(page) for page in seen] == [50, 50, 15]
        assert [one for page in seen for one in page] == made[::-1]
        assert rows(staff.get(link(page, "prev")).text) == made[64:14:-1]

    def test_a_long_search_says_how_far_it_looked_and_goes_on(self, staff, monkeypatch):
        monkeypatch.setattr(keyset, "LOOK_THROUGH", 5)
        endpoint = make_endpoint()
        old = make_delivery(endpoint=endpoint, campaign_id=7)
        for _ in range(6):
            make_delivery(endpoint=endpoint)
        page = staff.get("/deliveries?campaign=7").text
        assert "Look further back" in page
        older = re.search(r'href="([^"]*)">Look further back', page)[1].replace("&amp;", "&")
        assert rows(staff.get(older).text) == [old.id]

    def test_counts_stop_at_ten_thousand(self, staff, monkeypatch):
        make_delivery()
        monkeypatch.setattr(keyset, "count", lambda search: keyset.Count(10_001))
        assert "10,000+ deliveries" in staff.get("/deliveries").text

    def test_a_list_of_fifty_asks_the_database_at_most_eight_times(self, staff, app):
        endpoint = make_endpoint()
        for number in range(50):
            make_attempt(delivery=make_delivery(endpoint=endpoint if number % 2 else None))
        asked = []

        def note(_connection, _cursor, statement, *_rest):
            asked.append(statement)

        sa.event.listen(db.engine, "before_cursor_execute", note)
        page = staff.get("/deliveries").text
        sa.event.remove(db.engine, "before_cursor_execute", note)
        assert len(rows(page)) == 50
        assert 0 < len([one for one in asked if one.startswith("SELECT")]) <= 8

    def test_the_newest_page_looks_for_new_rows_by_itself_and_older_ones_do_not(self, staff):
        endpoint = make_endpoint()
        for _ in range(51):
            make_delivery(endpoint=endpoint)
        page = staff.get("/deliveries?state=pending").text
        assert 'hx-get="/deliveries?state=pending" hx-trigger="every 3s"' in page
        older = staff.get(link(page, "next")).text
        assert len(rows(older)) == 1
        assert 'hx-trigger="every' not in older

    def test_htmx_gets_the_list_alone_and_pays_nothing_for_an_unchanged_one(self, staff):
        make_delivery(created_at=clock.now() - timedelta(days=3), due_at=clock.now() + timedelta(days=3))
        whole, part = staff.get("/deliveries"), staff.get("/deliveries", headers=HTMX)
        assert "<html" in whole.text
        assert part.text.lstrip().startswith('<div id="delivery-list"')
        assert "HX-Request" in part.headers["Vary"]
        again = staff.get("/deliveries", headers=HTMX | {"If-None-Match": part.headers["ETag"]})
        assert (again.status_code, again.data) == (304, b"")
        make_delivery()
        assert staff.get("/deliveries", headers=HTMX | {"If-None-Match": part.headers["ETag"]}).status_code == 200

    def test_hostile_words_stay_words(self, staff):
        make_delivery(endpoint=make_endpoint(name=NASTY), data={"x": NASTY})
        page = staff.get("/deliveries", query_string={"q": NASTY, "webhook": NASTY}).text
        assert NASTY not in page
        assert "&lt;script&gt;" in page

    @pytest.mark.parametrize("name", ["webhook", "event", "state", "campaign", "answer", "since", "until", "q"])
    def test_no_address_breaks_it(self, staff, name):
        make_delivery()
        for value in ("\0", "\ud800", "x" * 3000, "9" * 30, "-1", "%", "'", "0001-01-01", "9999-12-31T23:59", "[]"):
            answer = staff.get("/deliveries", query_string={name: value.encode("utf-8", "surrogatepass")})
            assert answer.status_code == 200, value

    def test_filters_that_make_no_sense_are_named(self, staff):
        make_delivery()
        page = staff.get("/deliveries?state=exploded&since=yesterday").text
        assert "They could not be understood: State, From." in page
        assert len(rows(page)) == 1

    @pytest.mark.parametrize(
        "cursor", ["x", "W10", web.encode_cursor("before", 2**63), web.encode_cursor("after", None), "W1tb" * 900]
    )
    def test_a_cursor_that_is_none_is_refused(self, staff, cursor):
        assert staff.get(f"/deliveries?cursor={cursor}").status_code == 422

    @pytest.mark.parametrize("endpoint_id", [0, 77, 2**31, 2**63, 10**30])
    def test_the_log_of_no_webhook_is_not_found(self, staff, endpoint_id):
        assert staff.get(f"/settings/webhooks/{endpoint_id}/log").status_code == 404


class TestDelivery:
    def test_it_tells_everything(self, staff):
        delivery = make_delivery(endpoint=make_endpoint(name="Clio intake"), data={"summary": "Dana called"}, client_id=4711)
        make_attempt(delivery=delivery, error="timeout", error_detail="read timed out", timings={"total": 15000.0})
        make_attempt(delivery=delivery, status=500, response_headers=[["Server", "nginx"]], response_body='{"why":"locked"}')
        delivery.due_at = clock.now() + timedelta(minutes=30)
        db.session.commit()
        page = staff.get(f"/deliveries/{delivery.id}").text
        expected = [
            "Waiting: attempt 3 of 5", "in 30 min", "The other system failed while it took the event (500).", "Clio intake",
            "Attempt 2", "No answer in time", "read timed out", "nginx", "&#34;why&#34;: &#34;locked&#34;", "Dana called", "4711",
            "In all", "Securing the connection", "If that fails: 2 hours later", "If that fails: 24 hours later", "Automatic",
        ]  # fmt: skip
        assert [words for words in expected if words not in page] == []
        assert page.index("Attempt 2") < page.index("Attempt 1")

    def test_every_state_has_a_page(self, staff):
        for state in State:
            delivery = make_delivery(state=state)
            assert staff.get(f"/deliveries/{delivery.id}").status_code == 200

    @pytest.mark.parametrize("delivery_id", ["0", "77", str(2**63), str(10**30), "x"])
    def test_one_that_is_not_there_is_not_found(self, staff, delivery_id):
        for path in (f"/deliveries/{delivery_id}", f"/deliveries/{delivery_id}/attempts/1"):
            assert staff.get(path).status_code == 404
        for verb in ("retry", "cancel"):
            assert staff.post(f"/deliveries/{delivery_id}/{verb}").status_code == 404

    def test_what_a_stranger_answered_stays_text(self, staff):
        delivery = make_delivery(data={"x": NASTY})
        attempt = make_attempt(delivery=delivery, status=500, response_body=NASTY, response_headers=[["X-Note", NASTY]])
        for path in (f"/deliveries/{delivery.id}", f"/deliveries/{delivery.id}/attempts/{attempt.id}"):
            page = staff.get(path).text
            assert NASTY not in page
            assert "&lt;script&gt;" in page

    def test_a_long_answer_is_cut_with_a_way_to_the_whole(self, staff):
        delivery = make_delivery()
        attempt = make_attempt(delivery=delivery, response_body="a" * 60_000 + "the end", response_truncated=True)
        page = staff.get(f"/deliveries/{delivery.id}").text
        assert "the end" not in page
        assert len(page) < 40_000
        assert f'href="/deliveries/{delivery.id}/attempts/{attempt.id}">Show all of it' in page
        whole = staff.get(f"/deliveries/{delivery.id}/attempts/{attempt.id}").text
        assert "the end" in whole
        assert "only its first 64 KB were kept" in whole

    def test_a_small_answer_that_would_grow_huge_as_indented_json_stays_small(self, staff):
        delivery = make_delivery()
        attempt = make_attempt(delivery=delivery, response_body="[" * 900 + ",".join("1" * 30_000) + "]" * 900)
        assert len(staff.get(f"/deliveries/{delivery.id}/attempts/{attempt.id}").text) < 200_000

    def test_it_looks_again_while_something_is_about_to_happen_and_then_stops(self, staff):
        delivery = make_delivery(due_at=clock.now() + timedelta(seconds=30))
        url = f"/deliveries/{delivery.id}"
        poll = f'hx-get="{url}" hx-trigger="every 2s"'
        assert poll in staff.get(url).text
        delivery.state = State.SENDING
        db.session.commit()
        part = staff.get(url, headers=HTMX).text
        assert poll in part
        assert "<html" not in part
        for state in (State.DELIVERED, State.FAILED, State.HELD, State.CANCELLED):
            delivery.state = state
            db.session.commit()
            assert "hx-trigger" not in staff.get(url, headers=HTMX).text

    def test_it_looks_seldom_while_the_next_attempt_is_far_away(self, staff):
        delivery = make_delivery(due_at=clock.now() + timedelta(hours=3))
        assert 'hx-trigger="every 300s"' in staff.get(f"/deliveries/{delivery.id}").text

    def test_the_schedule_is_that_of_the_settings(self, staff, app):
        delivery = make_delivery()
        page = staff.get(f"/deliveries/{delivery.id}").text
        waits = app.extensions["kayse_settings"].retry_waits
        assert len(re.findall('class="timeline__title"', page)) == len(waits) == 5

    def test_attempts_before_a_retry_by_hand_are_told_apart(self, staff):
        delivery = make_delivery()
        for _ in range(5):
            make_attempt(delivery=delivery, status=500)
        delivery.tries = 0
        make_attempt(delivery=delivery, trigger=Trigger.MANUAL)
        delivery.state, delivery.due_at = State.DELIVERED, None
        db.session.commit()
        page = staff.get(f"/deliveries/{delivery.id}").text
        assert "Delivered at attempt 6" in page
        assert "5 attempts were made" in page
        assert "Retried by hand" in page

    def test_a_test_has_no_schedule_and_no_retry(self, staff):
        page = staff.get(f"/deliveries/{make_delivery(is_test=True, state=State.FAILED).id}").text
        assert "The test failed" in page
        assert "Schedule" not in page
        assert "/retry" not in page

    def test_an_attempt_belongs_to_its_delivery(self, staff):
        attempt, other = make_attempt(), make_delivery()
        assert staff.get(f"/deliveries/{attempt.delivery_id}/attempts/{attempt.id}").status_code == 200
        assert staff.get(f"/deliveries/{other.id}/attempts/{attempt.id}").status_code == 404


class TestRetry:
    def test_it_owes_the_delivery_again(self, staff):
        delivery = make_delivery(state=State.FAILED, tries=5, attempts=5)
        answer = staff.post(f"/deliveries/{delivery.id}/retry")
        assert (answer.status_code, answer.location) == (303, f"/deliveries/{delivery.id}")
        assert state_of(delivery.id) is State.PENDING
        assert (delivery.tries, delivery.attempts, delivery.trigger) == (0, 5, Trigger.MANUAL)
        assert "It is being sent again." in staff.get(answer.location).text

    def test_htmx_gets_the_delivery_in_place(self, staff):
        delivery = make_delivery(state=State.FAILED)
        answer = staff.post(f"/deliveries/{delivery.id}/retry", headers=HTMX)
        assert answer.status_code == 200
        assert answer.text.lstrip().startswith(f'<div id="delivery-{delivery.id}"')
        assert "Waiting: attempt 1 of 5" in answer.text
        assert 'hx-trigger="every 2s"' in answer.text
        assert "It is being sent again." in answer.text

    def test_the_trail_tells_who_did_it(self, staff):
        delivery = make_delivery(state=State.FAILED)
        staff.post(f"/deliveries/{delivery.id}/retry")
        [entry] = db.session.scalars(sa.select(AuditEntry).where(AuditEntry.action == "delivery.retried"))
        assert (entry.actor, entry.subject, entry.details) == ("staff@firm.test", f"delivery {delivery.id}", {"was": "failed"})

    @pytest.mark.parametrize(
        ("state", "endpoint", "words"),
        [
            (State.FAILED, {"enabled": False}, "The webhook is switched off. Switch it on first, then retry."),
            (State.SENDING, {}, "It is being sent right now. Wait for the answer."),
        ],
    )
    def test_it_says_why_it_cannot_be_done_and_changes_nothing(self, staff, state, endpoint, words):
        delivery = make_delivery(endpoint=make_endpoint(**endpoint), state=state, tries=3)
        page = staff.post(f"/deliveries/{delivery.id}/retry")
        assert page.status_code == 409
        assert words in page.text
        assert "What is sent" in page.text
        part = staff.post(f"/deliveries/{delivery.id}/retry", headers=HTMX)
        assert (part.status_code, part.headers["HX-Reswap"]) == (409, "none")
        assert words in part.text
        assert (state_of(delivery.id), delivery.tries) == (state, 3)
        assert db.session.scalars(sa.select(AuditEntry)).all() == []

    def test_a_test_is_not_sent_again(self, staff):
        delivery = make_delivery(is_test=True, state=State.FAILED)
        answer = staff.post(f"/deliveries/{delivery.id}/retry")
        assert answer.status_code == 409
        assert "A test is not sent again" in answer.text

    def test_nothing_goes_to_a_deleted_webhook(self, staff):
        delivery = make_delivery(state=State.FAILED)
        endpoints.delete(endpoints.get(delivery.endpoint_id), clock.now())
        db.session.commit()
        assert "/retry" not in staff.get(f"/deliveries/{delivery.id}").text
        answer = staff.post(f"/deliveries/{delivery.id}/retry")
        assert answer.status_code == 409
        assert "was deleted" in answer.text
        assert state_of(delivery.id) is State.FAILED


class TestCancel:
    @pytest.mark.parametrize("state", [State.PENDING, State.HELD])
    def test_what_waits_or_is_held_can_be_cancelled(self, staff, state):
        delivery = make_delivery(state=state)
        assert f"/deliveries/{delivery.id}/cancel" in staff.get(f"/deliveries/{delivery.id}").text
        answer = staff.post(f"/deliveries/{delivery.id}/cancel", headers=HTMX)
        assert "Cancelled before it was sent" in answer.text
        assert "hx-trigger" not in answer.text
        assert state_of(delivery.id) is State.CANCELLED
        [entry] = db.session.scalars(sa.select(AuditEntry))
        assert (entry.action, entry.subject) == ("delivery.cancelled", f"delivery {delivery.id}")

    def test_without_javascript_it_goes_back_to_the_page(self, staff):
        delivery = make_delivery()
        assert staff.post(f"/deliveries/{delivery.id}/cancel").location == f"/deliveries/{delivery.id}"

    @pytest.mark.parametrize("state", [State.SENDING, State.DELIVERED, State.FAILED, State.CANCELLED])
    def test_nothing_else_can(self, staff, state):
        delivery = make_delivery(state=state)
        assert f"/deliveries/{delivery.id}/cancel" not in staff.get(f"/deliveries/{delivery.id}").text
        answer = staff.post(f"/deliveries/{delivery.id}/cancel")
        assert answer.status_code == 409
        assert "Only a delivery that is waiting or held can be cancelled." in answer.text
        assert state_of(delivery.id) is state


class TestAccess:
    def test_a_viewer_looks_and_does_not_touch(self, login):
        delivery = make_attempt(delivery=make_delivery()).delivery_id
        viewer = login("viewer")
        for path in ("/deliveries", f"/deliveries/{delivery}", f"/settings/webhooks/{deliveries.get(delivery).endpoint_id}/log"):
            page = viewer.get(path)
            assert page.status_code == 200
            assert "/retry" not in page.text
            assert "/cancel" not in page.text
        for verb in ("retry", "cancel"):
            assert viewer.post(f"/deliveries/{delivery}/{verb}").status_code == 403
        assert state_of(delivery) is State.PENDING

    def test_a_stranger_is_asked_to_log_in(self, client):
        delivery = make_delivery().id
        for path in ("/deliveries", f"/deliveries/{delivery}"):
            assert "/login" in client.get(path).location
        for verb in ("retry", "cancel"):
            assert "/login" in client.post(f"/deliveries/{delivery}/{verb}").location

    def test_a_post_without_a_token_changes_nothing(self, app, login):
        app.config["WTF_CSRF_ENABLED"] = True
        delivery = make_delivery(state=State.FAILED)
        assert login("staff").post(f"/deliveries/{delivery.id}/retry").status_code == 400
        assert state_of(delivery.id) is State.FAILED


def test_an_event_that_comes_in_appears_on_its_webhooks_log(staff):
    endpoint = make_endpoint()
    make_event(type="document_uploaded")
    assert "Document uploaded" in staff.get(f"/settings/webhooks/{endpoint.id}/log", headers=HTMX).text
