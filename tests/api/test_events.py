import json
import threading
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.clients import campaigns
from kayse_dash.db import db
from kayse_dash.events import record
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.events.models import Event
from kayse_dash.webhooks import endpoints, testing
from kayse_dash.webhooks.models import Delivery
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_endpoint, make_event

ENDED = {"event": "call_ended", "data": {"id": "call_1", "duration_seconds": 42}}


def send(api, status=202, headers=None, **body):
    answer = api.post("/v1/events", json=body, headers=headers)
    assert answer.status_code == status, answer.json
    return answer.json


def faults(api, **body):
    return send(api, 422, **body)["error"]["fields"]


def count(model):
    return db.session.scalar(sa.select(sa.func.count()).select_from(model))


def test_an_event_is_recorded_and_owed(api):
    make_endpoint()
    make_endpoint(events=["case.updated"])
    answer = send(api, **ENDED)
    assert list(answer) == ["id", "deliveries", "duplicate"]
    assert answer["deliveries"] == 1
    assert answer["duplicate"] is False
    event = db.session.scalar(sa.select(Event))
    assert (event.id, event.type, json.loads(event.data)) == (answer["id"], "call_ended", ENDED["data"])
    assert abs(event.timestamp - clock.now()) < timedelta(seconds=30)
    delivery = db.session.scalar(sa.select(Delivery))
    assert (delivery.state, delivery.due_at) == (State.PENDING, delivery.created_at)


def test_every_event_of_the_catalogue_is_taken_with_its_sample(api):
    for kind in CATALOGUE.values():
        send(api, event=kind.name, data=kind.sample)
    assert count(Event) == len(CATALOGUE)


def test_what_is_sent_along_is_kept(api):
    given = {
        **ENDED, "id": "my-id:1", "timestamp": "2024-01-15T05:30:00.123456-05:00",
        "campaign_id": 2**53 - 1, "client_id": 7, "case_type": " Auto accident ",
    }
    assert send(api, **given)["id"] == "my-id:1"
    event = db.session.scalar(sa.select(Event))
    assert event.timestamp == datetime(2024, 1, 15, 10, 30, 0, 123456, UTC)
    assert (event.campaign_id, event.client_id, event.case_type) == (2**53 - 1, 7, "Auto accident")


def test_null_is_as_good_as_left_out(api):
    send(api, **ENDED, id=None, timestamp=None, campaign_id=None, client_id=None, case_type=None)
    assert count(Event) == 1


@on_both_databases
def test_data_is_kept_as_it_was_posted(api):
    data = b'{"z":1,"a":12345678901234567890123,"f":1.50,"n":"\\u0000 \\u00e9 \xf0\x9f\x98\x80","e":[]}'
    body = b'{"event":"call_ended","data":' + data + b"}"
    assert api.post("/v1/events", data=body, content_type="application/json").status_code == 202
    event = db.session.scalar(sa.select(Event))
    assert event.data == '{"z":1,"a":12345678901234567890123,"f":1.5,"n":"\\u0000 é 😀","e":[]}'
    shown = api.get(f"/v1/events/{event.id}").json["data"]
    assert shown == json.loads(event.data)


def test_the_first_wait_of_the_schedule_counts(app, api):
    from dataclasses import replace

    app.extensions["kayse_settings"] = replace(app.extensions["kayse_settings"], retry_waits=(60, 5))
    make_endpoint()
    send(api, **ENDED)
    delivery = db.session.scalar(sa.select(Delivery))
    assert delivery.due_at - delivery.created_at == timedelta(seconds=60)


