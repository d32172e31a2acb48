"""Turns of a webhook against a real receiver: what is sent, how, how fast, and what is left when something goes wrong."""

from __future__ import annotations

import json
import threading
import time
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from standardwebhooks import Webhook

from kayse_dash import clock, queue
from kayse_dash.db import db
from kayse_dash.webhooks import deliveries, drain, endpoints, outcomes, pace, senders, signing
from kayse_dash.webhooks.auth import ApiKey, Auth, Basic, Bearer, Hmac
from kayse_dash.webhooks.models import Attempt, Delivery, Endpoint, HourlyCount
from kayse_dash.webhooks.schedule import State
from kayse_dash.webhooks.testing import send_test
from tests.conftest import on_both_databases
from tests.receiver import Receiver, Reply
from tests.webhooks.engine import (
    LEASE,
    WORKER,
    attempts,
    due,
    happen,
    hook,
    in_app,
    looked,
    rows,
    states,
    turn,
    turns,
    webhook,
)

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)
SECRET = signing.new_secret()

pytestmark = pytest.mark.usefixtures("app")


@pytest.fixture(autouse=True)
def _go_on_afterwards() -> Any:
    yield
    drain.stopping.clear()
    assert senders.wait_for_left(35)


def queued(redis_server: redis.Redis, lane: str) -> int:
    return redis_server.llen(f"rq:queue:{lane}")


def owe_test(endpoint_id: int, event: str = "call_ended") -> int:
    delivery_id = send_test(db.session.get_one(Endpoint, endpoint_id), event, clock.now())
    db.session.commit()
    return delivery_id


# --- What travels ----------------------------------------------------------------------------------------------------


@on_both_databases
def test_the_body_is_event_timestamp_and_the_data_to_the_letter(app: Flask, receiver: Receiver) -> None:
    given = [
        "{}",
        '{"z":1,"a":{"y":[],"b":null}}',
        '{"client":"José Núñez 🙂 律师","quote":"\\"\\\\ \\u0000"}',
        '{"id":123456789012345678901234567890,"amount":1.10,"tiny":1e-400}',
        '{"text":"' + "x" * 200_000 + '"}',
    ]
    endpoint_id = hook(receiver)
    for data in given:
        happen(type="case.updated", data=data, timestamp=NOW)
    turns(endpoint_id)
    assert {request.body for request in receiver.requests} == {
        f'{{"event":"case.updated","timestamp":"2026-03-09T14:00:00Z","data":{data}}}'.encode() for data in given
    }
    assert states() == {"delivered": 5}


def test_the_headers_of_an_attempt(receiver: Receiver) -> None:
    endpoint_id = hook(receiver, url=receiver.url + "path?x=1&y=%20")
    [event_id] = happen()
    turn(endpoint_id)
    [request] = receiver.requests
    assert (request.method, request.path) == ("POST", "/path?x=1&y=%20")
    assert request.headers["host"] == f"127.0.0.1:{receiver.port}"
    assert request.headers["content-type"] == "application/json"
    assert request.headers["user-agent"] == "Kayse-Dash/1.0"
    assert request.headers["webhook-id"] == event_id
    assert abs(int(request.headers["webhook-timestamp"]) - time.time()) < 30
    assert {"webhook-test", "webhook-signature", "authorization", "cookie"}.isdisjoint(request.headers)


def test_a_test_says_that_it_is_one(receiver: Receiver) -> None:
    owe_test(endpoint_id := hook(receiver))
    turn(endpoint_id)
    assert receiver.requests[0].headers["webhook-test"] == "true"


