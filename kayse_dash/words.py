"""How values read on a page: times, numbers, states. Pure functions, registered as Jinja filters."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from flask import Flask

from kayse_dash import clock

NOTHING = "–"
LONGEST_JSON = 10_000_000

STATES = {
    # deliveries
    "pending": "Waiting",
    "sending": "Sending",
    "delivered": "Delivered",
    "failed": "Failed",
    "held": "Held",
    "cancelled": "Cancelled",
    # webhooks
    "on": "On",
    "off": "Off",
    "failing": "Failing",
    # what runs for a while
    "queued": "Queued",
    "running": "Running",
    "finished": "Finished",
    # lookups
    "found": "Found",
    "nothing": "Nothing found",
    "skipped": "Skipped",
    # live call transfers
    "under_way": "Being put through",
    "talking": "Talking",
    "connected": "Connected",
    "not_connected": "Not connected",
    "untold": "Not reported",
}


def ago(moment: datetime | None, now: datetime) -> str:
    """How far `moment` is from `now`: "4 min ago", "in 2 h 10 min", "yesterday", and beyond that the date.

    Times to come are rounded to the nearest minute, so that a retry planned for five minutes reads "in 5 min" at once;
    times past are rounded down. `static/app.js` keeps the same rules for pages that stay open.
    """
    if moment is None:
        return NOTHING
    past = (now - moment).total_seconds()
    if past < 0:
        minutes = int(-past + 30) // 60
        if minutes == 0:
            return "in a moment"
        return f"in {_hours_and_minutes(minutes)}" if minutes <= 48 * 60 else date(moment)
    if past < 60:
        return "just now"
    if past < 3600:
        return f"{int(past // 60)} min ago"
    if past < 86400:
        return f"{int(past // 3600)} h ago"
    if moment.astimezone(UTC).date() == now.astimezone(UTC).date() - timedelta(days=1):
        return "yesterday"
    return date(moment)


def _hours_and_minutes(minutes: int) -> str:
    hours, rest = divmod(minutes, 60)
    return " ".join([f"{hours} h"] * (hours > 0) + [f"{rest} min"] * (rest > 0))


def date(moment: datetime | None) -> str:
    """The day in UTC: "12 Mar 2026"."""
    if moment is None:
        return NOTHING
    moment = moment.astimezone(UTC)
    return f"{moment.day} {_MONTHS[moment.month - 1]} {moment.year}"


def exact(moment: datetime | None) -> str:
    """The second in UTC: "12 Mar 2026, 14:03:22 UTC"."""
    return NOTHING if moment is None else f"{date(moment)}, {moment.astimezone(UTC):%H:%M:%S} UTC"


_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def number(value: int | None) -> str:
    """A count with thousands set apart: "12,345"."""
    return NOTHING if value is None else f"{value:,}"


def capped(value: int | None, cap: int = 10_000) -> str:
    """A count that was not counted beyond `cap`: "10,000+" for anything above it."""
    return number(value) if value is None or value <= cap else f"{cap:,}+"


def filesize(size: int | None) -> str:
    """A number of bytes: "812 B", "1.2 KB", "64 KB" (1 KB = 1,024 bytes)."""
    if size is None:
        return NOTHING
    if size < 1024:
        return f"{size} B"
    value, unit = size / 1024, "KB"
    for larger in ("MB", "GB"):
        if value < 1023.95:
            break
        value, unit = value / 1024, larger
    return f"{value:.1f}".removesuffix(".0") + f" {unit}"


def duration_ms(milliseconds: float | None) -> str:
    """A measured time: "240 ms", "1.2 s", "2 min 5 s"."""
    if milliseconds is None:
        return NOTHING
    if milliseconds < 1:
        return "under 1 ms"
    if milliseconds < 999.5:
        return f"{milliseconds:.0f} ms"
    seconds = milliseconds / 1000
    if seconds < 59.95:
        return f"{seconds:.1f}".removesuffix(".0") + " s"
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s" if rest else f"{minutes} min"


def wait(seconds: int) -> str:
    """A planned wait in whole words: "Right away", "5 minutes", "24 hours"."""
    if seconds <= 0:
        return "Right away"
    hours, rest = divmod(seconds, 3600)
    minutes, rest = divmod(rest, 60)
    parts = [(hours, "hour"), (minutes, "minute"), (rest, "second")]
    return " ".join(plural(count, unit) for count, unit in parts if count)


def plural(count: int, one: str, many: str | None = None) -> str:
    """A count with its noun: "1 delivery", "12,345 deliveries"; `many` defaults to `one` with an s."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def state_words(state: str) -> str:
    """The word people read for a state of a delivery, a webhook or a lookup."""
    return STATES.get(str(state), str(state).replace("_", " ").capitalize())


def pretty_json(value: Any) -> str:
    """`value` as indented JSON. Text that is no JSON comes back as it is; nothing that was stored makes a page fail.

    So does text that would grow more than tenfold: a stranger can nest lists so that a few kilobytes become many megabytes.
    """
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    most = 10 * len(value) + 1000 if isinstance(value, str) else LONGEST_JSON
    try:
        text = _indented(json.loads(value) if isinstance(value, str) else value, most)
    except (ValueError, TypeError, RecursionError):
        text = value if isinstance(value, str) else "This value cannot be shown."
    # A lone surrogate is legal in JSON and cannot be sent as UTF-8.
    return text.encode("utf-8", "replace").decode("utf-8")


def _indented(value: Any, most: int) -> str:
    pieces, length = [], 0
    for piece in json.JSONEncoder(indent=2, ensure_ascii=False, default=str).iterencode(value):
        pieces.append(piece)
        length += len(piece)
        if length > most:
            raise ValueError
    return "".join(pieces)


def _by_the_clock(words: Callable[[datetime | None, datetime], str]) -> Callable[[datetime | None], str]:
    return lambda moment: words(moment, clock.now())


def share(part: int, whole: int) -> str:
    """A part of a whole in per cent, rounded down so that 100 % means all of it; a dash where there is no whole."""
    return f"{part * 1000 // whole / 10:g} %" if whole else NOTHING


def header_lines(headers: Iterable[tuple[str, str]] | None) -> str:
    """HTTP headers as lines of text, as they travel."""
    return "\n".join(f"{name}: {value}" for name, value in headers or ())


def init_app(app: Flask) -> None:
    """Register the filters; those that depend on the time of day read it from the clock."""
    app.jinja_env.filters["ago"] = _by_the_clock(ago)
    plain = (date, exact, number, capped, filesize, duration_ms, wait, plural, state_words, pretty_json, share, header_lines)
    for words in plain:
        app.jinja_env.filters[words.__name__] = words
    app.jinja_env.filters["iso"] = clock.iso
