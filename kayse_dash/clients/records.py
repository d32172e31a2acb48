"""Client records: finding, making, changing and deleting them. Each phone, email and address keeps where it came from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import selectinload

from kayse_dash import clock
from kayse_dash.clients import duplicates, erasure, fields, normal
from kayse_dash.clients.fields import NewClient, TypedDetail
from kayse_dash.clients.models import Client, Detail, DetailKind, Source
from kayse_dash.db import db
from kayse_dash.errors import Conflict, InvalidInput, NotFound

__all__ = [
    "NewClient", "TypedDetail", "as_api", "by_external", "check", "client_row", "create", "delete", "detail_row",
    "find_by_email", "find_by_phone", "get", "names", "update",
]  # fmt: skip

LARGEST_ID = 2**63 - 1
MOST_FOUND = 50  # clients who share one phone or email
COLUMNS = (
    "first_name", "last_name", "external_source", "external_source_id", "date_of_birth", "case_ids", "voice_calls_opted_out",
    "enrichment_opted_out",
)  # fmt: skip
_LONGEST_SOURCE_NAME, _LONGEST_ENTERED_BY = Detail.source_name.type.length, Detail.entered_by.type.length
TAKEN = "Another client has this id in this system already."


def get(client_id: int, *, lock: bool = False) -> Client:
    """The client with this id, and its details.

    Args:
        lock: keep others from changing it until the transaction ends.

    Raises:
        NotFound: there is none.
    """
    client = _one(Client.id == client_id, lock) if 0 < client_id <= LARGEST_ID else None
    if client is None:
        raise NotFound("There is no such client. It may have been deleted or merged with another.")
    return client


def by_external(source: str, external_id: str, *, lock: bool = False) -> Client | None:
    """The client that another system knows by this id, or who was merged with the one it knows; and its details."""
    found = _one(sa.and_(Client.external_source == source, Client.external_source_id == external_id), lock)
    if found is None and (heir := duplicates.heir_by_external(source, external_id)) is not None:
        return _one(Client.id == heir, lock)
    return found


def _one(condition: sa.ColumnElement[bool], lock: bool) -> Client | None:
    query = sa.select(Client).where(condition).options(selectinload(Client.details))
    return db.session.scalar(query.with_for_update() if lock else query)


def names(client_ids: Collection[int | None]) -> dict[int, str]:
    """The names of those of these clients that are on record."""
    known = {one for one in client_ids if one is not None and 0 < one <= LARGEST_ID}
    query = sa.select(Client.id, Client.first_name, Client.last_name).where(Client.id.in_(known))
    rows = db.session.execute(query).all() if known else []
    return {row.id: f"{row.first_name} {row.last_name}".strip() or "No name" for row in rows}


def find_by_phone(e164: str) -> list[Client]:
    """The clients who have this phone, oldest first, at most 50; without their details."""
    return _find(DetailKind.PHONE, e164)


def find_by_email(address: str) -> list[Client]:
    """The clients who have this email (lower case), oldest first, at most 50; without their details."""
    return _find(DetailKind.EMAIL, address)


def _find(kind: DetailKind, value: str) -> list[Client]:
    query = sa.select(Client).join(Detail).where(Detail.kind == kind, Detail.value == value)
    return list(db.session.scalars(query.order_by(Detail.client_id).limit(MOST_FOUND)))


def check(given: Mapping[str, Any], current: Client | None) -> dict[str, Any]:
    """Check what was said of a client; see `fields.check`.

    Raises:
        InvalidInput: by field.
    """
    values = fields.check(given, current, clock.now().date())
    if "external_source" in values or "external_source_id" in values:
        source, external_id = (
            values[name] if name in values else getattr(current, name, None) for name in ("external_source", "external_source_id")
        )
        taken = sa.select(Client.id).where(Client.external_source == source, Client.external_source_id == external_id)
        if source and external_id and db.session.scalar(taken) not in (None, current.id if current else None):
            raise InvalidInput("Please check the fields that are marked.", {"external_source_id": TAKEN})
    return values


def client_row(new: NewClient, source: Source, now: datetime, import_id: int | None = None) -> dict[str, Any]:
    """The columns of a new client, without its id."""
    values = {name: getattr(new, name) for name in COLUMNS}
    return values | {
        "first_key": normal.name_key(new.first_name),
        "last_key": normal.name_key(new.last_name),
        "origin": source,
        "update_origin": source,
        "created_at": now,
        "updated_at": now,
        "version": 1,
        "import_id": import_id,
    }


def detail_row(
    new: TypedDetail, source: Source, by: str, now: datetime, *, source_name: str | None = None, import_id: int | None = None
) -> dict[str, Any]:
    """The columns of a new detail, without its id and its client's."""
    return {
        **vars(new),
        "source": source,
        "source_name": source_name and source_name[:_LONGEST_SOURCE_NAME],
        "entered_by": by[:_LONGEST_ENTERED_BY],
        "created_at": now,
        "import_id": import_id,
    }


