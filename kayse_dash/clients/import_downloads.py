"""Files to download: the rejected rows of an import, and a sample of a file that can be imported."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from datetime import date, timedelta

import sqlalchemy as sa

from kayse_dash.clients import import_fields
from kayse_dash.clients.export import BYTE_ORDER_MARK, safe
from kayse_dash.clients.import_models import Import, ImportReject
from kayse_dash.db import reading

BATCH = 1_000
SAMPLE_ROWS = 50
SAMPLE_HEADINGS = ("First name", "Last name", "Mobile", "Email", "Street", "City", "State", "Zip", "Date of birth", "External ID")
_FIRST = "Amara Beatriz Caleb Dolores Elias Fatima Gideon Hana Ignacio Josephine".split()
_LAST = "Abernathy Okafor Castellano Delacroix Eastman".split()
_STREETS = ("Maple Street", "Harbor Road", "Orchard Lane", "Mill Avenue", "Prospect Place")
_CITIES = (
    ("Boston", "MA", "02134", "617"),
    ("Albany", "NY", "12207", "518"),
    ("Newark", "NJ", "07102", "973"),
    ("Austin", "TX", "78701", "512"),
    ("Portland", "OR", "97201", "503"),
)


def rejected(engine: sa.Engine, import_: Import) -> Iterator[str]:
    """The rejected rows of an import as CSV, as they stood in the file, the reason behind them; piece by piece.

    It can be put right and uploaded again: the columns that are added are ignored then. It reads on a connection of its own, for
    it goes on after the request that asked for it.
    """
    import_id, width = import_.id, len(import_.columns)
    names = [heading or import_fields.shown(import_.columns, place) for place, heading in enumerate(import_.columns)]
    rejects = ImportReject.__table__.c
    query = sa.select(rejects.row, rejects.cells, rejects.reason).where(rejects.import_id == import_id).order_by(rejects.row)
    yield BYTE_ORDER_MARK + _lines([[*names, *import_fields.APPENDED]])
    with engine.connect() as connection:
        with reading():
            connection.begin()
        for rows in connection.execution_options(yield_per=BATCH).execute(query).partitions():
            yield _lines([*_fitted(row.cells, width), row.row, row.reason] for row in rows)


def _fitted(cells: list[str], width: int) -> list[str]:
    """As many cells as there are columns: those beyond the last are joined to it, so that nothing is left out."""
    if len(cells) <= width:
        return cells + [""] * (width - len(cells))
    return [*cells[: width - 1], " | ".join(cells[width - 1 :])]


def sample() -> str:
    """A CSV file of fictional people; their phone numbers are of those that are kept for fiction (555-0100 to 555-0199)."""
    rows = []
    for n in range(SAMPLE_ROWS):
        first, last = _FIRST[n % len(_FIRST)], _LAST[(n // len(_FIRST) + n) % len(_LAST)]
        city, state, code, area = _CITIES[n % len(_CITIES)]
        born = date(1948, 3, 14) + timedelta(days=397 * n)
        email = f"{first}.{last}@example.com".lower() if n % 7 else ""
        street = f"{12 + 7 * n} {_STREETS[n // 10]}"
        phone = f"({area}) 555-{100 + n:04d}"
        rows.append([first, last, phone, email, street, city, state, code, f"{born:%m/%d/%Y}", f"sample-{n + 1}"])
    return BYTE_ORDER_MARK + _lines([SAMPLE_HEADINGS, *rows])


def _lines(rows: Iterable[Iterable[object]]) -> str:
    out = io.StringIO()
    csv.writer(out).writerows([safe(cell) for cell in row] for row in rows)
    return out.getvalue()
