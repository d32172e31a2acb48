import json
from datetime import timedelta

import pytest
import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.accounts.models import AuditEntry
from kayse_dash.db import db
from kayse_dash.events.catalogue import CATALOGUE
from kayse_dash.events.models import Event
from kayse_dash.webhooks import auth, recoveries, signing
from kayse_dash.webhooks.models import Delivery, Endpoint
from kayse_dash.webhooks.schedule import State, Trigger
from tests.factories import make_delivery, make_endpoint

SECRET = "whsec_" + "A" * 44


def call(api, path, status=200, **body):
    answer = api.post(f"/v1/webhooks/{path}", json=body)
    assert answer.status_code == status, answer.json
    return answer.json


def states():
    db.session.expire_all()
    return [delivery.state for delivery in db.session.scalars(sa.select(Delivery).order_by(Delivery.id))]


def audited():
    entries = db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id))
    return [(entry.action, entry.details) for entry in entries][1:]


class TestTest:
    def test_it_sends_the_sample_of_an_event(self, api):
        make_endpoint(enabled=False)
        make_endpoint()
        answer = call(api, "1/test", 202, event="form_submitted")
        assert answer["event"] == "form_submitted"
        assert (answer["test"], answer["state"], answer["attempt_count"]) == (True, "pending", 0)
        event, delivery = db.session.scalar(sa.select(Event)), db.session.scalar(sa.select(Delivery))
        assert (delivery.id, delivery.endpoint_id, delivery.trigger) == (answer["id"], 1, Trigger.TEST)
        assert event.id == answer["event_id"]
        assert (event.is_test, json.loads(event.data)) == (True, CATALOGUE["form_submitted"].sample)
        assert audited() == [("webhook.tested", {"event": "form_submitted"})]

    def test_without_a_name_it_is_the_first_event_it_listens_to(self, api):
        make_endpoint(events=["case.updated", "call_ended"])
        make_endpoint()
        assert api.post("/v1/webhooks/1/test").json["event"] == "case.updated"
        assert call(api, "2/test", 202)["event"] == "call_started"

    def test_an_unknown_event_is_refused(self, api):
        make_endpoint()
        found = call(api, "1/test", 422, event="call_end")["error"]["fields"]
        assert found == {"event": "There is no event “call_end”. Did you mean call_ended?"}
        assert call(api, "2/test", 404)


class TestDisable:
    def test_what_waits_is_held(self, api):
        hook = make_endpoint()
        make_delivery(endpoint=hook)
        answer = call(api, "1/disable", reason=" Moving to a new system ")
        assert (answer["enabled"], answer["held"], answer["disabled_reason"]) == (False, 1, "Moving to a new system")
        assert states() == [State.HELD]
        assert call(api, "1/disable", reason="Again")["disabled_reason"] == "Moving to a new system"
        assert audited() == [("webhook.disabled", {"held": 1, "reason": "Moving to a new system"})]

    def test_the_reason_has_limits(self, api):
        make_endpoint()
        assert call(api, "1/disable", 422, reason="x" * 501)["error"]["fields"]
        assert call(api, "1/disable", 422, reason="\0")["error"]["fields"]
        assert api.post("/v1/webhooks/1/disable").json["disabled_reason"] == "The API key Phone agents switched it off."


class TestEnable:
    @pytest.fixture
    def held(self, app):
        hook = make_endpoint(enabled=False)
        now = clock.now()
        for days in (3, 2, 1):
            make_delivery(endpoint=hook, state=State.HELD, now=now - timedelta(days=days))
        return now

    def test_held_deliveries_are_kept_unless_told_otherwise(self, api, held):
        answer = api.post("/v1/webhooks/1/enable").json
        assert (answer["enabled"], answer["recovery_id"], answer["released"], answer["dropped"]) == (True, None, 0, 0)
        assert states() == [State.HELD] * 3

    def test_they_are_sent(self, api, held):
        answer = call(api, "1/enable", held="send")
        assert (answer["released"], answer["dropped"]) == (3, 0)
        progress = api.get(f"/v1/webhooks/1/recoveries/{answer['recovery_id']}").json
        assert (progress["kind"], progress["state"], progress["waiting"]) == ("held", "running", 3)

    def test_those_since_a_time_are_sent_and_the_older_dropped(self, api, held):
        answer = call(api, "1/enable", held="send", since=clock.iso(held - timedelta(days=2, hours=1)))
        assert (answer["released"], answer["dropped"]) == (2, 1)
        assert states() == [State.CANCELLED, State.HELD, State.HELD]
        assert audited() == [("webhook.enabled", {"held": "send", "dropped": 1})]

    def test_they_are_dropped(self, api, held):
        answer = call(api, "1/enable", held="drop")
        assert (answer["dropped"], answer["recovery_id"]) == (3, None)
        assert states() == [State.CANCELLED] * 3

    def test_those_that_were_kept_can_be_sent_later(self, api, held):
        call(api, "1/enable")
        assert call(api, "1/enable", held="send")["released"] == 3
        assert call(api, "1/enable", 409, held="send")["error"]["code"] == "conflict"

    def test_with_nothing_held_there_is_nothing_to_send(self, api):
        make_endpoint(enabled=False)
        answer = call(api, "1/enable", held="send")
        assert (answer["enabled"], answer["recovery_id"], answer["released"]) == (True, None, 0)

    def test_what_makes_no_sense_is_refused(self, api, held):
        assert call(api, "1/enable", 422, held="all")["error"]["fields"] == {"held": "Choose one of 'send', 'drop' or 'keep'."}
        assert call(api, "1/enable", 422, held="drop", since="2024-01-15T10:30:00Z")["error"]["fields"].keys() == {"since"}
        assert call(api, "1/enable", 422, held="send", since="yesterday")["error"]["fields"].keys() == {"since"}
        db.session.expire_all()
        assert db.session.get(Endpoint, 1).enabled is False


