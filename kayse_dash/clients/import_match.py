"""Finding the clients that the rows of a step may be about, a few queries for all of them."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, TypeVar

import sqlalchemy as sa

from kayse_dash.clients import normal
from kayse_dash.clients.fields import NewClient, TypedDetail
from kayse_dash.clients.models import Client, Detail, DetailKind

CHUNK = 500  # values in one IN (…)
# A phone or an email that more clients have than this tells nobody from another: it is the firm's own, or one that was made up.
MOST_SHARING = 100
MOST_MATCHES = 10 * CHUNK

FILLED = ("first_name", "last_name", "date_of_birth")
COLUMNS = (*FILLED, "external_source", "external_source_id", "case_ids", "voice_calls_opted_out", "enrichment_opted_out")

External = tuple[str, str]
Contact = tuple[DetailKind, str]
Item = TypeVar("Item")

_key = lru_cache(maxsize=16_384)(normal.name_key)
_clients = Client.__table__
_details = Detail.__table__
_BY_EXTERNAL = sa.select(_clients.c.id).where(
    _clients.c.external_source == sa.bindparam("source"),
    _clients.c.external_source_id.in_(sa.bindparam("values", expanding=True)),
)
_SHARED_BY_MANY = (
    sa.select(_details.c.value)
    .where(_details.c.kind == sa.bindparam("kind"), _details.c.value.in_(sa.bindparam("values", expanding=True)))
    .group_by(_details.c.value)
    .having(sa.func.count() > MOST_SHARING)
)
_BY_CONTACT = (
    sa.select(_details.c.value, _clients.c.id, _clients.c.first_key, _clients.c.last_key)
    .join(_clients, _clients.c.id == _details.c.client_id)
    .where(_details.c.kind == sa.bindparam("kind"), _details.c.value.in_(sa.bindparam("values", expanding=True)))
)
_BY_ID = sa.select(
    _clients.c.id, _clients.c.version, _clients.c.import_id, _clients.c.update_origin, *(_clients.c[name] for name in COLUMNS)
).where(_clients.c.id.in_(sa.bindparam("ids", expanding=True)))
_DETAILS = sa.select(_details.c.client_id, _details.c.kind, _details.c.value).where(
    _details.c.client_id.in_(sa.bindparam("ids", expanding=True))
)


@dataclass(slots=True, eq=False)
class Known:
    """A client as the step knows it: on record already, or made by an earlier row of the step.

    Args:
        id: None while it is not written.
        values: of the columns in `COLUMNS`, as they are after the rows so far.
        details: what it has of each kind, in the form that is compared.
        before: the columns that the step changed, as they were.
        added: the details that the step adds.
    """

    id: int | None
    values: dict[str, Any]
    version: int = 1
    import_id: int | None = None
    update_origin: str | None = None
    details: dict[DetailKind, set[str]] = field(default_factory=lambda: {kind: set() for kind in DetailKind})
    before: dict[str, Any] = field(default_factory=dict)
    added: list[TypedDetail] = field(default_factory=list)

    @property
    def external(self) -> External | None:
        source, external_id = self.values["external_source"], self.values["external_source_id"]
        return (source, external_id) if source and external_id else None

    @property
    def name(self) -> tuple[str, str]:
        return _key(self.values["first_name"]), _key(self.values["last_name"])


class Index:
    """Those whom the rows of a step may be about, by what tells them from others.

    Args:
        connections: the database; and before a dry run's own, which knows better what it would have changed.
        by_contact: whether a phone or an email together with the name tells who somebody is.
        lock: keep others from changing them until the transaction ends.
    """

    def __init__(
        self, connections: Sequence[sa.Connection], rows: Collection[NewClient], *, by_contact: bool, lock: bool
    ) -> None:
        self._by_contact = by_contact
        self._externals: dict[External, Known] = {}
        self._contacts: dict[tuple[Contact, tuple[str, str]], list[Known]] = defaultdict(list)
        ids: set[int] = set()
        for connection in connections:
            ids |= _ids_by_external(connection, rows)
            if by_contact:
                ids |= _ids_by_contact(connection, rows)
        found: dict[int, Known] = {}
        for connection in connections:
            _load(connection, ids, found, lock=lock)
        for _, known in sorted(found.items()):
            self.add(known)

    def add(self, known: Known) -> None:
        """Let later rows find a client, also by what it came to have."""
        if known.external:
            self._externals.setdefault(known.external, known)
        if self._by_contact:
            name = known.name
            for kind in (DetailKind.PHONE, DetailKind.EMAIL):
                for value in known.details[kind]:
                    same = self._contacts[(kind, value), name]
                    if known not in same:
                        same.append(known)

    def by_external(self, external: External | None) -> Known | None:
        return self._externals.get(external) if external else None

    def find(self, row: NewClient) -> Known | None:
        """The client whom a row is about: who has its external id, else the first who has its name and a phone or email of it."""
        external = external_of(row)
        if known := self.by_external(external):
            return known
        if self._by_contact:
            name = _key(row.first_name), _key(row.last_name)
            for detail in (*row.phones, *row.emails):
                for known in self._contacts.get(((detail.kind, detail.value), name), ()):
                    if not _speaks_against(known, row, external):
                        return known
        return None


def external_of(row: NewClient) -> External | None:
    """What another system knows a row's client by."""
    return (row.external_source, row.external_source_id) if row.external_source and row.external_source_id else None


