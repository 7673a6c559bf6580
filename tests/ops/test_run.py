from __future__ import annotations

import contextlib
import http.client
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import psutil
import pytest
from django.core.management import CommandError, call_command
from pytest_django import Settings

from proof.site import Site, reuse_static_files

ROOT = Path(__file__).resolve().parents[2]
CRON_KILLED = re.compile(r"^cron was killed \(signal 9\) and starts again( in .+)?\.$", re.MULTILINE)
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


def start(
    data_dir: Path, port: int, output: int | IO[str] = subprocess.PIPE, **more: str
) -> subprocess.Popen[str]:
    ours = {"DJANGO_SETTINGS_MODULE": "fluxsite.settings", "DATA_DIR": str(data_dir), "PORT": str(port)}
    return subprocess.Popen(
        [sys.executable, "manage.py", "run"],
        cwd=ROOT,
        env=os.environ | UNSET | ours | more,
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


# What is refused before anything starts can be tested without a process of its own.


@pytest.fixture
def configured(folder: Path, port: int, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in UNSET:
        monkeypatch.setenv(name, "")
    settings.DATA_DIR, settings.PORT, settings.BFL_API_KEY = folder, port, ""
    settings.REDIS_SOCKET = folder / "redis" / "redis.sock"
    return settings


def test_it_refuses_when_a_port_of_the_sandbox_is_taken(configured: Settings) -> None:
    with (
        socket.create_server(("127.0.0.1", configured.PORT + 2)),
        pytest.raises(CommandError, match=f"Port {configured.PORT + 2} is taken"),
    ):
        call_command("run")


def test_it_refuses_a_data_folder_whose_socket_path_is_too_long(configured: Settings, folder: Path) -> None:
    configured.REDIS_SOCKET = folder / ("long" * 25) / "redis.sock"
    with pytest.raises(CommandError, match="Name a shorter DATA_DIR, or set REDIS_URL"):
        call_command("run")


class Run:
    """A whole site, in a data folder that is prepared already for all but the first test here."""

    def __init__(self, data_dir: Path, port: int, log: Path, **more: str) -> None:
        self.data_dir, self.port, self.log = data_dir, port, log
        with log.open("w") as output:
            self.process = start(data_dir, port, output, **more)
        self.itself = psutil.Process(self.process.pid)

    @property
    def words(self) -> str:
        return self.log.read_text()

    def wait_for(self, condition: Callable[[], object], seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None, self.words
            assert time.monotonic() < deadline, self.words
            time.sleep(0.05)

    def find(self, words: str) -> psutil.Process | None:
        """Return the process that `run` has started with these words in its command, if it runs."""
        for child in self.itself.children():
            # It may end while we look.
            with contextlib.suppress(psutil.Error):
                if words in " ".join(child.cmdline()):
                    return child
        return None

    def kill(self, words: str) -> psutil.Process:
        # What lives by Redis may just be between two lives, when Redis was killed a moment ago.
        self.wait_for(lambda: self.find(words))
        found = self.find(words)
        assert found, words
        found.kill()
        # A process that is dying still has a name: who looks for the next one at once would find this one.
        found.wait(timeout=10)
        return found

    def is_ready(self) -> bool:
        with contextlib.suppress(OSError, http.client.HTTPException):
            return get(self.port, "/readyz")[0] == 200
        return False


@pytest.fixture(scope="module")
def data_dir(site: Site) -> Iterator[Path]:
    # Collecting and compressing the static files takes longest, and the site of all tests has done it.
    with tempfile.TemporaryDirectory(prefix="run-") as name:
        reuse_static_files(site.folder, Path(name))
        yield Path(name)


@pytest.mark.processes
def test_what_ends_before_the_site_has_answered_stops_everything(
    data_dir: Path, port: int, folder: Path
) -> None:
    run = Run(data_dir, port, folder / "log", GUNICORN_CMD_ARGS="--workers none")
    assert run.process.wait(timeout=60) == 1
    assert "CommandError: web ended (exit code 2), so everything was stopped.\n" in run.words
    assert "starts again" not in run.words


@pytest.mark.processes
def test_it_starts_everything_heals_what_dies_and_leaves_nothing_behind(
    data_dir: Path, port: int, folder: Path
) -> None:
    run = Run(data_dir, port, folder / "log")
    started: set[psutil.Process] = set()
    try:
        run.wait_for(lambda: "Ctrl-C stops the site" in run.words, seconds=90)
        assert get(port, "/healthz") == (200, b"ok")
        assert run.is_ready()
        started.update(run.itself.children(recursive=True))
        assert len(started) >= 8
        assert "Traceback" not in run.words
        see_it_heal(run)
        started.update(run.itself.children(recursive=True))
        # Twice at once: the second time there is a pause, and the end comes in it.
        run.kill("rqcron")
        run.wait_for(lambda: run.find("rqcron"))
        run.kill("rqcron")
        run.wait_for(lambda: len(CRON_KILLED.findall(run.words)) == 2)
        # How long the pause is depends on how often cron had ended before.
        assert CRON_KILLED.findall(run.words)[1]
    finally:
        run.process.send_signal(signal.SIGINT)
        run.process.wait(timeout=20)
    assert run.process.returncode == 0
    assert "Traceback" not in run.words
    assert not [child for child in started if child.is_running() and child.status() != psutil.STATUS_ZOMBIE]
    assert f"fluxsite is ready at http://127.0.0.1:{port}/" in run.words
    assert "log in as demo  with the password " in run.words
    assert "Pictures come from the sandbox" in run.words


def see_it_heal(run: Run) -> None:
    # The folder goes when a new Redis may be there already: that one has to notice.
    redis, follower = run.kill("redis-server"), run.kill("rqworker-pool follow")
    run.wait_for(lambda: "redis was killed (signal 9) and starts again.\n" in run.words)
    shutil.rmtree(run.data_dir / "redis", ignore_errors=True)
    run.wait_for(lambda: run.find("rqworker-pool follow") and run.is_ready())
    assert "follower was killed (signal 9) and starts again.\n" in run.words
    assert not {redis.pid, follower.pid} & pids_of(run)
    run.wait_for(lambda: record(run.data_dir) == {run.process.pid, *pids_of(run)})


def pids_of(run: Run) -> set[int]:
    return {child.pid for child in run.itself.children()}


def record(data_dir: Path) -> set[int]:
    """Return the pids that the next `run` would read."""
    return {int(word) for word in (data_dir / "run.lock").read_text().split()}


def get(port: int, path: str) -> tuple[int, bytes]:
    client = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    client.request("GET", path)
    response = client.getresponse()
    return response.status, response.read()
