"""What a person sees of a file before anything is checked: its columns, and its first rows as they will be read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

from kayse_dash.clients import import_fields, imports, normal
from kayse_dash.clients.fields import NewClient
from kayse_dash.clients.import_choices import Choices
from kayse_dash.clients.import_models import Import
from kayse_dash.clients.import_rows import Reader, Rejected

LOOKED_AT = 50  # rows
SHOWN_ROWS = 20
SHOWN_VALUES = 3
LONGEST_VALUE = 40  # characters


@dataclass(frozen=True)
class Column:
    """A column of the file: how it is called, what stands in it first, what it becomes, and what is wrong with that."""

    place: int
    name: str
    values: list[str]
    target: str
    fault: str | None


@dataclass(frozen=True)
class PreviewRow:
    """A row as it will be read: a cell for each heading of the preview, or why it will be rejected."""

    number: int
    cells: list[list[str]]
    reason: str | None = None


@dataclass(frozen=True)
class Preview:
    """The first rows; only what any of them has gets a heading."""

    headings: list[str]
    rows: list[PreviewRow]


def columns(import_: Import, mapping: Mapping[int, str], faults: Mapping[str, str]) -> list[Column]:
    """The columns of a file.

    Args:
        faults: by `column-N`.
    """
    rows = _rows(import_)
    found = []
    for place in range(len(import_.columns)):
        values = [_clipped(cells[place]) for _, cells in rows if place < len(cells) and cells[place].strip()]
        name = import_fields.shown(import_.columns, place)
        found.append(
            Column(
                place,
                name,
                list(dict.fromkeys(values))[:SHOWN_VALUES],
                mapping.get(place, import_fields.IGNORED),
                faults.get(f"column-{place}"),
            )
        )
    return found


def preview(import_: Import, mapping: Mapping[int, str], choices: Choices, today: date) -> Preview:
    """The first rows of a file as they will be read by these choices."""
    reader = Reader(import_.columns, mapping, choices, today)
    read: list[tuple[int, dict[str, list[str]] | str]] = []
    for number, cells in _rows(import_)[:SHOWN_ROWS]:
        try:
            read.append((number, dict(_shown(reader.read(cells)))))
        except Rejected as error:
            read.append((number, str(error)))
    used = {heading for _, found in read if isinstance(found, dict) for heading, values in found.items() if values}
    headings = [heading for heading in _HEADINGS if heading in used]
    rows = [
        PreviewRow(number, [], found) if isinstance(found, str) else PreviewRow(number, [found[one] for one in headings])
        for number, found in read
    ]
    return Preview(headings, rows)


_HEADINGS = (
    "First name", "Last name", "Phone", "Email", "Address", "Date of birth", "ID in another system", "Cases", "Opted out",
)  # fmt: skip


def _shown(client: NewClient) -> Iterator[tuple[str, list[str]]]:
    opted_out = {"Voice calls": client.voice_calls_opted_out, "Enrichment": client.enrichment_opted_out}
    yield "First name", [client.first_name] if client.first_name else []
    yield "Last name", [client.last_name] if client.last_name else []
    yield "Phone", [normal.phone_shown(phone.value) for phone in client.phones]
    yield "Email", [email.value for email in client.emails]
    yield "Address", [address.typed for address in client.addresses]
    yield "Date of birth", [f"{client.date_of_birth:%-d %b %Y}"] if client.date_of_birth else []
    yield "ID in another system", [f"{client.external_source}: {client.external_source_id}"] if client.external_source_id else []
    yield "Cases", [", ".join(map(str, client.case_ids))] if client.case_ids else []
    yield "Opted out", [name for name, is_out in opted_out.items() if is_out]


def _rows(import_: Import) -> imports.Rows:
    headings = Choices.from_json(import_.options).headings
    return imports.first_rows(import_, LOOKED_AT)[headings:]


def _clipped(text: str) -> str:
    text = " ".join(text.split())
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"