class TestRetryFailed:
    @pytest.fixture
    def failed(self, app):
        hook = make_endpoint()
        now = clock.now()
        for days in (2, 1):
            make_delivery(endpoint=hook, state=State.FAILED, now=now - timedelta(days=days))
        return now

    def test_it_starts_a_recovery_whose_progress_can_be_read(self, api, failed):
        answer = api.post("/v1/webhooks/1/retry-failed")
        assert (answer.status_code, answer.json["total"]) == (202, 2)
        recoveries.step(answer.json["recovery_id"], clock.now())
        make_delivery(endpoint=db.session.get(Endpoint, 1), event=db.session.get(Event, 1), state=State.DELIVERED)
        progress = api.get(f"/v1/webhooks/1/recoveries/{answer.json['recovery_id']}").json
        assert (progress["total"], progress["delivered"], progress["waiting"], progress["failed"]) == (2, 1, 1, 0)
        assert (progress["webhook_id"], progress["kind"], progress["started_by"]) == (1, "failed", "API key Phone agents")
        assert audited() == [("webhook.failed_retried", {"deliveries": 2})]

    def test_only_those_since_a_time(self, api, failed):
        assert call(api, "1/retry-failed", 202, since=clock.iso(failed - timedelta(hours=30)))["total"] == 1

    def test_one_at_a_time(self, api, failed):
        call(api, "1/retry-failed", 202)
        assert "running already" in call(api, "1/retry-failed", 409)["error"]["message"]

    def test_it_can_be_cancelled(self, api, failed):
        recovery = call(api, "1/retry-failed", 202)["recovery_id"]
        recoveries.step(recovery, clock.now())
        db.session.commit()
        assert states() == [State.PENDING] * 2
        answer = api.post(f"/v1/webhooks/1/recoveries/{recovery}/cancel")
        assert (answer.status_code, answer.json["state"]) == (200, "cancelled")
        assert states() == [State.FAILED] * 2
        assert api.post(f"/v1/webhooks/1/recoveries/{recovery}/cancel").status_code == 409
        assert audited()[-1] == ("webhook.recovery_cancelled", {"recovery": recovery, "put_back": 2})

    def test_a_recovery_belongs_to_its_webhook(self, api, failed):
        make_endpoint()
        recovery = call(api, "1/retry-failed", 202)["recovery_id"]
        for path in (f"2/recoveries/{recovery}", "1/recoveries/99", "1/recoveries/x"):
            assert api.get(f"/v1/webhooks/{path}").status_code == 404
            assert api.post(f"/v1/webhooks/{path}/cancel").status_code == 404

    def test_a_webhook_that_is_off_is_sent_nothing(self, api, failed):
        call(api, "1/disable")
        assert "switched off" in call(api, "1/retry-failed", 409)["error"]["message"]


class TestRotateSecret:
    def test_the_new_secret_is_shown_once_and_both_sign(self, api):
        make_endpoint(auth=auth.Hmac(SECRET))
        answer = api.post("/v1/webhooks/1/rotate-secret").json
        assert list(answer) == ["secret"]
        now = clock.now()
        kept = db.session.get(Endpoint, 1).auth
        assert kept.keys(now) == [signing.key_of(answer["secret"]), signing.key_of(SECRET)]
        assert len(kept.keys(now + timedelta(hours=23))) == 2
        assert len(kept.keys(now + timedelta(hours=25))) == 1
        shown = api.get("/v1/webhooks/1").json["auth"]
        assert shown["type"] == "hmac"
        assert "secret" not in shown
        assert shown["previous_secret_signs_until"].endswith("Z")
        assert audited() == [("webhook.secret_rotated", {"overlap_hours": 24})]

    def test_one_can_be_given_and_the_overlap_be_none(self, api):
        make_endpoint(auth=auth.Hmac(SECRET))
        given = "whsec_" + "B" * 44
        assert call(api, "1/rotate-secret", secret=given, overlap_hours=0) == {"secret": given}
        assert db.session.get(Endpoint, 1).auth == auth.Hmac(given)

    def test_what_cannot_be_is_refused(self, api):
        make_endpoint(auth=auth.Hmac(SECRET))
        make_endpoint()
        for given in ({"secret": "short"}, {"secret": SECRET}, {"secret": 5}, {"overlap_hours": 169}, {"overlap_hours": 1.5}):
            assert call(api, "1/rotate-secret", 422, **given)["error"]["fields"].keys() == given.keys()
        assert call(api, "2/rotate-secret", 409)["error"]["code"] == "conflict"
        assert db.session.get(Endpoint, 1).auth == auth.Hmac(SECRET)