def test_what_is_wrong_is_said_by_field(api):
    given = {"event": "call.ended", "data": [], "timestamp": "2024-01-15T10:30:00", "id": "has blank"}
    assert faults(api, **given, campaign_id=True, client_id=0, case_type=5) == {
        "event": "There is no event “call.ended”. Did you mean call_ended?",
        "data": "This must be an object such as {}, not a list.",
        "timestamp": "This time does not say its zone. Add Z for UTC or an offset such as -05:00, as in 2024-01-15T10:30:00Z.",
        "id": "An id has 1 to 128 letters, digits and . _ : ~ @ + = - and begins with a letter or digit.",
        "campaign_id": "This must be a whole number.",
        "client_id": "This must be at least 1.",
        "case_type": "This must be text.",
    }
    assert faults(api, **ENDED, case_type="x" * 101) == {"case_type": "This may have at most 100 characters."}
    assert faults(api, **ENDED, client_id=2**53) == {"client_id": "This must be at most 9007199254740991."}
    assert set(faults(api)) == {"event", "data"}
    assert count(Event) == 0


@pytest.mark.parametrize(
    "moment",
    [
        "2024-01-15T10:30:00Z", "2024-01-15t10:30:00z", "2024-01-15 10:30:00Z", "2024-01-15T10:30:00.1Z",
        "2024-01-15T10:30:00.123456789Z", "2024-01-15T16:00:00+05:30", "2024-01-15T10:30:00-00:00",
    ],
)  # fmt: skip
def test_times_of_rfc_3339_are_taken(api, moment):
    send(api, **ENDED, timestamp=moment)
    assert db.session.scalar(sa.select(Event.timestamp)).replace(microsecond=0) == datetime(2024, 1, 15, 10, 30, tzinfo=UTC)


NO_TIMES = [
    1705314600, "", "now", "2024-01-15", "20240115T103000Z", "2024-02-30T10:30:00Z", "2024-01-15T10:30Z",
    "2024-01-15T10:30:60Z", "0001-01-01T00:00:00+10:00", "9999-12-31T23:59:59-10:00", "2024-01-15T10:30:00+99:00",
    "２024-01-15T10:30:00Z", {"a": 1}, "9" * 5000,
]  # fmt: skip


def test_other_times_are_refused(api):
    for moment in NO_TIMES:
        assert set(faults(api, **ENDED, timestamp=moment)) == {"timestamp"}, moment


class TestBatch:
    def test_it_is_answered_in_order(self, api):
        make_endpoint(events=["case.updated"])
        answer = send(api, events=[{**ENDED, "id": "a"}, {"event": "case.updated", "data": {}}, {**ENDED, "id": "c"}])
        assert [row["deliveries"] for row in answer["data"]] == [0, 1, 0]
        assert [row["id"] for row in answer["data"]][::2] == ["a", "c"]
        assert list(db.session.scalars(sa.select(Event.id).order_by(Event.seq))) == [row["id"] for row in answer["data"]]

    def test_it_is_all_or_nothing(self, api):
        found = faults(api, events=[ENDED, {**ENDED, "data": {"duration_seconds": "long"}}, 5, {**ENDED, "x": 1}])
        assert found == {
            "events.1.data.duration_seconds": "This must be a number, not text.",
            "events.2": "This must be an object, such as {}.",
            "events.3.x": "There is no such field.",
        }
        assert count(Event) == 0

    @on_both_databases
    def test_a_thousand_are_taken_at_once(self, api):
        make_endpoint()
        make_endpoint(events=["call_ended"], campaign_ids=[1])
        answer = send(api, events=[{**ENDED, "id": f"e{number}", "campaign_id": 1 + number % 2} for number in range(1000)])
        assert [row["deliveries"] for row in answer["data"]] == [2, 1] * 500
        assert (count(Event), count(Delivery)) == (1000, 1500)

    def test_more_than_a_thousand_are_refused(self, api):
        assert faults(api, events=[ENDED] * 1001) == {"events": "A batch has 1 to 1,000 events; this one has 1,001."}
        assert faults(api, events=[]) == {"events": "A batch has 1 to 1,000 events; this one has 0."}
        assert faults(api, events={}) == {"events": "This must be a list of events."}

    def test_it_has_nothing_beside_its_events(self, api):
        assert list(faults(api, events=[ENDED], event="call_ended")) == ["event"]