@pytest.mark.parametrize(
    ("auth", "header", "value", "recorded"),
    [
        (ApiKey("X-Public-Api-Key", "hush-1"), "X-Public-Api-Key", "hush-1", "[hidden]"),
        (ApiKey("Authorization", "Token hush-1"), "Authorization", "Token hush-1", "Token [hidden]"),
        (Basic("José", "hush:123£"), "Authorization", "Basic Sm9zw6k6aHVzaDoxMjPCow==", "Basic [hidden]"),
        (Bearer("hush.token"), "Authorization", "Bearer hush.token", "Bearer [hidden]"),
    ],
    ids=lambda value: value.type if hasattr(value, "type") else "",
)
def test_each_authentication_proves_itself(receiver: Receiver, auth: Auth, header: str, value: str, recorded: str) -> None:
    endpoint_id = hook(receiver, auth=auth)
    happen()
    turn(endpoint_id)
    assert receiver.requests[0].headers[header] == value
    [attempt] = attempts()
    assert dict(attempt.request_headers)[header] == recorded
    assert value not in json.dumps([attempt.request_headers, attempt.response_headers, attempt.response_body])


def test_a_signature_is_accepted_by_the_public_library(receiver: Receiver) -> None:
    newer = signing.new_secret()
    endpoint_id = hook(receiver, auth=Hmac(SECRET).rotated(newer, clock.now()))
    happen(data='{"name":"José"}')
    turn(endpoint_id)
    [request] = receiver.requests
    for secret in (SECRET, newer):
        assert Webhook(secret).verify(request.body, dict(request.headers)) == request.json
    assert SECRET.removeprefix("whsec_") not in json.dumps([attempts()[0].request_headers])


def test_every_retry_has_the_same_id_and_body_and_its_own_timestamp(receiver: Receiver) -> None:
    receiver.answer = Reply(500)
    endpoint_id = hook(receiver, auth=Hmac(SECRET), now=NOW)
    happen(now=NOW, data='{"b":1.50,"a":2}')
    moment = NOW
    for _ in range(3):
        turn(endpoint_id, at=moment)
        moment = rows()[0].due_at
    first, second, third = receiver.requests
    assert first.body == second.body == third.body
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == third.headers["webhook-id"]
    stamps = [int(request.headers["webhook-timestamp"]) for request in receiver.requests]
    assert [stamp - stamps[0] for stamp in stamps] == [0, 300, 2100]
    assert len({request.headers["webhook-signature"] for request in receiver.requests}) == 3


# --- What follows from the answer ------------------------------------------------------------------------------------


@on_both_databases
def test_what_is_recorded_of_an_attempt(app: Flask, receiver: Receiver) -> None:
    receiver.answer = Reply(201, {"X-Request": "abc", "Set-Cookie": "session=hush"}, b'{"ok": "ja \xc3\xa4"}', delay=0.03)
    endpoint_id = hook(receiver)
    happen()
    turn(endpoint_id)
    [attempt] = attempts()
    assert (attempt.number, attempt.trigger, attempt.status, attempt.error, attempt.worker) == (1, "automatic", 201, None, WORKER)
    assert attempt.url == receiver.url
    assert attempt.response_body == '{"ok": "ja ä"}'
    assert ["X-Request", "abc"] in attempt.response_headers
    assert ["Set-Cookie", "[hidden]"] in attempt.response_headers
    assert 30 <= attempt.duration_ms < 5000
    assert attempt.timings["total"] == attempt.duration_ms
    assert attempt.succeeded
    [delivery] = rows()
    assert (delivery.state, delivery.due_at, delivery.lease_by, delivery.lease_until) == (State.DELIVERED, None, None, None)
    assert (delivery.tries, delivery.attempts, delivery.last_status, delivery.last_error) == (1, 1, 201, None)
    assert delivery.last_attempt_at == attempt.started_at
    one = webhook(endpoint_id)
    assert one.last_success_at is not None
    assert one.failing_since is None
    assert one.latency_ms == pytest.approx(attempt.duration_ms, abs=0.01)


