"""What the pages say of where an import stands."""

from __future__ import annotations

from dataclasses import dataclass

from kayse_dash.clients import import_run
from kayse_dash.clients.import_models import Import, ImportState
from kayse_dash.words import plural

# The part of the page that is due in each state: the name of its template.
PARTS = {
    ImportState.UPLOADED: "columns",
    ImportState.CHECKING: "moving",
    ImportState.CHECKED: "checked",
    ImportState.RUNNING: "moving",
    ImportState.FINISHED: "report",
    ImportState.CANCELLED: "report",
    ImportState.FAILED: "report",
    ImportState.UNDOING: "moving",
    ImportState.UNDONE: "undone",
}

# A badge's look and its words.
BADGES = {
    ImportState.UPLOADED: ("pending", "Columns to choose"),
    ImportState.CHECKING: ("running", "Being checked"),
    ImportState.CHECKED: ("pending", "Checked, not imported"),
    ImportState.RUNNING: ("running", "Being imported"),
    ImportState.FINISHED: ("finished", "Imported"),
    ImportState.CANCELLED: ("cancelled", "Stopped"),
    ImportState.FAILED: ("failed", "Could not go on"),
    ImportState.UNDOING: ("running", "Being undone"),
    ImportState.UNDONE: ("cancelled", "Undone"),
}


@dataclass(frozen=True)
class Moving:
    """What a worker does for an import.

    Args:
        total: 0 while it is not known.
        stop: what the button that stops it says; "" for none.
        counts: whether rows are counted.
    """

    title: str
    label: str
    done: int
    total: int
    words: str
    stop: str = ""
    counts: bool = True


def moving(import_: Import) -> Moving | None:
    """What a worker does for an import; None for nothing."""
    total = import_.total_rows or 0
    match import_.state:
        case ImportState.CHECKING:
            words = "Every row is read and compared with your clients. Nothing is changed yet."
            return Moving("Checking the file", "Rows checked", import_.done, total, words, "Stop checking")
        case ImportState.RUNNING:
            words = "It goes on by itself, also after a restart."
            return Moving("Importing", "Rows imported", import_.done, total, words, "Stop the import")
        case ImportState.UNDOING:
            words = "What this import made and added is taken away."
            return Moving("Undoing the import", "Clients", import_.undo_done, import_.undo_total, words, counts=False)
    return None


def download(import_: Import) -> str:
    """What the button says by which its rejected rows are downloaded."""
    most = import_run.MOST_REJECTS_SHOWN
    is_dry = import_.state in (ImportState.CHECKING, ImportState.CHECKED)
    return f"Download the first {most:,} as CSV" if is_dry and import_.rejected > most else "Download all as CSV"


def undo(import_: Import) -> str:
    """What undoing an import would do."""
    return (
        f"What it made is deleted ({plural(import_.created, 'client')}), and what it added to others is taken away. "
        "Clients who were changed since, or of whom an event came in, stay as they are."
    )
