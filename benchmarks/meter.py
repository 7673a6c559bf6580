"""Memory and CPU time of processes and of everything that they start."""

from __future__ import annotations

import contextlib
import os
import threading
from collections import Counter
from collections.abc import Collection, Mapping
from types import TracebackType
from typing import Self

import psutil

EVERY = 0.25


class Meter:
    """Watches while it is open. A process is told by its session, which RQ's work horses share."""

    def __init__(self, groups: Mapping[str, Collection[int]]) -> None:
        """`groups` names sets of session leaders; a leader may be in several."""
        self._groups = groups
        self._leaders = {leader for leaders in groups.values() for leader in leaders}
        self._peaks: Counter[str] = Counter()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> Self:
        self._cpu_before = self._cpu_seconds()
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Before the processes end: what a dead child had used is only known to its parent.
        self.cpu_seconds = self._cpu_seconds() - self._cpu_before
        self._stopping.set()
        self._thread.join()

    def peak_megabytes(self, group: str) -> float:
        return self._peaks[group] / 1e6

    def _watch(self) -> None:
        while not self._stopping.wait(EVERY):
            self._sample()

    def _sample(self) -> None:
        used: Counter[int] = Counter()
        for leader, process in self._members():
            with contextlib.suppress(psutil.Error):
                used[leader] += _memory(process)
        for group, leaders in self._groups.items():
            self._peaks[group] = max(self._peaks[group], sum(used[leader] for leader in leaders))

    def _cpu_seconds(self) -> float:
        total = 0.0
        for _, process in self._members():
            with contextlib.suppress(psutil.Error):
                times = process.cpu_times()
                total += times.user + times.system + times.children_user + times.children_system
        return total

    def _members(self) -> list[tuple[int, psutil.Process]]:
        found = []
        for pid in psutil.pids():
            with contextlib.suppress(OSError, psutil.Error):
                if (leader := os.getsid(pid)) in self._leaders:
                    found.append((leader, psutil.Process(pid)))
        return found


def _memory(process: psutil.Process) -> int:
    """Return the process' share: pages that several use are divided among them (PSS). Linux only."""
    memory = process.memory_full_info()
    return int(getattr(memory, "pss", memory.uss))
