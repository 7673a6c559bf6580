"""What nobody can beat: the same tasks in the same order, each started the moment that a place is free."""

from __future__ import annotations

import heapq
from collections.abc import Sequence


def ideal_makespan(latencies: Sequence[float], slots: int) -> float:
    """Return the seconds until the last task is Ready, were nothing lost between one task and the next."""
    free_at = [0.0] * slots
    for latency in latencies:
        heapq.heapreplace(free_at, free_at[0] + latency)
    return max(free_at)


def empty_seconds(accepted: Sequence[float], ready: Sequence[float], slots: int) -> list[float]:
    """Return how long a place stood empty before each task that had to wait for one."""
    return [begun - ended for begun, ended in zip(sorted(accepted)[slots:], sorted(ready), strict=False)]
