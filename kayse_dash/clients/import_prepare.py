"""Making the plain copy of an upload, beside the queues: a large workbook takes minutes, and deliveries must not wait for it."""

from __future__ import annotations

import errno
import logging
import os
import threading
import time
from collections.abc import Callable
from datetime import datetime

import sqlalchemy as sa
from flask import Flask, current_app
from sqlalchemy.exc import InterfaceError, OperationalError

from kayse_dash import clock, queue
from kayse_dash.clients import import_files
from kayse_dash.clients.import_models import Import, ImportState
from kayse_dash.db import db, reading
from kayse_dash.tables import formats
from kayse_dash.tables.faults import Unreadable
from kayse_dash.tables.formats import Layout

log = logging.getLogger(__name__)

BEAT_S = 2.0
NO_ROOM = "There is not enough room on the disk of this machine. Ask whoever looks after it, then check the file again."
NOT_READ = "The file could not be read from the disk of this machine. Upload it again."
FAULT = "Something went wrong on our side. It was written to the log. What was imported until then stays, and can be undone."
NO_ROWS = "There are headings in this file, but no rows under them."

_under_way: set[int] = set()
_missed: set[int] = set()  # told of once; the sweep asks every second
_one_at_a_time = threading.Lock()


class _Stopped(Exception):
    """Somebody stopped it, or the process has something else to do."""


def begin(import_id: int) -> None:
    """Prepare an import on a thread of its own, which wakes a worker when it is done. Dies with the process; begun anew then."""
    app = current_app._get_current_object()  # type: ignore[attr-defined]
    with _one_at_a_time:
        if import_id in _under_way:
            return
        _under_way.add(import_id)
    threading.Thread(target=_on_thread, args=(app, import_id), name=f"import-{import_id}", daemon=True).start()


def _on_thread(app: Flask, import_id: int) -> None:
    with app.app_context():
        try:
            if prepare(import_id):
                queue.put_now(queue.IMPORT, import_id, lane=queue.BULK)
        except (OperationalError, InterfaceError) as error:
            log.warning("import %d waits for the database: %s", import_id, type(error).__name__)
        except Exception:
            log.exception("import %d could not be prepared", import_id)
            give_up(import_id, FAULT, clock.now())
        finally:
            _under_way.discard(import_id)


def prepare(import_id: int, now: Callable[[], datetime] = clock.now) -> bool:
    """Copy what was uploaded and count its rows; whether rows can be read now. What is wrong with the file is noted."""
    with reading():
        layout, headings = _how(db.session.get_one(Import, import_id))
        db.session.rollback()
    source, part = import_files.uploaded(import_id), import_files.part(import_id)
    if not source.exists():
        if import_id not in _missed:
            log.warning("import %d: its file is not on this machine", import_id)
            _missed.add(import_id)
        return False
    try:
        copied = formats.copy(source, layout, part, _heart(import_id, now))
        if copied.total <= headings:
            raise Unreadable(NO_ROWS if headings else formats.EMPTY)
    except _Stopped:
        part.unlink(missing_ok=True)
        return False
    except Unreadable as error:
        give_up(import_id, str(error), now())
        return False
    except OSError as error:
        log.warning("import %d could not be copied: %s", import_id, error)
        give_up(import_id, NO_ROOM if error.errno in (errno.ENOSPC, errno.EDQUOT) else NOT_READ, now())
        return False
    import_ = db.session.get(Import, import_id, with_for_update=True, populate_existing=True)
    is_wanted = import_ is not None and import_.state.is_moving and _how(import_) == (layout, headings)
    if import_ is not None and is_wanted:
        os.replace(part, import_files.copy(import_id))
        import_.encoding, import_.total_rows = copied.layout.encoding, copied.total - headings
        import_.stepped_at = now()
    else:
        part.unlink(missing_ok=True)
    db.session.commit()
    return is_wanted


def give_up(import_id: int, words: str, now: datetime) -> None:
    """Note that an import cannot go on: a dry run can be begun again, and of an import what was done stays."""
    db.session.rollback()
    import_ = db.session.get(Import, import_id, with_for_update=True, populate_existing=True)
    if import_ is not None and import_.state.is_moving:
        if import_.state is ImportState.CHECKING:
            import_.state = ImportState.UPLOADED
            import_files.discard_copy(import_id)
        else:
            import_.state, import_.finished_at = ImportState.FAILED, now
        import_.error, import_.stepped_at = words, now
    db.session.commit()


def _how(import_: Import) -> tuple[Layout, int]:
    """How its file is read, and how many rows are headings."""
    return layout_of(import_), int(bool(import_.options.get("headings", True)))


def layout_of(import_: Import) -> Layout:
    """How the file of an import is read."""
    return Layout(import_.format, import_.encoding, import_.delimiter, import_.sheet)


def _heart(import_id: int, now: Callable[[], datetime]) -> Callable[[], None]:
    last = time.monotonic()

    def tick() -> None:
        nonlocal last
        if time.monotonic() - last >= BEAT_S:
            last = time.monotonic()
            moving = Import.state.in_([ImportState.CHECKING, ImportState.RUNNING])
            beat = sa.update(Import).where(Import.id == import_id, moving).values(stepped_at=now())
            beaten = db.session.execute(beat.execution_options(synchronize_session=False))
            db.session.commit()
            if not beaten.rowcount:
                raise _Stopped

    return tick
