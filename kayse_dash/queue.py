"""The one door to RQ. The database is the truth; what is put here only wakes a worker.

Work put during a transaction is remembered on the session and sent after the commit, so that no worker looks for a row
that is not there yet, and nothing is sent for a rollback. Losing Redis loses nothing: the sweep finds what is owed.
"""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import redis
from flask import Flask, current_app
from rq import Queue
from rq.serializers import JSONSerializer
from sqlalchemy import event
from sqlalchemy.orm import Session

from kayse_dash.db import db

log = logging.getLogger(__name__)

FAST = "fast"
SLOW = "slow"
BULK = "bulk"
LANES = (FAST, SLOW, BULK)

# A wake-up that was sent and not yet picked up makes further ones needless. One that is older than this, and not in the queue any
# more, was lost: its worker was killed between taking and starting it.
LOST_AFTER_S = 5
WAKE_KEPT_S = 3600
JOB_TIMEOUT_S = 300
FAILED_JOB_KEPT_S = 3600  # the log has the fault; the sweep would pile up thousands a day
QUIET_AFTER_FAILURE_S = 1.0

DRAIN = "kayse_dash.webhooks.jobs.drain"
RECOVER = "kayse_dash.webhooks.jobs.recover"
IMPORT = "kayse_dash.clients.jobs.run_import"


@dataclass(frozen=True)
class Work:
    """A job by name, with the ids it is about, for one lane."""

    task: str
    ids: tuple[int, ...]
    lane: str

    @property
    def key(self) -> str:
        return f"kayse:wake:{self.lane}:{self.task}:{','.join(map(str, self.ids))}"


class Door:
    """A Redis connection and the queues behind it; one to an application."""

    def __init__(self, url: str) -> None:
        self.redis = connect(url)
        self._queues = {
            lane: Queue(lane, connection=self.redis, serializer=JSONSerializer, default_timeout=JOB_TIMEOUT_S) for lane in LANES
        }
        self._quiet_until = 0.0

    def send(self, works: list[Work]) -> None:
        """Queue each work that is not waiting already. A Redis that is away costs one log line, never the caller's work."""
        if time.monotonic() < self._quiet_until:
            return
        try:
            for work, job_id in self._needed(works):
                self._queues[work.lane].enqueue_call(
                    work.task,
                    args=work.ids,
                    kwargs={"lane": work.lane},
                    job_id=job_id,
                    result_ttl=0,
                    failure_ttl=FAILED_JOB_KEPT_S,
                )
        except redis.RedisError as error:
            self._quiet_until = time.monotonic() + QUIET_AFTER_FAILURE_S
            log.warning("redis is away (%s); the sweep will wake the workers", type(error).__name__)

    def _needed(self, works: list[Work]) -> list[tuple[Work, str]]:
        """Those of which no wake-up is waiting, each with the id of its job. Queues so stay as short as there are webhooks."""
        now = time.time()
        ids = {work: uuid4().hex for work in works}
        with self.redis.pipeline(transaction=False) as pipe:
            for work, job_id in ids.items():
                pipe.set(work.key, f"{job_id} {now:.3f}", nx=True, ex=WAKE_KEPT_S)
                pipe.get(work.key)
            kept = dict(zip(ids, pipe.execute()[1::2], strict=True))
            sent = {work: (value or b"").decode().partition(" ") for work, value in kept.items()}
            old = [work for work, (_, _, at) in sent.items() if float(at or 0) < now - LOST_AFTER_S]
            for work in old:
                pipe.lpos(self._queues[work.lane].key, sent[work][0])
            lost = [work for work, place in zip(old, pipe.execute(), strict=True) if place is None]
            for work in lost:
                pipe.set(work.key, f"{ids[work]} {now:.3f}", ex=WAKE_KEPT_S)
            pipe.execute()
        return [(work, job_id) for work, job_id in ids.items() if work in lost or sent[work][0] == job_id]

    def picked_up(self, work: Work) -> None:
        """Let a new wake-up for the same work be queued from here on."""
        try:
            self.redis.delete(work.key)
        except redis.RedisError as error:
            log.warning("redis is away (%s)", type(error).__name__)


def picked_up(task: str, *ids: int, lane: str) -> None:
    """Called first by a job: a wake-up that comes from here on may find something new and has to be queued."""
    door().picked_up(Work(task, ids, lane))


def connect(url: str) -> redis.Redis:
    """A Redis client that gives up within a second rather than hold up a request."""
    return redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, health_check_interval=30)


def init_app(app: Flask, url: str) -> None:
    app.extensions["kayse_queue"] = Door(url)


def door() -> Door:
    return current_app.extensions["kayse_queue"]


def put(task: str, *ids: int, lane: str = FAST) -> None:
    """Wake a worker for `task` after the session's commit; nothing is sent when it is rolled back."""
    db.session().info.setdefault("works", {})[Work(task, ids, lane)] = None


def put_now(task: str, *ids: int, lane: str = FAST) -> None:
    """Wake a worker for `task` at once, for rows that are committed already."""
    door().send([Work(task, ids, lane)])


@event.listens_for(Session, "after_commit")
def _send_remembered(session: Session) -> None:
    # Also fires when a SAVEPOINT is released; the outer transaction may still be rolled back then.
    if session.in_nested_transaction():
        return
    works: dict[Work, Any] | None = session.info.pop("works", None)
    if works:
        door().send(list(works))


@event.listens_for(Session, "after_rollback")
def _forget(session: Session) -> None:
    # Also fires when a SAVEPOINT is rolled back; the rest of the transaction may still be committed then, and a wake-up
    # too many does no harm.
    if not session.in_nested_transaction():
        session.info.pop("works", None)
