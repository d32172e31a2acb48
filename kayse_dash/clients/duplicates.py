"""Clients who may be the same person, and where a client went who was merged."""

from __future__ import annotations

import json
from dataclasses import dataclass, field

import sqlalchemy as sa

from kayse_dash.clients.models import Client, Detail, DetailKind, Merge
from kayse_dash.db import db

MOST_SHARED = 20  # clients who share a phone or an email; a whole firm may share one
MOST_SHOWN = 10


@dataclass(frozen=True)
class Candidate:
    """Somebody who may be the same person, and why."""

    client: Client
    reasons: list[str] = field(default_factory=list)


def of(client: Client) -> list[Candidate]:
    """Who may be the same person as a client, who is loaded with details; those with the most reasons first."""
    reasons: dict[int, list[str]] = {}
    for kind, words in ((DetailKind.PHONE, "Same phone"), (DetailKind.EMAIL, "Same email")):
        values = [detail.value for detail in client.details if detail.kind is kind]
        shared = sa.select(Detail.client_id).where(Detail.kind == kind, Detail.value.in_(values), Detail.client_id != client.id)
        for client_id in db.session.scalars(shared.limit(MOST_SHARED)) if values else ():
            if words not in reasons.setdefault(client_id, []):
                reasons[client_id].append(words)
    if client.date_of_birth and client.last_key:
        namesake = sa.select(Client.id).where(
            Client.last_key == client.last_key,
            Client.first_key == client.first_key,
            Client.date_of_birth == client.date_of_birth,
            Client.id != client.id,
        )
        for client_id in db.session.scalars(namesake.limit(MOST_SHARED)):
            reasons.setdefault(client_id, []).append("Same name and date of birth")
    likeliest = sorted(reasons, key=lambda one: (-len(reasons[one]), one))[:MOST_SHOWN]
    found = {one.id: one for one in db.session.scalars(sa.select(Client).where(Client.id.in_(likeliest)))} if likeliest else {}
    return [Candidate(found[one], reasons[one]) for one in likeliest if one in found]


def heir(client_id: int) -> int | None:
    """The client that one who is no more was merged into, through all later merges; None where there was no merge."""
    seen = {client_id}
    current: int | None = client_id
    while True:
        into = sa.select(Merge.kept_id).where(Merge.gone_id == current, Merge.undone_at.is_(None)).order_by(Merge.id.desc())
        following = db.session.scalar(into.limit(1))
        if following is None or following in seen:
            return current if current != client_id else None
        seen.add(following)
        current = following


def heir_by_external(source: str, external_id: str) -> int | None:
    """The client who took over what another system knows by this id, where a merge left that id with nobody."""
    # As `merging` writes it; it only spares reading all merges.
    words = f'"external_source":{_quoted(source)},"external_source_id":{_quoted(external_id)}'
    holds = sa.type_coerce(Merge.before, sa.Text).contains(words, autoescape=True)
    for merge in db.session.scalars(sa.select(Merge).where(Merge.undone_at.is_(None), holds).order_by(Merge.id.desc())):
        if (source, external_id) in external_ids(merge):
            return heir(merge.gone_id)
    return None


def external_ids(merge: Merge) -> set[tuple[str, str]]:
    """What other systems called the two clients of a merge."""
    both = (merge.before["kept"], merge.before["gone"])
    return {(one["external_source"], one["external_source_id"]) for one in both if one["external_source"]}


def heirs_by_external() -> dict[tuple[str, str], int]:
    """Every such client, by the system and the id there; for an import, which cannot ask for each row."""
    heirs: dict[tuple[str, str], int] = {}
    for merge in db.session.scalars(sa.select(Merge).where(Merge.undone_at.is_(None)).order_by(Merge.id)):
        if (client_id := heir(merge.gone_id)) is not None:
            heirs |= dict.fromkeys(external_ids(merge), client_id)
    return heirs


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
