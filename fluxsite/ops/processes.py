"""Run several commands as one: a name before each line of their output, and one end for all.

honcho reads the Procfile and prints the lines. Its Manager is not used: a Ctrl-C before its children have
reported ends it and leaves them running, and it waits for as long as an RQ job runs on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import IO

from honcho.colour import get_colours
from honcho.printer import Message, Printer


class Processes:
    """Commands that are started one by one and stopped together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._running: dict[str, subprocess.Popen[bytes]] = {}
        self._readers: list[threading.Thread] = []
        self._colours = get_colours()
        self._printer = Printer(sys.stdout, width=len("follower"))

    @property
    def pids(self) -> list[int]:
        return [process.pid for process in self._running.values()]

    def start(
        self,
        name: str,
        command: str | Sequence[str],
        environment: Mapping[str, str],
        *,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Start a command (a string is given to the shell), with the file descriptors `keep_open`."""
        # Its own session, so that the terminal's Ctrl-C comes to us alone and the order of the end is ours,
        # and so that what a command leaves behind can still be told from other processes.
        process = subprocess.Popen(  # noqa: S603 -- the commands are the Procfile's and ours
            command,
            shell=isinstance(command, str),
            cwd=self._folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=keep_open,
        )
        self._running[name] = process
        assert process.stdout is not None  # noqa: S101 -- for the type checker
        reader = threading.Thread(
            target=self._relay, args=(name, next(self._colours), process.stdout), daemon=True
        )
        reader.start()
        self._readers.append(reader)

    def find_ended(self) -> tuple[str, int] | None:
        """Return the name and exit code of a command that has ended, if one has."""
        for name, process in self._running.items():
            if (code := process.poll()) is not None:
                return name, code
        return None

    def stop(self, patience: float, *, is_urgent: Callable[[], bool] = lambda: False) -> None:
        """Ask all to end; after `patience` seconds, or as soon as it is urgent, kill what is left."""
        # The command alone is asked, not its children: a worker of RQ's pool that is told twice at the same
        # moment, by us and by the pool, can miss both (another of its threads takes the signals, while the
        # main one waits on at its socket; seen in 3 of 8 tries).
        for process in self._running.values():
            process.terminate()
        _signal(signal.SIGTERM, pids_of_sessions(self._ended()))
        sessions = set(self.pids)
        deadline = time.monotonic() + patience
        while self._ended() != sessions or pids_of_sessions(sessions):
            if time.monotonic() > deadline or is_urgent():
                break
            time.sleep(0.05)
        # RQ's work horses leave their worker's process group, but not its session.
        _signal(signal.SIGKILL, pids_of_sessions(sessions))
        for process in self._running.values():
            process.wait()
        for reader in self._readers:
            reader.join(timeout=1)

    def _ended(self) -> set[int]:
        return {process.pid for process in self._running.values() if process.poll() is not None}

    def _relay(self, name: str, colour: str, output: IO[bytes]) -> None:
        for line in output:
            message = Message(type="line", data=line, time=datetime.now(), name=name, colour=colour)
            # Read on when nobody listens any more, or the command would stand still at a full pipe.
            with contextlib.suppress(OSError):
                self._printer.write(message)


def _signal(number: signal.Signals, pids: list[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)


def pids_of_sessions(sessions: Collection[int]) -> list[int]:
    found = []
    for pid in running_pids():
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(pid) in sessions:
                found.append(pid)
    return found


def running_pids() -> Iterator[int]:
    """Go through this machine's processes, without those that have ended and only wait to be noticed."""
    if Path("/proc/self/stat").exists():
        yield from _running_pids_of_linux()
        return
    listing = subprocess.run(["ps", "-A", "-o", "pid=,stat="], capture_output=True, text=True, check=True)  # noqa: S607
    for line in listing.stdout.splitlines():
        pid, state = line.split()
        if not state.startswith("Z"):
            yield int(pid)


def _running_pids_of_linux() -> Iterator[int]:
    # Not `ps`: the smallest Debian images have none.
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # "pid (name) state …", and a name may hold spaces and brackets itself.
            if (folder / "stat").read_text().rpartition(") ")[2][0] != "Z":
                yield int(folder.name)
