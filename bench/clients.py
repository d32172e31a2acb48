"""How long the list of clients, its searches and its deep pages take with a million clients.

    python -m bench.clients [--clients 1000000] [--keep FOLDER]

On SQLite, and on PostgreSQL too when KAYSE_TEST_POSTGRES names a server. Measured is the whole answer of the web application: the
queries, the template, everything. A figure is the median of `RUNS` after one warm-up. The last line is JSON.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa
from flask import Flask
from flask.testing import FlaskClient
from flask_migrate import upgrade

from bench.people import Person, people
from kayse_dash import clock, create_app, web
from kayse_dash.accounts.models import Role, User
from kayse_dash.clients import normal
from kayse_dash.clients.models import Client, Detail
from kayse_dash.config import Settings
from kayse_dash.db import db

RUNS = 15
MOST_MS = 50.0  # what the product promises
AT = "2026-03-12 14:03:22.000000"

CLIENT_COLUMNS = (
    "id", "first_name", "last_name", "first_key", "last_key", "external_source", "external_source_id", "date_of_birth",
    "case_ids", "voice_calls_opted_out", "enrichment_opted_out", "origin", "update_origin", "created_at", "updated_at", "version",
)  # fmt: skip
DETAIL_COLUMNS = (
    "id", "client_id", "kind", "value", "typed", "line1", "city", "state", "postal_code", "is_primary", "source", "entered_by",
    "created_at",
)  # fmt: skip


def client_row(number: int, person: Person) -> tuple[Any, ...]:
    keys = normal.name_key(person.first_name), normal.name_key(person.last_name)
    names = (person.first_name, person.last_name, *keys)
    updated = f"2026-{1 + number * 7 % 12:02}-{1 + number * 11 % 28:02} {number % 24:02}:{number * 13 % 60:02}:00.000000"
    origin = "import" if number % 10 else "person"
    return (
        number, *names, "clio", f"C-{number:08}", person.born, "[]", bool(number % 50 == 0), False, origin, origin, AT, updated, 1
    )  # fmt: skip


def detail_rows(number: int, person: Person) -> Iterator[tuple[Any, ...]]:
    about = (True, "import", "bench@firm.test", AT)
    nothing = (None, None, None, None)
    if number % 20:
        yield (number * 3, number, "phone", person.phone, normal.phone_shown(person.phone), *nothing, *about)
    if number % 4:
        yield (number * 3 + 1, number, "email", person.email, person.email, *nothing, *about)
    if number % 3:
        parts = (person.line1, person.city, person.state, person.postal_code)
        line = normal.address(person.line1, "", person.city, person.state, person.postal_code)
        yield (number * 3 + 2, number, "address", line, f"{person.line1}, {person.city}", *parts, *about)


def fill(how_many: int) -> None:
    """Write so many clients into the empty tables, their indexes made afterwards."""
    tables = (Client.__table__, Detail.__table__)
    indexes = [index for table in tables for index in table.indexes]
    with db.engine.begin() as connection:
        for index in indexes:
            index.drop(connection)
    everybody = ((number, person) for number, person in enumerate(people(how_many), start=1))
    if db.engine.dialect.name == "sqlite":
        _fill_sqlite(everybody)
    else:
        _fill_postgres(everybody)
    with db.engine.begin() as connection:
        for index in indexes:
            index.create(connection)
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.exec_driver_sql("VACUUM ANALYZE" if db.engine.dialect.name == "postgresql" else "ANALYZE")


def _batches(everybody: Iterator[tuple[int, Person]], size: int = 50_000) -> Iterator[tuple[list[Any], list[Any]]]:
    clients: list[Any] = []
    details: list[Any] = []
    for number, person in everybody:
        clients.append(client_row(number, person))
        details += detail_rows(number, person)
        if len(clients) == size:
            yield clients, details
            clients, details = [], []
    yield clients, details


def _fill_sqlite(everybody: Iterator[tuple[int, Person]]) -> None:
    with db.engine.begin() as connection:
        driver = connection.connection.driver_connection
        for rows in _batches(everybody):
            for table, columns, batch in zip(("clients", "details"), (CLIENT_COLUMNS, DETAIL_COLUMNS), rows, strict=True):
                places = ", ".join("?" * len(columns))
                driver.executemany(f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({places})", batch)


def _fill_postgres(everybody: Iterator[tuple[int, Person]]) -> None:
    with db.engine.begin() as connection:
        connection.exec_driver_sql("SET TIME ZONE 'UTC'")
        cursor = connection.connection.driver_connection.cursor()
        for rows in _batches(everybody):
            for table, columns, batch in zip(("clients", "details"), (CLIENT_COLUMNS, DETAIL_COLUMNS), rows, strict=True):
                with cursor.copy(f"COPY {table} ({', '.join(columns)}) FROM STDIN") as copy:
                    for row in batch:
                        copy.write_row(row)


def visitor(app: Flask) -> FlaskClient:
    """A browser in which somebody is logged in."""
    user = db.session.scalar(sa.select(User))
    if user is None:
        user = User(email="bench@firm.test", name="Bench", role=Role.STAFF, password_hash="", created_at=clock.now())
        db.session.add(user)
    db.session.commit()
    browser = app.test_client()
    with browser.session_transaction() as session:
        session["_user_id"] = user.get_id()
        session["_fresh"] = True
    db.session.remove()
    return browser


def paths(how_many: int) -> dict[str, str]:
    """What is asked for, by what it is called in the table."""
    person = next(iter(people(1)))
    return {
        "list by name": "/clients",
        "list, newest first": "/clients?sort=newest",
        "list, last changed": "/clients?sort=changed",
        "name: smith": "/clients?q=smith",
        "name: john smith": "/clients?q=john+smith",
        "name: smith, john": "/clients?q=smith%2C+john",
        "name: jo smi": "/clients?q=jo+smi",
        "name: j s": "/clients?q=j+s",
        "name: s": "/clients?q=s",
        "name: nobody": "/clients?q=zzyzx",
        "name, newest first": "/clients?q=smith&sort=newest",
        "name, no email": "/clients?q=smith&lacks=email",
        "phone, whole": f"/clients?q={normal.phone_shown(person.phone).replace(' ', '+')}",
        "phone, area code": f"/clients?q={person.phone[2:5]}",
        "phone, without area code": f"/clients?q={person.phone[5:]}",
        "email, whole": f"/clients?q={person.email}",
        "email, beginning": f"/clients?q={person.email[:4]}%40",
        "external id": f"/clients?q=C-{how_many // 2:08}",
        "no phone": "/clients?lacks=phone",
        "no address, newest first": "/clients?lacks=address&sort=newest",
        "opted out of calls": "/clients?opted_out=calls",
        "entered by a person": "/clients?source=person",
        "source nobody has": "/clients?source=sample",
        "state": "/clients?state=TX",
        "a page deep in the list": f"/clients?cursor={web.encode_cursor('after', 'smith', 'mary', 1)}",
        "one client": f"/clients/{how_many // 2}",
    }


def measure(app: Flask, how_many: int) -> dict[str, float]:
    """Milliseconds by what was asked for."""
    browser = visitor(app)
    return {name: _median(browser, path) for name, path in paths(how_many).items()}


def _median(browser: FlaskClient, path: str) -> float:
    times = []
    for _ in range(RUNS + 1):
        started = time.perf_counter()
        answer = browser.get(path)
        times.append((time.perf_counter() - started) * 1000)
        if answer.status_code != 200:
            raise SystemExit(f"{path} answered {answer.status}")
    return round(statistics.median(times[1:]), 1)


def run(how_many: int, database_url: str, folder: str) -> dict[str, Any]:
    app = create_app(Settings.from_env({"KAYSE_DATA_DIR": folder, "SECRET_KEY": "bench", "DATABASE_URL": database_url}))
    with app.app_context():
        started = time.perf_counter()
        upgrade()
        if not db.session.scalar(sa.select(Client.id).limit(1)):
            db.session.rollback()
            fill(how_many)
        db.session.remove()
        filled_s = round(time.perf_counter() - started, 1)
    with app.app_context():
        times = measure(app, how_many)
        db.session.remove()
        db.engine.dispose()
    return {"filled_s": filled_s, "ms": times}


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--clients", type=int, default=1_000_000)
    parser.add_argument("--keep", help="a folder for the SQLite database, used again if it stands there")
    arguments = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory(prefix="kayse-bench-") as temporary:
        folder = arguments.keep or temporary
        results["sqlite"] = run(arguments.clients, f"sqlite:///{Path(folder, 'bench.sqlite3')}", folder)
        if server := os.environ.get("KAYSE_TEST_POSTGRES"):
            with fresh_postgres(server) as url:
                results["postgresql"] = run(arguments.clients, url, folder)
    show(arguments.clients, results)
    slow = [ms for result in results.values() for ms in result["ms"].values() if ms > MOST_MS]
    return 1 if slow else 0


@contextmanager
def fresh_postgres(server: str) -> Iterator[str]:
    """The URL of a database of our own on this server, dropped afterwards."""
    name = f"kayse_bench_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        try:
            yield sa.make_url(server).set(database=name).render_as_string(hide_password=False)
        finally:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def show(how_many: int, results: dict[str, Any]) -> None:
    """The table, and the line of JSON."""
    names = list(next(iter(results.values()))["ms"])
    print(f"{how_many:,} clients, median of {RUNS}, in milliseconds\n")
    print(f"{'':28}" + "".join(f"{database:>12}" for database in results))
    for name in names:
        print(f"{name:28}" + "".join(f"{result['ms'][name]:12.1f}" for result in results.values()))
    print()
    print(json.dumps({"benchmark": "clients", "clients": how_many, **results}))


if __name__ == "__main__":
    sys.exit(main())
