from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fluxsite.ops.processes import Processes, pids_of_sessions

PYTHON = sys.executable


@pytest.fixture
def processes(tmp_path: Path) -> Iterator[Processes]:
    group = Processes(tmp_path)
    yield group
    group.stop(0)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_line_has_the_name_of_its_command(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    processes = Processes(tmp_path)
    processes.start("talker", "echo one; echo two >&2", os.environ)
    wait_for(processes.find_ended)
    processes.stop(1)
    assert [line.split(" ", 1)[1] for line in capsys.readouterr().out.splitlines()] == [
        "talker   | one",
        "talker   | two",
    ]


def test_it_notices_which_command_ended(processes: Processes) -> None:
    processes.start("stays", ["sleep", "60"], os.environ)
    assert processes.find_ended() is None
    processes.start("goes", "exit 3", os.environ)
    wait_for(processes.find_ended)
    assert processes.find_ended() == ("goes", 3)


def test_stopping_asks_first(processes: Processes, tmp_path: Path) -> None:
    code = (
        "import pathlib, signal, sys, time\n"
        "def end(*_): pathlib.Path('ended').touch(); sys.exit()\n"
        "signal.signal(signal.SIGTERM, end); pathlib.Path('ready').touch(); time.sleep(60)"
    )
    processes.start("polite", [PYTHON, "-c", code], os.environ)
    wait_for((tmp_path / "ready").exists)
    processes.stop(10)
    assert (tmp_path / "ended").exists()


def test_what_does_not_listen_is_killed_together_with_what_left_its_group(
    processes: Processes, tmp_path: Path
) -> None:
    # As RQ's work horse does, and its worker where it waits for the horse.
    code = (
        "import os, pathlib, signal, time\n"
        "signal.signal(signal.SIGTERM, signal.SIG_IGN)\n"
        "if os.fork() == 0: os.setpgrp(); pathlib.Path('ready').touch()\n"
        "time.sleep(60)"
    )
    processes.start("stubborn", [PYTHON, "-c", code], os.environ)
    wait_for((tmp_path / "ready").exists)
    sessions = processes.pids
    assert len(pids_of_sessions(sessions)) == 2
    processes.stop(0.2)
    wait_for(lambda: not pids_of_sessions(sessions))


def test_what_a_dead_command_left_is_asked_as_well(processes: Processes, tmp_path: Path) -> None:
    processes.start("parent", "sleep 60 & exit 1", os.environ)
    wait_for(processes.find_ended)
    assert len(pids_of_sessions(processes.pids)) == 1
    began = time.monotonic()
    processes.stop(30)
    assert time.monotonic() - began < 5
    assert pids_of_sessions(processes.pids) == []


def test_an_urgent_stop_does_not_wait(processes: Processes, tmp_path: Path) -> None:
    processes.start("stubborn", "trap '' TERM; touch ready; while :; do sleep 0.1; done", os.environ)
    wait_for((tmp_path / "ready").exists)
    began = time.monotonic()
    processes.stop(30, is_urgent=lambda: True)
    assert time.monotonic() - began < 5
