"""Whom an event is about: the client that its data names by id, by another system's id, or by phone number."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import sqlalchemy as sa

from kayse_dash.clients import normal
from kayse_dash.clients.models import Client, Detail, DetailKind, Merge
from kayse_dash.db import db
from kayse_dash.events.record import NewEvent
from kayse_dash.typed import identifier

LARGEST_ID = 2**63 - 1
MOST_NUMBERS = 10  # of one group; a batch of events must not ask for more values than a statement takes

# Where a call or a message names the client's number: the other one is the firm's.
SIDES = {"inbound": ("from_number", "from"), "outbound": ("to_number", "to")}
EITHER_SIDE = ("from_number", "from", "to_number", "to")
OWN = ("phone", "phone_number", "mobile", "mobile_number", "mobile_phone", "client_phone", "client_mobile", "client_number")

# Data that mentions none of these is not even read.
_MENTIONS = re.compile(f'"(?:{"|".join(("client", "client_id", "external_source_id", *EITHER_SIDE, *OWN))})"')
_E164 = re.compile(r"\+[1-9]\d{7,14}", re.ASCII)

_clients, _details, _merges = Client.__table__.c, Detail.__table__.c, Merge.__table__.c
LONGEST_SOURCE = _clients.external_source.type.length
LONGEST_EXTERNAL_ID = _clients.external_source_id.type.length

# Asked for nearly every event, so made once. What was asked for, and the client it stands for.
_BY_ID = sa.select(_clients.id.label("asked"), _clients.id, _clients.external_source, _clients.external_source_id).where(
    _clients.id.in_(sa.bindparam("ids", expanding=True))
)
_merged = (
    sa.select(_merges.gone_id, _merges.kept_id)
    .where(_merges.gone_id.in_(sa.bindparam("ids", expanding=True)), _merges.undone_at.is_(None))
    .cte("merged", recursive=True)
)
_further = sa.select(_merged.c.gone_id, _merges.kept_id).where(_merges.gone_id == _merged.c.kept_id, _merges.undone_at.is_(None))
_heirs = _merged.union(_further)
_BY_MERGED_ID = sa.select(_heirs.c.gone_id, _clients.id, _clients.external_source, _clients.external_source_id).where(
    _clients.id == _heirs.c.kept_id
)
# By the id alone: SQLite would go through the whole index for pairs.
_BY_SYSTEM = sa.select(_clients.id.label("asked"), _clients.id, _clients.external_source, _clients.external_source_id).where(
    _clients.external_source_id.in_(sa.bindparam("external_ids", expanding=True))
)
_QUERIES = {  # whether there are ids, whether there are external ids
    (True, True): sa.union_all(_BY_ID, _BY_MERGED_ID, _BY_SYSTEM),
    (True, False): sa.union_all(_BY_ID, _BY_MERGED_ID),
    (False, True): _BY_SYSTEM,
    (False, False): None,
}
_BY_PHONE = (
    sa.select(_details.value, sa.func.min(_details.client_id), sa.func.max(_details.client_id))
    .where(_details.kind == DetailKind.PHONE, _details.value.in_(sa.bindparam("phones", expanding=True)))
    .group_by(_details.value)
)


@dataclass(frozen=True)
class Said:
    """What an event's data says of its client.

    Args:
        id: the id here.
        system: the name of another system, and the id there.
        phones: groups of numbers (E.164), the surest group first.
    """

    id: int | None = None
    system: tuple[str, str] | None = None
    phones: tuple[tuple[str, ...], ...] = ()


@dataclass
class Known:
    """The clients on record that were asked for, by what was asked for; one who was merged is the one that was kept."""

    ids: dict[int, int] = field(default_factory=dict)
    systems: dict[tuple[str, str], int] = field(default_factory=dict)
    phones: dict[str, tuple[int, int]] = field(default_factory=dict)  # the first and the last client who has it


def link(events: Sequence[NewEvent]) -> list[NewEvent]:
    """The events, each with its client where it names none itself and its data tells of exactly one on record.

    At most two look-ups for all of them together; none where no event says anything of a client.
    """
    said = {
        place: found
        for place, event in enumerate(events)
        if event.client_id is None and not event.is_test and (found := _said(event.data))
    }
    linked = list(events)
    if not said:
        return linked
    known = _by_ids(said.values())
    clients = {place: client_id for place, one in said.items() if (client_id := _by_name(one, known))}
    rest = {place: one for place, one in said.items() if place not in clients and one.phones}
    if rest:
        known.phones = _by_phones(rest.values())
        clients |= {place: client_id for place, one in rest.items() if (client_id := _by_number(one, known))}
    for place, client_id in clients.items():
        linked[place] = replace(linked[place], client_id=client_id)
    return linked


def _by_ids(said: Iterable[Said]) -> Known:
    asked = list(said)
    wanted = {
        "ids": list({one.id for one in asked if one.id}),
        "external_ids": list({one.system[1] for one in asked if one.system}),
    }
    query = _QUERIES[bool(wanted["ids"]), bool(wanted["external_ids"])]
    known = Known()
    if query is not None:
        found = db.session.execute(query, {name: keys for name, keys in wanted.items() if keys})
        for asked_id, client_id, source, external_id in found:
            known.ids[asked_id] = client_id
            known.systems[source, external_id] = client_id
    return known


def _by_phones(said: Iterable[Said]) -> dict[str, tuple[int, int]]:
    phones = {phone for one in said for group in one.phones for phone in group}
    found = db.session.execute(_BY_PHONE, {"phones": list(phones)})
    return {phone: (first, last) for phone, first, last in found}


def _by_name(said: Said, known: Known) -> int | None:
    return known.ids.get(said.id) or known.systems.get(said.system)


def _by_number(said: Said, known: Known) -> int | None:
    """The one client who has a number of the first group that anybody has."""
    for group in said.phones:
        owners = {owner for phone in group for owner in known.phones.get(phone, ())}
        if owners:
            return owners.pop() if len(owners) == 1 else None
    return None


def _said(text: str) -> Said | None:
    """What the data (JSON text) says of the client; None for nothing."""
    if not _MENTIONS.search(text):
        return None
    try:
        data = json.loads(text)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    client = data.get("client") if isinstance(data.get("client"), dict) else {}
    said = Said(
        _id(data.get("client_id")) or _id(client.get("id")),
        _pair(data) or _pair(client),
        tuple(group for group in map(_numbers, _groups(data, client)) if group),
    )
    return said if said != Said() else None


def _id(value: Any) -> int | None:
    """An id of ours, also where it was written as text."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 19:
        value = int(value)
    return value if type(value) is int and 0 < value <= LARGEST_ID else None


def _pair(data: Mapping[str, Any]) -> tuple[str, str] | None:
    source = identifier(data.get("external_source"), LONGEST_SOURCE)
    external_id = identifier(data.get("external_source_id"), LONGEST_EXTERNAL_ID)
    return (source, external_id) if source and external_id else None


def _groups(data: Mapping[str, Any], client: Mapping[str, Any]) -> Iterator[list[Any]]:
    """What may be the client's number: the side of the call that is the client's, then what is called a phone of theirs."""
    side = SIDES.get(data["direction"]) if isinstance(data.get("direction"), str) else None
    yield [data.get(name) for name in side or ()]
    own = [one.get(name) for one in (data, client) for name in OWN]
    answers = data.get("answers")
    if isinstance(answers, list):
        own += [one.get("value") for one in answers if isinstance(one, dict) and one.get("field") in OWN]
    yield own if side else [*own, *(data.get(name) for name in EITHER_SIDE)]


def _numbers(values: Iterable[Any]) -> tuple[str, ...]:
    texts = (value for value in values if isinstance(value, str))
    found = (text if _E164.fullmatch(text) else normal.phone(text) for text in islice(texts, MOST_NUMBERS))
    return tuple(dict.fromkeys(number for number in found if number))
