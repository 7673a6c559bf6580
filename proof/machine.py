"""One machine for many sites: while one of them counts seconds, the others begin nothing heavy."""

from __future__ import annotations

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from proof.lane import Lane


@contextlib.contextmanager
def busy(lane: Lane) -> Iterator[None]:
    """Load the machine; waits while another lane has it alone."""
    with _locked(lane, fcntl.LOCK_SH):
        yield


@contextlib.contextmanager
def alone(lane: Lane) -> Iterator[None]:
    """Have the machine without the others' crowds and starts; waits until theirs are over."""
    with _locked(lane, fcntl.LOCK_EX):
        yield


@contextlib.contextmanager
def playing(lane: Lane, scenario: str) -> Iterator[None]:
    """Play a scenario beside others; but the crowd, whose claims are counted by the second, by itself."""
    with _locked(lane, fcntl.LOCK_EX if scenario == "crowd" else fcntl.LOCK_SH, "playing"):
        yield


@contextlib.contextmanager
def _locked(lane: Lane, kind: int, name: str = "machine") -> Iterator[None]:
    # All lanes' folders lie in the proof's.
    with (Path(lane.folder).parent / name).open("w") as file:
        fcntl.flock(file, kind)
        yield
