"""When a delivery is tried, and what one attempt's outcome means for it. Pure: values in, a decision out."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

# Seconds before each attempt, counted from the end of the one before (the first: from the event).
# The page's table, the settings' default and the engine all read this one list.
WAITS: tuple[int, ...] = (0, 5 * 60, 30 * 60, 2 * 3600, 24 * 3600)

LONGEST_RETRY_AFTER = timedelta(hours=24)
GIVE_UP_ON_WEBHOOK_AFTER = timedelta(days=5)
WARN_BEFORE_GIVING_UP = timedelta(days=1)


class State(StrEnum):
    """Where a delivery stands."""

    PENDING = "pending"
    SENDING = "sending"
    DELIVERED = "delivered"
    FAILED = "failed"
    HELD = "held"
    CANCELLED = "cancelled"

    @property
    def is_final(self) -> bool:
        """Nothing more happens to it by itself."""
        return self in (State.DELIVERED, State.FAILED, State.CANCELLED)


class Trigger(StrEnum):
    """Why an attempt is made."""

    AUTOMATIC = "automatic"
    MANUAL = "manual"
    TEST = "test"


@dataclass(frozen=True)
class Decision:
    """What follows from an attempt: the delivery's next state, and when it is due again if it is."""

    state: State
    due_at: datetime | None = None
    switch_off: bool = False


def decide(
    *,
    status: int | None,
    tries: int,
    now: datetime,
    waits: tuple[int, ...] = WAITS,
    retry_after: timedelta | None = None,
    is_test: bool = False,
) -> Decision:
    """Decide what follows from one attempt.

    Args:
        status: the answer's HTTP status; None when there was no answer.
        tries: attempts made on the current schedule, this one included.
        now: when the attempt ended.
        waits: seconds before each attempt, as `WAITS`.
        retry_after: what the answer's `Retry-After` asked for (RFC 9110 section 10.2.3); honoured on 429 and 503, only to
            make a wait longer, and at most `LONGEST_RETRY_AFTER`.
        is_test: a test send is never tried again and never switches a webhook off.

    Source: docs/decisions.md, 4, 5 and 8.
    """
    if status is not None and 200 <= status < 300:
        return Decision(State.DELIVERED)
    if is_test:
        return Decision(State.FAILED)
    switch_off = status == 410
    if switch_off or tries >= len(waits):
        return Decision(State.FAILED, switch_off=switch_off)
    wait = timedelta(seconds=waits[tries])
    if retry_after is not None and status in (429, 503):
        wait = max(wait, min(retry_after, LONGEST_RETRY_AFTER))
    return Decision(State.PENDING, due_at=now + wait)


def should_switch_off(failing_since: datetime | None, now: datetime) -> bool:
    """Whether a webhook that has only failed since `failing_since` is to be switched off."""
    return failing_since is not None and now - failing_since >= GIVE_UP_ON_WEBHOOK_AFTER


def switch_off_at(failing_since: datetime | None, now: datetime) -> datetime | None:
    """When a failing webhook will be switched off; None until a day before."""
    if failing_since is None:
        return None
    at = failing_since + GIVE_UP_ON_WEBHOOK_AFTER
    return at if now >= at - WARN_BEFORE_GIVING_UP else None
