"""A driver's process, from this side."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from benchmarks.drivers.order import Order, Report, read_report

ROOT = Path(__file__).resolve().parent.parent
OURS = Path(sys.executable)
OFFICIAL = ROOT / ".venv-official" / "bin" / "python"


class Failed(Exception):
    """A way did not come to its end; the text says why."""


def run(name: str, *arguments: str, environment: Mapping[str, str]) -> dict[str, Any]:
    """Run a driver to its end and return what it tells. Raises Failed."""
    result = subprocess.run(
        [sys.executable, "-m", f"benchmarks.drivers.{name}", *arguments],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise Failed((result.stderr.strip().splitlines() or ["?"])[-1])
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return told


def bare_site(folder: Path, database_url: str) -> dict[str, str]:
    """Return the environment of a site in `folder` whose pages are asked without a server."""
    own = {
        "DJANGO_SETTINGS_MODULE": "fluxsite.settings",
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "ALLOWED_HOSTS": "testserver",
    }
    return {**os.environ, **dict.fromkeys(("REDIS_URL", "DEBUG", "PUBLIC_URL", "TIME_ZONE"), ""), **own}


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
