"""Run several commands as one: a name before each line of their output, a new start for what dies, and one
end for all.

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
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import IO

from honcho.colour import get_colours
from honcho.printer import Message, Printer

# All times in seconds. What ran for this long was not broken, and starts again at once.
STEADY = 10.0
LONGEST_PAUSE = 10.0
# For what a dead command left behind to end by itself. The follower's work horse notices, and first writes
# down what BFL has taken.
LEFTOVERS_PATIENCE = 5.0


@dataclass(slots=True)
class Process:
    """A command that can be started again."""

    name: str
    command: str | Sequence[str]
    environment: Mapping[str, str]
    keep_open: Sequence[int]
    colour: str
    child: subprocess.Popen[bytes] = field(init=False)
    reader: threading.Thread = field(init=False)
    started_at: float = field(init=False)
    ended_at: float | None = None
    pause: float = 0.0
    next_pause: float = 0.0

    def note_end(self) -> str | None:
        """Choose the pause before the next start; return a sentence, or None if there is no new end."""
        if self.ended_at is not None or (code := self.child.poll()) is None:
            return None
        self.ended_at = time.monotonic()
        _ask_group(self.child.pid)
        is_steady = self.ended_at - self.started_at >= STEADY
        self.put_off(0.0 if is_steady else self.next_pause)
        how = f"was killed (signal {-code})" if code < 0 else f"ended (exit code {code})"
        return f"{self.name} {how} and starts again{_after(self.pause)}."

    def put_off(self, pause: float) -> None:
        self.pause = pause
        self.next_pause = min(pause * 2 or 1.0, LONGEST_PAUSE)

    def is_due(self) -> bool:
        """Whether it has ended and may start; what its last life left behind is killed once time is up."""
        if self.ended_at is None:
            return False
        age = time.monotonic() - self.ended_at
        # Workers of a dead pool would work beside the new ones, and a dead gunicorn's hold the port.
        left = pids_of_sessions([self.child.pid])
        if age > LEFTOVERS_PATIENCE:
            _signal(signal.SIGKILL, left)
        return not left and age >= self.pause


class Processes:
    """Commands that are started one by one, healed, and stopped together."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: dict[str, Process] = {}
        self._colours = get_colours()
        self._printer = Printer(sys.stdout, width=len("follower"))

    @property
    def pids(self) -> list[int]:
        return [process.child.pid for process in self._processes.values()]

    def start(
        self,
        name: str,
        command: str | Sequence[str],
        environment: Mapping[str, str],
        *,
        keep_open: Sequence[int] = (),
    ) -> None:
        """Start a command (a string is given to the shell), with the file descriptors `keep_open`."""
        process = Process(name, command, environment, keep_open, next(self._colours))
        self._launch(process)
        self._processes[name] = process

    def find_ended(self) -> tuple[str, int] | None:
        """Return the name and exit code of a command that has ended, if one has."""
        for name, process in self._processes.items():
            if (code := process.child.poll()) is not None:
                return name, code
        return None

    def heal(self) -> list[str]:
        """Start again what has ended and is due; return what there is to say about it. Never waits."""
        said = [process.note_end() for process in self._processes.values()]
        said += [self._start_again(process) for process in self._processes.values() if process.is_due()]
        return [sentence for sentence in said if sentence]

    def running_seconds(self, name: str) -> float:
        """Return for how long a command has been running: none when it has ended."""
        process = self._processes[name]
        return 0.0 if process.child.poll() is not None else time.monotonic() - process.started_at

    def kill(self, name: str) -> None:
        self._processes[name].child.kill()

    def stop(self, patience: float, *, is_urgent: Callable[[], bool] = lambda: False) -> None:
        """Ask all to end; after `patience` seconds, or as soon as it is urgent, kill what is left."""
        # The command alone is asked, not its children: a worker of RQ's pool that is told twice at the same
        # moment, by us and by the pool, can miss both (another of its threads takes the signals, while the
        # main one waits on at its socket; seen in 3 of 8 tries).
        for pid in self._ended():
            _ask_group(pid)
        for process in self._processes.values():
            process.child.terminate()
        sessions = set(self.pids)
        deadline = time.monotonic() + patience
        while self._ended() != sessions or pids_of_sessions(sessions):
            if time.monotonic() > deadline or is_urgent():
                break
            time.sleep(0.05)
        # RQ's work horses leave their worker's process group, but not its session.
        _signal(signal.SIGKILL, pids_of_sessions(sessions))
        for process in self._processes.values():
            process.child.wait()
            process.reader.join(timeout=1)

    def _start_again(self, process: Process) -> str | None:
        try:
            self._launch(process)
        except OSError as error:
            process.ended_at = time.monotonic()
            process.put_off(process.next_pause)
            reason = error.strerror or error
            return f"{process.name} cannot be started ({reason}) and is tried again{_after(process.pause)}."
        return None

    def _launch(self, process: Process) -> None:
        # Its own session, so that the terminal's Ctrl-C comes to us alone and the order of the end is ours,
        # and so that what a command leaves behind can still be told from other processes.
        process.child = subprocess.Popen(  # noqa: S603 -- the commands are the Procfile's and ours
            process.command,
            shell=isinstance(process.command, str),
            cwd=self._folder,
            env=process.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
            pass_fds=process.keep_open,
        )
        process.started_at, process.ended_at = time.monotonic(), None
        process.reader = threading.Thread(
            target=self._relay, args=(process.name, process.colour, process.child.stdout), daemon=True
        )
        process.reader.start()

    def _ended(self) -> set[int]:
        return {process.child.pid for process in self._processes.values() if process.child.poll() is not None}

    def _relay(self, name: str, colour: str, output: IO[bytes]) -> None:
        for line in output:
            message = Message(type="line", data=line, time=datetime.now(), name=name, colour=colour)
            # Read on when nobody listens any more, or the command would stand still at a full pipe.
            with contextlib.suppress(OSError):
                self._printer.write(message)


def _after(pause: float) -> str:
    return f" in {pause:.0f} seconds" if pause > 1 else " in a second" if pause else ""


def _ask_group(pid: int) -> None:
    """Ask what a dead command left in its group to end. RQ's work horses leave it and see for themselves."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(pid, signal.SIGTERM)


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
