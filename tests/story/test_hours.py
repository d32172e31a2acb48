"""The sample firm's hours."""

from __future__ import annotations

import random
from datetime import datetime, timedelta

import pytest

from kayse_dash.story import hours

MONDAY = datetime(2026, 3, 9, 12, 0, tzinfo=hours.ZONE)


@pytest.mark.parametrize(
    ("at", "is_open"),
    [
        (MONDAY.replace(hour=7, minute=59), False),
        (MONDAY.replace(hour=8), True),
        (MONDAY.replace(hour=18, minute=59), True),
        (MONDAY.replace(hour=19), False),
        (MONDAY - timedelta(days=1), False),
    ],
)
def test_the_office_is_open_on_working_days(at: datetime, is_open: bool) -> None:
    assert hours.is_open(at) is is_open


def test_what_is_to_be_done_while_it_is_open_is_done_at_once() -> None:
    assert hours.next_open(MONDAY, random.Random(1)) == MONDAY


@pytest.mark.parametrize(
    ("after", "day"),
    [
        (MONDAY.replace(hour=5), 9),  # the same morning
        (MONDAY.replace(hour=22), 10),
        (MONDAY.replace(hour=21) - timedelta(days=3), 9),  # Friday night
        (MONDAY - timedelta(days=2), 9),  # Saturday
    ],
)
def test_what_is_to_be_done_later_is_done_the_next_working_morning(after: datetime, day: int) -> None:
    at = hours.next_open(after, random.Random(1))
    assert (at.day, hours.is_open(at)) == (day, True)
    assert at.hour < 12


def test_work_lies_within_its_time_and_seldom_at_a_weekend() -> None:
    dice = random.Random(1)
    began, until = MONDAY - timedelta(days=30), MONDAY
    found = [hours.at_work(began, until, dice) for _ in range(500)]
    assert all(began <= at <= until and 8 <= at.hour < 19 for at in found)
    assert 0 < sum(at.weekday() >= 5 for at in found) < 60
