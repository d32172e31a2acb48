"""The threads that send: each delivery once, no more at a time than allowed, and a turn that can go on without the slowest."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from kayse_dash.webhooks import senders
from kayse_dash.webhooks.deliveries import Owed
from kayse_dash.webhooks.pace import SLOW_MS
from kayse_dash.webhooks.schedule import Trigger
from kayse_dash.webhooks.senders import MOST_FOR_SLOW, Senders, room

WEBHOOK = 7


class Attempts:
    """Attempts that take as long as they are told, and remember how many ran at once. An outcome is the delivery's number."""

    def __init__(self, seconds: dict[int, float] | None = None, usually: float = 0.0) -> None:
        self.seconds, self.usually = seconds or {}, usually
        self.made: list[int] = []
        self.now = self.most = 0
        self.late: list[int] = []
        self._lock = threading.Lock()

    def __call__(self, owed: Owed) -> int:
        with self._lock:
            self.made.append(owed.id)
            self.now += 1
            self.most = max(self.most, self.now)
        time.sleep(self.seconds.get(owed.id, self.usually))
        with self._lock:
            self.now -= 1
        return owed.id


def owed(count: int) -> list[Owed]:
    now = datetime.now(UTC)
    return [Owed(n, f"evt_{n}", "call_ended", now, "{}", 0, 0, Trigger.AUTOMATIC, False) for n in range(count)]


def some(attempts: Attempts, count: int, most_unwritten: int = 50) -> Senders:
    return Senders(WEBHOOK, owed(count), attempts, attempts.late.append, most_unwritten)


def finished(sending: Senders, threads: int, enough: int = 50) -> list[int]:
    """Everything it sends, collected."""
    found = []
    until = time.monotonic() + 20
    while sending.is_busy:
        assert time.monotonic() < until, "it does not end"
        sending.grow(threads)
        found += sending.collect(0.25, enough)
    return found


@pytest.fixture(autouse=True)
def _nothing_left() -> Iterator[None]:
    yield
    assert senders.wait_for_left(10)
    assert room(WEBHOOK, SLOW_MS) == 16


@pytest.mark.parametrize("threads", [1, 3, 16])
@pytest.mark.parametrize("count", [0, 1, 7, 120])
def test_each_is_sent_once(threads: int, count: int) -> None:
    attempts = Attempts(usually=0.001)
    assert sorted(finished(some(attempts, count), threads)) == list(range(count))
    assert sorted(attempts.made) == list(range(count))
    assert attempts.most <= threads


def test_one_thread_keeps_the_order() -> None:
    attempts = Attempts()
    assert finished(some(attempts, 100), 1) == list(range(100))


def test_threads_can_be_added_while_it_runs() -> None:
    attempts = Attempts(usually=0.02)
    sending = some(attempts, 60)
    sending.grow(1)
    sending.grow(1)
    found = sending.collect(1, 2)
    assert attempts.most == 1
    found += finished(sending, 8)
    assert sorted(found) == list(range(60))
    assert attempts.most == 8


def test_collecting_returns_when_there_are_enough() -> None:
    attempts = Attempts({3: 0.5})
    sending = some(attempts, 4)
    sending.grow(1)
    begun = time.monotonic()
    assert sending.collect(5, 3) == [0, 1, 2]
    assert time.monotonic() - begun < 0.4
    assert sending.collect(5, 3) == [3]  # nothing else is under way


def test_collecting_returns_after_a_while() -> None:
    sending = some(Attempts(usually=0.4), 1)
    sending.grow(1)
    begun = time.monotonic()
    assert sending.collect(0.1, 5) == []
    assert time.monotonic() - begun < 0.3
    assert sending.collect(5, 5) == [0]


@pytest.mark.parametrize("threads", [1, 16])
def test_no_more_than_so_many_are_unwritten(threads: int) -> None:
    attempts = Attempts()
    sending = some(attempts, 100, most_unwritten=20)
    sending.grow(threads)
    found = sending.collect(1, 20)
    time.sleep(0.05)
    assert len(attempts.made) <= 20  # those that were collected are not written before the next call
    while sending.is_busy:
        before = len(found)
        found += sending.collect(0.25, 20)
        assert len(attempts.made) - before <= 20 + 20
    assert sorted(found) == list(range(100))


