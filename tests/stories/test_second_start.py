"""Stopping in the middle of work and starting again: everything is found, and goes on."""

from __future__ import annotations

import signal
import time
from collections.abc import Callable

import pytest

from tests.product import TO_THIS_MACHINE, Api, Product
from tests.receiver import Receiver, Reply
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

EVENTS = 300


def test_a_second_start_finds_all_data_and_goes_on(start: Callable[..., Product], receiver: Receiver) -> None:
    """Ctrl-C while the other system is slow: what was sent is not sent again, what was owed is sent after the second start."""
    first = start(**TO_THIS_MACHINE).wait()
    api = first.api()
    receiver.answer = Reply(200, delay=0.1)
    hook = api.post("/v1/webhooks", {"name": "Case management", "url": receiver.url, "auth": {"type": "hmac"}})
    events = [{"event": "call_ended", "data": {"id": f"call_{number}"}} for number in range(EVENTS)]
    ids = {one["id"] for one in api.post("/v1/events", {"events": events})["data"]}
    receiver.wait_for(20)
    asked_at = time.monotonic()
    assert first.stop(signal.SIGINT) == 0
    assert time.monotonic() - asked_at < 10
    assert first.all_processes() == set()
    arrived = len(receiver.requests)
    assert arrived < EVENTS

    receiver.answer = Reply(200)
    second = start(first.folder, first.port, **TO_THIS_MACHINE).wait()
    receiver.wait_for(EVENTS, 30)
    again = Api(second.address, api.session.headers["X-API-KEY"])
    wait_until(lambda: again.get(f"/v1/deliveries?webhook_id={hook['id']}&state=pending")["data"] == [], "the last note")
    assert sorted(request.headers["webhook-id"] for request in receiver.requests) == sorted(ids)
    assert again.get(f"/v1/webhooks/{hook['id']}")["name"] == "Case management"
    assert second.command("reconcile").returncode == 0
