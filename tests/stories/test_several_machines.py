"""The main job on PostgreSQL and a Redis server of its own, with web and workers apart, as on several machines."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import redis
from cryptography.fernet import Fernet
from standardwebhooks import Webhook

from tests.product import PROJECT, TO_THIS_MACHINE, Api, environment, flask_command, free_port
from tests.receiver import Receiver
from tests.waiting import wait_until

EVENTS, HOOKS = 500, 3
# What a worker may have sent and not yet written down when it is killed (README, "How it works").
UNWRITTEN = 50


@pytest.fixture
def shared(database: str, redis_server: redis.Redis, redis_url: str) -> dict[str, str]:
    """What README tells to give every machine."""
    return {
        "DATABASE_URL": database,
        "REDIS_URL": redis_url,
        "SECRET_KEY": "the same everywhere",
        "KAYSE_ENCRYPTION_KEYS": Fernet.generate_key().decode(),
        **TO_THIS_MACHINE,
    }


@pytest.fixture
def machine(shared: dict[str, str], tmp_path: Path) -> Iterator[Callable[..., subprocess.Popen[bytes]]]:
    """`machine("a", port, "worker.py", …)` runs a program on a machine of that name, which has a data folder of its own."""
    running = []

    def run(name: str, port: int, *command: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{name}.log").open("ab") as log:
            env = environment(tmp_path / name, port, **shared)
            running.append(subprocess.Popen([sys.executable, *command], cwd=PROJECT, env=env, stdout=log, stderr=log))
        return running[-1]

    yield run
    for process in running:
        process.terminate()
    for process in running:
        process.wait(15)


@pytest.mark.slow
@pytest.mark.parametrize("database", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
def test_everything_arrives_when_web_and_workers_run_apart_and_a_worker_is_killed(
    machine: Callable[..., subprocess.Popen[bytes]], shared: dict[str, str], tmp_path: Path, receiver: Receiver
) -> None:
    port = free_port()
    command_line = environment(tmp_path / "a", port, **shared)
    assert flask_command(command_line, "db", "upgrade").returncode == 0
    machine("a", port, "-m", "gunicorn", "app:app")
    fast = ("worker.py", "--lanes", "fast,bulk")
    doomed = machine("b", port, *fast, "--name", "b-1")
    machine("c", port, *fast, "--name", "c-1")
    machine("c", port, "worker.py", "--lanes", "slow", "--name", "c-2")
    made = flask_command(command_line, "api-key", "create", "Phone agents")
    api = Api(f"http://127.0.0.1:{port}", made.stdout.splitlines()[-1])
    wait_until(lambda: api.send("GET", "/readyz").ok, "readiness", 30)

    secrets = {}
    for hook in range(HOOKS):
        wanted = {"name": f"System {hook}", "url": f"{receiver.url}{hook}", "auth": {"type": "hmac"}}
        secrets[f"/{hook}"] = api.post("/v1/webhooks", wanted)["auth"]["secret"]
    events = [{"event": "call_ended", "data": {"id": f"call_{number}"}} for number in range(EVENTS)]
    ids = [one["id"] for one in api.post("/v1/events", {"events": events})["data"]]
    receiver.wait_for(100, 30)
    doomed.send_signal(signal.SIGKILL)
    machine("b", port, *fast, "--name", "b-1")

    owed = {(path, event_id) for path in secrets for event_id in ids}
    done = f"events {EVENTS}, deliveries {len(owed):,} (delivered {len(owed):,})"
    wait_until(lambda: done in flask_command(command_line, "reconcile").stdout, "the note of the last delivery", 60)
    receipts = Counter((request.path, request.headers["webhook-id"]) for request in receiver.requests)
    assert receipts.keys() == owed
    assert receipts.total() - len(owed) <= UNWRITTEN
    for request in receiver.requests:
        assert Webhook(secrets[request.path]).verify(request.body, request.headers)["event"] == "call_ended"
