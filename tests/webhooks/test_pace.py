"""How fast one webhook is served."""

from __future__ import annotations

import pytest

from kayse_dash.webhooks import pace


@pytest.mark.parametrize(
    ("latency_ms", "threads"),
    [
        (None, 1),  # not known yet
        (0.0, 1),
        (4.99, 1),
        (5.0, 3),
        (6.1, 4),
        (20.0, 10),
        (31.9, 16),
        (50.0, 16),
        (30_000.0, 16),
    ],
)
def test_threads_follow_the_latency(latency_ms: float | None, threads: int) -> None:
    assert pace.threads_for(latency_ms) == threads


@pytest.mark.parametrize(("latency_ms", "slow"), [(None, False), (0.0, False), (999.9, False), (1000.0, True), (15_000.0, True)])
def test_who_belongs_in_the_slow_lane(latency_ms: float | None, slow: bool) -> None:
    assert pace.is_slow(latency_ms) is slow


def test_the_first_answer_stands_for_itself() -> None:
    assert pace.smoothed(None, 40.0) == 40.0


def test_one_hang_marks_an_instant_webhook_slow() -> None:
    assert pace.is_slow(pace.smoothed(3.0, 15_000.0))


def test_one_odd_answer_of_half_a_second_does_not() -> None:
    assert not pace.is_slow(pace.smoothed(3.0, 500.0))


def test_a_webhook_that_recovered_leaves_the_slow_lane_within_fifteen_answers() -> None:
    latency = 15_000.0
    for _ in range(15):
        latency = pace.smoothed(latency, 20.0)
    assert not pace.is_slow(latency)
