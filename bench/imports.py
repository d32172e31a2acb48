"""How fast an import is, beside a bare loop that writes the same rows: `python -m bench.imports [ROWS] [ROUNDS]`.

Both read the same CSV file into a fresh database of their own (SQLite; PostgreSQL with DATABASE_URL, whose tables are emptied),
in turn, so that a busy machine is fair to both. The bare loop is `csv.reader`, a dict for each row, and Core's executemany with a
commit for every thousand: no phone is looked at, nobody is looked for. Prints one JSON object; times are medians in seconds.
"""

from __future__ import annotations

import csv
import gc
import json
import os
import resource
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import date
from itertools import islice
from pathlib import Path

import sqlalchemy as sa
from flask import Flask
from flask_migrate import upgrade

from kayse_dash import clock, create_app
from kayse_dash.clients import import_files, import_prepare, import_run, imports
from kayse_dash.clients.import_choices import Choices
from kayse_dash.clients.import_models import Import, ImportState
from kayse_dash.clients.models import Client, Detail, Source
from kayse_dash.config import Settings
from kayse_dash.db import db

BATCH = 1_000
HEADINGS = ["First name", "Last name", "Mobile", "Email", "Street", "City", "State", "Zip", "DOB", "External ID"]
Row = list[str]


def write_file(path: Path, rows: int) -> None:
    """A file of so many different people."""
    cities = (("Boston", "MA", "02134"), ("Albany", "NY", "12207"), ("Newark", "NJ", "07102"), ("Austin", "TX", "78701"))
    with open(path, "w", newline="") as file:
        out = csv.writer(file)
        out.writerow(HEADINGS)
        for n in range(rows):
            city = cities[n % len(cities)]
            phone = f"({200 + n // 800_000 % 700}) {200 + n // 10_000 % 80}-{n % 10_000:04d}".replace(" ", " ")
            born = f"{1 + n % 12:02d}/{1 + n % 28:02d}/{1940 + n % 60}"
            out.writerow(
                [f"First{n % 977}", f"Last{n % 7919}", phone, f"p{n}@example.com", f"{n} Main Street", *city, born, f"ext-{n}"]
            )


def imported(file: Path) -> dict[str, float]:
    """Import the file as a worker does; seconds of each part."""
    now = clock.now()
    with import_files.new() as upload:
        with open(file, "rb") as source:
            shutil.copyfileobj(source, upload)
        import_ = imports.create(upload, file.name, "bench@firm.test", now)
        db.session.commit()
    import_id = import_.id
    imports.check(import_, {int(place): target for place, target in import_.mapping.items()}, Choices(), now)
    db.session.commit()
    seconds = {}
    began = time.perf_counter()
    import_prepare.prepare(import_id)
    seconds["prepare"] = time.perf_counter() - began
    for part, state in (("check", ImportState.CHECKED), ("run", ImportState.FINISHED)):
        began = time.perf_counter()
        while import_run.turn(import_id):
            pass
        seconds[part] = time.perf_counter() - began
        import_ = imports.get(import_id)
        db.session.refresh(import_)
        assert import_.state is state, (import_.state, import_.error)
        if state is ImportState.CHECKED:
            imports.start(import_, "bench@firm.test", now)
            db.session.commit()
    assert not import_.rejected
    return seconds


def bare(file: Path) -> float:
    """Write the same rows without a thought; seconds."""
    began = time.perf_counter()
    now, client_id = clock.now(), 0
    with open(file, newline="") as source:
        rows = csv.reader(source)
        next(rows)
        while some := list(islice(rows, BATCH)):
            clients, details = [], []
            for row in some:
                client_id += 1
                clients.append(_client(client_id, row, now))
                details += _details(client_id, row, now)
            db.session.execute(sa.insert(Client.__table__), clients)
            db.session.execute(sa.insert(Detail.__table__), details)
            db.session.commit()
    return time.perf_counter() - began


def _client(client_id: int, row: Row, now: object) -> dict[str, object]:
    month, day, year = row[8].split("/")
    return {
        "id": client_id,
        "first_name": row[0],
        "last_name": row[1],
        "first_key": row[0].lower(),
        "last_key": row[1].lower(),
        "external_source": "import",
        "external_source_id": row[9],
        "date_of_birth": date(int(year), int(month), int(day)),
        "case_ids": [],
        "voice_calls_opted_out": False,
        "enrichment_opted_out": False,
        "origin": Source.IMPORT,
        "update_origin": Source.IMPORT,
        "created_at": now,
        "updated_at": now,
        "version": 1,
        "import_id": 1,
    }


def _details(client_id: int, row: Row, now: object) -> Iterator[dict[str, object]]:
    about = {
        "client_id": client_id,
        "is_primary": True,
        "source": Source.IMPORT,
        "source_name": "people.csv",
        "entered_by": "bench@firm.test",
        "created_at": now,
        "import_id": 1,
    }
    nowhere = dict.fromkeys(("line1", "line2", "city", "state", "postal_code"))
    yield {**about, **nowhere, "kind": "phone", "value": "+1" + row[2], "typed": row[2]}
    yield {**about, **nowhere, "kind": "email", "value": row[3], "typed": row[3]}
    address = dict(zip(("line1", "city", "state", "postal_code"), row[4:8], strict=True))
    written = " ".join(address.values())
    yield {**about, **nowhere, **address, "kind": "address", "value": written.upper(), "typed": written}


def fresh(folder: Path, template: Path | None) -> Flask:
    """An application on an empty database."""
    folder.mkdir()
    environment = {"KAYSE_DATA_DIR": str(folder), "SECRET_KEY": "bench", "REDIS_URL": "redis://127.0.0.1:1/0"}
    if url := os.environ.get("DATABASE_URL"):
        environment["DATABASE_URL"] = url
    elif template:
        shutil.copy(template, folder / "kayse.sqlite3")
    app = create_app(Settings.from_env(environment))
    with app.app_context():
        upgrade()
        for table in (Detail, Client, Import):
            db.session.execute(sa.delete(table))
        db.session.commit()
        db.engine.dispose()
    return app


def main(rows: int = 100_000, rounds: int = 3) -> None:
    """Measure and print."""
    ours: list[dict[str, float]] = []
    theirs: list[float] = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        file = folder / "people.csv"
        write_file(file, rows)
        fresh(folder / "template", None)
        template = folder / "template" / "kayse.sqlite3"
        gc.collect()
        gc.freeze()  # as a worker does at its start; good for both
        for number in range(rounds):
            for kind in ("import", "bare"):
                at = folder / f"{kind}-{number}"
                app = fresh(at, template)
                with app.app_context():
                    if kind == "import":
                        ours.append(imported(file))
                    else:
                        theirs.append(bare(file))
                    db.session.remove()
                    db.engine.dispose()
                shutil.rmtree(at)
    seconds = {part: round(statistics.median(one[part] for one in ours), 2) for part in ours[0]}
    bare_s = statistics.median(theirs)
    found = {
        "rows": rows,
        "rounds": rounds,
        "import_s": seconds,
        "bare_s": round(bare_s, 2),
        "ratio_run": round(bare_s / statistics.median(one["run"] for one in ours), 3),
        "ratio_all": round(bare_s / statistics.median(sum(one.values()) for one in ours), 3),
        "peak_memory_mb": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
