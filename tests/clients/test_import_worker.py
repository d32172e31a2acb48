"""Real workers: one is killed in the middle of an import, another goes on."""

from __future__ import annotations

import subprocess
from collections.abc import Callable

import sqlalchemy as sa
from flask import Flask

from kayse_dash import clock
from kayse_dash.clients import import_files, imports
from kayse_dash.clients.import_choices import Choices
from kayse_dash.clients.import_models import Import, ImportState
from kayse_dash.clients.models import Client, Detail
from kayse_dash.db import db
from tests.clients.imports_of import STAFF, counts, csv_bytes, how_many, person, reload, upload
from tests.conftest import on_both_databases, wait_until

ROWS = 8_000
StartWorker = Callable[..., subprocess.Popen[str]]


def state_of(import_id: int) -> tuple[ImportState, int]:
    db.session.rollback()
    found = db.session.execute(sa.select(Import.state, Import.created, Import.updated).where(Import.id == import_id)).one()
    db.session.rollback()
    return found.state, found.created + found.updated


@on_both_databases
def test_an_import_goes_on_after_kill_9_with_no_row_twice_and_none_missing(app: Flask, start_worker: StartWorker) -> None:
    rows = [person(n % (ROWS - 500)) for n in range(ROWS)]  # the last 500 are in the file already
    import_id = upload(csv_bytes(*rows)).id
    import_ = imports.get(import_id)
    imports.check(import_, {int(place): target for place, target in import_.mapping.items()}, Choices(), clock.now())
    db.session.commit()
    worker = start_worker()
    wait_until(lambda: state_of(import_id)[0] is ImportState.CHECKED, "the dry run", 40)
    promised = counts(reload(import_))
    imports.start(imports.get(import_id), STAFF, clock.now())
    db.session.commit()
    wait_until(lambda: state_of(import_id)[1] > 0, "the first step", 20)
    worker.kill()
    worker.wait()
    state, done = state_of(import_id)
    assert state is ImportState.RUNNING
    assert 0 < done < ROWS - 500
    # What the dead worker was told to do is lost with it; the clock of the next one finds the import.
    import_ = imports.get(import_id)
    import_.stepped_at = clock.now() - imports.STALLED_AFTER
    db.session.commit()
    start_worker()
    wait_until(lambda: state_of(import_id)[0] is ImportState.FINISHED, "the rest", 40)
    assert counts(reload(import_)) == promised == (ROWS - 500, 0, 500, 0)
    assert how_many(Client) == ROWS - 500
    assert db.session.scalar(sa.select(sa.func.count(sa.distinct(Client.external_source_id)))) == ROWS - 500
    assert how_many(Detail) == 3 * (ROWS - 500)
    wait_until(lambda: not list(import_files.folder().iterdir()), "the files to go")
