"""Imports of client records: the file, how it is read, how far it is, and what it changed."""

from __future__ import annotations

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import ForeignKey, String, Text
from sqlalchemy.orm import Mapped, mapped_column

from kayse_dash.db import BigKey, JSONText, db

LONGEST_SHOWN = 160  # characters of a rejected row


class ImportState(StrEnum):
    """uploaded → checking → checked → running → finished; cancelled and failed end it early; a finished one can be undone."""

    UPLOADED = "uploaded"
    CHECKING = "checking"
    CHECKED = "checked"
    RUNNING = "running"
    FINISHED = "finished"
    CANCELLED = "cancelled"
    FAILED = "failed"
    UNDOING = "undoing"
    UNDONE = "undone"

    @property
    def is_moving(self) -> bool:
        """Whether a worker has something to do for it."""
        return self in (ImportState.CHECKING, ImportState.RUNNING, ImportState.UNDOING)


class Import(db.Model):
    """One file of client records. The file itself lies in the data folder, under the import's id."""

    __tablename__ = "imports"

    id: Mapped[int] = mapped_column(primary_key=True)
    filename: Mapped[str] = mapped_column(String(255))
    size: Mapped[int] = mapped_column(BigKey)  # bytes
    state: Mapped[ImportState]
    format: Mapped[str] = mapped_column(String(10))  # csv or xlsx
    encoding: Mapped[str | None] = mapped_column(String(40))
    delimiter: Mapped[str | None] = mapped_column(String(4))
    sheet: Mapped[str | None] = mapped_column(String(120))
    columns: Mapped[Any] = mapped_column(JSONText, default=list)  # the file's headings
    mapping: Mapped[Any] = mapped_column(JSONText, default=dict)  # heading number → field
    options: Mapped[Any] = mapped_column(JSONText, default=dict)
    total_rows: Mapped[int | None]
    row: Mapped[int] = mapped_column(default=0)  # the last row of the file that was looked at, as a spreadsheet counts
    # Bytes of the copy done, so that a crash goes on from there; while it is undone, the id of the last client looked at.
    position: Mapped[int] = mapped_column(BigKey, default=0)
    created: Mapped[int] = mapped_column(default=0)
    updated: Mapped[int] = mapped_column(default=0)
    unchanged: Mapped[int] = mapped_column(default=0)
    rejected: Mapped[int] = mapped_column(default=0)
    undo_total: Mapped[int] = mapped_column(default=0)  # clients
    undo_deleted: Mapped[int] = mapped_column(default=0)
    undo_restored: Mapped[int] = mapped_column(default=0)
    undo_skipped: Mapped[int] = mapped_column(default=0)  # changed since, or in use
    error: Mapped[str | None] = mapped_column(String(500))
    started_by: Mapped[str] = mapped_column(String(254))
    created_at: Mapped[datetime]
    stepped_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]

    @property
    def done(self) -> int:
        """Rows that were looked at."""
        return self.created + self.updated + self.unchanged + self.rejected

    @property
    def undo_done(self) -> int:
        """Clients that were looked at for undoing."""
        return self.undo_deleted + self.undo_restored + self.undo_skipped

    def begin(self) -> None:
        """Set it to the beginning of its file, with nothing counted yet."""
        self.row = self.position = self.created = self.updated = self.unchanged = self.rejected = 0

    @property
    def changes(self) -> int:
        """Rows that make or change a client."""
        return self.created + self.updated


class ImportReject(db.Model):
    """A row that was not taken, and why."""

    __tablename__ = "import_rejects"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    row: Mapped[int] = mapped_column(primary_key=True)
    reason: Mapped[str] = mapped_column(String(500))
    cells: Mapped[Any] = mapped_column(JSONText)

    @property
    def shown(self) -> str:
        """The beginning of what stands in the row."""
        text = " · ".join(" ".join(cell.split()) for cell in self.cells if cell.strip())
        return text if len(text) <= LONGEST_SHOWN else f"{text[: LONGEST_SHOWN - 1]}…"


class ImportChange(db.Model):
    """What a client was before an import changed it; for undoing. Of one that the import made itself only the version counts."""

    __tablename__ = "import_changes"

    import_id: Mapped[int] = mapped_column(ForeignKey("imports.id", ondelete="CASCADE"), primary_key=True)
    client_id: Mapped[int] = mapped_column(BigKey, primary_key=True)
    before: Mapped[str] = mapped_column(Text)  # JSON: version, update_origin and changed columns; "" where the import made it
    version: Mapped[int]  # of the client after the change; a later one means that somebody changed it since
