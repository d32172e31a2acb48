"""A dry run's own small database: what the rows so far would have made and changed, so that later rows of the file find it.

It lies beside the file and is thrown away. It knows up to which row it is filled: a dry run that was interrupted goes on where
both agree on that, and else begins anew.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from kayse_dash.clients.import_match import COLUMNS, Known
from kayse_dash.clients.import_plan import Plan
from kayse_dash.clients.import_write import client_columns
from kayse_dash.clients.models import Client, Detail

FIRST_ID = 1 << 40  # above every client on record

_metadata = sa.MetaData()


def _like(table: sa.Table, *names: str) -> list[sa.Column[object]]:
    return [sa.Column(name, table.c[name].type, primary_key=name == "id") for name in names]


# By the names of the real tables, and with what is asked of those, so that the same queries find the same things.
_clients = sa.Table(
    Client.__tablename__,
    _metadata,
    *_like(Client.__table__, "id", *COLUMNS, "first_key", "last_key", "version", "import_id", "update_origin"),
    sa.Index("ix_clients", "external_source", "external_source_id"),
)
_details = sa.Table(
    Detail.__tablename__,
    _metadata,
    *_like(Detail.__table__, "client_id", "kind", "value"),
    sa.Index("ix_details_client", "client_id"),
    sa.Index("ix_details_find", "kind", "value", "client_id"),
)


class Rehearsal:
    """The small database, open."""

    def __init__(self, connection: sa.Connection) -> None:
        self.connection = connection

    def write(self, plan: Plan, row: int) -> None:
        """Take in what a step would have written, up to a row of the file."""
        last = self.connection.scalar(sa.select(sa.func.max(_clients.c.id))) or 0
        for client_id, known in enumerate(plan.created, max(last + 1, FIRST_ID)):
            known.id = client_id
        touched = [*plan.created, *plan.updated.values()]
        if touched:
            self.connection.execute(sa.insert(_clients).prefix_with("OR REPLACE"), [_row(known) for known in touched])
        details = [
            {"client_id": known.id, "kind": detail.kind, "value": detail.value} for known in touched for detail in known.added
        ]
        if details:
            self.connection.execute(sa.insert(_details), details)
        self.connection.exec_driver_sql(f"PRAGMA user_version = {int(row)}")
        self.connection.commit()


def _row(known: Known) -> dict[str, object]:
    about = {"id": known.id, "version": known.version, "import_id": known.import_id, "update_origin": known.update_origin}
    return client_columns(known) | about


@contextmanager
def opened(path: Path, row: int) -> Iterator[Rehearsal | None]:
    """The small database at `path`, filled up to a row of the file; None where it is filled up to another.

    Args:
        row: 0 to begin with an empty one.
    """
    if row == 0:
        discard(path)
    engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), poolclass=sa.NullPool)
    sa.event.listen(engine, "connect", _hurry)
    with engine.connect() as connection:
        _metadata.create_all(connection)
        connection.commit()
        knows = connection.exec_driver_sql("PRAGMA user_version").scalar()
        connection.rollback()
        yield Rehearsal(connection) if knows == row else None


def _hurry(connection: Any, _record: Any) -> None:
    # What a power cut leaves of it is thrown away.
    connection.execute("PRAGMA synchronous = OFF")


def discard(path: Path) -> None:
    """Throw the small database away."""
    for ending in ("", "-wal", "-shm", "-journal"):
        path.with_name(path.name + ending).unlink(missing_ok=True)
