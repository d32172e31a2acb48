"""The threads that send. They take claimed deliveries one after another; a turn need not wait for the slowest of them.

A thread that is still waiting for an answer when its turn ends is left to itself: it hands its outcome in late. So a receiver
that hangs costs a worker a turn, not the whole time limit of a request. Knows no database.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache

from kayse_dash.webhooks import pace
from kayse_dash.webhooks.deliveries import Owed
from kayse_dash.webhooks.sending import Outcome

log = logging.getLogger(__name__)

# The threads that wait for slow webhooks, in all. Others have threads of their own, or a few that hang would hold up everybody.
MOST_FOR_SLOW = 4 * pace.MOST_THREADS
MOST_IN_ALL = 16 * pace.MOST_THREADS

_left: Counter[int] = Counter()  # threads left to themselves, by webhook
_left_changed = threading.Condition()


@cache
def _pool() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(MOST_IN_ALL, thread_name_prefix="send")


def room(endpoint_id: int, latency_ms: float | None) -> int:
    """How many threads a webhook may have, given those that still wait for answers to earlier turns."""
    with _left_changed:
        threads = pace.threads_for(latency_ms) - _left[endpoint_id]
        if pace.is_slow(latency_ms):
            threads = min(threads, MOST_FOR_SLOW - _left.total())
        return max(0, threads)


def wait_for_left(seconds: float) -> bool:
    """Wait until no thread is left to itself; whether that is so."""
    with _left_changed:
        return _left_changed.wait_for(lambda: not _left.total(), seconds)


class Senders:
    """Some threads, and the claimed deliveries of one webhook that they send.

    Args:
        attempt: sends one delivery; called by the threads.
        late: takes an outcome after `leave`; called by the threads.
        most_unwritten: how many attempts may be under way or without a record at a time.
    """

    def __init__(
        self,
        endpoint_id: int,
        rows: Sequence[Owed],
        attempt: Callable[[Owed], Outcome],
        late: Callable[[Outcome], None],
        most_unwritten: int,
    ) -> None:
        self._endpoint_id = endpoint_id
        self._attempt = attempt
        self._late = late
        self._most_unwritten = most_unwritten
        self._waiting = deque(rows)
        self._done: list[Outcome] = []
        self._begun: dict[int, float] = {}  # when the attempts under way began, by delivery
        self._collected = 0  # by the last `collect`; written once the next one is called
        self._threads = 0
        self._enough = 1
        self._is_left = False
        self._changed = threading.Condition()
        self.error: BaseException | None = None

    @property
    def is_busy(self) -> bool:
        """Whether anything is under way, or left to begin."""
        with self._changed:
            return bool(self._threads or self._done or (self._waiting and self.error is None))

    @property
    def _is_full(self) -> bool:
        return len(self._begun) + len(self._done) + self._collected >= self._most_unwritten

    def grow(self, threads: int) -> None:
        """Have up to so many threads, while there is enough to send."""
        with self._changed:
            more = max(0, min(threads - self._threads, len(self._waiting)))
            self._threads += more
        for _ in range(more):
            _pool().submit(self._work)

    def collect(self, timeout_s: float, enough: int) -> list[Outcome]:
        """The outcomes since the last time; those have been written, then.

        Returns when there are `enough`, when nothing more may be begun before they are written, when nothing is under way any
        more, or after `timeout_s`.
        """
        with self._changed:
            self._collected, self._enough = 0, enough
            self._changed.notify_all()
            self._changed.wait_for(lambda: len(self._done) >= enough or self._is_full or not self._threads, timeout_s)
            done, self._done = self._done, []
            self._collected = len(done)
            return done

    def idle_for(self) -> float:
        """For how many seconds there has been nothing to do but wait for the oldest attempt; 0 while anything is to be begun."""
        with self._changed:
            if self._waiting or not self._begun:
                return 0.0
            return time.monotonic() - min(self._begun.values())

    def stop(self) -> list[Owed]:
        """Begin nothing more; returns what was not begun."""
        with self._changed:
            rest = list(self._waiting)
            self._waiting.clear()
            self._changed.notify_all()
            return rest

    def leave(self) -> list[float]:
        """Let the attempts under way hand in their outcomes late, and say for how long each has been under way, in seconds."""
        now = time.monotonic()
        with self._changed, _left_changed:
            self._is_left = True
            if self._begun:
                _left[self._endpoint_id] += len(self._begun)
            return [now - begun for begun in self._begun.values()]

    def _work(self) -> None:
        while (owed := self._next()) is not None:
            try:
                outcome = self._attempt(owed)
            except BaseException as error:
                self._ended(owed, None, error)
                return
            self._ended(owed, outcome, None)

    def _next(self) -> Owed | None:
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting or self.error or not self._is_full)
            if self._waiting and self.error is None:
                owed = self._waiting.popleft()
                self._begun[owed.id] = time.monotonic()
                if self._is_full:
                    self._changed.notify_all()
                return owed
            self._threads -= 1
            self._changed.notify_all()
            return None

    def _ended(self, owed: Owed, outcome: Outcome | None, error: BaseException | None) -> None:
        with self._changed:
            del self._begun[owed.id]
            if not self._is_left:
                if outcome is not None:
                    self._done.append(outcome)
                else:
                    self.error = error
                    self._threads -= 1
                # Not each time: whoever waits for fifty would be woken fifty times.
                if outcome is None or len(self._done) >= self._enough:
                    self._changed.notify_all()
                return
        self._hand_in_late(owed, outcome, error)

    def _hand_in_late(self, owed: Owed, outcome: Outcome | None, error: BaseException | None) -> None:
        try:
            if outcome is None:
                raise error or RuntimeError
            self._late(outcome)
        except Exception:
            # Its lease runs out, and then it is sent again.
            log.exception("delivery %d ended without a record", owed.id)
        finally:
            with _left_changed:
                _left[self._endpoint_id] -= 1
                if not _left[self._endpoint_id]:
                    del _left[self._endpoint_id]
                _left_changed.notify_all()
