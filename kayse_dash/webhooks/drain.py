"""A turn of one webhook: claim what is due, send it, write it down in batches, make room for the next webhook.

1. Tests go first, also to a webhook that is off. A webhook that is off has the rest held; a deleted one, cancelled.
2. A webhook that answers slowly is passed on to the slow lane, so that it cannot keep the others waiting.
3. Due deliveries are claimed under a lease, a few at a time, and sent with as many threads as the webhook's answer time is worth.
4. Outcomes are written every 50 attempts or 250 ms, and no more than 50 are under way or unwritten at a time. That bounds what a
   killed worker leaves sent but unrecorded.
5. After two seconds nothing more is begun: what was claimed and not begun is given back, what is still without an answer is left
   to its threads, and if more is due, the webhook's next turn is queued behind those of the others.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from datetime import datetime, timedelta

import sqlalchemy as sa
from flask import Flask, current_app

from kayse_dash import clock, outbound, queue
from kayse_dash.db import db, reading
from kayse_dash.webhooks import deliveries, outcomes, pace, sending
from kayse_dash.webhooks.auth import OAuth2
from kayse_dash.webhooks.deliveries import Owed
from kayse_dash.webhooks.models import Endpoint
from kayse_dash.webhooks.senders import Senders, room
from kayse_dash.webhooks.sending import Outcome, Target
from kayse_dash.webhooks.tokens import Tokens

log = logging.getLogger(__name__)

BUDGET_S = 2.0
BATCH_ROWS = 50
BATCH_S = 0.25
CLAIM_WHEN_INSTANT = 100
CLAIM_AT_MOST = 200
SHORTEST_LEASE_S = 60.0
# The longest attempt with OAuth 2: a kept token is refused, another thread's try to fetch one is waited for, then one is fetched
# in both ways, and the delivery is sent again.
REQUESTS_WITH_OAUTH = 6
# A database that is away for a moment must not make us send again what was sent.
WRITE_TRIES = 5

# Set when the process is asked to end: turns then stop taking new deliveries.
stopping = threading.Event()
_tokens = Tokens()
_late_writing = threading.Lock()


class Drain:
    """One turn of one webhook, on the worker called `worker`."""

    def __init__(self, endpoint: Endpoint, worker: str, now: Callable[[], datetime] = clock.now) -> None:
        settings = current_app.extensions["kayse_settings"]
        self.app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
        self.target = Target.of(endpoint)
        self.latency_ms = endpoint.latency_ms
        self.is_on = endpoint.enabled and endpoint.deleted_at is None
        self.worker = worker
        self.now = now
        self.waits = settings.retry_waits
        requests = REQUESTS_WITH_OAUTH if isinstance(self.target.auth, OAuth2) else 1
        self.lease = timedelta(seconds=max(SHORTEST_LEASE_S, requests * settings.request_timeout + 15))
        self.client = outbound.client()
        self.until = time.monotonic() + BUDGET_S

    def send_tests(self) -> None:
        """Send the tests that are due."""
        if self.has_room():
            self._send(self._claim(pace.MOST_THREADS, tests_only=True), self._is_time_up)

    def send_due(self) -> None:
        """Send what is due until nothing is, or the turn is over."""
        while not self._is_over() and self.has_room():
            rows = self._claim(self._claim_size())
            if not rows:
                return
            self._send(rows, self._is_over)

    def has_room(self) -> bool:
        """Whether the webhook may have another thread."""
        return room(self.target.id, self.latency_ms) > 0

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

    def _is_time_up(self) -> bool:
        return stopping.is_set() or time.monotonic() >= self.until

    def _is_over(self) -> bool:
        return not self.is_on or self._is_time_up()

    def _send(self, rows: list[Owed], is_over: Callable[[], bool]) -> None:
        senders = Senders(self.target.id, rows, self._attempt, self._write_late, BATCH_ROWS)
        try:
            while senders.is_busy:
                if is_over():
                    self._give_back(senders.stop())
                else:
                    senders.grow(max(1, room(self.target.id, self.latency_ms)))
                self._write(senders.collect(BATCH_S, BATCH_ROWS if self.latency_ms is not None else 1))
                if self._need_not_wait(senders):
                    break
        finally:
            rest = senders.stop()
            under_way = senders.leave()
            if under_way:
                # Whoever does not answer within a turn is slow, however quick it was before.
                self.latency_ms = max(self.latency_ms or 0.0, max(under_way) * 1000)
            self._give_back(rest)
            self._write(senders.collect(0, 0), always=bool(under_way))
        if senders.error is not None:
            raise senders.error

    def _need_not_wait(self, senders: Senders) -> bool:
        """Whether the answers that are still to come may come late."""
        if stopping.is_set():
            return False  # a process that ends waits for all of them
        patience_s = BATCH_S if pace.is_slow(self.latency_ms) else pace.SLOW_MS / 1000
        return senders.idle_for() >= patience_s or time.monotonic() >= self.until + BATCH_S

    def _attempt(self, owed: Owed) -> Outcome:
        return sending.attempt(self.target, owed, self.client, _tokens, self.waits, self.now)

    def _give_back(self, rest: list[Owed]) -> None:
        if rest:
            deliveries.give_back([owed.id for owed in rest], self.worker)
            if not self.is_on:
                deliveries.set_aside(self.target.id)
            db.session.commit()

    def _write(self, batch: list[Outcome], *, always: bool = False) -> None:
        if not batch and not always:
            return
        for outcome in batch:
            self.latency_ms = pace.smoothed(self.latency_ms, outcome.answer.duration_ms)
        for tries in range(1, WRITE_TRIES + 1):
            try:
                self.is_on = outcomes.write(batch, self.target, self.worker, self.latency_ms)
                db.session.commit()
                return
            except sa.exc.OperationalError:
                db.session.rollback()
                if tries == WRITE_TRIES:
                    raise
                time.sleep(0.1 * 2**tries)

    def _write_late(self, outcome: Outcome) -> None:
        """Write an outcome that came after the turn, and see to what waited for it; called by the thread that sent."""
        with self.app.app_context(), _late_writing:
            self.latency_ms = db.session.scalar(sa.select(Endpoint.latency_ms).where(Endpoint.id == self.target.id))
            self._write([outcome])
            with reading():
                more = deliveries.has_due(self.target.id, self.now())
                db.session.rollback()
            if more:
                queue.put_now(queue.DRAIN, self.target.id, lane=self.lane)

    @property
    def lane(self) -> str:
        """Where the webhook's next turn belongs."""
        return queue.SLOW if pace.is_slow(self.latency_ms) else queue.FAST


def drain(endpoint_id: int, lane: str, worker: str, now: Callable[[], datetime] = clock.now) -> None:
    """Give webhook `endpoint_id` its turn on `lane`."""
    with reading():
        endpoint = db.session.get(Endpoint, endpoint_id)
        if endpoint is None:
            return
        turn = Drain(endpoint, worker, now)
        is_live = endpoint.deleted_at is None
        db.session.rollback()
    if is_live:
        turn.send_tests()
    if not turn.is_on:
        # Nothing is sent to a webhook that is off or gone.
        deliveries.set_aside(endpoint_id)
        db.session.commit()
        return
    if lane == queue.FAST and turn.lane == queue.SLOW:
        queue.put_now(queue.DRAIN, endpoint_id, lane=queue.SLOW)
        return
    turn.send_due()
    with reading():
        more = deliveries.has_due(endpoint_id, now())
        db.session.rollback()
    # Without room for it, the next answer to come late wakes it, or the sweep.
    if more and turn.is_on and turn.has_room() and not stopping.is_set():
        queue.put_now(queue.DRAIN, endpoint_id, lane=turn.lane)
