"""A driver's process, from this side."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.drivers.order import Order, Report, read_report

ROOT = Path(__file__).resolve().parent.parent
OURS = Path(sys.executable)
OFFICIAL = ROOT / ".venv-official" / "bin" / "python"


class Failed(Exception):
    """A way did not come to its end; the text says why."""


class Driver:
    def __init__(
        self,
        name: str,
        order: Order,
        *,
        log: Path,
        python: Path = OURS,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._name = name
        self._log = log
        self._process = subprocess.Popen(
            [str(python), "-m", f"benchmarks.drivers.{name}", order.to_json()],
            cwd=ROOT,
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
            start_new_session=True,
        )

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if kind is not None:
            self._process.kill()
        self._process.communicate()

    def wait_until_ready(self) -> None:
        self._read_line(60)

    def work(self, seconds: float) -> Report:
        """Let it go, and return what it reports; Failed if that takes longer than `seconds`."""
        self._tell()
        return read_report(self._read_line(seconds))

    def _tell(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write("\n")
        self._process.stdin.flush()

    def _read_line(self, seconds: float) -> str:
        assert self._process.stdout is not None
        timer = threading.Timer(seconds, self._process.kill)
        timer.start()
        try:
            line = self._process.stdout.readline()
        finally:
            timer.cancel()
        if not line:
            last = self._log.read_text().strip().splitlines()[-1:] or [f"no answer within {seconds:.0f} s"]
            raise Failed(f"{self._name} ended: {last[0]}")
        return line
