"""The files of imports, in the data folder: what was uploaded, the plain copy that is read, and the dry run's small database."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Collection
from pathlib import Path
from typing import IO

from flask import current_app

from kayse_dash.clients import import_rehearsal

FORGOTTEN_AFTER_S = 86_400  # an upload that broke off
_COPY, _PART, _REHEARSAL = ".rows", ".part", ".rehearsal"


def folder() -> Path:
    """Where they lie, readable for nobody else."""
    path = current_app.extensions["kayse_settings"].data_dir / "imports"
    path.mkdir(mode=0o700, exist_ok=True)
    return path


def uploaded(import_id: int) -> Path:
    """What was uploaded, as it came."""
    return folder() / str(import_id)


def copy(import_id: int) -> Path:
    """The plain copy that steps read."""
    return folder() / f"{import_id}{_COPY}"


def part(import_id: int) -> Path:
    """The copy while this process makes it."""
    return folder() / f"{import_id}{_PART}{os.getpid()}"


def rehearsal(import_id: int) -> Path:
    return folder() / f"{import_id}{_REHEARSAL}"


def new() -> IO[bytes]:
    """A file for an upload, gone when it is closed unless `keep` was called. Beside the others, not in the folder for temporary
    files, which may be in memory and small."""
    return tempfile.NamedTemporaryFile("w+b", dir=folder(), prefix="upload-")  # mode 600


def keep(file: IO[bytes], import_id: int) -> None:
    """Keep a file of `new` as what was uploaded for this import."""
    file.flush()
    os.fsync(file.fileno())
    target = uploaded(import_id)
    target.unlink(missing_ok=True)
    os.link(file.name, target)


def discard_copy(import_id: int) -> None:
    """Remove what was made of the upload, but not the upload."""
    copy(import_id).unlink(missing_ok=True)
    for path in folder().glob(f"{import_id}{_PART}*"):
        path.unlink(missing_ok=True)
    import_rehearsal.discard(rehearsal(import_id))


def discard(import_id: int) -> None:
    """Remove everything of an import."""
    discard_copy(import_id)
    uploaded(import_id).unlink(missing_ok=True)


def discard_orphans(needed: Collection[int]) -> int:
    """Remove what belongs to none of these imports, and uploads that broke off; returns how many files."""
    removed = 0
    names = {str(import_id) for import_id in needed}
    for path in folder().iterdir():
        owner = path.name.partition(".")[0]
        forgotten = time.time() - path.stat().st_mtime > FORGOTTEN_AFTER_S
        if owner not in names and forgotten:
            path.unlink(missing_ok=True)
            removed += 1
    return removed
