"""A turn of one webhook: claim what is due, send it, write it down in batches, make room for the next webhook.

1. Tests go first, also to a webhook that is off. A webhook that is off has the rest held; a deleted one, cancelled.
2. A webhook that answers slowly is passed on to the slow lane, so that it cannot keep the others waiting.
3. Due deliveries are claimed under a lease, a few at a time, and sent with as many threads as the webhook's answer time is worth.
4. Outcomes are written every 50 attempts or 250 ms: that bounds what a killed worker leaves sent but unrecorded.
5. After two seconds nothing more is begun; what was claimed and not sent is given back, and if more is due, the webhook's next
   turn is queued behind those of the others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from datetime import datetime, timedelta
from functools import cache

from flask import current_app

from kayse_dash import clock, outbound, queue
from kayse_dash.db import db
from kayse_dash.webhooks import deliveries, outcomes, pace, sending
from kayse_dash.webhooks.deliveries import Owed
from kayse_dash.webhooks.models import Endpoint
from kayse_dash.webhooks.sending import Outcome, Target
from kayse_dash.webhooks.tokens import Tokens

log = logging.getLogger(__name__)

BUDGET_S = 2.0
BATCH_ROWS = 50
BATCH_S = 0.25
CLAIM_WHEN_INSTANT = 100
CLAIM_AT_MOST = 200
SHORTEST_LEASE_S = 60.0

# Set when the process is asked to end: turns then stop taking new deliveries.
stopping = threading.Event()
_tokens = Tokens()


@cache
def _threads() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(pace.MOST_THREADS, thread_name_prefix="send")


class Drain:
    """One turn of one webhook, on the worker called `worker`."""

    def __init__(self, endpoint: Endpoint, worker: str, now: Callable[[], datetime] = clock.now) -> None:
        settings = current_app.extensions["kayse_settings"]
        self.target = Target.of(endpoint)
        self.latency_ms = endpoint.latency_ms
        self.worker = worker
        self.now = now
        self.waits = settings.retry_waits
        # Two whole requests (an OAuth token, then the delivery; or a second send on a fresh connection) fit into a lease.
        self.lease = timedelta(seconds=max(SHORTEST_LEASE_S, 3 * settings.request_timeout + 15))
        self.client = outbound.client()
        self.batch: list[Outcome] = []
        self.flushed_at = time.monotonic()
        self.switched_off: str | None = None
        self.until = time.monotonic() + BUDGET_S

    def send_tests(self) -> None:
        """Send the tests that are due."""
        self._send(self._claim(pace.MOST_THREADS, tests_only=True))

    def send_due(self) -> None:
        """Send what is due until nothing is, or the turn is over."""
        while not self._is_over():
            rows = self._claim(self._claim_size())
            if not rows:
                return
            self._send(rows)

    def _claim(self, limit: int, *, tests_only: bool = False) -> list[Owed]:
        rows = deliveries.claim(self.target.id, limit, self.worker, self.now(), self.lease, tests_only=tests_only)
        db.session.commit()
        return rows

    def _claim_size(self) -> int:
        threads = pace.threads_for(self.latency_ms)
        if threads == 1:
            return CLAIM_WHEN_INSTANT
        in_a_turn = int(threads * BUDGET_S * 1000 / max(self.latency_ms or 1, 1))
        return min(CLAIM_AT_MOST, max(threads, in_a_turn))

    def _is_over(self) -> bool:
        return self.switched_off is not None or stopping.is_set() or time.monotonic() >= self.until

    def _send(self, rows: list[Owed]) -> None:
        waiting = deque(rows)
        running: set[Future[Outcome]] = set()
        while running or (waiting and not self._is_over()):
            threads = pace.threads_for(self.latency_ms)
            if threads == 1 and not running:
                self._take(self._attempt(waiting.popleft()))
            else:
                while waiting and len(running) < threads and not self._is_over():
                    running.add(_threads().submit(self._attempt, waiting.popleft()))
                done, running = wait(running, timeout=BATCH_S, return_when=FIRST_COMPLETED)
                for future in done:
                    self._take(future.result())
            if self.batch and time.monotonic() - self.flushed_at >= BATCH_S:
                self._flush()
        self._flush()
        if waiting:
            deliveries.give_back([owed.id for owed in waiting], self.worker)
            if self.switched_off:
                deliveries.hold(self.target.id)
            db.session.commit()

    def _attempt(self, owed: Owed) -> Outcome:
        return sending.attempt(self.target, owed, self.client, _tokens, self.waits, self.now)

    def _take(self, outcome: Outcome) -> None:
        self.latency_ms = outcomes.latency_after(self.latency_ms, [outcome])
        self.batch.append(outcome)
        if len(self.batch) >= BATCH_ROWS:
            self._flush()

    def _flush(self) -> None:
        if self.batch:
            self.switched_off = outcomes.write(self.batch, self.target, self.worker, self.latency_ms) or self.switched_off
            db.session.commit()
            self.batch = []
        self.flushed_at = time.monotonic()


def drain(endpoint_id: int, lane: str, worker: str, now: Callable[[], datetime] = clock.now) -> None:
    """Give webhook `endpoint_id` its turn on `lane`."""
    endpoint = db.session.get(Endpoint, endpoint_id)
    if endpoint is None:
        return
    turn = Drain(endpoint, worker, now)
    live, on = endpoint.deleted_at is None, endpoint.enabled
    db.session.rollback()
    if live:
        turn.send_tests()
    if not (live and on):
        _set_aside(endpoint_id, live)
        return
    if lane == queue.FAST and pace.is_slow(turn.latency_ms):
        queue.put_now(queue.DRAIN, endpoint_id, lane=queue.SLOW)
        return
    turn.send_due()
    more = deliveries.has_due(endpoint_id, now())
    db.session.rollback()
    if more and turn.switched_off is None and not stopping.is_set():
        queue.put_now(queue.DRAIN, endpoint_id, lane=queue.SLOW if pace.is_slow(turn.latency_ms) else queue.FAST)


def _set_aside(endpoint_id: int, live: bool) -> None:
    """Nothing is sent to a webhook that is off or gone: hold or cancel what is owed to it."""
    if live:
        deliveries.hold(endpoint_id)
    else:
        deliveries.drop_all(endpoint_id)
    db.session.commit()
