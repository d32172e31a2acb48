"""What becomes of the rows of a step: whom each is about, and what it adds to what is known of them. No row is written here."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from kayse_dash.clients.fields import MOST_CASES, MOST_OF_A_KIND, NewClient, TypedDetail
from kayse_dash.clients.import_choices import Choices, Duplicates
from kayse_dash.clients.import_match import COLUMNS, FILLED, Index, Known, external_of
from kayse_dash.clients.models import DetailKind

TAKEN = "A client with this ID in the other system is on record already."


class Outcome(StrEnum):
    """What became of a row; also the names of the columns of `Import` that count them."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"


@dataclass(frozen=True, slots=True)
class ReadRow:
    """A row of the file, read: the client it tells of, or why it is rejected."""

    number: int
    cells: list[str]
    client: NewClient | None
    reason: str = ""


@dataclass
class Plan:
    """What a step writes."""

    counts: Counter[Outcome] = field(default_factory=Counter)
    created: list[Known] = field(default_factory=list)
    updated: dict[int, Known] = field(default_factory=dict)  # by the id of the client
    rejected: list[ReadRow] = field(default_factory=list)


def plan(rows: Iterable[ReadRow], index: Index, choices: Choices) -> Plan:
    """Decide on the rows of a step, one after the other: a row may be about somebody whom an earlier one made."""
    made = Plan()
    for row in rows:
        outcome, reason = _decide(row, index, choices, made)
        made.counts[outcome] += 1
        if outcome is Outcome.REJECTED:
            made.rejected.append(replace(row, reason=reason))
    return made


def _decide(row: ReadRow, index: Index, choices: Choices, made: Plan) -> tuple[Outcome, str]:
    client = row.client
    if client is None:
        return Outcome.REJECTED, row.reason
    known = index.find(client)
    if known is None:
        known = _new(client)
        made.created.append(known)
        index.add(known)
        return Outcome.CREATED, ""
    if choices.duplicates is Duplicates.ADD:
        return Outcome.REJECTED, TAKEN
    if choices.duplicates is Duplicates.SKIP:
        return Outcome.UNCHANGED, ""
    changed, reason = _update(known, client, choices)
    if reason:
        return Outcome.REJECTED, reason
    if not changed:
        return Outcome.UNCHANGED, ""
    index.add(known)
    if known.id is not None:
        made.updated[known.id] = known
    return Outcome.UPDATED, ""


def _new(client: NewClient) -> Known:
    known = Known(None, {name: getattr(client, name) for name in COLUMNS}, added=client.details)
    for detail in client.details:
        known.details[detail.kind].add(detail.value)
    return known


def _update(known: Known, client: NewClient, choices: Choices) -> tuple[bool, str]:
    """Add what a row says to a client; whether that changed anything, or why it cannot be. What is known is never replaced."""
    values: dict[str, Any] = {}
    added: list[TypedDetail] = []
    if choices.fill:
        values = {name: getattr(client, name) for name in FILLED if getattr(client, name) and not known.values[name]}
        external = external_of(client)
        if external and known.external is None:
            values["external_source"], values["external_source_id"] = external
    if choices.add:
        cases = [*known.values["case_ids"], *(case for case in client.case_ids if case not in known.values["case_ids"])]
        if len(cases) > MOST_CASES:
            return False, f"The client would have more than {MOST_CASES} cases."
        if len(cases) > len(known.values["case_ids"]):
            values["case_ids"] = cases
        added = [detail for detail in client.details if not _has(known, detail)]
        for kind in {detail.kind for detail in added}:
            if len(known.details[kind]) + sum(detail.kind is kind for detail in added) > MOST_OF_A_KIND:
                return False, f"The client would have more than {MOST_OF_A_KIND} of these: {kind.value}."
    # Who asked not to be called is not called, whatever else an update may do.
    for name in ("voice_calls_opted_out", "enrichment_opted_out"):
        if getattr(client, name) and not known.values[name]:
            values[name] = True
    known.before = {name: known.values[name] for name in values} | known.before
    known.values |= values
    for detail in added:
        known.added.append(replace(detail, is_primary=not known.details[detail.kind]))
        known.details[detail.kind].add(detail.value)
    return bool(values or added), ""


def _has(known: Known, detail: TypedDetail) -> bool:
    """Whether a client has a detail already; an address also where the one on record says more."""
    if detail.value in known.details[detail.kind]:
        return True
    return detail.kind is DetailKind.ADDRESS and any(
        value.startswith(f"{detail.value} ") for value in known.details[DetailKind.ADDRESS]
    )
