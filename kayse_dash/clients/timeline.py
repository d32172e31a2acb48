"""A live call transfer in words: how it stands, and its line of time from the start to the end. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

PATIENCE = timedelta(hours=1)  # a transfer that was only started says by then how it went

REASONS = {
    "hangup": "the caller hung up",
    "caller_hangup": "the caller hung up",
    "client_hangup": "the caller hung up",
    "busy": "the line was busy",
    "no_answer": "nobody answered",
    "timeout": "nobody answered",
    "declined": "the call was declined",
    "rejected": "the call was declined",
    "voicemail": "voicemail answered",
    "machine": "voicemail answered",
    "failed": "the connection failed",
    "error": "the connection failed",
    "agent_cancelled": "the agent took it back",
}


class Outcome(StrEnum):
    """How a transfer stands."""

    UNDER_WAY = "under_way"
    TALKING = "talking"
    CONNECTED = "connected"
    NOT_CONNECTED = "not_connected"
    UNTOLD = "untold"


@dataclass(frozen=True)
class Step:
    """One moment of a transfer.

    Args:
        name: `started`, `bridged`, `cancelled` or `ended`.
        after: the time since the moment before it; None for the first.
        why: for a cancellation, in words.
    """

    name: str
    label: str
    at: datetime
    after: timedelta | None = None
    why: str | None = None

    @property
    def clock(self) -> str:
        """The time of day in UTC: "14:03:22"."""
        return f"{self.at.astimezone(UTC):%H:%M:%S}"


LABELS = {"started": "Started", "bridged": "Connected", "cancelled": "Not connected", "ended": "Ended"}


def reason_words(reason: str | None) -> str | None:
    """Why a transfer was given up: "nobody answered" for `no_answer`; another sender's words as they are."""
    if not reason:
        return None
    plain = reason.strip().lower().replace("-", "_").replace(" ", "_")
    return REASONS.get(plain) or reason.replace("_", " ")


def steps(
    started: datetime | None,
    bridged: datetime | None,
    cancelled: datetime | None,
    ended: datetime | None,
    reason: str | None = None,
) -> list[Step]:
    """The line of time: what was told of, in the order in which it happened."""
    told = {"started": started, "bridged": bridged, "cancelled": cancelled, "ended": ended}
    # Sorting keeps the usual order of what happened at the same time.
    moments = sorted(((at, name) for name, at in told.items() if at), key=lambda moment: moment[0])
    line: list[Step] = []
    for at, name in moments:
        why = reason_words(reason) if name == "cancelled" else None
        line.append(Step(name, LABELS[name], at, at - line[-1].at if line else None, why))
    return line


def outcome(
    started: datetime | None, bridged: datetime | None, cancelled: datetime | None, ended: datetime | None, now: datetime
) -> Outcome:
    """How a transfer stands at `now`. One that was given up and then tried again stands as the later of the two."""
    if bridged and (cancelled is None or bridged >= cancelled):
        return Outcome.CONNECTED if ended else Outcome.TALKING
    if cancelled:
        return Outcome.NOT_CONNECTED
    if started and not ended and now - started < PATIENCE:
        return Outcome.UNDER_WAY
    return Outcome.UNTOLD
