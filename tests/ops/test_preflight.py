from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.core.management import CommandError

from fluxsite.ops import preflight


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        yield server.getsockname()[1]


def test_a_free_port_passes(taken_port: int) -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        free = server.getsockname()[1]
    preflight.check_port("127.0.0.1", free)


def test_a_taken_port_is_refused_with_another_to_choose(taken_port: int) -> None:
    with pytest.raises(CommandError) as refusal:
        preflight.check_port("127.0.0.1", taken_port)
    assert str(refusal.value) == (
        f"Port {taken_port} is taken by another program. Stop it, or choose another: make run PORT=8100."
    )


def test_a_port_beyond_the_last_is_refused() -> None:
    with pytest.raises(CommandError, match="There is no port 65537: the last one is 65535"):
        preflight.check_port("127.0.0.1", 65537)


@pytest.mark.parametrize("host", ["192.0.2.1", "no such host"])
def test_a_host_that_is_not_this_machine_is_refused(host: str) -> None:
    with pytest.raises(CommandError, match=f"HOST is not an address of this machine: {host}"):
        preflight.check_port(host, 8000)


def test_a_host_may_be_an_ipv6_address_in_brackets() -> None:
    with pytest.raises(CommandError, match=r"2001:db8::1\]$"):
        preflight.check_port("[2001:db8::1]", 8000)


def test_the_data_folder_is_made(tmp_path: Path) -> None:
    preflight.check_data_dir(tmp_path / "a" / "b")
    assert list((tmp_path / "a" / "b").iterdir()) == []


def test_a_data_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(CommandError, match=r"DATA_DIR cannot be used: .*name another folder"):
        preflight.check_data_dir(tmp_path / "file" / "data")


def test_a_second_run_on_the_same_folder_is_refused_with_the_way_to_stop_the_first(tmp_path: Path) -> None:
    with preflight.claim(tmp_path) as claim:
        preflight.record(claim, os.getpid(), [])
        with pytest.raises(CommandError, match=f"Stop it first: kill {os.getpid()}$"):
            preflight.claim(tmp_path)


def test_what_a_killed_run_left_behind_is_refused_with_the_way_to_stop_it(tmp_path: Path) -> None:
    claim = preflight.claim(tmp_path)
    code = "import sys; sys.stdin.read()"
    left = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        start_new_session=True,
        pass_fds=[claim.fileno()],
    )
    with claim:
        preflight.record(claim, 0, [left.pid])
    with pytest.raises(CommandError, match=f"Stop them first: kill {left.pid}$"):
        preflight.claim(tmp_path)
    left.communicate()
    preflight.claim(tmp_path).close()