@on_both_databases
def test_five_attempts_at_the_distances_of_the_schedule_then_failed(app: Flask, receiver: Receiver) -> None:
    receiver.answer = Reply(500)
    endpoint_id = hook(receiver, now=NOW)
    happen(now=NOW)
    moments, moment = [], NOW
    while moment is not None:
        turn(endpoint_id, at=moment - timedelta(milliseconds=1))  # too early: nothing is sent
        assert len(receiver.requests) == len(moments)
        turn(endpoint_id, at=moment)
        moments.append(moment)
        moment = rows()[0].due_at
    distances = [later - earlier for earlier, later in pairwise(moments)]
    assert distances == [timedelta(minutes=5), timedelta(minutes=30), timedelta(hours=2), timedelta(hours=24)]
    assert states() == {"failed": 1}
    assert [attempt.number for attempt in attempts()] == [1, 2, 3, 4, 5]
    assert looked(sa.select(HourlyCount.failed).where(HourlyCount.failed > 0)) == 1


def test_delivered_at_the_third_attempt(receiver: Receiver) -> None:
    receiver.answer = [Reply(500), Reply(503), Reply(200)]
    endpoint_id = hook(receiver, now=NOW)
    happen(now=NOW)
    moment = NOW
    for _ in range(3):
        turn(endpoint_id, at=moment)
        moment = rows()[0].due_at or moment
    turn(endpoint_id, at=moment + timedelta(days=3))
    [delivery] = rows()
    assert (delivery.state, delivery.attempts) == (State.DELIVERED, 3)
    assert [attempt.status for attempt in attempts()] == [500, 503, 200]


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_a_failure_and_is_not_followed(receiver: Receiver, status: int) -> None:
    receiver.answer = Reply.redirect(receiver.url + "elsewhere", status)
    endpoint_id = hook(receiver)
    happen()
    turn(endpoint_id)
    assert [request.path for request in receiver.requests] == ["/"]
    assert states() == {"pending": 1}
    [attempt] = attempts()
    assert (attempt.status, attempt.succeeded) == (status, False)
    assert ["Location", receiver.url + "elsewhere"] in attempt.response_headers


@pytest.mark.parametrize(
    ("reply", "waits"),
    [
        (Reply.busy("1200"), 1200),
        (Reply(503, {"Retry-After": "1200"}), 1200),
        (Reply.busy("1"), 300),
        (Reply.busy("99999999"), 86400),
        (Reply.busy("soon"), 300),
        (Reply(500, {"Retry-After": "1200"}), 300),
    ],
)
def test_retry_after(receiver: Receiver, reply: Reply, waits: int) -> None:
    receiver.answer = reply
    endpoint_id = hook(receiver, now=NOW)
    happen(now=NOW)
    turn(endpoint_id, at=NOW)
    assert rows()[0].due_at == NOW + timedelta(seconds=waits)


@on_both_databases
def test_410_switches_the_webhook_off_with_the_reason_and_holds_the_rest(app: Flask, receiver: Receiver) -> None:
    receiver.answer = Reply.gone()
    endpoint_id = hook(receiver, latency_ms=1.0)
    happen(5)
    turn(endpoint_id)
    one = webhook(endpoint_id)
    assert one.enabled is False
    assert "410" in (one.disabled_reason or "")
    assert one.disabled_at is not None
    found = states()
    sent = len(receiver.requests)
    assert found == {"failed": sent, "held": 5 - sent} or found == {"failed": 5}
    receiver.answer = Reply(200)
    happen(2)
    turn(endpoint_id)
    assert len(receiver.requests) == sent
    assert states()["held"] == 5 - sent + 2


@on_both_databases
def test_five_days_of_failures_switch_the_webhook_off_at_the_next_one(app: Flask, receiver: Receiver) -> None:
    receiver.answer = Reply(500)
    endpoint_id = hook(receiver, now=NOW)
    happen(now=NOW)
    turn(endpoint_id, at=NOW)
    assert webhook(endpoint_id).failing_since == NOW
    almost = NOW + timedelta(days=5, seconds=-1)
    turn(endpoint_id, at=almost)
    assert webhook(endpoint_id).enabled
    turn(endpoint_id, at=almost + timedelta(days=2))
    one = webhook(endpoint_id)
    assert not one.enabled
    assert one.disabled_reason == outcomes.ONLY_FAILED
    assert states() == {"held": 1}


