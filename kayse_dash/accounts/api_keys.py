"""Keys of the JSON API: `kd_<prefix>_<secret>`. Only the SHA-256 of a key is kept; its secret part has 256 random bits."""

from __future__ import annotations

import hmac
import re
import secrets
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256

import sqlalchemy as sa
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session

from kayse_dash.accounts import audit
from kayse_dash.accounts.models import ApiKey
from kayse_dash.db import db, reading
from kayse_dash.errors import InvalidInput, NotFound

PREFIX_LETTERS = "abcdefghijkmnpqrstuvwxyz23456789"  # without those that look alike: l and 1, o and 0
PREFIX_LENGTH = 8
USE_IS_NOTED_EVERY = timedelta(minutes=1)
LARGEST_ID = 2**31 - 1

_SHAPE = re.compile(rf"kd_([{PREFIX_LETTERS}]{{{PREFIX_LENGTH}}})_[A-Za-z0-9_-]{{32,64}}")


def create(name: str, created_by: int | None, now: datetime) -> tuple[ApiKey, str]:
    """Add a key.

    Args:
        name: what uses it, such as "Phone agents".
        created_by: the id of who made it; None for the command line.

    Returns:
        The record, and the whole key, which nobody can read again.

    Raises:
        InvalidInput: with the field `name`.
    """
    name = " ".join(name.split())
    if not name or len(name) > ApiKey.name.type.length or not name.isprintable():
        fault = f"Say in 1 to {ApiKey.name.type.length} characters which program will use the key."
        raise InvalidInput("This name cannot be used.", {"name": fault})
    prefix = "".join(secrets.choice(PREFIX_LETTERS) for _ in range(PREFIX_LENGTH))
    text = f"kd_{prefix}_{secrets.token_urlsafe(32)}"
    key = ApiKey(name=name, prefix=prefix, key_hash=_hash(text), created_at=now, created_by=created_by)
    db.session.add(key)
    db.session.flush()
    audit.note("api_key.created", f"API key {key.id}", {"name": name, "prefix": prefix}, now=now)
    return key, text


def authenticate(text: str | None, now: datetime) -> ApiKey | None:
    """The key that `text` is, or None when it is none of ours or revoked.

    Every API call begins here, so it costs one read, in a transaction of its own that is over when this returns. The
    record belongs to no session and has every column loaded. That it was used is written at most once a minute.
    """
    shape = _SHAPE.fullmatch(text or "")
    if not shape:
        return None
    with reading(), Session(db.engine) as session:
        key = session.scalar(sa.select(ApiKey).where(ApiKey.prefix == shape[1]))
    if key is None or not hmac.compare_digest(_hash(text), key.key_hash) or key.revoked_at:
        return None
    if key.last_used_at is None or now - key.last_used_at >= USE_IS_NOTED_EVERY:
        _note_use(key, now)
    return key


def revoke(key: ApiKey, now: datetime) -> None:
    """Refuse this key from now on. Revoking it again changes nothing."""
    if key.revoked_at is None:
        key.revoked_at = now
        audit.note("api_key.revoked", f"API key {key.id}", {"name": key.name, "prefix": key.prefix}, now=now)


def all_keys() -> list[ApiKey]:
    """Every key, those in use first, newest first."""
    return list(db.session.scalars(sa.select(ApiKey).order_by(ApiKey.revoked_at.is_not(None), ApiKey.id.desc())))


def get(key_id: int) -> ApiKey:
    """
    Raises:
        NotFound: no key has this id.
    """
    key = db.session.get(ApiKey, key_id) if 0 < key_id <= LARGEST_ID else None
    if key is None:
        raise NotFound("There is no such API key.")
    return key


def by_prefix(text: str) -> ApiKey:
    """The key whose prefix this is, written `k7m2qx9d`, `kd_k7m2qx9d` or as the whole key.

    Raises:
        NotFound: no key has it.
    """
    prefix = text.strip().removeprefix("kd_").partition("_")[0]
    key = db.session.scalar(sa.select(ApiKey).where(ApiKey.prefix == prefix)) if prefix.isprintable() else None
    if key is None:
        raise NotFound(f"No API key has the prefix {prefix!r}.")
    return key


def _note_use(key: ApiKey, now: datetime) -> None:
    # Where the database is busy, the call itself matters more than the time of its last use.
    with suppress(OperationalError), db.engine.begin() as connection:
        connection.execute(sa.update(ApiKey).where(ApiKey.id == key.id).values(last_used_at=now))


def _hash(text: str) -> str:
    return sha256(text.encode()).hexdigest()
