"""Requests that are safe to repeat: what a request with an `Idempotency-Key` was answered, kept for a day.

Source: draft-ietf-httpapi-idempotency-key-header-07, sections 2.2 (the key) and 2.3 (the fingerprint); keys are
each API key's own.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from kayse_dash.db import db, is_sqlite
from kayse_dash.errors import Conflict, InvalidInput
from kayse_dash.events.models import IdempotencyKey

HEADER = "Idempotency-Key"
LONGEST = 255
KEPT_FOR = timedelta(hours=24)
FORGOTTEN_AT_ONCE = 100

_SHAPE = re.compile(rf"[\x21-\x7e]{{1,{LONGEST}}}")


def check(text: str | None) -> str | None:
    """The key a request carries; None for none.

    Raises:
        InvalidInput: it cannot be a key.
    """
    if text is not None and not _SHAPE.fullmatch(text):
        raise InvalidInput(
            f"The header {HEADER} cannot be used.",
            {HEADER: f"This must be 1 to {LONGEST} plain letters, digits and signs, without spaces; a UUID, for instance."},
        )
    return text


def fingerprint(body: bytes) -> str:
    """What tells two request bodies apart."""
    return sha256(body).hexdigest()


def answered(key: str, api_key_id: int, body_fingerprint: str, now: datetime) -> Any | None:
    """What this key was answered the first time; None when it is new, or older than a day.

    Raises:
        Conflict: it came with another body then.
    """
    kept = db.session.get(IdempotencyKey, (key, api_key_id))
    if kept is None:
        return None
    if kept.created_at <= now - KEPT_FOR:
        db.session.delete(kept)
        db.session.flush()
        return None
    if kept.fingerprint != body_fingerprint:
        raise Conflict(f"This {HEADER} came with another body before. Nothing was recorded; use a new one for a new request.")
    return kept.response


def keep(key: str, api_key_id: int, body_fingerprint: str, response: Any, now: datetime) -> None:
    """Keep a first answer, and forget some that are older than a day.

    Raises:
        IntegrityError: the same request came at the same moment, and its other copy was faster.
    """
    forget_old(now)
    db.session.add(
        IdempotencyKey(key=key, api_key_id=api_key_id, fingerprint=body_fingerprint, response=response, created_at=now)
    )
    db.session.flush()


def forget_old(now: datetime) -> int:
    """Delete up to 100 keys that are older than a day; returns how many."""
    columns = sa.tuple_(IdempotencyKey.key, IdempotencyKey.api_key_id)
    old = sa.select(IdempotencyKey.key, IdempotencyKey.api_key_id).where(IdempotencyKey.created_at <= now - KEPT_FOR)
    old = old.order_by(IdempotencyKey.created_at).limit(FORGOTTEN_AT_ONCE)
    if not is_sqlite():
        old = old.with_for_update(skip_locked=True)
    gone = sa.delete(IdempotencyKey).where(columns.in_(old)).execution_options(synchronize_session=False)
    return db.session.execute(gone).rowcount
