"""The database: engine set-up for SQLite and PostgreSQL, the declarative base, and the column types."""

from __future__ import annotations

import enum
import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa
from flask_sqlalchemy import SQLAlchemy
from sqlalchemy import event
from sqlalchemy.engine import Dialect
from sqlalchemy.orm import DeclarativeBase, registry
from sqlalchemy.types import TypeDecorator

SQLITE_BUSY_TIMEOUT_MS = 30_000


class UTCDateTime(TypeDecorator[datetime]):
    """An aware datetime, kept in UTC; a naive one is refused."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"naive datetime {value!r}")
        return value.astimezone(UTC)

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class JSONText(TypeDecorator[Any]):
    """A JSON value in a text column: what was written is read back to the letter, on both databases."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:
        return None if value is None else json.dumps(value, separators=(",", ":"), ensure_ascii=False)

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else json.loads(value)


# SQLite gives the highest id out again after its row was deleted; where other rows remember an id without a foreign key, the next
# client or campaign would inherit them.
NEVER_AGAIN = {"sqlite_autoincrement": True}

# SQLite numbers rows by themselves only where the type is spelled INTEGER.
BigKey = sa.BigInteger().with_variant(sa.Integer, "sqlite")


class Base(DeclarativeBase):
    # A registry rather than `type_annotation_map`: Flask-SQLAlchemy 3.1 sets a registry of its own otherwise.
    registry = registry(
        type_annotation_map={
            datetime: UTCDateTime,
            enum.StrEnum: sa.Enum(
                enum.StrEnum,
                native_enum=False,
                length=20,
                create_constraint=False,
                values_callable=lambda kind: [member.value for member in kind],
            ),
        }
    )
    metadata = sa.MetaData(
        naming_convention={
            "ix": "ix_%(column_0_N_label)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )


db = SQLAlchemy(model_class=Base)

_reading: ContextVar[bool] = ContextVar("reading", default=False)


@contextmanager
def reading() -> Iterator[None]:
    """Transactions begun inside only read: on SQLite they neither wait for a writer nor make one wait."""
    token = _reading.set(True)
    try:
        yield
    finally:
        _reading.reset(token)


def set_reading(only: bool) -> None:
    """Say for the rest of this context (a web request) whether transactions only read."""
    _reading.set(only)


def is_sqlite() -> bool:
    return db.engine.dialect.name == "sqlite"


def engine_options(url: str) -> dict[str, Any]:
    """Arguments of `create_engine` for this database."""
    if url.startswith("sqlite"):
        return {"connect_args": {"timeout": SQLITE_BUSY_TIMEOUT_MS / 1000}, "pool_size": 20, "max_overflow": 20}
    return {"pool_size": 10, "max_overflow": 20, "pool_pre_ping": True, "connect_args": {"connect_timeout": 10}}


@event.listens_for(sa.Engine, "connect")
def _on_connect(connection: Any, _record: Any) -> None:
    if isinstance(connection, sqlite3.Connection):
        # The driver must not begin transactions by itself: it begins them deferred, and a deferred transaction
        # that reads first and writes later fails at once when somebody wrote in between.
        connection.isolation_level = None
        for pragma in (
            "journal_mode=WAL",
            "synchronous=NORMAL",
            "foreign_keys=ON",
            f"busy_timeout={SQLITE_BUSY_TIMEOUT_MS}",
            "cache_size=-32000",
        ):
            connection.execute(f"PRAGMA {pragma}")


@event.listens_for(sa.Engine, "begin")
def _on_begin(connection: sa.Connection) -> None:
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql("BEGIN" if _reading.get() else "BEGIN IMMEDIATE")


def escape_like(text: str) -> str:
    r"""`text` for use inside a LIKE pattern with `escape="\"`."""
    return text.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
