"""Whether all is well, for machines: /healthz, /readyz, /metrics.

Each part is asked in a thread of its own, so that an answer comes in time even when the database or Redis hangs.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import redis
import sqlalchemy as sa
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from flask import Blueprint, Response, current_app
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector
from redis.backoff import NoBackoff
from redis.retry import Retry

from kayse_dash import clock, queue
from kayse_dash.accounts.access import public
from kayse_dash.db import db, reading
from kayse_dash.webhooks.models import Delivery, Endpoint, HourlyCount
from kayse_dash.webhooks.schedule import State

bp = Blueprint("status", __name__)

ANSWER_WITHIN_S = 1.5
WORKER_SEEN_WITHIN_S = 15
WORKERS_KEY = "kayse:workers"  # a sorted set: the workers' names by the epoch seconds when each was last seen
COUNT_UP_TO = 10_001
COUNTED_STATES = (State.PENDING, State.SENDING, State.HELD, State.FAILED)

# What hangs keeps its thread until it fails by itself; while all threads hang, every part counts as not answering.
_threads = ThreadPoolExecutor(max_workers=4, thread_name_prefix="status")


@bp.get("/healthz")
@public
def healthz() -> dict[str, str]:
    return {"status": "ok"}


@bp.get("/readyz")
@public
def readyz() -> tuple[dict[str, Any], int]:
    engine, heads, url = db.engine, _migration_heads(current_app.extensions["migrate"].directory), _redis_url()
    found = _ask(database=lambda: _schema_is_current(engine, heads), workers=lambda: _redis_figures(url)["workers"])
    states = {
        "database": {None: "no answer", False: "not migrated"}.get(found["database"], "ok"),
        "redis": {None: "no answer"}.get(found["workers"], "ok"),
        "workers": {None: "not known", 0: f"none seen in the last {WORKER_SEEN_WITHIN_S} s"}.get(found["workers"], "ok"),
    }
    ready = all(state == "ok" for state in states.values())
    return {"status": "ready" if ready else "not ready", **states}, 200 if ready else 503


@bp.get("/metrics")
@public
def metrics() -> Response:
    engine, url, now = db.engine, _redis_url(), clock.now()
    found = _ask(database=lambda: _database_figures(engine, now), redis=lambda: _redis_figures(url))
    registry = CollectorRegistry()
    registry.register(_Figures(found["database"], found["redis"]))
    return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def _ask(**questions: Callable[[], Any]) -> dict[str, Any]:
    """The answers that come within `ANSWER_WITHIN_S`; None in place of the others."""
    until = time.monotonic() + ANSWER_WITHIN_S
    asked = {name: _threads.submit(question) for name, question in questions.items()}
    answers: dict[str, Any] = {}
    for name, future in asked.items():
        try:
            answers[name] = future.result(max(until - time.monotonic(), 0))
        except (TimeoutError, sa.exc.SQLAlchemyError, redis.RedisError):
            future.cancel()
            answers[name] = None
    return answers


def _redis_url() -> str:
    return current_app.extensions["kayse_settings"].redis_url


@lru_cache(maxsize=1)
def _migration_heads(directory: str) -> set[str]:
    return set(ScriptDirectory(directory).get_heads())


def _schema_is_current(engine: sa.Engine, heads: set[str]) -> bool:
    with reading(), engine.connect() as connection:
        return set(MigrationContext.configure(connection).get_current_heads()) == heads


def _redis_figures(url: str) -> dict[str, Any]:
    with redis.Redis.from_url(url, socket_connect_timeout=1, socket_timeout=1, retry=Retry(NoBackoff(), 0)) as client:
        seen = client.zcount(WORKERS_KEY, time.time() - WORKER_SEEN_WITHIN_S, "+inf")
        return {"workers": seen, "queued": {lane: client.llen(f"rq:queue:{lane}") for lane in queue.LANES}}


def _database_figures(engine: sa.Engine, now: datetime) -> dict[str, Any]:
    with reading(), engine.connect() as connection:
        on, failing, off = (
            sa.func.count(sa.case((condition, 1)))
            for condition in (
                Endpoint.enabled & Endpoint.failing_since.is_(None),
                Endpoint.enabled & Endpoint.failing_since.is_not(None),
                ~Endpoint.enabled,
            )
        )
        webhooks = connection.execute(sa.select(on, failing, off).where(Endpoint.deleted_at.is_(None))).one()
        day = sa.select(*(sa.func.sum(column) for column in (HourlyCount.delivered, HourlyCount.failed, HourlyCount.attempts)))
        ended = connection.execute(day.where(HourlyCount.hour > now - timedelta(hours=24))).one()
        return {
            "webhooks": dict(zip(("on", "failing", "off"), webhooks, strict=True)),
            "last_day": dict(zip(("delivered", "failed", "attempts"), (int(total or 0) for total in ended), strict=True)),
            "deliveries": {state.value: _count(connection, state) for state in COUNTED_STATES},
            "overdue": _longest_overdue(connection, now),
        }


def _count(connection: sa.Connection, state: State) -> int:
    some = sa.select(sa.literal(1)).where(Delivery.state == state).limit(COUNT_UP_TO).subquery()
    return connection.scalar(sa.select(sa.func.count()).select_from(some))


def _longest_overdue(connection: sa.Connection, now: datetime) -> float:
    """Seconds since the oldest due delivery was due; 0 when none is. One look into the index for each webhook."""
    first = (
        sa.select(sa.func.min(Delivery.due_at))
        .where(Delivery.endpoint_id == Endpoint.id, Delivery.state == sa.literal_column("'pending'"))
        .scalar_subquery()
    )
    oldest = connection.scalar(sa.select(sa.func.min(first)).select_from(Endpoint))
    return max((now - oldest).total_seconds(), 0.0) if oldest else 0.0


class _Figures(Collector):
    """The figures of one moment; those of a part that did not answer are missing."""

    def __init__(self, database: dict[str, Any] | None, redis: dict[str, Any] | None) -> None:
        self.database = database
        self.redis = redis

    def collect(self) -> Iterator[Metric]:
        up = self.database is not None and self.redis is not None
        yield _gauge("kayse_up", "Whether the database and Redis answer", int(up))
        if self.redis is not None:
            yield _gauge("kayse_workers", f"Worker processes seen in the last {WORKER_SEEN_WITHIN_S} s", self.redis["workers"])
            yield _gauge("kayse_queue_length", "Wake-ups waiting in Redis", self.redis["queued"], "lane")
        if self.database is not None:
            capped = f"Deliveries by state; {COUNT_UP_TO} means that many or more"
            yield _gauge("kayse_deliveries", capped, self.database["deliveries"], "state")
            yield _gauge("kayse_overdue_seconds", "How long the oldest due delivery has waited", self.database["overdue"])
            last_day = "What ended in the last 24 hours, tests left out"
            yield _gauge("kayse_last_day", last_day, self.database["last_day"], "outcome")
            yield _gauge("kayse_webhooks", "Webhooks by state", self.database["webhooks"], "state")


def _gauge(name: str, says: str, value: float | dict[str, float], label: str = "") -> Metric:
    gauge = GaugeMetricFamily(name, says, labels=[label] if label else None)
    for key, number in value.items() if isinstance(value, dict) else [(None, value)]:
        gauge.add_metric([] if key is None else [key], number)
    return gauge
