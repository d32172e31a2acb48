"""Making one client of two, and taking it back: all details and all history stay, and both can be restored as they were."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from kayse_dash.clients import records
from kayse_dash.clients.frozen import freeze, plain, thaw
from kayse_dash.clients.models import Client, Detail, DetailKind, Merge, Source, Transfer
from kayse_dash.db import db
from kayse_dash.errors import Conflict, NotFound
from kayse_dash.events.models import Event

LARGEST_ID = 2**31 - 1
CHUNK = 500

# What is about a client and goes with it: the key of the table, and the column that names the client.
ABOUT: dict[str, tuple[Any, Any]] = {
    "events": (Event.seq, Event.client_id),
    "transfers": (Transfer.id, Transfer.client_id),
}
# What a person chooses between: columns that go together, or which detail of a kind is the primary one.
COLUMNS_OF = {
    "first_name": ("first_name", "first_key"),
    "last_name": ("last_name", "last_key"),
    "date_of_birth": ("date_of_birth",),
    "external": ("external_source", "external_source_id"),
    "voice_calls_opted_out": ("voice_calls_opted_out",),
    "enrichment_opted_out": ("enrichment_opted_out",),
}
KIND_OF = {kind.value: kind for kind in DetailKind}
_COLUMNS = [column for columns in COLUMNS_OF.values() for column in columns]


@dataclass(frozen=True)
class Difference:
    """A field in which two clients differ.

    Args:
        name: of `COLUMNS_OF` or `KIND_OF`.
        kept, gone: their values; a detail for a kind.
        takes_gone: whether the value of the one that goes is the better one, as far as can be told.
    """

    name: str
    kept: Any
    gone: Any
    takes_gone: bool


def differences(kept: Client, gone: Client) -> list[Difference]:
    """What a person has to choose between; where only one says anything, that one is proposed, and who opted out stays so."""
    found = []
    for name, columns in COLUMNS_OF.items():
        one, other = (tuple(getattr(client, column) for column in columns) for client in (kept, gone))
        if one != other:
            found.append(Difference(name, _shown(name, one), _shown(name, other), not any(one)))
    for name, kind in KIND_OF.items():
        one, other = (records.primary(client, kind) for client in (kept, gone))
        if other is not None and (one is None or one.value != other.value):
            found.append(Difference(name, one, other, one is None))
    return found


def _shown(name: str, values: tuple[Any, ...]) -> Any:
    """The value of a field for a person: its first column, and both of the pair that names another system's record."""
    return values if name == "external" and values[0] else values[0]


def merge(kept: Client, gone: Client, take: Collection[str], by: str, now: datetime) -> Merge:
    """Make one client of two, who are loaded with their details; `gone` is no more.

    Args:
        take: the fields (`COLUMNS_OF`, `KIND_OF`) whose value is that of `gone`; of all others it is that of `kept`.

    Raises:
        Conflict: they are one client.
    """
    if kept.id == gone.id:
        raise Conflict("This is one client already. Choose another to merge with.")
    values = {column: getattr(gone, column) for name, columns in COLUMNS_OF.items() if name in take for column in columns} | {
        "case_ids": list(dict.fromkeys([*kept.case_ids, *gone.case_ids]))
    }
    primaries = {name: _primary_after(kept, gone, kind, name in take) for name, kind in KIND_OF.items()}
    before = {
        "kept": _frozen(kept),
        "gone": _frozen(gone),
        "moved": {name: _keys_about(name, gone.id) for name in ABOUT},
    }
    _move(gone.id, kept.id)
    _move_details(gone, kept, primaries)
    db.session.expunge(gone)
    db.session.execute(sa.delete(Client).where(Client.id == gone.id))
    for column, value in values.items():
        setattr(kept, column, value)
    records.touch(kept, Source.PERSON, now)
    db.session.flush()
    db.session.expire(kept, ["details"])
    before["after"] = {column: plain(getattr(kept, column)) for column in (*_COLUMNS, "case_ids")} | {"primaries": primaries}
    done = Merge(kept_id=kept.id, gone_id=gone.id, before=before, by=by, at=now)
    db.session.add(done)
    db.session.flush()
    return done


def _primary_after(kept: Client, gone: Client, kind: DetailKind, takes_gone: bool) -> str | None:
    """The value that is the primary one after a merge."""
    chosen = records.primary(gone if takes_gone else kept, kind) or records.primary(kept if takes_gone else gone, kind)
    return chosen.value if chosen else None


def _keys_about(name: str, client_id: int) -> list[int]:
    key, owner = ABOUT[name]
    return list(db.session.scalars(sa.select(key).where(owner == client_id).order_by(key)))


def _move(from_id: int, to_id: int) -> None:
    for _, owner in ABOUT.values():
        statement = sa.update(owner.class_).where(owner == from_id).values({owner: to_id})
        db.session.execute(statement.execution_options(synchronize_session=False))