def test_stopping_gives_back_what_was_not_begun() -> None:
    attempts = Attempts(usually=0.05)
    sending = some(attempts, 40)
    sending.grow(4)
    time.sleep(0.02)
    rest = [one.id for one in sending.stop()]
    found = finished(sending, 4)
    assert sorted(rest + found) == list(range(40))
    assert sorted(found) == sorted(attempts.made)
    assert len(found) == 4


def test_what_is_left_hands_in_late() -> None:
    attempts = Attempts({0: 0.4, 1: 0.4})
    sending = some(attempts, 6)
    sending.grow(3)
    time.sleep(0.1)
    rest = sending.stop()
    under_way = sending.leave()
    found = sending.collect(0, 0)
    assert rest == []
    assert sorted(found) == [2, 3, 4, 5]
    assert len(under_way) == 2
    assert all(0.05 < spent < 0.4 for spent in under_way)
    assert (room(WEBHOOK, SLOW_MS), room(WEBHOOK, 50.0), room(WEBHOOK, 1.0), room(WEBHOOK, None)) == (14, 14, 0, 0)
    assert (room(8, SLOW_MS), room(8, 1.0)) == (16, 1)
    assert senders.wait_for_left(5)
    assert sorted(attempts.late) == [0, 1]
    assert room(WEBHOOK, SLOW_MS) == 16


def test_leaving_when_all_has_ended_leaves_nothing() -> None:
    sending = some(Attempts(), 5)
    assert len(finished(sending, 2)) == 5
    assert sending.leave() == []


def test_slow_webhooks_share_what_room_there_is_and_others_have_their_own() -> None:
    hanging = [Senders(n, owed(16), Attempts(usually=0.6), lambda outcome: None, 50) for n in range(5)]
    for number, sending in enumerate(hanging):
        if threads := room(number, SLOW_MS):
            sending.grow(threads)
            time.sleep(0.05)
            sending.stop()
            sending.leave()
    assert MOST_FOR_SLOW == 64
    assert room(99, SLOW_MS) == 0
    assert (room(99, 50.0), room(99, 1.0), room(99, None)) == (16, 1, 1)
    attempts = Attempts()
    assert len(finished(Senders(99, owed(30), attempts, attempts.late.append, 50), 16)) == 30
    assert senders.wait_for_left(5)
    assert room(99, SLOW_MS) == 16


def test_an_attempt_that_breaks_stops_the_rest() -> None:
    attempts = Attempts()

    def breaks(one: Owed) -> int:
        if one.id == 3:
            raise ZeroDivisionError
        return attempts(one)

    sending = Senders(WEBHOOK, owed(10), breaks, attempts.late.append, 50)
    assert sorted(finished(sending, 1)) == [0, 1, 2]
    assert isinstance(sending.error, ZeroDivisionError)
    assert [one.id for one in sending.stop()] == [4, 5, 6, 7, 8, 9]


def test_what_breaks_late_is_told_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    def breaks(one: Owed) -> int:
        time.sleep(0.2)
        raise ZeroDivisionError

    def refuses(outcome: int) -> None:
        raise RuntimeError("the database is away")

    with caplog.at_level(logging.ERROR):
        for sending in (
            Senders(WEBHOOK, owed(1), breaks, print, 50),
            Senders(WEBHOOK, owed(1), Attempts(usually=0.2), refuses, 50),
        ):
            sending.grow(1)
            time.sleep(0.05)
            sending.leave()
        assert senders.wait_for_left(5)
    assert [record.message for record in caplog.records] == ["delivery 0 ended without a record"] * 2


@pytest.mark.parametrize("seed", range(6))
def test_whatever_happens_each_is_sent_given_back_or_handed_in_late(seed: int) -> None:
    chance = random.Random(seed)
    count = chance.randrange(1, 150)
    attempts = Attempts({n: chance.choice([0, 0, 0, 0.001, 0.01, 0.2]) for n in range(count)})
    sending = some(attempts, count, chance.choice([3, 20, 50]))
    found: list[int] = []
    for _ in range(chance.randrange(1, 12)):
        sending.grow(chance.randrange(1, 17))
        found += sending.collect(chance.choice([0, 0.01, 0.05]), chance.choice([1, 5, 50]))
    rest = [one.id for one in sending.stop()]
    sending.leave()
    found += sending.collect(0, 0)
    assert senders.wait_for_left(10)
    everything = Counter(found + rest + attempts.late)
    assert everything == Counter(range(count))