def test_one_success_in_between_starts_the_five_days_anew(receiver: Receiver) -> None:
    receiver.answer = [Reply(500), Reply(200), Reply(500)]
    endpoint_id = hook(receiver, now=NOW)
    happen(now=NOW)
    turn(endpoint_id, at=NOW)
    turn(endpoint_id, at=NOW + timedelta(days=4))
    assert webhook(endpoint_id).failing_since is None
    later = NOW + timedelta(days=6)
    happen(now=later)
    turn(endpoint_id, at=later)
    one = webhook(endpoint_id)
    assert one.enabled
    assert one.failing_since == later
    assert (one.last_success_at, one.last_failure_at, one.last_error) == (NOW + timedelta(days=4), later, "500")


def test_a_test_is_never_tried_again_and_counts_in_nothing(receiver: Receiver) -> None:
    receiver.answer = Reply.gone()
    owe_test(endpoint_id := hook(receiver))
    turn(endpoint_id)
    one = webhook(endpoint_id)
    assert states() == {"failed": 1}
    assert one.enabled
    assert (one.failing_since, one.last_failure_at) == (None, None)
    assert looked(sa.select(sa.func.count()).select_from(HourlyCount)) == 0
    assert attempts()[0].trigger == "test"


# --- No answer -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply.reset(), "reset"),
        (Reply.close(), "reset"),
        (Reply.raw(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol"),
        (Reply.hang(), "timeout"),
        (Reply.drip_headers(), "timeout"),
    ],
    ids=["reset", "close", "garbage", "hang", "drip"],
)
def test_no_answer_is_an_attempt_with_its_reason(receiver: Receiver, app: Flask, reply: Reply, error: str) -> None:
    drain.outbound.client().policy.__dict__["timeout_s"] = 0.5
    receiver.answer = reply
    endpoint_id = hook(receiver, now=NOW)
    happen(now=NOW)
    turn(endpoint_id, at=NOW)
    [attempt] = attempts()
    assert (attempt.status, attempt.error, attempt.response_headers, attempt.response_body) == (None, error, None, None)
    [delivery] = rows()
    assert (delivery.state, delivery.due_at, delivery.last_error) == (State.PENDING, NOW + timedelta(minutes=5), error)
    assert webhook(endpoint_id).last_error == error


def test_nobody_listens(receiver: Receiver) -> None:
    endpoint_id = hook(receiver)
    receiver.close()
    happen()
    turn(endpoint_id)
    assert attempts()[0].error == "refused"


def test_an_address_that_is_forbidden_is_not_called(app: Flask) -> None:
    endpoint_id = hook(url="http://10.1.2.3/")
    happen()
    turn(endpoint_id)
    assert attempts()[0].error == "blocked"


@on_both_databases
def test_an_endless_answer_is_cut_and_any_bytes_are_kept(app: Flask, receiver: Receiver) -> None:
    receiver.answer = Reply(500, {"X-Odd": "caf\xe9"}, b"\0\xff\xfe" + b"<html>" * 30_000)
    endpoint_id = hook(receiver)
    happen()
    turn(endpoint_id)
    [attempt] = attempts()
    assert attempt.response_truncated
    assert attempt.response_body.startswith("\ufffd\ufffd\ufffd<html>")
    assert len(attempt.response_body) == 65536
    assert "\0" not in attempt.response_body


@on_both_databases
def test_secrets_that_a_receiver_sends_back_are_hidden(app: Flask, receiver: Receiver) -> None:
    key = 'hush/"key"+' + "k" * 1500

    def echo(request: Any) -> Reply:
        given = request.headers["X-Key"]
        return Reply(
            500, {"X-Echo": given[:1900], "X-Part": "you sent " + given}, json.dumps({"headers": {"X-Key": given}}).encode()
        )

    receiver.answer = echo
    endpoint_id = hook(receiver, auth=ApiKey("X-Key", key))
    happen()
    turn(endpoint_id)
    [attempt] = attempts()
    recorded = json.dumps([attempt.request_headers, attempt.response_headers, attempt.response_body])
    assert receiver.requests[0].headers["X-Key"] == key
    assert "hush" not in recorded
    assert "kkkk" not in recorded
    assert json.loads(attempt.response_body) == {"headers": {"X-Key": "[hidden]"}}
    assert dict(attempt.response_headers)["X-Part"] == "you sent [hidden]"