def _move_details(gone: Client, kept: Client, primaries: dict[str, str | None]) -> None:
    known = {(detail.kind, detail.value) for detail in kept.details}
    moved = [detail.id for detail in gone.details if (detail.kind, detail.value) not in known]
    quietly = {"synchronize_session": False}
    db.session.execute(sa.update(Detail).where(Detail.id.in_(moved)).values(client_id=kept.id), execution_options=quietly)
    db.session.execute(sa.delete(Detail).where(Detail.client_id == gone.id), execution_options=quietly)
    for name, kind in KIND_OF.items():
        _set_primary(kept.id, kind, Detail.value == primaries[name])


def _set_primary(client_id: int, kind: DetailKind, condition: sa.ColumnElement[bool]) -> None:
    details = sa.update(Detail).where(Detail.client_id == client_id, Detail.kind == kind)
    db.session.execute(details.values(is_primary=condition), execution_options={"synchronize_session": False})


def get(merge_id: int) -> Merge:
    """
    Raises:
        NotFound: there is none, or it was forgotten with a client.
    """
    found = db.session.get(Merge, merge_id) if 0 < merge_id <= LARGEST_ID else None
    if found is None:
        raise NotFound("There is no such merge. It is forgotten when one of its clients is deleted for good.")
    return found


def of(client_id: int) -> list[Merge]:
    """The merges into a client that can be taken back, newest first."""
    query = sa.select(Merge).where(Merge.kept_id == client_id, Merge.undone_at.is_(None))
    return list(db.session.scalars(query.order_by(Merge.id.desc())))


def undo(done: Merge, now: datetime) -> tuple[Client, Client]:
    """Take a merge back: both clients as they were, with what was changed since left with the one that was kept.

    Raises:
        Conflict: it was taken back already, the client was merged further or deleted, or an external id is somebody else's now.
    """
    if done.undone_at is not None:
        raise Conflict("This merge was taken back already.")
    try:
        kept = records.get(done.kept_id, lock=True)
    except NotFound as error:
        raise Conflict("The client was merged with another since. Take that back first.") from error
    before = done.before
    _refuse_taken_ids(before, kept)
    _restore_columns(kept, before)
    db.session.flush()
    db.session.execute(sa.insert(Client), thaw(Client, before["gone"]) | {"updated_at": now})
    _restore_details(kept, before)
    for name, keys in before["moved"].items():
        _give_back(name, keys, kept.id, done.gone_id)
    records.touch(kept, Source.PERSON, now)
    done.undone_at = now
    db.session.flush()
    db.session.expire(kept, ["details"])
    return kept, records.get(done.gone_id)


def _restore_columns(kept: Client, before: dict[str, Any]) -> None:
    """What the merge wrote is written back; what somebody wrote since is left."""
    was = thaw(Client, before["kept"])
    for columns in (*COLUMNS_OF.values(), ("case_ids",)):
        if all(plain(getattr(kept, column)) == before["after"][column] for column in columns):
            for column in columns:
                setattr(kept, column, was[column])


def _refuse_taken_ids(before: dict[str, Any], kept: Client) -> None:
    for was in (before["kept"], before["gone"]):
        source, external_id = was["external_source"], was["external_source_id"]
        holder = records.by_external(source, external_id) if source else None
        if holder is not None and holder.id not in (kept.id, was["id"]):
            raise Conflict(f"Client {holder.id} has the id {external_id} in {source} now. Change it there first, then try again.")


def _restore_details(kept: Client, before: dict[str, Any]) -> None:
    mine, others = ({one["id"]: one for one in before[who]["details"]} for who in ("kept", "gone"))
    quietly = {"synchronize_session": False}
    # The id of a detail that was removed may be another's now, so the value has to agree.
    theirs = sa.tuple_(Detail.id, Detail.value).in_([(one["id"], one["value"]) for one in others.values()])
    db.session.execute(sa.delete(Detail).where(Detail.client_id == kept.id, theirs), execution_options=quietly)
    taken = set(db.session.scalars(sa.select(Detail.id).where(Detail.id.in_(others))))
    for detail_id in sorted(others, key=taken.__contains__):
        row = thaw(Detail, others[detail_id])
        if detail_id in taken:
            del row["id"]
        db.session.execute(sa.insert(Detail), row)
    for name, kind in KIND_OF.items():
        left = db.session.execute(
            sa.select(Detail.id, Detail.value, Detail.is_primary).where(Detail.client_id == kept.id, Detail.kind == kind)
        ).all()
        primary = next((one for one in left if one.is_primary), None)
        if primary is None or primary.value == before["after"]["primaries"][name]:
            was = next((one.id for one in left if mine.get(one.id, {}).get("is_primary")), None)
            primary_id = was or (primary.id if primary else left[0].id if left else 0)
            _set_primary(kept.id, kind, Detail.id == primary_id)


def _give_back(name: str, keys: list[int], from_id: int, to_id: int) -> None:
    key, owner = ABOUT[name]
    for start in range(0, len(keys), CHUNK):
        ours = sa.update(owner.class_).where(key.in_(keys[start : start + CHUNK]), owner == from_id)
        db.session.execute(ours.values({owner: to_id}), execution_options={"synchronize_session": False})


def _frozen(client: Client) -> dict[str, Any]:
    """A client and its details as JSON keeps them."""
    return freeze(client) | {"details": [freeze(detail) for detail in client.details]}