class TestIds:
    def test_a_repeat_is_a_duplicate(self, api):
        make_endpoint()
        first = send(api, **ENDED, id="call-1")
        again = send(api, **ENDED, id="call-1", timestamp="2024-01-15T10:30:00Z")
        assert again == {**first, "duplicate": True} == {"id": "call-1", "deliveries": 1, "duplicate": True}
        assert (count(Event), count(Delivery)) == (1, 1)

    def test_the_id_of_another_event_is_a_conflict(self, api):
        send(api, **ENDED, id="call-1")
        for other in ({"event": "call_started", "data": ENDED["data"]}, {"event": "call_ended", "data": {}}):
            assert send(api, 409, **other, id="call-1")["error"]["code"] == "conflict"
        assert send(api, 409, events=[{**ENDED, "id": "new"}, {**ENDED, "data": {}, "id": "call-1"}])
        assert count(Event) == 1

    def test_an_id_twice_in_a_batch_is_one_event(self, api):
        rows = send(api, events=[{**ENDED, "id": "a"}, {**ENDED, "id": "a"}])["data"]
        assert [row["duplicate"] for row in rows] == [False, True]
        assert count(Event) == 1


class TestCaseTypes:
    def test_that_of_the_campaign_counts(self, api):
        campaign = campaigns.create({"name": "January", "case_type": "Auto"}, clock.now())
        plain = campaigns.create({"name": "February"}, clock.now())
        db.session.commit()
        make_endpoint(case_types=["auto"])
        rows = send(
            api,
            events=[
                {**ENDED, "campaign_id": campaign.id},
                {**ENDED, "campaign_id": campaign.id, "case_type": "Mass tort"},
                {**ENDED, "campaign_id": plain.id},
                {**ENDED, "campaign_id": 2**40},
                {**ENDED, "campaign_id": campaign.id, "case_type": " "},
            ],
        )["data"]
        assert [row["deliveries"] for row in rows] == [1, 0, 0, 0, 1]
        kept = list(db.session.scalars(sa.select(Event.case_type).order_by(Event.seq)))
        assert kept == ["Auto", "Mass tort", None, None, "Auto"]


