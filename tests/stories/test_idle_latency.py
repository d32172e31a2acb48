"""How soon the other system hears of an event while there is nothing else to do."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import UTC, datetime
from statistics import median

import pytest

from tests.product import TO_THIS_MACHINE, Product
from tests.receiver import Receiver

pytestmark = pytest.mark.slow

WITHIN_MS = 150
TIMES = 21
# The clock of some worker wakes what is due each second; apart by no whole seconds, the events fall anywhere between.
PAUSE_S = 0.23


def test_the_first_receipt_comes_within_150_ms_of_the_answer(start: Callable[..., Product], receiver: Receiver) -> None:
    api = start(**TO_THIS_MACHINE, KAYSE_WORKERS="3").wait().api()
    api.post("/v1/webhooks", {"name": "Case management", "url": receiver.url, "auth": {"type": "hmac"}})
    waited_ms = []
    for number in range(1, TIMES + 1):
        time.sleep(PAUSE_S)
        api.post("/v1/events", {"event": "call_started", "data": {"id": f"call_{number}"}})
        answered_at = datetime.now(UTC)
        received_at = receiver.wait_for(number)[-1].received_at
        waited_ms.append((received_at - answered_at).total_seconds() * 1000)
    assert median(waited_ms) <= WITHIN_MS, sorted(round(one) for one in waited_ms)
