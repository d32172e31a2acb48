"""Writing what a step decided, by the row and by the thousand: clients, their details, and what is needed to take it back."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from kayse_dash.clients.import_match import COLUMNS, Known
from kayse_dash.clients.import_models import ImportChange, ImportReject
from kayse_dash.clients.import_plan import Plan
from kayse_dash.clients.models import Client, Detail, Source
from kayse_dash.clients.records import detail_row

# Another session's steps wait for this one's: two imports at once would both make the client that is in both files.
ONE_AT_A_TIME = 0x6B617973  # any number that nothing else uses for an advisory lock

_clients, _details, _changes = Client.__table__, Detail.__table__, ImportChange.__table__
MADE_HERE = ""  # in the place of what a client was before, where the import made it
NEVER = -1  # a version that no client has


def lock(connection: sa.Connection) -> None:
    """Let no other import write until the transaction ends."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ONE_AT_A_TIME)))


def write(connection: sa.Connection, plan: Plan, import_id: int, file: str, by: str, now: datetime) -> None:
    """Write a plan.

    Args:
        file, by: where its details come from and who entered them.
    """
    about = {"source": Source.IMPORT, "by": by, "now": now, "source_name": file, "import_id": import_id}
    for known, client_id in zip(plan.created, _new_ids(connection, len(plan.created)), strict=True):
        known.id = client_id
    if plan.created:
        connection.execute(sa.insert(_clients), [_new_row(known, import_id, now) for known in plan.created])
    if plan.updated:
        _note_changes(connection, plan.updated, import_id)
        connection.execute(_UPDATE, [_changed_row(known, now) for known in plan.updated.values()])
    details = [
        detail_row(detail, **about) | {"client_id": known.id}
        for known in (*plan.created, *plan.updated.values())
        for detail in known.added
    ]
    if details:
        connection.execute(sa.insert(_details), details)
    write_rejects(connection, plan, import_id)


def write_rejects(connection: sa.Connection, plan: Plan, import_id: int, most: int | None = None) -> None:
    """Keep the rejected rows of a plan, the first `most` of them."""
    rejects = [
        {"import_id": import_id, "row": row.number, "reason": row.reason, "cells": row.cells} for row in plan.rejected[:most]
    ]
    if rejects:
        connection.execute(sa.insert(ImportReject.__table__), rejects)


def client_columns(known: Known) -> dict[str, Any]:
    """The columns that rows have a say in, and the keys that follow from them."""
    first_key, last_key = known.name
    return {**known.values, "first_key": first_key, "last_key": last_key}


def _new_ids(connection: sa.Connection, count: int) -> Iterable[int]:
    # Taken beforehand, so that the details can be written without asking for the ids of a thousand rows.
    if connection.dialect.name == "postgresql":
        sequence = sa.func.nextval(sa.func.pg_get_serial_sequence(_clients.name, "id"))
        return connection.scalars(sa.select(sequence).select_from(sa.func.generate_series(1, count))).all()
    last = connection.scalar(sa.select(sa.func.coalesce(sa.func.max(_clients.c.id), 0))) or 0
    return range(last + 1, last + 1 + count)


def _new_row(known: Known, import_id: int, now: datetime) -> dict[str, Any]:
    return client_columns(known) | {
        "id": known.id,
        "origin": Source.IMPORT,
        "update_origin": Source.IMPORT,
        "created_at": now,
        "updated_at": now,
        "version": 1,
        "import_id": import_id,
    }


_UPDATED = (*COLUMNS, "first_key", "last_key")
_UPDATE = (
    sa.update(_clients)
    .where(_clients.c.id == sa.bindparam("client_id"))
    .values(
        {name: sa.bindparam(f"new_{name}", type_=_clients.c[name].type) for name in _UPDATED}
        | {
            "version": _clients.c.version + 1,
            "updated_at": sa.bindparam("now", type_=_clients.c.updated_at.type),
            "update_origin": Source.IMPORT,
        }
    )
)


def _changed_row(known: Known, now: datetime) -> dict[str, Any]:
    return {f"new_{name}": value for name, value in client_columns(known).items()} | {"client_id": known.id, "now": now}


def _note_changes(connection: sa.Connection, updated: dict[int, Known], import_id: int) -> None:
    """Remember what the clients were before the import. If somebody changed one between two of its rows, it is never undone."""
    here = _changes.c.import_id == import_id
    query = sa.select(_changes.c.client_id, _changes.c.before, _changes.c.version).where(
        here, _changes.c.client_id.in_(sa.bindparam("ids", expanding=True))
    )
    noted = {row.client_id: row for row in connection.execute(query, {"ids": list(updated)})}
    rows = []
    for client_id, known in updated.items():
        earlier = noted.get(client_id)
        made_here = known.import_id == import_id
        expected = earlier.version if earlier else 1 if made_here else known.version
        before = MADE_HERE if made_here else _merged(earlier.before if earlier else None, known)
        rows.append(
            {
                "import_id": import_id,
                "client_id": client_id,
                "before": before,
                "version": known.version + 1 if known.version == expected else NEVER,
            }
        )
    if noted:
        connection.execute(sa.delete(_changes).where(here, _changes.c.client_id.in_(list(noted))))
    connection.execute(sa.insert(_changes), rows)


def _merged(earlier: str | None, known: Known) -> str:
    before = {name: _as_json(value) for name, value in known.before.items()}
    if earlier is None:
        return json.dumps({"version": known.version, "update_origin": known.update_origin, "columns": before})
    kept = json.loads(earlier)
    kept["columns"] = before | kept["columns"]
    return json.dumps(kept)


def _as_json(value: Any) -> Any:
    return value.isoformat() if isinstance(value, date) else value


def unmerged(before: str) -> tuple[int, str, dict[str, Any]]:
    """What `before` of a change says: the client's version then, who had changed it last, and the columns that were changed."""
    kept = json.loads(before)
    columns = kept["columns"]
    if columns.get("date_of_birth"):
        columns["date_of_birth"] = date.fromisoformat(columns["date_of_birth"])
    return kept["version"], kept["update_origin"], columns

