"""When the sample firm's office is open, and when people write to it at home. Pure."""

from __future__ import annotations

import random
from datetime import datetime, timedelta, timezone

ZONE = timezone(timedelta(hours=-5))  # the east coast, in winter
_OPENS, _CLOSES = 8, 19
_WORKING = {8: 2, 9: 5, 10: 7, 11: 7, 12: 3, 13: 5, 14: 7, 15: 6, 16: 5, 17: 3, 18: 1}  # hour: weight
_AT_HOME = {7: 1, 8: 2, 9: 2, 10: 2, 12: 3, 13: 2, 16: 2, 17: 3, 18: 4, 19: 6, 20: 6, 21: 4, 22: 2}
_WEEKDAYS = (10, 10, 9, 9, 8, 2, 1)  # from Monday on


def is_open(at: datetime) -> bool:
    """Whether somebody of the firm is at their desk."""
    local = at.astimezone(ZONE)
    return local.weekday() < 5 and _OPENS <= local.hour < _CLOSES


def at_work(began: datetime, until: datetime, dice: random.Random) -> datetime:
    """A moment at which the firm calls people: seldom at a weekend, mostly in mid-morning and afternoon.

    Args:
        began, until: it lies between these, which are weeks apart.
    """
    days = _days(began, until)
    while True:
        [day] = dice.choices(days, [_WEEKDAYS[one.weekday()] for one in days])
        at = _hour(day, _WORKING, dice)
        if began <= at <= until:
            return at


def at_home(day: datetime, dice: random.Random) -> datetime:
    """A moment of this day at which people see to their own affairs."""
    return _hour(day, _AT_HOME, dice)


def next_open(after: datetime, dice: random.Random) -> datetime:
    """That moment where the office is open then, else one soon after it opens the next time."""
    if is_open(after):
        return after
    local = after.astimezone(ZONE)
    opens = local.replace(hour=_OPENS, minute=0, second=0, microsecond=0)
    if local >= opens:
        opens += timedelta(days=1)
    while opens.weekday() >= 5:
        opens += timedelta(days=1)
    return opens + timedelta(seconds=dice.randrange(300, 12_600))


def _days(began: datetime, until: datetime) -> list[datetime]:
    first, last = (at.astimezone(ZONE).replace(hour=0, minute=0, second=0, microsecond=0) for at in (began, until))
    return [first + timedelta(days=number) for number in range((last - first).days + 1)]


def _hour(day: datetime, weights: dict[int, int], dice: random.Random) -> datetime:
    [hour] = dice.choices(list(weights), list(weights.values()))
    return day.astimezone(ZONE).replace(hour=hour, minute=dice.randrange(60), second=dice.randrange(60), microsecond=0)
