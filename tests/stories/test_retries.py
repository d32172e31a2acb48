"""Deliveries that fail are tried again: how often, when, and what ends it. The real product with waits of seconds."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest

from tests.product import TO_THIS_MACHINE, Api, Product
from tests.receiver import Receiver, Reply, Request

pytestmark = pytest.mark.slow

WAITS = (0, 1, 2, 3, 4)
LATE_BY_S = 2.0


@pytest.fixture(scope="module")
def api(start: Callable[..., Product]) -> Api:
    return start(**TO_THIS_MACHINE, KAYSE_RETRY_WAITS=",".join(map(str, WAITS))).wait().api()


@pytest.fixture
def send(api: Api, make_webhook: Callable[..., dict[str, Any]]) -> Callable[[], int]:
    """`send()` reports an event that one webhook, to the receiver, is owed; returns the delivery's id."""

    def one_event() -> int:
        hook = make_webhook()
        event = api.post("/v1/events", {"event": "task_completed", "data": {"id": "task_1"}})
        assert event["deliveries"] == 1
        [delivery] = api.get(f"/v1/deliveries?webhook_id={hook['id']}")["data"]
        return delivery["id"]

    return one_event


def gaps(requests: list[Request]) -> list[float]:
    """Seconds from one request to the next."""
    return [(later.received_at - earlier.received_at).total_seconds() for earlier, later in pairwise(requests)]


def in_time(gap: float, wait: float) -> bool:
    return wait <= gap <= wait + LATE_BY_S


def test_a_receiver_that_always_fails_is_tried_five_times_at_the_distances_and_then_no_more(
    api: Api, receiver: Receiver, send: Callable[[], int]
) -> None:
    receiver.answer = Reply(500, body=b"out of order")
    delivery = api.settled(send(), sum(WAITS) + len(WAITS) * LATE_BY_S)
    assert delivery["state"] == "failed"
    assert delivery["next_attempt_at"] is None
    assert [(attempt["number"], attempt["status"], attempt["response_body"]) for attempt in delivery["attempts"]] == [
        (number, 500, "out of order") for number in (5, 4, 3, 2, 1)
    ]
    arrived = receiver.requests
    first_after = (arrived[0].received_at - datetime.fromisoformat(delivery["created_at"])).total_seconds()
    assert all(in_time(gap, wait) for gap, wait in zip([first_after, *gaps(arrived)], WAITS, strict=True)), gaps(arrived)
    assert {(request.headers["webhook-id"], request.body) for request in arrived} == {
        (delivery["event_id"], delivery["request_body"].encode())
    }


def test_a_receiver_that_is_well_again_the_third_time_gets_it_then(
    api: Api, receiver: Receiver, send: Callable[[], int]
) -> None:
    receiver.answer = [Reply(500), Reply(503), Reply(200)]
    delivery = api.settled(send())
    assert delivery["state"] == "delivered"
    assert [attempt["status"] for attempt in delivery["attempts"]] == [200, 503, 500]
    assert all(in_time(gap, wait) for gap, wait in zip(gaps(receiver.requests), WAITS[1:3], strict=True)), gaps(receiver.requests)


def test_a_receiver_that_asks_for_more_time_gets_it(api: Api, receiver: Receiver, send: Callable[[], int]) -> None:
    receiver.answer = [Reply.busy("3"), Reply(200)]
    delivery = api.settled(send())
    assert delivery["state"] == "delivered"
    assert [attempt["status"] for attempt in delivery["attempts"]] == [200, 429]
    assert in_time(gaps(receiver.requests)[0], 3)


def test_a_receiver_that_is_gone_is_not_called_again(api: Api, receiver: Receiver, send: Callable[[], int]) -> None:
    receiver.answer = Reply.gone()
    delivery = api.settled(send())
    assert (delivery["state"], delivery["last_status"], delivery["attempt_count"]) == ("failed", 410, 1)
    hook = api.get(f"/v1/webhooks/{delivery['webhook_id']}")
    assert hook["enabled"] is False
    assert "410 Gone" in hook["disabled_reason"]
    assert datetime.fromisoformat(hook["disabled_at"]) >= datetime.fromisoformat(delivery["created_at"])
    later = api.post("/v1/events", {"event": "task_completed", "data": {"id": "task_2"}})
    [outcome] = [one for one in api.get(f"/v1/events/{later['id']}")["webhooks"] if one["webhook_id"] == hook["id"]]
    assert (outcome["outcome"], outcome["delivery"]["state"]) == ("hold", "held")
    assert len(receiver.requests) == 1
