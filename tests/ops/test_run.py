from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
# Empty rather than absent, so that no .env fills them in.
UNSET = dict.fromkeys(("ALLOWED_HOSTS", "BFL_API_KEY", "DATABASE_URL", "HOST", "PUBLIC_URL", "REDIS_URL"), "")


@pytest.fixture
def folder() -> Iterator[Path]:
    # Not tmp_path: with the test's name in it, it is too long for a socket.
    with tempfile.TemporaryDirectory(prefix="run-") as name:
        yield Path(name)


@pytest.fixture
def port() -> int:
    """A port that is free together with the three after it, which the sandbox takes."""
    for first in range(20000 + os.getpid() % 10000, 60000, 4):
        if all(is_free(first + step) for step in range(4)):
            return first
    raise AssertionError("no free ports")


def is_free(port: int) -> bool:
    with socket.socket() as probe:
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def start(data_dir: Path, port: int, output: int | IO[str] = subprocess.PIPE) -> subprocess.Popen[str]:
    ours = {"DJANGO_SETTINGS_MODULE": "fluxsite.settings", "DATA_DIR": str(data_dir), "PORT": str(port)}
    return subprocess.Popen(
        [sys.executable, "manage.py", "run"],
        cwd=ROOT,
        env=os.environ | UNSET | ours,
        stdout=output,
        stderr=subprocess.STDOUT,
        text=True,
    )


def refusal(data_dir: Path, port: int) -> str:
    process = start(data_dir, port)
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    return output


def test_it_refuses_a_taken_port_in_one_sentence(folder: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port)):
        assert refusal(folder, port) == (
            f"CommandError: Port {port} is taken by another program. "
            "Stop it, or choose another: make run PORT=8100.\n"
        )


def test_it_refuses_when_a_port_of_the_sandbox_is_taken(folder: Path, port: int) -> None:
    with socket.create_server(("127.0.0.1", port + 2)):
        assert f"Port {port + 2} is taken" in refusal(folder, port)


def test_it_refuses_a_data_folder_whose_socket_path_is_too_long(folder: Path, port: int) -> None:
    assert "Name a shorter DATA_DIR, or set REDIS_URL" in refusal(folder / ("long" * 25), port)


@pytest.mark.processes
def test_it_starts_everything_and_leaves_nothing_behind(folder: Path, port: int) -> None:
    log = (folder / "log").open("w+")
    process = start(folder / "data", port, log)
    try:
        wait_for_announcement(process, folder / "log")
        assert get(port, "/healthz") == (200, b"ok")
        assert get(port, "/readyz")[0] == 200
        started = psutil.Process(process.pid).children(recursive=True)
        assert len(started) >= 8
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=20)
    assert process.returncode == 0
    assert not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    words = (folder / "log").read_text()
    assert f"fluxsite is ready at http://127.0.0.1:{port}/" in words
    assert "log in as demo  with the password " in words
    assert "Pictures come from the sandbox" in words
    assert "Traceback" not in words


def wait_for_announcement(process: subprocess.Popen[str], log: Path) -> None:
    deadline = time.monotonic() + 90
    while "Ctrl-C stops the site" not in log.read_text():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def get(port: int, path: str) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request("GET", path)
    response = client.getresponse()
    return response.status, response.read()