# --- Off and gone ----------------------------------------------------------------------------------------------------


@on_both_databases
def test_to_a_webhook_that_is_off_only_tests_go(app: Flask, receiver: Receiver) -> None:
    endpoint_id = hook(receiver)
    happen(3)
    endpoints.switch_off(db.session.get_one(Endpoint, endpoint_id), "By hand.", clock.now())
    db.session.execute(sa.update(Delivery).values(state=State.PENDING, due_at=clock.now()))  # came in meanwhile
    db.session.commit()
    for _ in range(20):
        owe_test(endpoint_id)
    while looked(sa.select(sa.func.count()).where(Delivery.is_test, Delivery.state == State.PENDING)):
        turn(endpoint_id)
    assert [request.headers.get("webhook-test") for request in receiver.requests] == ["true"] * 20
    assert states() == {"held": 3, "delivered": 20}


@on_both_databases
def test_what_is_owed_to_a_deleted_webhook_is_cancelled(app: Flask, receiver: Receiver) -> None:
    endpoint_id = hook(receiver)
    happen(3)
    owe_test(endpoint_id)
    endpoints.delete(db.session.get_one(Endpoint, endpoint_id), clock.now())
    db.session.execute(sa.update(Delivery).values(state=State.PENDING, due_at=clock.now()))
    db.session.commit()
    turn(endpoint_id)
    assert receiver.requests == []
    assert states() == {"cancelled": 4}


def test_a_webhook_that_never_was_has_an_empty_turn(app: Flask) -> None:
    turn(4711)


@on_both_databases
@pytest.mark.parametrize(("what", "becomes"), [("switch_off", "held"), ("delete", "cancelled")])
def test_a_turn_ends_soon_after_its_webhook_is_switched_off_or_deleted(
    app: Flask, receiver: Receiver, what: str, becomes: str
) -> None:
    receiver.answer = Reply(500, delay=0.02)
    endpoint_id = hook(receiver, latency_ms=1.0)
    happen(90)

    def act() -> None:
        receiver.wait_for(3)
        endpoint = db.session.get_one(Endpoint, endpoint_id)
        if what == "delete":
            endpoints.delete(endpoint, clock.now())
        else:
            endpoints.switch_off(endpoint, "By hand.", clock.now())
        db.session.commit()

    person = threading.Thread(target=in_app(act))
    person.start()
    turn(endpoint_id)
    person.join()
    assert len(receiver.requests) < 60
    assert states() == {becomes: 90}


# --- How fast, and for how long --------------------------------------------------------------------------------------


