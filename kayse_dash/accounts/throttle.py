"""How often one may guess a password or a set-up code before having to wait.

Tries are counted in Redis, for all processes and machines together; while Redis is away, by each process for itself.
A window begins with its first try and is not made longer by further ones.
"""

from __future__ import annotations

import ipaddress
import time
from contextlib import suppress
from hashlib import sha256
from threading import Lock

import redis

from kayse_dash import queue

WINDOW_S = 15 * 60
# One person's mistakes must not shut out others: neither colleagues behind the same address, nor that person elsewhere.
TRIES_PER_PERSON_AND_ADDRESS = 10
TRIES_PER_ADDRESS = 50
SETUP_TRIES_PER_ADDRESS = 10

MOST_COUNTED_HERE = 10_000


class Tries:
    """Counts of tries by key in this process, used while Redis is away."""

    def __init__(self) -> None:
        self._counts: dict[str, tuple[int, float]] = {}
        self._lock = Lock()

    def add(self, key: str, by: int, window_s: int) -> tuple[int, int]:
        now = time.monotonic()
        with self._lock:
            count, ends = self._counts.pop(key, (0, 0.0))
            if ends <= now:
                count, ends = 0, now + window_s
            if len(self._counts) >= MOST_COUNTED_HERE:
                del self._counts[next(iter(self._counts))]
            self._counts[key] = (count + by, ends)
        return count + by, round(ends - now)

    def drop(self, key: str) -> None:
        with self._lock:
            self._counts.pop(key, None)


_here = Tries()


def count(key: str, limit: int, *, window_s: int = WINDOW_S) -> int:
    """Count one try under `key`; seconds to wait when it is beyond `limit` within the window, else 0.

    Counted before the guess is looked at, so that guesses sent all at once cannot slip through together.
    """
    tries, left = _add(key, 1, window_s)
    return max(left, 1) if tries > limit else 0


def give_back(key: str, *, window_s: int = WINDOW_S) -> None:
    """Take back one try that turned out to be right."""
    _add(key, -1, window_s)


def forget(key: str) -> None:
    """Begin anew for `key`."""
    name = _name(key)
    _here.drop(name)
    with suppress(redis.RedisError):
        queue.door().redis.delete(name)


def count_login(address: str, email: str) -> int:
    """Count a login; seconds to wait before the next one is looked at, or 0."""
    return max(
        count(_person(address, email), TRIES_PER_PERSON_AND_ADDRESS),
        count(_address("login", address), TRIES_PER_ADDRESS),
    )


def login_was_right(address: str, email: str) -> None:
    """Begin anew for this person here; others' failures from the same address stay counted."""
    forget(_person(address, email))
    give_back(_address("login", address))


def count_setup(address: str) -> int:
    """Count a set-up code; seconds to wait before the next one is looked at, or 0."""
    return count(_address("setup", address), SETUP_TRIES_PER_ADDRESS)


def setup_code_was_right(address: str) -> None:
    give_back(_address("setup", address))


def count_password_change(user_id: int) -> int:
    """Count a guess at the current password of somebody who is logged in; seconds to wait, or 0."""
    return count(f"password {user_id}", TRIES_PER_PERSON_AND_ADDRESS)


def password_was_right(user_id: int) -> None:
    forget(f"password {user_id}")


def _add(key: str, by: int, window_s: int) -> tuple[int, int]:
    name = _name(key)
    try:
        with queue.door().redis.pipeline() as pipe:
            pipe.set(name, 0, nx=True, ex=window_s)
            pipe.incrby(name, by)
            pipe.ttl(name)
            _, tries, left = pipe.execute()
        return tries, left
    except redis.RedisError:
        return _here.add(name, by, window_s)


def _person(address: str, email: str) -> str:
    return f"{_address('login', address)} {email.strip().lower()}"


def _address(purpose: str, address: str) -> str:
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return f"{purpose} {address}"
    # Whoever has one IPv6 address has at least the 2**64 of its network (RFC 6177).
    network = f"{parsed}/64" if parsed.version == 6 else str(parsed)
    return f"{purpose} {ipaddress.ip_network(network, strict=False)}"


def _name(key: str) -> str:
    return f"kayse:tries:{sha256(key.encode(errors='replace')).hexdigest()[:32]}"
