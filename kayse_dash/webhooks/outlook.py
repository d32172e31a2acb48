"""Where a delivery stands and what comes next, in words and as its schedule. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from kayse_dash.webhooks.schedule import State

# While something is about to happen a page looks every two seconds; before, it wakes up a minute ahead of time, and at least
# so often, because a page that was hidden then has missed its moment.
SOON = timedelta(minutes=1)
POLL_S = 2
SLOWEST_POLL_S = 300

# By `outbound.Reason`; the whole sentence is `outbound.explain`'s.
NO_ANSWER = {
    "dns": "Name not found",
    "blocked": "Address not allowed",
    "refused": "Connection refused",
    "unreachable": "Not reachable",
    "connect_timeout": "No connection in time",
    "timeout": "No answer in time",
    "reset": "Connection broken off",
    "tls": "No secure connection",
    "protocol": "Unreadable answer",
    "token": "No access token",
}
PHASES = {
    "dns": "Looking up the name",
    "connect": "Connecting",
    "tls": "Securing the connection",
    "first_byte": "Start of the answer, since the beginning",
    "total": "In all",
}
TRIGGERS = {"automatic": "Automatic", "manual": "Retried by hand", "test": "Test"}


@dataclass(frozen=True)
class Step:
    """One attempt of the schedule that is running or ran last.

    Args:
        number: on this schedule, from 1.
        look: a state for its mark: delivered, failed, sending, pending, or later.
        at: when it was made, or is planned for; for those after the next, if that fails at once.
        wait_s: seconds between the one before and this one.
        note: what came of it.
    """

    number: int
    look: str
    at: datetime | None
    wait_s: int
    note: str = ""


def answer_words(status: int | None, error: str | None) -> str | None:
    """The answer of an attempt, short: "200", "No answer in time"; None where there was no attempt."""
    if error is not None:
        return NO_ANSWER.get(error, "Could not be sent")
    return None if status is None else str(status)


def state_words(state: State, *, tries: int, attempts: int, allowed: int, is_test: bool = False) -> str:
    """The state as a sentence's beginning: "Waiting: attempt 3 of 5".

    Args:
        tries: made on the current schedule.
        attempts: made in all.
        allowed: of one schedule.
    """
    coming = "the test" if is_test else f"attempt {tries + 1} of {max(allowed, tries + 1)}"
    made = "one attempt" if attempts == 1 else f"{attempts} attempts"
    match state:
        case State.PENDING:
            return f"Waiting: {coming}"
        case State.SENDING:
            return f"Sending: {coming}"
        case State.DELIVERED:
            return "Delivered" if attempts <= 1 else f"Delivered at attempt {attempts}"
        case State.FAILED:
            return "The test failed" if is_test else f"Failed: given up after {made}"
        case State.HELD:
            return "Held: the webhook was switched off"
    return f"Cancelled after {made}" if attempts else "Cancelled before it was sent"


def poll_seconds(state: State, due_at: datetime | None, now: datetime) -> int | None:
    """How often a page that shows a delivery looks again; None where nothing happens by itself."""
    if state is State.SENDING:
        return POLL_S
    if state is not State.PENDING or due_at is None:
        return None
    early = (due_at - now - SOON).total_seconds()
    return POLL_S if early <= POLL_S else min(int(early), SLOWEST_POLL_S)


def steps(
    state: State, due_at: datetime | None, tries: int, made: Sequence[tuple[datetime, str, bool]], waits: Sequence[int]
) -> list[Step]:
    """The schedule of a delivery, attempt by attempt.

    Args:
        tries: attempts made on this schedule.
        made: of its newest attempts, the newest first: when, how it was answered, whether it succeeded.
        waits: seconds before each attempt, as `schedule.WAITS`.
    """
    listed = []
    for number, (at, note, succeeded) in enumerate(reversed(made[:tries]), max(tries - len(made), 0) + 1):
        listed.append(Step(number, "delivered" if succeeded else "failed", at, _wait(waits, number), note))
    if state is State.SENDING:
        listed.append(Step(tries + 1, "sending", None, _wait(waits, tries + 1)))
    elif state is State.PENDING:
        listed.append(Step(tries + 1, "pending", due_at, _wait(waits, tries + 1)))
    else:
        return listed
    at = due_at
    for number in range(tries + 2, len(waits) + 1):
        at = at + timedelta(seconds=_wait(waits, number)) if at else None
        listed.append(Step(number, "later", at, _wait(waits, number)))
    return listed


def _wait(waits: Sequence[int], number: int) -> int:
    return waits[number - 1] if number <= len(waits) else 0
