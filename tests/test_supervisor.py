"""Starting, watching and stopping the whole product, as `python app.py` does it."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa

from kayse_dash.config import Settings
from tests.product import BACK_WITHIN_S, PROJECT, Product, environment, free_port
from tests.waiting import wait_until

SMALL = {"KAYSE_WORKERS": "1"}


@pytest.fixture(scope="module")
def shared(start: Callable[..., Product]) -> Product:
    """One run for the tests that leave it as they found it."""
    return start().wait()


def refused(folder: Path, port: int, **env: str) -> str:
    """What a start that cannot succeed says; it is one line, and the exit status is 1."""
    command = [sys.executable, "app.py"]
    tried = subprocess.run(command, cwd=PROJECT, env=environment(folder, port, **env), capture_output=True, text=True, timeout=30)
    assert (tried.returncode, tried.stdout) == (1, "")
    [line] = tried.stderr.splitlines()
    assert line.startswith("Kayse Dash cannot start: ")
    return line


def test_it_says_where_it_is_how_to_get_in_and_how_to_stop_it(shared: Product) -> None:
    assert json.loads(shared.get("/healthz")) == {"status": "ok"}
    running, code, data, stop = shared.printed.strip().splitlines()
    assert running == f"Kayse Dash is running at {shared.address}"
    assert re.fullmatch(rf"Set-up code: [A-Z0-9]{{4}}-[A-Z0-9]{{4}} \(asked for at {shared.address}/setup\)", code)
    assert data == f"Its data is in {shared.folder}"
    assert stop == "Press Ctrl-C to stop."


def test_what_it_keeps_is_nobody_elses_to_read(shared: Product) -> None:
    kept = [path for path in shared.folder.rglob("*") if not path.is_socket()]
    assert {"kayse.sqlite3", "secret_key", "appendonlydir"} <= {path.name for path in kept}
    assert [path for path in kept if path.stat().st_mode & 0o077] == []


def test_a_second_start_on_the_same_folder_says_where_the_first_one_serves(shared: Product) -> None:
    assert shared.address in refused(shared.folder, free_port())


def test_a_port_in_use_is_named(shared: Product, tmp_path: Path) -> None:
    assert f"PORT {shared.port} is in use" in refused(tmp_path / "data", shared.port)


@pytest.mark.parametrize("of", ["worker.py --lanes fast,bulk", "worker.py --lanes slow", "valkey-server", "gunicorn"])
def test_a_process_that_is_killed_is_back_within_seconds(shared: Product, of: str) -> None:
    killed = shared.child(of)
    os.kill(killed, signal.SIGKILL)
    wait_until(lambda: shared.child(of) not in (None, killed), "a new process", BACK_WITHIN_S)
    # Asked at once: the question waits until there is somebody to answer it.
    assert json.loads(shared.get("/healthz")) == {"status": "ok"}
    wait_until(shared.ready, "readiness", BACK_WITHIN_S)
    assert "ended (killed by signal 9); starting it again" in shared.printed


def test_a_web_process_that_is_killed_below_gunicorn_is_replaced(shared: Product) -> None:
    master = shared.child("gunicorn")
    wait_until(lambda: len(shared.below(master)) == 2, "two web processes", BACK_WITHIN_S)
    for pid in shared.below(master):
        os.kill(pid, signal.SIGKILL)
    assert json.loads(shared.get("/healthz")) == {"status": "ok"}
    assert shared.child("gunicorn") == master


def test_however_it_ends_nothing_outlives_it_and_the_next_start_finds_the_data(start: Callable[..., Product]) -> None:
    stopped = start(KAYSE_ADMIN_EMAIL="anna@firm.test", KAYSE_ADMIN_PASSWORD="correct horse battery staple", **SMALL).wait()
    assert "Set-up code" not in stopped.printed
    stopped.redis().set("proof", "kept")
    assert stopped.stop(signal.SIGTERM) == 0
    assert stopped.all_processes() == set()

    killed = start(stopped.folder, stopped.port, **SMALL).wait()
    assert "Set-up code" not in killed.printed  # for somebody can log in
    assert killed.redis().get("proof") == b"kept"
    children = killed.all_processes() - {killed.process.pid}
    assert len(children) >= 4
    killed.stop(signal.SIGKILL)
    wait_until(lambda: not children & killed.all_processes(), "the end of the children", 3)

    again = start(stopped.folder, stopped.port, **SMALL).wait()
    assert again.stop(signal.SIGHUP) == 0
    assert again.all_processes() == set()


def test_a_second_ctrl_c_does_not_wait_for_a_worker_that_hangs(start: Callable[..., Product]) -> None:
    product = start(**SMALL).wait()
    os.kill(product.child("worker.py"), signal.SIGSTOP)
    product.process.send_signal(signal.SIGINT)
    time.sleep(1.5)
    assert product.process.poll() is None
    assert product.stop(signal.SIGINT, within=4) == 0
    assert product.all_processes() == set()
    assert "did not stop in time and was killed" in product.printed


def test_a_stop_while_it_starts_leaves_nothing_behind(start: Callable[..., Product]) -> None:
    product = start()
    wait_until(lambda: product.child("valkey-server"), "the embedded server", 30)
    assert product.stop(signal.SIGINT) == 0
    assert product.all_processes() == set()
    assert "is running at" not in product.printed


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("PORT", "eighty", "must be a whole number from 1 to 65535, not 'eighty'"),
        ("HOST", "203.0.113.7", "is not an address of this machine"),
        ("KAYSE_DATA_DIR", "{file}/data", "cannot be written to"),
        ("REDIS_URL", "redis://127.0.0.1:{port}/0", "no Redis server can be used there"),
        ("DATABASE_URL", "postgresql://kayse@127.0.0.1:{port}/kayse", "the database cannot be used"),
        ("DATABASE_URL", "sqlite:////nowhere/kayse.sqlite3", "the database cannot be used"),
    ],
)
def test_a_bad_variable_stops_the_start_with_one_line(tmp_path: Path, name: str, value: str, says: str) -> None:
    (tmp_path / "file").touch()
    line = refused(tmp_path / "data", free_port(), **{name: value.format(file=tmp_path / "file", port=free_port())})
    assert name in line
    assert says in line


def test_a_database_of_a_newer_version_is_not_touched(tmp_path: Path) -> None:
    settings = Settings.from_env({"KAYSE_DATA_DIR": str(tmp_path / "data")})
    engine = sa.create_engine(settings.database_url)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE alembic_version (version_num VARCHAR(32) NOT NULL)"))
        connection.execute(sa.text("INSERT INTO alembic_version VALUES ('9999')"))
    engine.dispose()
    assert "another version of Kayse Dash" in refused(tmp_path / "data", free_port())
