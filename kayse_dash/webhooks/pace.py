"""How fast one webhook is served: threads and lane follow the time it took to answer. Pure."""

from __future__ import annotations

from math import ceil

# Threads cost a third of the throughput against an instant receiver and multiply it against one that takes its time
# (measured; README, "The engine"), so their number follows the latency.
INSTANT_MS = 5.0
MS_PER_THREAD = 2.0
MOST_THREADS = 16

SLOW_MS = 1000.0
WEIGHT_OF_NEWEST = 0.2


def smoothed(latency_ms: float | None, newest_ms: float) -> float:
    """The moving average after one more answer; the first answer stands for itself."""
    return newest_ms if latency_ms is None else latency_ms + WEIGHT_OF_NEWEST * (newest_ms - latency_ms)


def threads_for(latency_ms: float | None) -> int:
    """How many requests to one webhook may run at once: 1 when it is instant or unknown, up to 16."""
    if latency_ms is None or latency_ms < INSTANT_MS:
        return 1
    return min(MOST_THREADS, max(2, ceil(latency_ms / MS_PER_THREAD)))


def is_slow(latency_ms: float | None) -> bool:
    """Whether the webhook belongs in the slow lane, away from those that answer at once."""
    return latency_ms is not None and latency_ms >= SLOW_MS
