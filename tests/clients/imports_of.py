"""Imports for tests: uploaded, checked and run as pages and workers do it, without either."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kayse_dash import clock
from kayse_dash.clients import import_files, import_prepare, import_run, imports
from kayse_dash.clients.import_choices import Choices
from kayse_dash.clients.import_models import Import, ImportState
from kayse_dash.clients.models import Client, Detail, DetailKind
from kayse_dash.db import db

STAFF = "staff@firm.test"
HEADINGS = ("First name", "Last name", "Mobile", "Email", "Street", "City", "State", "Zip", "DOB", "External ID")


def csv_bytes(*rows: Sequence[str], headings: Sequence[str] = HEADINGS) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([headings, *rows])
    return out.getvalue().encode()


def person(n: int, **over: str) -> list[str]:
    """A row of `HEADINGS` about somebody else for every number."""
    values = {
        "first": f"First{n}", "last": f"Last{n}", "mobile": f"212-{555 + n // 10_000}-{n % 10_000:04d}",
        "email": f"p{n}@example.com", "street": f"{n} Main St", "city": "Boston", "state": "MA", "zip": "02134",
        "dob": "12/31/1980", "id": f"ext-{n}",
    } | over  # fmt: skip
    return list(values.values())


def upload(raw: bytes, name: str = "people.csv", now: datetime | None = None) -> Import:
    with import_files.new() as file:
        file.write(raw)
        import_ = imports.create(file, name, STAFF, now or clock.now())
        db.session.commit()
    return import_


def check(import_: Import, mapping: Mapping[int, str] | None = None, **chosen: Any) -> Import:
    """Run the dry run."""
    if mapping is None:
        mapping = {int(place): target for place, target in import_.mapping.items()}
    imports.check(import_, mapping, replace(Choices.from_json(import_.options), **chosen), clock.now())
    db.session.commit()
    assert import_prepare.prepare(import_.id) or reload(import_).error
    return work(import_)


def run(raw: bytes | Import, **chosen: Any) -> Import:
    """Upload, check and import a file."""
    import_ = raw if isinstance(raw, Import) else upload(raw)
    if import_.state is not ImportState.CHECKED:
        import_ = check(import_, **chosen)
    imports.start(import_, STAFF, clock.now())
    db.session.commit()
    return work(import_)


def undo(import_: Import) -> Import:
    imports.undo(import_, clock.now())
    db.session.commit()
    return work(import_)


def work(import_: Import) -> Import:
    """Do what a worker does until there is nothing left."""
    while import_run.turn(import_.id):
        pass
    return reload(import_)


def reload(import_: Import) -> Import:
    db.session.rollback()
    return imports.get(import_.id)


def counts(import_: Import) -> tuple[int, int, int, int]:
    """New, updated, unchanged, rejected."""
    return import_.created, import_.updated, import_.unchanged, import_.rejected


def clients() -> list[Client]:
    db.session.rollback()
    return list(db.session.scalars(sa.select(Client).options(sa.orm.selectinload(Client.details)).order_by(Client.id)))


def details(client: Client, kind: DetailKind) -> list[str]:
    return [detail.value for detail in client.details if detail.kind is kind]


def how_many(model: type[db.Model]) -> int:
    return db.session.scalar(sa.select(sa.func.count()).select_from(model)) or 0


def snapshot() -> tuple[list[Any], list[Any]]:
    """All clients and details but for when and from where they were changed last."""
    db.session.rollback()
    left_out = {"updated_at", "version"}
    return tuple(  # type: ignore[return-value]
        [
            tuple(row)
            for row in db.session.execute(
                sa.select(*(column for column in model.__table__.c if column.name not in left_out)).order_by(model.id)
            )
        ]
        for model in (Client, Detail)
    )
