"""Alembic's entry: migrate the database of the running application."""

import sqlalchemy as sa
from alembic import context
from flask import current_app

from kayse_dash.db import JSONText, UTCDateTime
from kayse_dash.secrets import EncryptedJSON

migrate = current_app.extensions["migrate"]


def render_item(kind, item, _context):
    """Write our column types as the plain ones they are kept in, so that old migrations do not change with our code."""
    if kind != "type":
        return False
    if isinstance(item, UTCDateTime):
        return "sa.DateTime(timezone=True)"
    if isinstance(item, JSONText | EncryptedJSON):
        return "sa.Text()"
    if isinstance(item, sa.Enum):
        return f"sa.String(length={item.length})"
    return False


with migrate.db.engine.connect() as connection:
    context.configure(
        connection=connection, target_metadata=migrate.db.metadata, render_item=render_item, **migrate.configure_args
    )
    with context.begin_transaction():
        context.run_migrations()