class TestIdempotencyKey:
    def test_a_repeat_is_answered_as_the_first_was(self, api):
        make_endpoint()
        first = send(api, **ENDED, headers={"Idempotency-Key": "k1"})
        again = send(api, **ENDED, headers={"Idempotency-Key": "k1"})
        assert again == {**first, "duplicate": True}
        assert first["duplicate"] is False
        assert (count(Event), count(Delivery)) == (1, 1)

    def test_so_is_a_batch(self, api):
        first = send(api, events=[ENDED, ENDED], headers={"Idempotency-Key": "k1"})
        again = send(api, events=[ENDED, ENDED], headers={"Idempotency-Key": "k1"})
        assert again["data"] == [{**row, "duplicate": True} for row in first["data"]]
        assert count(Event) == 2

    def test_another_body_is_a_conflict(self, api):
        send(api, **ENDED, headers={"Idempotency-Key": "k1"})
        assert send(api, 409, event="call_ended", data={}, headers={"Idempotency-Key": "k1"})["error"]["code"] == "conflict"
        assert count(Event) == 1

    def test_a_refused_request_does_not_use_it_up(self, api):
        send(api, 422, event="call_ended", data=5, headers={"Idempotency-Key": "k1"})
        send(api, 202, **ENDED, headers={"Idempotency-Key": "k1"})

    def test_each_api_key_has_its_own(self, api, caller):
        from kayse_dash.accounts import api_keys

        _, text = api_keys.create("Intake", None, clock.now())
        db.session.commit()
        first = send(api, **ENDED, headers={"Idempotency-Key": "k1"})
        second = send(caller(text), **ENDED, headers={"Idempotency-Key": "k1"})
        assert second["duplicate"] is False
        assert second["id"] != first["id"]

    def test_what_cannot_be_one_is_refused(self, api):
        for text in ("", "has blank", "é", "x" * 256, "tab\t"):
            found = send(api, 422, **ENDED, headers={"Idempotency-Key": text})["error"]["fields"]
            assert list(found) == ["Idempotency-Key"], text
        send(api, **ENDED, headers={"Idempotency-Key": "x" * 255})

    @on_both_databases
    @pytest.mark.parametrize("by", ["key", "id"])
    def test_the_same_request_many_times_at_once_is_one_event(self, api, by):
        make_endpoint()
        body = {"events": [{**ENDED, "id": f"e{number}"} if by == "id" else ENDED for number in range(20)]}
        headers = {"Idempotency-Key": "k1"} if by == "key" else None
        ready, answers = threading.Barrier(6), []

        def run():
            ready.wait()
            answers.append(api.post("/v1/events", json=body, headers=headers))

        db.session.commit()
        threads = [threading.Thread(target=run) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert [answer.status_code for answer in answers] == [202] * 6
        assert (count(Event), count(Delivery)) == (20, 20)
        assert len({tuple(row["id"] for row in answer.json["data"]) for answer in answers}) == 1
        assert sum(row["duplicate"] for answer in answers for row in answer.json["data"]) == 100
        assert {row["deliveries"] for answer in answers for row in answer.json["data"]} == {1}


class TestList:
    def ids(self, api, **query):
        answer = api.get("/v1/events", query_string=query)
        assert answer.status_code == 200, answer.json
        return [row["id"] for row in answer.json["data"]]

    def test_it_is_newest_first_and_goes_on_by_cursor(self, api):
        for number in range(7):
            make_event(id=f"e{number}")
        first = api.get("/v1/events?limit=3").json
        assert [row["id"] for row in first["data"]] == ["e6", "e5", "e4"]
        make_event(id="later")
        second = api.get("/v1/events", query_string={"limit": 3, "cursor": first["next_cursor"]}).json
        third = api.get("/v1/events", query_string={"limit": 3, "cursor": second["next_cursor"]}).json
        assert [row["id"] for row in second["data"] + third["data"]] == ["e3", "e2", "e1", "e0"]
        assert third["next_cursor"] is None

    def test_it_shows_the_event(self, api):
        now = datetime(2024, 1, 15, 10, 30, tzinfo=UTC)
        make_event(now=now, id="e1", data={"id": "call_1"}, campaign_id=5, client_id=6, case_type="Auto")
        assert api.get("/v1/events").json["data"] == [
            {
                "id": "e1", "event": "call_ended", "timestamp": "2024-01-15T10:30:00Z", "recorded_at": "2024-01-15T10:30:00Z",
                "data": {"id": "call_1"}, "campaign_id": 5, "client_id": 6, "case_type": "Auto", "test": False,
            }
        ]  # fmt: skip

    def test_it_is_filtered(self, api):
        start = datetime(2024, 1, 15, 10, 0, tzinfo=UTC)
        make_event(now=start, id="a", campaign_id=1)
        make_event(now=start + timedelta(hours=1), id="b", type="case.updated", client_id=9)
        make_event(now=start + timedelta(hours=2), id="c", campaign_id=1, client_id=9)
        assert self.ids(api, event="call_ended") == ["c", "a"]
        assert self.ids(api, campaign_id=1) == ["c", "a"]
        assert self.ids(api, client_id=9) == ["c", "b"]
        assert self.ids(api, campaign_id=1, client_id=9) == ["c"]
        assert self.ids(api, since="2024-01-15T11:00:00Z") == ["c", "b"]
        assert self.ids(api, until="2024-01-15T11:00:00Z") == ["b", "a"]
        assert self.ids(api, since="2024-01-15T11:30:00+00:30", until="2024-01-15T05:30:00-05:30") == ["b"]
        assert [row["id"] for row in api.get("/v1/events?since=2024-01-15T11:30:00+00:30").json["data"]] == ["c", "b"]
        assert self.ids(api, since="2030-01-01T00:00:00Z") == []

    def test_tests_are_listed_when_asked_for(self, api):
        make_event(id="a")
        make_event(id="t", is_test=True)
        assert self.ids(api) == ["a"]
        assert self.ids(api, test="true") == ["t", "a"]
        assert self.ids(api, test="false") == ["a"]

    def test_a_filter_that_cannot_be_is_named(self, api):
        for query in (
            "event=call_end", "event=%00", "limit=0", "limit=101", "limit=1_0", "limit=1.0", "cursor=x", "cursor=W10",
            "cursor=WyJiZWZvcmUiLHRydWVd", "cursor=" + "W" * 201, "since=2024-01-15", "until=x", "campaign_id=-1",
            "client_id=99999999999999999999", "campaign_id=%D9%A1", "test=1",
        ):  # fmt: skip
            answer = api.get(f"/v1/events?{query}")
            assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [query.partition("=")[0]])