def test_outcomes_are_written_fifty_at_a_time(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    sizes = []
    write = outcomes.write
    monkeypatch.setattr(outcomes, "write", lambda batch, *rest: (sizes.append(len(batch)), write(batch, *rest))[1])
    endpoint_id = hook(receiver, latency_ms=1.0)
    happen(160)
    turn(endpoint_id)
    assert states() == {"delivered": 160}
    assert max(sizes) <= 50
    assert len(sizes) <= 8


def test_outcomes_are_written_within_a_quarter_of_a_second(receiver: Receiver) -> None:
    receiver.answer = Reply(delay=0.04)
    endpoint_id = hook(receiver, latency_ms=1.0)  # taken for instant: one thread at first
    happen(30)
    worker = threading.Thread(target=in_app(lambda: turn(endpoint_id)))
    worker.start()
    receiver.wait_for(12)
    sent, written = len(receiver.requests), states().get("delivered", 0)
    worker.join()
    assert written >= 1
    assert sent - written <= 30
    assert states() == {"delivered": 30}


@on_both_databases
def test_no_more_than_fifty_are_sent_and_unrecorded_at_any_time(app: Flask, receiver: Receiver) -> None:
    most = 0

    def look(_request: Any) -> None:
        nonlocal most
        with engine.connect() as connection:
            written = connection.execute(sa.text("SELECT count(*) FROM attempts")).scalar_one()
            connection.rollback()
        most = max(most, len(receiver.requests) - written)

    engine = sa.create_engine(db.engine.url.render_as_string(hide_password=False))
    receiver.on_request = look
    endpoint_id = hook(receiver, latency_ms=6.0)  # three threads
    happen(200)
    turn(endpoint_id)
    receiver.on_request = lambda request: None
    engine.dispose()
    assert states() == {"delivered": 200}
    assert 1 < most <= 50


@pytest.mark.slow
def test_a_turn_ends_after_two_seconds_and_gives_back_what_it_did_not_begin(
    receiver: Receiver, redis_server: redis.Redis
) -> None:
    receiver.answer = Reply(delay=0.3)
    endpoint_id = hook(receiver, latency_ms=300.0)
    happen(150)
    redis_server.flushdb()
    begun = time.monotonic()
    drain.drain(endpoint_id, queue.FAST, WORKER)
    assert 1.9 < time.monotonic() - begun < 3.2
    found = states()
    assert found.get("sending", 0) <= 16
    assert 60 <= found["delivered"] <= 130
    assert found["pending"] >= 20
    assert queued(redis_server, queue.FAST) == 1  # its next turn waits behind those of the others


def test_a_webhook_that_hangs_costs_a_turn_and_not_a_time_limit(receiver: Receiver, redis_server: redis.Redis) -> None:
    receiver.answer = Reply(delay=3.5)
    endpoint_id = hook(receiver)
    happen(3)
    redis_server.flushdb()
    begun = time.monotonic()
    drain.drain(endpoint_id, queue.FAST, WORKER)
    assert time.monotonic() - begun < 3
    assert states() == {"sending": 1, "pending": 2}
    assert pace.is_slow(webhook(endpoint_id).latency_ms)
    assert queued(redis_server, queue.SLOW) == 1
    assert senders.wait_for_left(10)  # the answer comes after the turn, and is written
    assert states() == {"delivered": 1, "pending": 2}
    assert [attempt.status for attempt in attempts()] == [200]


@pytest.mark.slow
def test_answers_that_come_late_do_not_let_more_than_sixteen_requests_wait(receiver: Receiver, redis_server: redis.Redis) -> None:
    open_now, most, lock = 0, 0, threading.Lock()

    def answer(_request: Any) -> Reply:
        nonlocal open_now, most
        with lock:
            open_now += 1
            most = max(most, open_now)
        time.sleep(4)
        with lock:
            open_now -= 1
        return Reply(500)

    receiver.answer = answer
    endpoint_id = hook(receiver, latency_ms=4000.0)
    happen(40)
    for _ in range(3):
        drain.drain(endpoint_id, queue.SLOW, WORKER)
    assert most == 16
    redis_server.flushdb()
    assert senders.wait_for_left(15)
    assert queued(redis_server, queue.SLOW) == 1  # the late answers see to the rest
    assert states() == {"pending": 40}
    assert len(attempts()) == len(receiver.requests) == 16


def test_a_slow_webhook_goes_to_the_slow_lane(receiver: Receiver, redis_server: redis.Redis) -> None:
    endpoint_id = hook(receiver, latency_ms=1500.0)
    happen(2)
    redis_server.flushdb()
    turn(endpoint_id, lane=queue.FAST)
    assert receiver.requests == []
    assert states() == {"pending": 2}
    assert (queued(redis_server, queue.FAST), queued(redis_server, queue.SLOW)) == (0, 1)
    turn(endpoint_id, lane=queue.SLOW)
    assert states() == {"delivered": 2}


def test_a_test_of_a_slow_webhook_does_not_wait_for_the_slow_lane(receiver: Receiver) -> None:
    owe_test(endpoint_id := hook(receiver, latency_ms=1500.0))
    turn(endpoint_id, lane=queue.FAST)
    assert states() == {"delivered": 1}


def test_several_threads_serve_a_receiver_that_takes_50_ms(receiver: Receiver) -> None:
    receiver.answer = Reply(delay=0.05)
    endpoint_id = hook(receiver)
    happen(160)
    begun = time.monotonic()
    turns(endpoint_id)
    rate = 160 / (time.monotonic() - begun)
    assert states() == {"delivered": 160}
    assert rate >= 5 * 20, f"{rate:.0f}/s where one thread makes 20/s"
    assert receiver.accepted <= 17  # connections are kept


def test_an_instant_receiver_is_served_over_one_connection(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pace, "INSTANT_MS", 1000.0)  # also on a busy machine
    endpoint_id = hook(receiver)
    happen(100)
    turn(endpoint_id)
    assert states() == {"delivered": 100}
    assert receiver.accepted == 1
    sent = [json.loads(request.body)["data"]["n"] for request in receiver.requests]
    assert sent == list(range(100))  # in the order in which they happened


@on_both_databases
def test_two_turns_at_once_send_nothing_twice(app: Flask, receiver: Receiver) -> None:
    receiver.answer = Reply(delay=0.005)
    endpoint_id = hook(receiver, latency_ms=10.0)
    ids = happen(300)
    faults: list[BaseException] = []

    def work(name: str) -> None:
        try:
            turns(endpoint_id, worker=name)
        except BaseException as error:
            faults.append(error)

    workers = [threading.Thread(target=in_app(lambda name=name: work(name))) for name in ("w1", "w2", "w3")]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert faults == []
    assert sorted(request.headers["webhook-id"] for request in receiver.requests) == sorted(ids)
    assert states() == {"delivered": 300}
    assert len({attempt.worker for attempt in attempts()}) > 1
    assert looked(sa.select(sa.func.sum(HourlyCount.delivered))) == 300


def test_a_process_that_ends_gives_back_what_it_did_not_begin(receiver: Receiver) -> None:
    receiver.answer = Reply(delay=0.1)
    endpoint_id = hook(receiver, latency_ms=1.0)
    happen(50)
    receiver.on_request = lambda request: drain.stopping.set()
    turn(endpoint_id)
    found = states()
    assert found["delivered"] == len(receiver.requests) <= 16
    assert found == {"delivered": len(receiver.requests), "pending": 50 - len(receiver.requests)}


# --- When something breaks -------------------------------------------------------------------------------------------


@on_both_databases
def test_an_attempt_that_breaks_does_not_take_the_others_with_it(
    app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    attempt = drain.sending.attempt

    def breaks(target: Any, owed: Any, *rest: Any) -> Any:
        if owed.data == '{"n":4}':
            raise ZeroDivisionError
        return attempt(target, owed, *rest)

    monkeypatch.setattr(drain.sending, "attempt", breaks)
    endpoint_id = hook(receiver)
    happen(10)
    with pytest.raises(ZeroDivisionError):
        turn(endpoint_id)
    assert states() == {"delivered": 4, "sending": 1, "pending": 5}
    turn(endpoint_id)
    assert states() == {"delivered": 9, "sending": 1}
    assert len(receiver.requests) == 9


def test_a_database_that_is_away_for_a_moment_costs_no_second_send(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    write, tries = outcomes.write, []

    def away(*given: Any) -> Any:
        tries.append(1)
        if len(tries) < 3:
            raise sa.exc.OperationalError("INSERT", {}, Exception("the server closed the connection"))
        return write(*given)

    monkeypatch.setattr(outcomes, "write", away)
    endpoint_id = hook(receiver)
    happen(5)
    turn(endpoint_id)
    assert len(receiver.requests) == 5
    assert states() == {"delivered": 5}


@pytest.mark.postgres
@pytest.mark.parametrize("database", ["postgres"], indirect=True)
def test_a_database_that_drops_its_connections_costs_no_second_send(
    app: Flask, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when PostgreSQL is restarted, or a firewall forgets connections."""
    monkeypatch.setattr(pace, "INSTANT_MS", 1000.0)  # one at a time
    others = "FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    engine = sa.create_engine(db.engine.url.render_as_string(hide_password=False), isolation_level="AUTOCOMMIT")

    def cut(_request: Any) -> None:
        if len(receiver.requests) in (10, 40, 70):
            with engine.connect() as connection:
                connection.execute(sa.text(f"SELECT pg_terminate_backend(pid) {others}"))

    endpoint_id = hook(receiver)
    happen(90)
    receiver.on_request = cut
    turns(endpoint_id)
    engine.dispose()
    assert states() == {"delivered": 90}
    assert len(receiver.requests) == 90


@on_both_databases
def test_a_lease_that_ran_out_is_put_back_and_the_late_finisher_overrules_nobody(app: Flask, receiver: Receiver) -> None:
    """A worker is frozen in the middle of a request for longer than its lease; meanwhile another one delivers."""
    frozen, thawed = threading.Event(), threading.Event()

    def answer(_request: Any) -> Reply:
        if len(receiver.requests) == 1:
            frozen.set()
            thawed.wait(10)
            return Reply(500)
        return Reply(200)

    receiver.answer = answer
    endpoint_id = hook(receiver)
    happen()
    first = threading.Thread(target=in_app(lambda: drain.drain(endpoint_id, queue.FAST, "frozen")))
    first.start()
    assert frozen.wait(10)
    later = clock.now() + timedelta(seconds=61)
    assert deliveries.free_expired(later) == 1
    db.session.commit()
    drain.drain(endpoint_id, queue.FAST, "w2", now=lambda: later)
    assert states() == {"delivered": 1}
    thawed.set()
    first.join()
    assert senders.wait_for_left(10)
    [delivery] = rows()
    assert (delivery.state, delivery.last_status, delivery.lease_by) == (State.DELIVERED, 200, None)
    assert sorted((attempt.worker, attempt.status) for attempt in attempts()) == [("frozen", 500), ("w2", 200)]


def test_leases_outlast_the_longest_attempt(app: Flask, receiver: Receiver) -> None:
    endpoint_id = hook(receiver)
    happen()
    before = clock.now()
    receiver.on_request = lambda request: seen.extend(leases())
    seen: list[datetime] = []

    def leases() -> list[datetime]:
        with app.app_context():
            return list(db.session.scalars(sa.select(Delivery.lease_until)))

    turn(endpoint_id)
    assert before + LEASE <= seen[0] <= clock.now() + LEASE


def test_wake_ups_during_a_turn_are_not_lost(receiver: Receiver, redis_server: redis.Redis) -> None:
    endpoint_id = hook(receiver)
    happen()
    redis_server.flushdb()
    another = in_app(happen)
    receiver.on_request = lambda request: another() if len(receiver.requests) < 4 else None
    turn(endpoint_id)
    assert not due(endpoint_id) or queued(redis_server, queue.FAST)
    turns(endpoint_id)
    assert states() == {"delivered": 4}


def test_attempt_numbers_go_on_counting_after_a_retry_by_hand(receiver: Receiver) -> None:
    receiver.answer = Reply(404)
    endpoint_id = hook(receiver)
    happen()
    turn(endpoint_id)
    deliveries.retry(deliveries.get(1), clock.now())
    db.session.commit()
    turn(endpoint_id)
    assert [(attempt.number, attempt.trigger) for attempt in attempts()] == [(1, "automatic"), (2, "manual")]
    [delivery] = rows()
    assert (delivery.tries, delivery.attempts, delivery.trigger) == (1, 2, "automatic")


def test_nothing_of_a_turn_is_kept_in_the_session(app: Flask, receiver: Receiver) -> None:
    endpoint_id = hook(receiver)
    happen(10)
    turn(endpoint_id)
    assert not db.session().in_transaction()
    assert looked(sa.select(sa.func.count()).select_from(Attempt)) == 10
