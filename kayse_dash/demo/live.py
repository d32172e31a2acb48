"""Playing live events, one every few seconds for ten minutes; the round that is played is kept in Redis."""

from __future__ import annotations

import json
import secrets
from datetime import datetime, timedelta
from typing import Any

import redis
import sqlalchemy as sa

from kayse_dash import queue
from kayse_dash.db import db
from kayse_dash.demo import members, recording
from kayse_dash.inbox.models import Inbox
from kayse_dash.story import rounds
from kayse_dash.story.cast import Cast

LIVE_KEY = "kayse:demo:live"
BEAT_KEY = "kayse:demo:beat"
ROUND_KEY = "kayse:demo:round"
LIVE_FOR = timedelta(minutes=10)
BEAT = timedelta(seconds=4)


def play() -> bool:
    """Have events played from now on; whether Redis took note."""
    try:
        return bool(queue.door().redis.set(LIVE_KEY, 1, ex=int(LIVE_FOR.total_seconds())))
    except redis.RedisError:
        return False


def stop() -> None:
    """Have no more events played.

    Raises:
        RedisError: Redis is away.
    """
    queue.door().redis.delete(LIVE_KEY, ROUND_KEY)


def is_live() -> bool:
    """Whether live events are being played."""
    try:
        return bool(queue.door().redis.exists(LIVE_KEY))
    except redis.RedisError:
        return False


def tick(now: datetime) -> None:
    """Record the next live event when it is time for one; one worker does it for all. Commits.

    Raises:
        RedisError, SQLAlchemyError: Redis or the database is away.
    """
    connection = queue.door().redis
    if not connection.exists(LIVE_KEY):
        return
    if not connection.set(BEAT_KEY, 1, nx=True, px=int(BEAT.total_seconds() * 1000)):
        return
    # Whoever removes the sample firm waits for this event, or this finds nothing to play for.
    inbox = db.session.scalar(sa.select(Inbox.id).where(members.INBOXES).limit(1).with_for_update(read=True))
    acting = members.acting()
    told = _going_on(json.loads(connection.get(ROUND_KEY) or "{}"), acting) or _new_round(acting, now)
    if inbox is None or told is None:
        db.session.rollback()
        stop()
        return
    called = {who.id: who for who in acting.clients}
    callers = [called[client_id] for client_id in told["callers"]]
    happening = rounds.tell(told["seed"], callers, acting, datetime.fromisoformat(told["began"]), BEAT)[told["step"]]
    connection.set(ROUND_KEY, json.dumps({**told, "step": told["step"] + 1}), ex=int(LIVE_FOR.total_seconds()))
    recording.tell([happening], now)


def _going_on(told: dict[str, Any], acting: Cast) -> dict[str, Any] | None:
    """The round that is being played; None where it is over, or where one of its people can be called no more."""
    able = {who.id for who in acting.clients if who.phone}
    is_on = 0 < told.get("step", 0) < rounds.STEPS and able.issuperset(told.get("callers", [None]))
    return told if is_on else None


def _new_round(acting: Cast, now: datetime) -> dict[str, Any] | None:
    seed = secrets.randbits(32)
    callers = [who.id for who in rounds.choose(seed, acting)]
    return {"seed": seed, "began": now.isoformat(), "step": 0, "callers": callers} if callers else None
