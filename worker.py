"""The work door: `python worker.py` takes work from the queues until it is told to stop.

One process, no fork per job (the application and its connections stay loaded), and a clock of its own that wakes what is due:
RQ's scheduler is a child process that was seen to die after a short Redis outage, taking every retry with it.
"""

from __future__ import annotations

import argparse
import gc
import logging
import os
import socket
import sys
import threading
import time
from contextlib import suppress
from itertools import count
from typing import Any

import redis
from flask import Flask, g
from rq import Queue, SimpleWorker
from rq.serializers import JSONSerializer
from rq.worker.base import StopRequested
from sqlalchemy.exc import SQLAlchemyError

from kayse_dash import clock, create_app, demo, queue
from kayse_dash.clients import sweep as clients_sweep
from kayse_dash.db import db
from kayse_dash.errors import ConfigError
from kayse_dash.webhooks import deliveries, drain, sweep

log = logging.getLogger("kayse.worker")

TICK_S = 1.0
ORPHANS_EVERY_S = 5.0
SEEN_KEY = "kayse:workers"  # a sorted set, name by the epoch seconds it was last seen at
SEEN_FOR_S = 60
LONGEST_NAME = 80  # `deliveries.lease_by`
WORKER_TTL_S = 30  # RQ waits 15 s less than this for work, so a connection that died silently is noticed that soon


class Worker(SimpleWorker):
    """RQ's in-process worker with the application's context around each job."""

    def __init__(self, app: Flask, lanes: list[str], name: str, life: int) -> None:
        connection = queue.connect(app.extensions["kayse_settings"].redis_url)
        queues = [Queue(lane, connection=connection, serializer=JSONSerializer) for lane in lanes]
        super().__init__(
            queues,
            name=f"{name}-{os.getpid()}-{life}",
            connection=connection,
            serializer=JSONSerializer,
            log_job_description=False,
            worker_ttl=WORKER_TTL_S,
        )
        self.app = app
        self.lease_name = name
        # A Redis that comes back is noticed within seconds, not after RQ's minute.
        self.max_connection_wait_time = 2

    def perform_job(self, *args: Any, **kwargs: Any) -> bool:
        with self.app.app_context():
            g.worker = self.lease_name
            return super().perform_job(*args, **kwargs)

    def request_stop(self, *args: Any, **kwargs: Any) -> None:
        drain.stopping.set()
        with suppress(redis.RedisError):  # it tells Redis, which may be away
            super().request_stop(*args, **kwargs)


class Clock(threading.Thread):
    """Says that this worker lives, and wakes what is due; one worker's clock a second does it for all."""

    def __init__(self, app: Flask, name: str) -> None:
        super().__init__(name="clock", daemon=True)
        self.app = app
        self.worker_name = name
        self.redis = queue.connect(app.extensions["kayse_settings"].redis_url)
        self.orphans_looked_for = time.monotonic()
        self.ailing = False

    def run(self) -> None:
        while not drain.stopping.wait(TICK_S):
            with self.app.app_context():
                try:
                    self.tick()
                    self.ailing = False
                except (redis.RedisError, SQLAlchemyError, OSError) as error:
                    # The clock must outlive every outage; one line when it begins is enough.
                    if not self.ailing:
                        log.warning("the clock waits for redis or the database: %s", type(error).__name__)
                    self.ailing = True
                except Exception:
                    # A fault of ours in one tick must not end all that come after it.
                    log.exception("the clock missed a tick")

    def tick(self) -> None:
        now = clock.now()
        seconds = now.timestamp()
        self.redis.zadd(SEEN_KEY, {self.worker_name: seconds})
        self.redis.zremrangebyscore(SEEN_KEY, 0, seconds - SEEN_FOR_S)
        if self.redis.set("kayse:sweep", self.worker_name, nx=True, px=int(TICK_S * 900)):
            sweep.wake_what_is_due(now)
            clients_sweep.wake_what_stands_still(now)
        demo.tick(now)
        if time.monotonic() - self.orphans_looked_for >= ORPHANS_EVERY_S:
            self.orphans_looked_for = time.monotonic()
            if freed := sweep.free_orphans(now):
                log.warning("%d deliveries were put back: their worker did not finish them", freed)


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Take work from the queues.")
    parser.add_argument("--lanes", default=",".join(queue.LANES), help="comma-separated, first ones first (default: all)")
    parser.add_argument("--name", help="a name that no other worker has; a worker that starts frees what its name held")
    given = parser.parse_args(argv)
    lanes = [lane for lane in given.lanes.split(",") if lane]
    if not lanes or set(lanes) - set(queue.LANES):
        parser.error(f"--lanes takes {', '.join(queue.LANES)}")
    if given.name is not None and not 1 <= len(given.name) <= LONGEST_NAME:
        parser.error(f"--name takes 1 to {LONGEST_NAME} characters")
    logging.basicConfig(level=logging.INFO, format="%(levelname)s %(name)s: %(message)s")
    logging.getLogger("rq.worker").setLevel(logging.WARNING)
    try:
        app = create_app()
    except ConfigError as error:
        print(f"The worker cannot start: {error}", file=sys.stderr)
        return 1
    name = given.name or f"{socket.gethostname()[:60]}-{os.getpid()}"
    if given.name:
        with app.app_context():
            deliveries.free_leases_of(name)
            db.session.commit()
    # What was loaded stays: the collector need not look through it again each time, which takes a fifth of an import's time.
    gc.collect()
    gc.freeze()
    Clock(app, name).start()
    work(app, lanes, name)
    return 0


def work(app: Flask, lanes: list[str], name: str) -> None:
    """Work until told to stop. RQ's worker gives up when Redis goes away during a job; then the next one takes over."""
    for life in count():
        begun = time.monotonic()
        try:
            Worker(app, lanes, name, life).work(logging_level="WARNING")
        except redis.RedisError as error:
            if life == 0 or time.monotonic() - begun > TICK_S:
                log.warning("redis is away (%s); trying again until it is back", type(error).__name__)
        with suppress(StopRequested):
            # Not `stopping.wait`: a signal that came while it takes its lock would wait for that lock for ever.
            time.sleep(0 if drain.stopping.is_set() else TICK_S)
        if drain.stopping.is_set():
            return


if __name__ == "__main__":
    sys.exit(main())
