"""A sandbox of its own for each way, with the same seed and so the same latencies."""

from __future__ import annotations

import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from benchmarks.driver import ROOT, Failed
from fluxsite.ops.processes import Processes

KEY = "key-of-the-benchmark"
START_SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Provider:
    port: int

    @property
    def host(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"http://{self.host}"

    def state(self) -> dict[str, Any]:
        response = requests.get(f"{self.url}/_sandbox/state", timeout=30)
        state: dict[str, Any] = response.json()
        return state


@contextmanager
def started(sample: Path, *, latency: str, slots: int, seed: int, log: Path) -> Iterator[Provider]:
    provider = Provider(free_port())
    options = f"--port {provider.port} --key {KEY} --credits 1000000 --seed {seed} --max-active {slots}"
    command = f"-m sandbox {options} --latency {latency} --sample {quoted(sample)}"
    processes = Processes(ROOT)
    processes.start("sandbox", f"exec {quoted(sys.executable)} {command} > {quoted(log)} 2>&1", os.environ)
    try:
        wait_until(lambda: answers(f"{provider.url}/_sandbox/state"), processes, log)
        yield provider
    finally:
        processes.stop(5)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def answers(url: str) -> bool:
    try:
        return requests.get(url, timeout=5).ok
    except requests.RequestException:
        return False


def wait_until(ready: Callable[[], bool], processes: Processes, log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if ended := processes.find_ended():
            last = log.read_text().strip().splitlines()[-1:] if log.exists() else []
            raise Failed(f"{ended[0]} ended while it started: {' '.join(last)}")
        if time.monotonic() > deadline:
            raise Failed(f"not everything had started after {START_SECONDS:.0f} s")
        time.sleep(0.05)


def quoted(path: Path | str) -> str:
    return shlex.quote(str(path))
