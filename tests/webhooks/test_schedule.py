"""When a delivery is tried, and what one attempt's outcome means for it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kayse_dash.webhooks.schedule import WAITS, Decision, State, decide, should_switch_off, switch_off_at

NOW = datetime(2026, 3, 9, 14, 0, tzinfo=UTC)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def test_the_waits_are_those_of_the_description() -> None:
    assert [timedelta(seconds=wait) for wait in WAITS] == [
        timedelta(0),
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=24),
    ]


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
@pytest.mark.parametrize("tries", [1, 5, 6])
def test_any_2xx_is_success_at_any_attempt(status: int, tries: int) -> None:
    assert decide(status=status, tries=tries, now=NOW) == Decision(State.DELIVERED)


@pytest.mark.parametrize(
    "status",
    [
        None,  # no answer at all
        100,
        199,
        300,
        301,  # a redirect is a failure and is not followed
        302,
        307,
        400,
        401,
        404,
        429,
        499,
        500,
        503,
        599,
    ],
)
def test_everything_else_is_tried_again_then_given_up(status: int | None) -> None:
    decisions = [decide(status=status, tries=tries, now=NOW) for tries in range(1, 6)]
    assert [decision.due_at and decision.due_at - NOW for decision in decisions] == [
        timedelta(minutes=5),
        timedelta(minutes=30),
        timedelta(hours=2),
        timedelta(hours=24),
        None,
    ]
    assert [decision.state for decision in decisions] == [State.PENDING] * 4 + [State.FAILED]
    assert not any(decision.switch_off for decision in decisions)


@pytest.mark.parametrize(
    ("waits", "tries", "expected"),
    [
        ((0,), 1, Decision(State.FAILED)),  # a schedule of one attempt has no second
        ((0, 1), 1, Decision(State.PENDING, NOW + timedelta(seconds=1))),
        ((0, 1), 2, Decision(State.FAILED)),
        ((0, 1), 3, Decision(State.FAILED)),  # a schedule that was shortened while a delivery was on its way
        ((7, 0, 0), 1, Decision(State.PENDING, NOW)),
    ],
)
def test_other_schedules(waits: tuple[int, ...], tries: int, expected: Decision) -> None:
    assert decide(status=500, tries=tries, now=NOW, waits=waits) == expected


@pytest.mark.parametrize(
    ("status", "asked", "waited"),
    [
        (429, timedelta(minutes=20), timedelta(minutes=20)),  # longer than our five minutes
        (503, timedelta(minutes=20), timedelta(minutes=20)),
        (429, timedelta(seconds=1), timedelta(minutes=5)),  # shorter: never sooner than planned
        (429, timedelta(0), timedelta(minutes=5)),
        (429, timedelta(days=3), DAY),  # at most 24 h
        (503, timedelta(days=365), DAY),
        (429, None, timedelta(minutes=5)),
        (500, timedelta(minutes=20), timedelta(minutes=5)),  # only 429 and 503 say when to come back
        (404, timedelta(minutes=20), timedelta(minutes=5)),
        (301, timedelta(minutes=20), timedelta(minutes=5)),
        (None, timedelta(minutes=20), timedelta(minutes=5)),
    ],
)
def test_retry_after(status: int | None, asked: timedelta | None, waited: timedelta) -> None:
    decision = decide(status=status, tries=1, now=NOW, retry_after=asked)
    assert decision == Decision(State.PENDING, NOW + waited)


def test_retry_after_shortens_no_wait_longer_than_a_day() -> None:
    decision = decide(status=429, tries=1, now=NOW, waits=(0, 3 * 86400), retry_after=timedelta(hours=1))
    assert decision.due_at == NOW + 3 * DAY


def test_retry_after_gives_no_further_attempt() -> None:
    assert decide(status=429, tries=5, now=NOW, retry_after=timedelta(minutes=1)) == Decision(State.FAILED)


@pytest.mark.parametrize("tries", [1, 3, 5])
def test_410_ends_it_and_switches_the_webhook_off(tries: int) -> None:
    assert decide(status=410, tries=tries, now=NOW) == Decision(State.FAILED, switch_off=True)


@pytest.mark.parametrize(
    ("status", "state"),
    [(200, State.DELIVERED), (500, State.FAILED), (429, State.FAILED), (410, State.FAILED), (None, State.FAILED)],
)
def test_a_test_is_never_tried_again_and_switches_nothing_off(status: int | None, state: State) -> None:
    assert decide(status=status, tries=1, now=NOW, is_test=True, retry_after=HOUR) == Decision(state)


@pytest.mark.parametrize(
    ("failing_for", "off", "warned"),
    [
        (None, False, False),
        (timedelta(0), False, False),
        (4 * DAY - timedelta(seconds=1), False, False),
        (4 * DAY, False, True),  # the day's warning
        (5 * DAY - timedelta(seconds=1), False, True),
        (5 * DAY, True, True),
        (60 * DAY, True, True),
    ],
)
def test_five_days_of_failures(failing_for: timedelta | None, off: bool, warned: bool) -> None:
    since = None if failing_for is None else NOW - failing_for
    assert should_switch_off(since, NOW) is off
    assert switch_off_at(since, NOW) == (since + 5 * DAY if warned else None)


@pytest.mark.parametrize("state", State)
def test_final_states(state: State) -> None:
    assert state.is_final == (state in {"delivered", "failed", "cancelled"})
