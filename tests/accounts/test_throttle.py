"""Guessing is slowed, and nobody is shut out by somebody else's guesses."""

from __future__ import annotations

import threading
import time

import pytest
import redis
from flask import Flask

from kayse_dash import queue
from kayse_dash.accounts import throttle


@pytest.fixture(params=["redis", "redis is away"])
def counted(request: pytest.FixtureRequest, app: Flask, monkeypatch: pytest.MonkeyPatch) -> Flask:
    """The application with its Redis server, and with an address where none listens."""
    monkeypatch.setattr(throttle, "_here", throttle.Tries())
    if request.param != "redis":
        monkeypatch.setattr(queue.door(), "redis", queue.connect("unix:///nonexistent/kayse.sock"))
    return app


def test_the_eleventh_failure_of_a_person_must_wait(counted: Flask) -> None:
    assert [throttle.count_login("192.0.2.1", "ada@firm.test") for _ in range(10)] == [0] * 10
    assert 890 < throttle.count_login("192.0.2.1", "Ada@firm.test ") <= 900


def test_others_there_and_the_same_person_elsewhere_are_not_shut_out(counted: Flask) -> None:
    for _ in range(20):
        throttle.count_login("192.0.2.1", "ada@firm.test")
    assert throttle.count_login("192.0.2.1", "sam@firm.test") == 0
    assert throttle.count_login("192.0.2.2", "ada@firm.test") == 0


def test_an_address_that_tries_many_people_must_wait(counted: Flask) -> None:
    waits = [throttle.count_login("192.0.2.1", f"{number}@firm.test") for number in range(throttle.TRIES_PER_ADDRESS + 1)]
    assert waits[:-1] == [0] * throttle.TRIES_PER_ADDRESS
    assert waits[-1] > 0


def test_the_addresses_of_one_ipv6_network_count_together(counted: Flask) -> None:
    waits = [throttle.count_setup(f"2001:db8:0:1::{number:x}") for number in range(11)]
    assert [wait > 0 for wait in waits] == [False] * 10 + [True]
    assert throttle.count_setup("2001:db8:0:2::1") == 0


def test_a_right_password_begins_anew_and_is_no_failure_of_the_address(counted: Flask) -> None:
    for _ in range(throttle.TRIES_PER_ADDRESS * 2):
        assert throttle.count_login("192.0.2.1", "ada@firm.test") == 0
        throttle.login_was_right("192.0.2.1", "ada@firm.test")


def test_a_right_set_up_code_is_not_counted(counted: Flask) -> None:
    for _ in range(throttle.SETUP_TRIES_PER_ADDRESS * 2):
        assert throttle.count_setup("192.0.2.1") == 0
        throttle.setup_code_was_right("192.0.2.1")


def test_the_wait_ends_and_further_tries_do_not_make_it_longer(counted: Flask) -> None:
    until = time.monotonic() + 5
    while throttle.count("door", 2, window_s=1) == 0:
        assert time.monotonic() < until
    while throttle.count("door", 2, window_s=1) > 0:
        assert time.monotonic() < until
        time.sleep(0.02)


def test_tries_sent_all_at_once_do_not_slip_through_together(counted: Flask) -> None:
    waits: list[int] = []

    def guess() -> None:
        with counted.app_context():
            waits.append(throttle.count("door", 10))

    threads = [threading.Thread(target=guess) for _ in range(30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(wait > 0 for wait in waits) == [False] * 10 + [True] * 20


@pytest.mark.parametrize("text", ["", "\0", "\ud800", "x" * 100_000])
def test_hostile_text_is_counted_like_any_other(counted: Flask, text: str) -> None:
    assert [throttle.count_login(text, text) > 0 for _ in range(11)] == [False] * 10 + [True]


def test_no_address_or_email_is_kept_in_redis(app: Flask, redis_server: redis.Redis) -> None:
    throttle.count_login("192.0.2.1", "ada@firm.test")
    names = b" ".join(redis_server.keys("*"))
    assert names.count(b"kayse:tries:") == 2
    assert b"ada" not in names
    assert b"192.0.2" not in names


def test_this_process_does_not_remember_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(throttle, "MOST_COUNTED_HERE", 100)
    tries = throttle.Tries()
    for number in range(1000):
        tries.add(str(number), 1, 900)
    assert len(tries._counts) == 100
    assert tries.add("999", 1, 900)[0] == 2
