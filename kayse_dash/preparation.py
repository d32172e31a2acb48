"""What must be true of the database before anybody serves from it: every migration applied, and a way in for the first user."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa
from alembic import command
from alembic.util import CommandError
from flask import current_app

from kayse_dash import clock, create_app
from kayse_dash.accounts.setup import ensure_first_admin
from kayse_dash.config import Settings
from kayse_dash.db import db, is_sqlite, reading
from kayse_dash.errors import ConfigError
from kayse_dash.webhooks.models import Endpoint

# Any number will do that nobody else uses on this database; these are the letters KAYSE.
POSTGRES_LOCK = 0x4B41595345


def prepare(settings: Settings) -> str | None:
    """Migrate the database and see to the first administrator. Returns the one-time code for /setup if nobody can log in yet.

    Raises:
        ConfigError: the database, or what was said of the first administrator, cannot be used.
    """
    app = create_app(settings)
    try:
        with app.app_context(), _connections_closed(), _one_at_a_time():
            command.upgrade(current_app.extensions["migrate"].migrate.get_config(), "head")
            _read_a_secret()
            return ensure_first_admin(settings, clock.now())
    except sa.exc.DBAPIError as error:
        raise ConfigError(f"DATABASE_URL: the database cannot be used: {first_line(error.orig)}") from error
    except CommandError as error:
        raise ConfigError(f"the database was last used by another version of Kayse Dash: {first_line(error)}") from error


def first_line(error: BaseException | None) -> str:
    """An error of a library as one line: some span several."""
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _read_a_secret() -> None:
    """Find out now, rather than at the first delivery, that the encryption keys are not those of this database.

    Raises:
        ConfigError: they are not.
    """
    newest = sa.select(Endpoint.auth_secret).where(Endpoint.auth_type != "none").order_by(Endpoint.id.desc()).limit(1)
    with reading():
        db.session.scalar(newest)
        db.session.rollback()


@contextmanager
def _connections_closed() -> Iterator[None]:
    """The process that prepares ends without ceremony; the database is to see its connections closed."""
    try:
        yield
    finally:
        db.session.remove()
        db.engine.dispose()


@contextmanager
def _one_at_a_time() -> Iterator[None]:
    """Keep other machines from migrating the same PostgreSQL database meanwhile; a SQLite file has the data folder's lock."""
    if is_sqlite():
        yield
        return
    with db.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(sa.select(sa.func.pg_advisory_lock(POSTGRES_LOCK)))
        yield
        connection.execute(sa.select(sa.func.pg_advisory_unlock(POSTGRES_LOCK)))