class TestDetail:
    def outcomes(self, api, event_id):
        return {row["name"]: row for row in api.get(f"/v1/events/{event_id}").json["webhooks"]}

    def test_it_says_for_each_webhook_what_became_of_it(self, api):
        make_endpoint(name="sent")
        make_endpoint(name="held", enabled=False)
        make_endpoint(name="deaf", events=["case.updated"])
        make_endpoint(name="narrow", campaign_ids=[5])
        make_endpoint(name="picky", case_types=["auto"])
        gone = make_endpoint(name="deleted since")
        never = make_endpoint(name="deleted before")
        endpoints.delete(never, clock.now())
        db.session.commit()
        send(api, **ENDED, id="e1")
        endpoints.delete(gone, clock.now())
        db.session.commit()
        make_endpoint(name="new")
        found = self.outcomes(api, "e1")
        assert {name: row["outcome"] for name, row in found.items()} == {
            "sent": "send", "held": "hold", "deaf": "event_not_chosen", "narrow": "other_campaign", "picky": "other_case_type",
            "deleted since": "send", "new": "added_later",
        }  # fmt: skip
        assert found["held"]["explanation"] == "Held: it matches, but the webhook was switched off."
        assert found["sent"]["delivery"]["state"] == "pending"
        assert found["sent"]["delivery"]["attempts"] == 0
        assert found["sent"]["delivery"]["next_attempt_at"].endswith("Z")
        assert found["held"]["delivery"] | {"id": 0} == {"id": 0, "state": "held", "attempts": 0, "next_attempt_at": None}
        assert found["deleted since"]["delivery"]["state"] == "cancelled"
        assert found["deaf"]["delivery"] is None

    def test_a_test_concerns_its_webhook_only(self, api):
        hook = make_endpoint(name="mine", events=["case.updated"], enabled=False)
        make_endpoint(name="other")
        testing.send_test(hook, "call_ended", clock.now())
        db.session.commit()
        event_id = db.session.scalar(sa.select(Event.id))
        found = self.outcomes(api, event_id)
        assert list(found) == ["mine"]
        assert (found["mine"]["outcome"], found["mine"]["explanation"]) == ("send", "Sent as a test of this webhook.")

    def test_what_there_is_not_is_404(self, api):
        for event_id in ("none", "%00", "a%20b", "x" * 129, "%E2%82%AC"):
            assert api.get(f"/v1/events/{event_id}").status_code == 404, event_id


@pytest.mark.parametrize(
    ("named", "counts"), [(7, 7), ("7", None), (0, None), (2**53, None), (None, None)]
)
def test_a_campaign_that_only_the_data_names_counts(api, named, counts) -> None:
    """What the samples show inside data is enough for a campaign filter; what cannot be a campaign is left where it is."""
    recorded = send(api, event="call_started", data={"campaign_id": named})
    assert record.find(recorded["id"]).campaign_id == counts
    both = send(api, event="call_started", data={"campaign_id": 7}, campaign_id=8)
    assert record.find(both["id"]).campaign_id == 8
