"""The main job at size: 5,000 events to three webhooks arrive complete, in peace and while processes are killed."""

from __future__ import annotations

import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import pytest
import requests
from standardwebhooks import Webhook

from tests.product import BACK_WITHIN_S, TO_THIS_MACHINE, Api, Product
from tests.receiver import Receiver, Request
from tests.waiting import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

EVENTS = 5_000
BATCH = 100
HOOKS = 3
OWED = {(f"/{hook}", f"event-{number}") for hook in range(HOOKS) for number in range(EVENTS)}
# What one worker may have sent and not yet written down (README, "How it works").
UNWRITTEN = 50
ALL_DELIVERED = f"events {EVENTS:,}, deliveries {len(OWED):,} (delivered {len(OWED):,})"

WEB_PROCESS, WEB_SERVER, REDIS_SERVER, WORKER = "a web process", "gunicorn", "valkey-server", "worker.py --lanes fast,bulk"
BETWEEN_KILLS = 500  # receipts
BETWEEN_BATCHES_S = 0.1  # or they would all be in before the web server is killed


@dataclass
class Firm:
    """A running product with three webhooks that sign, and the other system that they send to."""

    product: Product
    api: Api
    receiver: Receiver
    secrets: dict[str, str]  # by path

    def receipts(self) -> Counter[tuple[str, str]]:
        """How often each event arrived at each webhook."""
        return Counter(map(receipt, list(self.receiver.requests)))

    def is_right(self, request: Request) -> bool:
        """Whether the body is that of the event which the id names, and the public library accepts the signature."""
        told = Webhook(self.secrets[request.path]).verify(request.body, request.headers)
        number = request.headers["webhook-id"].removeprefix("event-")
        return list(told) == ["event", "timestamp", "data"] and told["data"] == data(number)

    def proof(self) -> str:
        """What `reconcile` says when it is content."""
        checked = self.product.command("reconcile")
        assert checked.returncode == 0, checked.stdout + checked.stderr
        return checked.stdout


@pytest.fixture
def firm(start: Callable[..., Product]) -> Iterator[Firm]:
    product = start(**TO_THIS_MACHINE, KAYSE_WORKERS="3").wait()
    api, receiver, secrets = product.api(), Receiver(), {}
    for hook in range(HOOKS):
        wanted = {"name": f"System {hook}", "url": f"{receiver.url}{hook}", "auth": {"type": "hmac"}}
        secrets[f"/{hook}"] = api.post("/v1/webhooks", wanted)["auth"]["secret"]
    yield Firm(product, api, receiver, secrets)
    product.kill()
    receiver.close()


def receipt(request: Request) -> tuple[str, str]:
    return request.path, request.headers["webhook-id"]


def data(number: object) -> dict[str, str]:
    return {"id": f"call_{number}", "summary": "The caller was injured at work and asks for a second opinion. " * 6}


def batches() -> Iterator[list[dict[str, Any]]]:
    """What a calling program reports, each event with an id of its own."""
    for first in range(0, EVENTS, BATCH):
        numbers = range(first, first + BATCH)
        yield [{"event": "call_ended", "id": f"event-{number}", "data": data(number)} for number in numbers]


def test_five_thousand_events_arrive_complete_at_three_webhooks(firm: Firm) -> None:
    for batch in batches():
        answers = firm.api.post("/v1/events", {"events": batch})["data"]
        assert answers == [{"id": event["id"], "deliveries": HOOKS, "duplicate": False} for event in batch]
    arrived = firm.receiver.wait_for(len(OWED), 90)
    assert firm.receipts() == dict.fromkeys(OWED, 1)
    assert all(firm.is_right(request) for request in arrived[::50])
    wait_until(lambda: ALL_DELIVERED in firm.proof(), "the note of the last delivery")


def test_nothing_is_lost_while_processes_are_killed(firm: Firm) -> None:
    """Killed in the middle of it: a web process, a worker, the web server, the embedded Redis server, a worker once more."""
    with ThreadPoolExecutor(1) as killer:
        kills = killer.submit(lambda: [kill(firm, victim) for victim in (WEB_PROCESS, WORKER, WEB_SERVER, REDIS_SERVER, WORKER)])
        for batch in batches():
            report_until_it_is_taken(firm.api, batch)
            time.sleep(BETWEEN_BATCHES_S)
        assert max(kills.result(60)) < len(OWED)  # there was still something to do after each
    wait_until(lambda: firm.receipts().keys() == OWED, "the receipt of everything", 60)
    wait_until(lambda: ALL_DELIVERED in firm.proof(), "the note of the last delivery", 30)
    again = Counter({receipt: times - 1 for receipt, times in firm.receipts().items() if times > 1})
    assert firm.receipts().keys() == OWED
    assert again.total() <= 2 * UNWRITTEN
    assert all(firm.is_right(request) for request in firm.receiver.requests if receipt(request) in again)
    assert firm.product.ready()
    assert firm.product.printed.count("ended (killed by signal 9); starting it again") == 4


def kill(firm: Firm, victim: str) -> int:
    """Kill a process as soon as some more has arrived, and wait until it is replaced; returns how much had arrived."""
    product, receiver = firm.product, firm.receiver
    receiver.wait_for(len(receiver.requests) + BETWEEN_KILLS, 30)

    def running() -> set[int]:
        return product.below(product.child(WEB_SERVER)) if victim == WEB_PROCESS else product.children(victim)

    before = running()
    os.kill(min(before), signal.SIGKILL)
    arrived = len(receiver.requests)
    wait_until(lambda: len(running() - {min(before)}) == len(before), f"another {victim}", BACK_WITHIN_S)
    return arrived


def report_until_it_is_taken(api: Api, batch: list[dict[str, Any]]) -> None:
    """As a calling program should: what was not answered is sent again, with the same ids."""
    until = time.monotonic() + 2 * BACK_WITHIN_S
    while time.monotonic() < until:
        with suppress(requests.ConnectionError):
            answer = api.send("POST", "/v1/events", {"events": batch})
            if answer.status_code < 500:
                assert [(one["id"], one["deliveries"]) for one in answer.json()["data"]] == [
                    (event["id"], HOOKS) for event in batch
                ]
                return
        time.sleep(0.1)
    raise AssertionError("a batch was not taken")
