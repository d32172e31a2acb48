"""The migrations make the schema that the models describe, on both databases."""

from __future__ import annotations

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from flask import Flask

from kayse_dash import clock
from kayse_dash.clients.models import Campaign
from kayse_dash.db import db
from tests.conftest import on_both_databases


@on_both_databases
def test_the_migrated_database_is_what_the_models_say(app: Flask) -> None:
    with db.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": False})
        assert compare_metadata(context, db.metadata) == []


def test_an_id_of_a_deleted_record_is_not_given_out_again(app: Flask) -> None:
    """Events remember campaigns and clients by number; a new one must not inherit an old one's events."""
    first = Campaign(name="Old", created_at=clock.now())
    db.session.add(first)
    db.session.commit()
    number = first.id
    db.session.delete(first)
    db.session.add(second := Campaign(name="New", created_at=clock.now()))
    db.session.commit()
    assert second.id > number