def create(
    values: Mapping[str, Any],
    source: Source,
    by: str,
    now: datetime,
    *,
    import_id: int | None = None,
    source_name: str | None = None,
) -> Client:
    """Make a client from what `check` returned.

    Args:
        by: who enters it: an email address, or "API key NAME".
        source_name: what `source` was, such as the import's file.

    Raises:
        Conflict: another client came to have its external id just now.
    """
    new = NewClient(**values)
    client = Client(**client_row(new, source, now, import_id))
    rows = [detail_row(one, source, by, now, source_name=source_name, import_id=import_id) for one in new.details]
    client.details = [Detail(**row) for row in rows]
    try:
        with db.session.begin_nested():
            db.session.add(client)
    except IntegrityError as error:
        raise Conflict(TAKEN) from error
    return client


def update(
    client: Client,
    values: Mapping[str, Any],
    source: Source,
    by: str,
    now: datetime,
    *,
    version: int | None = None,
    import_id: int | None = None,
    source_name: str | None = None,
) -> list[str]:
    """Change a client by what `check` returned; the names of the fields that are different now.

    A detail that stays keeps where it came from. Nothing is counted as a change that changes nothing.

    Args:
        version: the version that the person saw when they began; None not to look.

    Raises:
        Conflict: somebody else changed it in between, or another client came to have its external id just now.
    """
    if version is not None and client.version != version:
        raise Conflict("Somebody else changed this client in the meantime. Look at what it says now, then change it again.")
    changed = [name for name in COLUMNS if name in values and getattr(client, name) != values[name]]
    for name in changed:
        setattr(client, name, values[name])
    client.first_key, client.last_key = normal.name_key(client.first_name), normal.name_key(client.last_name)
    row = {"source": source, "by": by, "now": now, "source_name": source_name, "import_id": import_id}
    changed += [name for name, kind in fields.LISTS.items() if name in values and _settle(client, kind, values[name], row)]
    if changed:
        touch(client, source, now)
    try:
        with db.session.begin_nested():
            db.session.flush()
    except IntegrityError as error:
        raise Conflict(TAKEN) from error
    return changed


def touch(client: Client, source: Source, now: datetime) -> None:
    """Note that a client was changed."""
    client.version += 1
    client.updated_at, client.update_origin = now, source


def _settle(client: Client, kind: DetailKind, wanted: Collection[TypedDetail], row: Mapping[str, Any]) -> bool:
    """Bring the details of one kind to what is wanted; whether that changed anything."""
    known = {detail.value: detail for detail in client.details if detail.kind is kind}
    changed = False
    for one in wanted:
        detail = known.pop(one.value, None)
        if detail is None:
            client.details.append(Detail(**detail_row(one, **row)))
            changed = True
            continue
        for name, value in vars(one).items():
            # A program that sends the normal form back says nothing of how it was typed.
            if getattr(detail, name) != value and not (name == "typed" and value == detail.value):
                setattr(detail, name, value)
                changed = True
    for gone in known.values():
        client.details.remove(gone)
        changed = True
    return changed


def delete(client: Client, now: datetime) -> int:
    """Delete a client for good, with every trace of who it was; returns how many events lost their data."""
    erased = erasure.erase_traces(client, now)
    db.session.delete(client)
    db.session.flush()
    return erased


def primary(client: Client, kind: DetailKind) -> Detail | None:
    """The primary detail of a kind."""
    return next((detail for detail in client.details if detail.kind is kind and detail.is_primary), None)


def as_api(client: Client) -> dict[str, Any]:
    """A client, loaded with its details, as the public API writes it."""
    phone, email, address = (primary(client, kind) for kind in DetailKind)
    return {
        "id": client.id,
        "first_name": client.first_name,
        "last_name": client.last_name,
        "email": email.value if email else None,
        "mobile": phone.value if phone else None,
        "external_source": client.external_source,
        "external_source_id": client.external_source_id,
        "date_of_birth": client.date_of_birth.isoformat() if client.date_of_birth else None,
        **{name: getattr(address, part) if address else None for name, part in fields.ADDRESS_PARTS.items()},
        "voice_calls_opted_out": client.voice_calls_opted_out,
        "enrichment_opted_out": client.enrichment_opted_out,
        "case_ids": list(client.case_ids),
        "origin": client.origin.value,
        "update_origin": client.update_origin.value,
        "created_at": clock.iso(client.created_at),
        "updated_at": clock.iso(client.updated_at),
        **{name: [_detail_as_api(one) for one in client.details if one.kind is kind] for name, kind in fields.LISTS.items()},
    }


def _detail_as_api(detail: Detail) -> dict[str, Any]:
    about = {
        "primary": detail.is_primary,
        "source": detail.source.value,
        "source_name": detail.source_name,
        "created_at": clock.iso(detail.created_at),
    }
    if detail.kind is DetailKind.ADDRESS:
        return {name: getattr(detail, part) for name, part in fields.ADDRESS_PARTS.items()} | about
    return {"value": detail.value, "typed": detail.typed} | about
