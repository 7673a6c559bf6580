from __future__ import annotations

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from tests.sandbox.conftest import KEY, wait_for

COMMAND = [sys.executable, "-m", "sandbox"]


@contextmanager
def _running(*arguments: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """The process, and the line that it prints."""
    with subprocess.Popen(
        [*COMMAND, "--port", "0", *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            assert process.stdout
            yield process, process.stdout.readline()
        finally:
            process.kill()


def _url(line: str) -> str:
    return line.split("BFL_API_BASE=")[1].split()[0]


def test_it_prints_what_to_set() -> None:
    with _running("--clusters", "2", "--key", "hello") as (_, line):
        assert "hello" in line
        hosts = line.split("BFL_EXTRA_HOSTS=")[1].strip().split(",")
        assert len(hosts) == 3
        headers = {"x-key": "hello"}
        for host in hosts:
            assert requests.get(f"http://{host}/v1/credits", headers=headers, timeout=5).ok


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_quietly(number: signal.Signals) -> None:
    with _running() as (process, _):
        process.send_signal(number)
        _, errors = process.communicate(timeout=5)
        assert (process.returncode, errors) == (0, "")


def test_it_says_that_a_port_is_taken() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = subprocess.run([*COMMAND, "--port", port], capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr == f"Port {port} is already in use; choose another one.\n"


@pytest.mark.parametrize(
    "arguments", [["--latency", "2:1"], ["--sample", "none.jpg"], ["--speed", "0"], ["--speed", "x"]]
)
def test_it_refuses_bad_options(arguments: list[str]) -> None:
    done = subprocess.run([*COMMAND, *arguments], capture_output=True, text=True)
    assert done.returncode == 2
    assert f"argument {arguments[0]}: " in done.stderr


def test_it_serves_a_sample(tmp_path: Path) -> None:
    picture = tmp_path / "picture.jpg"
    picture.write_bytes(b"as good as a picture")
    options = ["--sample", str(picture), "--latency", "0:0.01", "--credits", "2.5"]
    with _running(*options) as (_, line):
        url = f"{_url(line)}/v1/flux-dev"
        polling_url = requests.post(url, json={}, headers=KEY, timeout=5).json()["polling_url"]
        result = wait_for(lambda: requests.get(polling_url, timeout=5).json()["result"])
        assert requests.get(result["sample"], timeout=5).content == b"as good as a picture"
        assert requests.post(url, json={}, headers=KEY, timeout=5).status_code == 402
