"""The one clock of a sandbox: what time it is, and how anything waits."""

from __future__ import annotations

import threading
import time


class Clock:
    def __init__(self) -> None:
        self._ahead = 0.0
        self._is_stopped = False
        self._changed = threading.Condition()

    def __call__(self) -> float:
        """Seconds since 1970: the machine's time, and all that was advanced."""
        return time.time() + self._ahead

    def advance(self, seconds: float) -> None:
        if not 0 <= seconds < float("inf"):
            raise ValueError("The clock goes forward only.")
        with self._changed:
            self._ahead += seconds
            self._changed.notify_all()

    def wait_until(self, when: float) -> None:
        """Sleep until the clock says so, or the sandbox has stopped.

        Not for a number of seconds: a jump just before the call would be slept through.
        """
        with self._changed:
            while not self._is_stopped and (left := when - self()) > 0:
                self._changed.wait(left)

    def stop(self) -> None:
        """End all waiting for good."""
        with self._changed:
            self._is_stopped = True
            self._changed.notify_all()
