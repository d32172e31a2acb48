"""Waiting for what another thread or process does."""

from __future__ import annotations

import time
from collections.abc import Callable

import redis


def wait_until(happens: Callable[[], object], what: str, seconds: float = 10.0) -> None:
    """Wait for something that another process does.

    Raises:
        AssertionError: it did not happen in `seconds`.
    """
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        try:
            if happens():
                return
        except (redis.RedisError, OSError):
            pass
        time.sleep(0.02)
    raise AssertionError(f"{what} did not happen within {seconds:g} s")
