from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kayse_dash.clients.timeline import Outcome, outcome, reason_words, steps

NOON = datetime(2026, 3, 12, 12, 0, tzinfo=UTC)


def at(seconds: float | None) -> datetime | None:
    return None if seconds is None else NOON + timedelta(seconds=seconds)


def test_a_line_of_time_has_the_time_between_its_moments() -> None:
    line = steps(at(0), at(14), None, at(163))
    assert [(step.label, step.clock, step.after and step.after.total_seconds()) for step in line] == [
        ("Started", "12:00:00", None),
        ("Connected", "12:00:14", 14),
        ("Ended", "12:02:43", 149),
    ]


def test_why_a_transfer_was_given_up_stands_at_that_moment() -> None:
    line = steps(at(0), None, at(30), at(30), "no_answer")
    assert [(step.name, step.why) for step in line] == [("started", None), ("cancelled", "nobody answered"), ("ended", None)]


def test_what_was_tried_again_is_told_in_order() -> None:
    assert [step.name for step in steps(at(0), at(60), at(20), at(300), "busy")] == ["started", "cancelled", "bridged", "ended"]


def test_what_was_not_told_of_is_left_out() -> None:
    assert [step.name for step in steps(None, None, None, at(5))] == ["ended"]
    assert steps(None, None, None, None) == []


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("hangup", "the caller hung up"),
        ("busy", "the line was busy"),
        ("no_answer", "nobody answered"),
        ("No Answer", "nobody answered"),
        ("no-answer", "nobody answered"),
        ("declined", "the call was declined"),
        ("voicemail", "voicemail answered"),
        ("failed", "the connection failed"),
        ("carrier_gone", "carrier gone"),
        ("SIP 503", "SIP 503"),
        ("", None),
        (None, None),
    ],
)
def test_reasons_in_words(reason: str | None, words: str | None) -> None:
    assert reason_words(reason) == words


@pytest.mark.parametrize(
    ("started", "bridged", "cancelled", "ended", "expected"),
    [
        (0, None, None, None, Outcome.UNDER_WAY),
        (-3601, None, None, None, Outcome.UNTOLD),
        (0, 14, None, None, Outcome.TALKING),
        (0, 14, None, 200, Outcome.CONNECTED),
        (None, 14, None, 200, Outcome.CONNECTED),
        (0, None, 30, None, Outcome.NOT_CONNECTED),
        (0, None, 30, 31, Outcome.NOT_CONNECTED),
        (0, 60, 30, 200, Outcome.CONNECTED),
        (0, 30, 60, 200, Outcome.NOT_CONNECTED),
        (0, None, None, 200, Outcome.UNTOLD),
        (None, None, None, 200, Outcome.UNTOLD),
    ],
)
def test_how_a_transfer_stands(
    started: int | None, bridged: int | None, cancelled: int | None, ended: int | None, expected: Outcome
) -> None:
    assert outcome(at(started), at(bridged), at(cancelled), at(ended), NOON) is expected
