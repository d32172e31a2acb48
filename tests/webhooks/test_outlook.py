"""Where a delivery stands, in words and as its schedule."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from kayse_dash import outbound
from kayse_dash.webhooks import outlook
from kayse_dash.webhooks.outlook import Step
from kayse_dash.webhooks.schedule import WAITS, State

NOW = datetime(2026, 3, 12, 14, 3, 22, tzinfo=UTC)


@pytest.mark.parametrize(
    ("state", "tries", "attempts", "words"),
    [
        (State.PENDING, 0, 0, "Waiting: attempt 1 of 5"),
        (State.PENDING, 2, 2, "Waiting: attempt 3 of 5"),
        (State.PENDING, 0, 5, "Waiting: attempt 1 of 5"),
        (State.PENDING, 5, 5, "Waiting: attempt 6 of 6"),
        (State.SENDING, 2, 2, "Sending: attempt 3 of 5"),
        (State.DELIVERED, 1, 1, "Delivered"),
        (State.DELIVERED, 3, 3, "Delivered at attempt 3"),
        (State.FAILED, 5, 5, "Failed: given up after 5 attempts"),
        (State.FAILED, 1, 1, "Failed: given up after one attempt"),
        (State.HELD, 0, 0, "Held: the webhook was switched off"),
        (State.CANCELLED, 0, 0, "Cancelled before it was sent"),
        (State.CANCELLED, 2, 2, "Cancelled after 2 attempts"),
    ],
)
def test_every_state_has_words(state, tries, attempts, words):
    assert outlook.state_words(state, tries=tries, attempts=attempts, allowed=5) == words


@pytest.mark.parametrize(
    ("state", "words"),
    [(State.PENDING, "Waiting: the test"), (State.SENDING, "Sending: the test"), (State.FAILED, "The test failed")],
)
def test_a_test_is_sent_once(state, words):
    assert outlook.state_words(state, tries=0, attempts=0, allowed=1, is_test=True) == words


def test_every_reason_has_short_words():
    assert set(outlook.NO_ANSWER) == {str(reason) for reason in outbound.Reason}
    assert all(2 <= len(words.split()) <= 4 for words in outlook.NO_ANSWER.values())


def test_an_answer_is_its_code_or_why_there_was_none():
    assert outlook.answer_words(503, None) == "503"
    assert outlook.answer_words(None, "timeout") == "No answer in time"
    assert outlook.answer_words(None, "something new") == "Could not be sent"
    assert outlook.answer_words(None, None) is None


@pytest.mark.parametrize("state", [State.DELIVERED, State.FAILED, State.CANCELLED, State.HELD])
def test_nothing_is_polled_when_nothing_happens_by_itself(state):
    assert outlook.poll_seconds(state, None, NOW) is None


@pytest.mark.parametrize(
    ("wait_s", "poll_s"), [(-60, 2), (0, 2), (59, 2), (62, 2), (70, 10), (250, 190), (3600, 300), (86400, 300)]
)
def test_what_waits_is_looked_at_every_two_seconds_from_a_minute_before(wait_s, poll_s):
    assert outlook.poll_seconds(State.PENDING, NOW + timedelta(seconds=wait_s), NOW) == poll_s


def test_what_is_being_sent_is_looked_at_every_two_seconds():
    assert outlook.poll_seconds(State.SENDING, None, NOW) == 2


def test_a_waiting_delivery_shows_what_was_made_what_is_next_and_what_follows():
    first, second = NOW - timedelta(minutes=6), NOW - timedelta(minutes=1)
    due = NOW + timedelta(minutes=29)
    made = [(second, "500", False), (first, "No answer in time", False)]
    assert outlook.steps(State.PENDING, due, 2, made, WAITS) == [
        Step(1, "failed", first, 0, "No answer in time"),
        Step(2, "failed", second, 300, "500"),
        Step(3, "pending", due, 1800),
        Step(4, "later", due + timedelta(hours=2), 7200),
        Step(5, "later", due + timedelta(hours=26), 86400),
    ]


def test_what_is_being_sent_says_so_and_what_follows_has_no_time_yet():
    steps = outlook.steps(State.SENDING, None, 0, [], (0, 300))
    assert [(step.look, step.at) for step in steps] == [("sending", None), ("later", None)]


def test_a_final_delivery_shows_only_what_was_made():
    steps = outlook.steps(State.DELIVERED, None, 2, [(NOW, "200", True), (NOW, "500", False)], WAITS)
    assert [(step.number, step.look, step.note) for step in steps] == [(1, "failed", "500"), (2, "delivered", "200")]


def test_attempts_of_an_earlier_schedule_are_left_out():
    made = [(NOW, "200", True), *[(NOW, "500", False)] * 5]
    assert [step.number for step in outlook.steps(State.DELIVERED, None, 1, made, WAITS)] == [1]
    assert outlook.steps(State.DELIVERED, None, 0, made, WAITS) == []


def test_attempts_that_are_not_at_hand_keep_their_numbers():
    assert [step.number for step in outlook.steps(State.FAILED, None, 5, [(NOW, "500", False)] * 2, WAITS)] == [4, 5]


def test_a_schedule_that_was_shortened_meanwhile_goes_to_the_next_attempt_only():
    steps = outlook.steps(State.PENDING, NOW, 4, [(NOW, "500", False)] * 4, (0, 60))
    assert [step.look for step in steps] == ["failed"] * 4 + ["pending"]
