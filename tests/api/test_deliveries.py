from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from kayse_dash.accounts.models import AuditEntry
from kayse_dash.db import db
from kayse_dash.events.models import Event
from kayse_dash.webhooks import envelope
from kayse_dash.webhooks.models import Delivery, Endpoint
from kayse_dash.webhooks.schedule import State
from tests.conftest import on_both_databases
from tests.factories import make_attempt, make_delivery, make_endpoint

NOON = datetime(2024, 1, 15, 12, 0, tzinfo=UTC)


def ids(api, **query):
    answer = api.get("/v1/deliveries", query_string=query)
    assert answer.status_code == 200, answer.json
    return [row["id"] for row in answer.json["data"]]


def test_the_log_shows_deliveries_newest_first(api):
    hook = make_endpoint()
    first = make_delivery(endpoint=hook, now=NOON, campaign_id=5)
    second = make_delivery(endpoint=hook, now=NOON, is_test=True)
    make_attempt(delivery=first, status=None, error="timeout", started_at=NOON)
    shown = api.get("/v1/deliveries").json
    assert [row["id"] for row in shown["data"]] == [second.id, first.id]
    assert shown["next_cursor"] is None
    db.session.refresh(first)
    assert shown["data"][1] == {
        "id": first.id, "webhook_id": hook.id, "event_id": shown["data"][1]["event_id"], "event": "call_ended", "campaign_id": 5,
        "state": "pending", "test": False, "attempt_count": 1, "next_attempt_at": "2024-01-15T12:00:00Z",
        "created_at": "2024-01-15T12:00:00Z", "last_attempt_at": "2024-01-15T12:00:00Z", "last_status": None,
        "last_error": "timeout",
    }  # fmt: skip
    assert shown["data"][0]["test"] is True


def test_it_goes_on_by_cursor(api):
    hook = make_endpoint()
    made = [make_delivery(endpoint=hook).id for _ in range(5)]
    first = api.get("/v1/deliveries?limit=2").json
    make_delivery(endpoint=hook)
    second = api.get("/v1/deliveries", query_string={"limit": 3, "cursor": first["next_cursor"]}).json
    assert [row["id"] for row in first["data"] + second["data"]] == made[::-1]
    assert second["next_cursor"] is None


@on_both_databases
def test_it_is_filtered(api):
    one, two = make_endpoint(), make_endpoint()
    data = {"client_name": "Dana 100% Whitfield", "note": 'a "quoted" word'}
    a = make_delivery(endpoint=one, now=NOON, campaign_id=1, data=data).id
    b = make_delivery(endpoint=two, now=NOON + timedelta(hours=1), state=State.FAILED, type="case.updated").id
    c = make_delivery(endpoint=one, now=NOON + timedelta(hours=2), state=State.FAILED, campaign_id=1).id
    assert ids(api) == [c, b, a]
    assert ids(api, webhook_id=one.id) == [c, a]
    assert ids(api, event="case.updated") == [b]
    assert ids(api, state="failed") == [c, b]
    assert ids(api, campaign_id=1) == [c, a]
    assert ids(api, since="2024-01-15T13:00:00Z") == [c, b]
    assert ids(api, until="2024-01-15T13:00:00Z") == [b, a]
    assert ids(api, webhook_id=one.id, state="failed", campaign_id=1) == [c]
    assert ids(api, webhook_id=99) == []
    event_id = api.get(f"/v1/deliveries/{a}").json["event_id"]
    assert ids(api, q=event_id) == [a]
    assert ids(api, q=event_id[:-2]) == [a]
    assert ids(api, q="dana 100%") == [a]
    assert ids(api, q='a "quoted" word') == [a]
    assert ids(api, q="nothing like it") == []
    assert ids(api, q="") == [c, b, a]


