"""Rows as JSON keeps them, to be put back as they were."""

from __future__ import annotations

from datetime import date, datetime
from typing import Any

import sqlalchemy as sa

from kayse_dash.db import Base, UTCDateTime


def freeze(row: Base) -> dict[str, Any]:
    """The columns of a row, as JSON writes them."""
    return {column.key: plain(getattr(row, column.key)) for column in row.__table__.columns}


def plain(value: Any) -> Any:
    """A column's value, as JSON writes it."""
    return value.isoformat() if isinstance(value, date) else value


def thaw(model: type[Base], kept: dict[str, Any]) -> dict[str, Any]:
    """The columns of a row that `freeze` kept."""
    row = {}
    for column in model.__table__.columns:
        value = kept[column.key]
        if value is not None and isinstance(column.type, UTCDateTime):
            value = datetime.fromisoformat(value)
        elif value is not None and isinstance(column.type, sa.Date):
            value = date.fromisoformat(value)
        row[column.key] = value
    return row
