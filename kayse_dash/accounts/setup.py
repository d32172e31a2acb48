"""The first administrator: made from the environment, or by whoever has the one-time code."""

from __future__ import annotations

import hmac
import os
import secrets
import tempfile
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from kayse_dash.accounts import audit, users
from kayse_dash.config import Settings
from kayse_dash.db import db
from kayse_dash.errors import ConfigError, Conflict, InvalidInput

LETTERS = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without those that look alike: 0 and O, 1, I and L
FILE = "setup_code"


def setup_code(data_dir: Path) -> str:
    """The one-time code of this installation, such as `7KQ2-MX9D`; made first, in a file of mode 600, where there is none."""
    while not (code := _read(data_dir)):
        _make(data_dir)
    return code


def is_setup_code(data_dir: Path, typed: str) -> bool:
    """Whether this is the code, however its letters were typed: lower case, with or without the dash."""
    given = "".join(letter for letter in typed.upper() if letter.isalnum()).encode(errors="replace")
    kept = _read(data_dir).replace("-", "").encode()
    return bool(kept) and hmac.compare_digest(given, kept)


def forget_setup_code(data_dir: Path) -> None:
    """Delete the code: it was used, or is needed no more."""
    (data_dir / FILE).unlink(missing_ok=True)


def ensure_first_admin(settings: Settings, now: datetime) -> str | None:
    """See to it that somebody can log in: called at start, inside an application context; commits.

    With nobody there, the administrator of `KAYSE_ADMIN_EMAIL` and `KAYSE_ADMIN_PASSWORD` is made.

    Returns:
        The code to print, which the page `/setup` asks for; None when somebody has an account.

    Raises:
        ConfigError: these variables cannot be used; the message names the one.
    """
    if not users.any_user():
        if not settings.admin_email and not settings.admin_password:
            db.session.rollback()
            return setup_code(settings.data_dir)
        _make_admin(settings.admin_email, settings.admin_password, now)
    db.session.commit()
    forget_setup_code(settings.data_dir)
    return None


def _read(data_dir: Path) -> str:
    try:
        return (data_dir / FILE).read_text().strip()
    except FileNotFoundError:
        return ""


def _make(data_dir: Path) -> None:
    code = "".join(secrets.choice(LETTERS) for _ in range(8))
    # Linked into place when it is written, for another process may be reading at this moment; the first one wins.
    handle, draft = tempfile.mkstemp(dir=data_dir, prefix=f"{FILE}.")
    try:
        with open(handle, "w") as file:
            file.write(f"{code[:4]}-{code[4:]}\n")
        with suppress(FileExistsError):
            os.link(draft, data_dir / FILE)
    finally:
        os.unlink(draft)


def _make_admin(email: str | None, password: str | None, now: datetime) -> None:
    if not email or not password:
        missing = "KAYSE_ADMIN_PASSWORD" if email else "KAYSE_ADMIN_EMAIL"
        raise ConfigError(f"{missing} is missing: to make the first administrator, both it and the other one must be set.")
    try:
        users.create_first(email, "", password, now, actor=audit.ITSELF)
    except InvalidInput as error:
        field, fault = next(iter(error.fields.items()))
        raise ConfigError(f"KAYSE_ADMIN_{field.upper()}: {fault}") from error
    except Conflict:  # another machine, started at the same moment, was first
        db.session.rollback()