def test_a_filter_that_cannot_be_is_named(api):
    for query in (
        "webhook_id=0", "webhook_id=x", "webhook_id=2147483648", "event=x", "state=lost", "state=PENDING", "campaign_id=0",
        "since=now", "until=5", "q=%00", "q=" + "x" * 201, "cursor=%00", "cursor=WzFd", "limit=1000", "page=2",
    ):  # fmt: skip
        answer = api.get(f"/v1/deliveries?{query}")
        assert (answer.status_code, list(answer.json["error"]["fields"])) == (422, [query.partition("=")[0]])


def test_one_is_shown_with_its_attempts(api):
    delivery = make_delivery(state=State.DELIVERED)
    make_attempt(delivery=delivery, error="timeout", error_detail="read timed out", status=None)
    make_attempt(delivery=delivery, status=200)
    shown = api.get(f"/v1/deliveries/{delivery.id}").json
    event = db.session.get_one(Event, delivery.event_seq)
    assert shown["request_body"] == envelope.body(event.type, event.timestamp, event.data).decode()
    assert (shown["state"], shown["attempt_count"]) == ("delivered", 2)
    assert [attempt["number"] for attempt in shown["attempts"]] == [2, 1]
    good, bad = shown["attempts"]
    assert (good["status"], good["error"], good["response_headers"]) == (200, None, [["Content-Type", "application/json"]])
    assert good["explanation"].startswith("The other system accepted the event (200).")
    assert (bad["status"], bad["error"], bad["error_detail"], bad["response_body"]) == (None, "timeout", "read timed out", None)
    assert bad["explanation"].startswith("The other system did not answer within 5 seconds.")
    assert bad["request_headers"][0] == ["Content-Type", "application/json"]
    assert bad["timings"]["total"] == 82.4


def test_what_there_is_not_is_404(api):
    for delivery_id in ("1", "0", "x", "1.0", "9" * 19, "9" * 400, str(2**63)):
        assert api.get(f"/v1/deliveries/{delivery_id}").status_code == 404, delivery_id
        assert api.post(f"/v1/deliveries/{delivery_id}/retry").status_code == 404, delivery_id


def test_one_is_sent_again(api):
    delivery = make_delivery(state=State.FAILED, tries=5, attempts=5)
    answer = api.post(f"/v1/deliveries/{delivery.id}/retry")
    assert (answer.status_code, answer.json["state"], answer.json["attempt_count"]) == (202, "pending", 5)
    db.session.expire_all()
    assert (delivery.state, delivery.tries, delivery.trigger) == (State.PENDING, 0, "manual")
    entry = db.session.scalars(sa.select(AuditEntry).order_by(AuditEntry.id.desc())).first()
    assert (entry.action, entry.subject, entry.actor) == ("delivery.retried", f"delivery {delivery.id}", "API key Phone agents")


def test_one_that_cannot_be_sent_again_is_a_conflict(api):
    off = make_endpoint(enabled=False)
    for delivery in (
        make_delivery(state=State.SENDING),
        make_delivery(state=State.FAILED, is_test=True),
        make_delivery(state=State.FAILED, endpoint=off),
    ):
        answer = api.post(f"/v1/deliveries/{delivery.id}/retry")
        assert (answer.status_code, answer.json["error"]["code"]) == (409, "conflict")


def test_one_that_waits_is_cancelled(api):
    delivery = make_delivery()
    answer = api.post(f"/v1/deliveries/{delivery.id}/cancel")
    assert (answer.status_code, answer.json["state"], answer.json["next_attempt_at"]) == (200, "cancelled", None)
    assert api.post(f"/v1/deliveries/{delivery.id}/cancel").status_code == 409
    assert db.session.scalar(sa.select(sa.func.count()).select_from(AuditEntry)) == 2


def test_a_deleted_webhook_keeps_its_log(api):
    delivery = make_delivery(state=State.FAILED)
    assert api.delete(f"/v1/webhooks/{delivery.endpoint_id}").status_code == 204
    assert ids(api, webhook_id=delivery.endpoint_id) == [delivery.id]
    assert api.get(f"/v1/deliveries/{delivery.id}").status_code == 200
    assert db.session.scalar(sa.select(Endpoint.deleted_at)) is not None
    assert db.session.scalar(sa.select(Delivery.state)) is State.FAILED