def _speaks_against(known: Known, row: NewClient, external: External | None) -> bool:
    """Whether it is somebody else in spite of name and phone: father and son, or two records of the other system."""
    born = known.values["date_of_birth"]
    if born and row.date_of_birth and born != row.date_of_birth:
        return True
    theirs = known.external
    return bool(theirs and external and theirs[0] == external[0] and theirs != external)


def _ids_by_external(connection: sa.Connection, rows: Iterable[NewClient]) -> set[int]:
    wanted: dict[str, set[str]] = defaultdict(set)
    for row in rows:
        if external := external_of(row):
            wanted[external[0]].add(external[1])
    found: set[int] = set()
    for source, values in wanted.items():
        for some in _chunks(values):
            found.update(connection.scalars(_BY_EXTERNAL, {"source": source, "values": some}))
    return found


def _ids_by_contact(connection: sa.Connection, rows: Iterable[NewClient]) -> set[int]:
    wanted: dict[DetailKind, dict[str, set[tuple[str, str]]]] = {DetailKind.PHONE: {}, DetailKind.EMAIL: {}}
    for row in rows:
        name = _key(row.first_name), _key(row.last_name)
        for detail in (*row.phones, *row.emails):
            wanted[detail.kind].setdefault(detail.value, set()).add(name)
    found: set[int] = set()
    for kind, names in wanted.items():
        for some in _chunks(names):
            matches = _contacts(connection, kind, some)
            times = Counter(match.value for match in matches)
            found.update(
                match.id
                for match in matches
                if times[match.value] <= MOST_SHARING and (match.first_key, match.last_key) in names[match.value]
            )
    return found


def _contacts(connection: sa.Connection, kind: DetailKind, values: list[str]) -> Sequence[Any]:
    """Who has these phones or emails, but for those that so many have that reading them all would take long."""
    about = {"kind": kind, "values": values}
    with connection.execute(_BY_CONTACT, about) as found:
        matches = found.fetchmany(MOST_MATCHES + 1)
    if len(matches) <= MOST_MATCHES:
        return matches
    shared = set(connection.scalars(_SHARED_BY_MANY, about))
    about["values"] = [value for value in values if value not in shared]
    return connection.execute(_BY_CONTACT, about).all() if about["values"] else []


def _load(connection: sa.Connection, ids: Collection[int], found: dict[int, Known], *, lock: bool) -> None:
    """Add those of `ids` that are on record here to `found`. Who was found already stays, and has the details of both."""
    query = _BY_ID.with_for_update() if lock else _BY_ID
    for some in _chunks(sorted(ids)):
        for row in connection.execute(query, {"ids": some}).mappings():
            if row["id"] not in found:
                values = {name: row[name] for name in COLUMNS}
                found[row["id"]] = Known(row["id"], values, row["version"], row["import_id"], row["update_origin"])
        for client_id, kind, value in connection.execute(_DETAILS, {"ids": some}):
            if client_id in found:
                found[client_id].details[kind].add(value)


def _chunks(items: Iterable[Item]) -> Iterator[list[Item]]:
    rest = iter(items)
    while some := list(islice(rest, CHUNK)):
        yield some
