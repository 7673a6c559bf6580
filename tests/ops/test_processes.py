from __future__ import annotations

import os
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from fluxsite.ops import processes as module
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


def heal_until(processes: Processes, condition: Callable[[list[str]], object]) -> list[str]:
    """Heal until the condition holds for all that was said; return it."""
    said: list[str] = []

    def has_healed() -> object:
        said.extend(processes.heal())
        return condition(said)

    wait_for(has_healed)
    return said


def test_what_is_killed_starts_again_and_the_others_are_left_alone(processes: Processes) -> None:
    processes.start("killed", ["sleep", "60"], os.environ)
    processes.start("other", ["sleep", "60"], os.environ)
    killed, other = processes.pids
    os.kill(killed, signal.SIGKILL)
    said = heal_until(processes, lambda said: processes.pids[0] != killed)
    assert said == ["killed was killed (signal 9) and starts again."]
    assert processes.pids[1] == other
    assert processes.find_ended() is None


def test_nothing_is_said_of_what_runs(processes: Processes) -> None:
    processes.start("stays", ["sleep", "60"], os.environ)
    pids = processes.pids
    assert processes.heal() == []
    assert processes.pids == pids


def test_what_keeps_ending_starts_again_after_growing_pauses(processes: Processes) -> None:
    processes.start("broken", "exit 3", os.environ)
    said = heal_until(processes, lambda said: len(said) == 3)
    assert said == [
        "broken ended (exit code 3) and starts again.",
        "broken ended (exit code 3) and starts again in a second.",
        "broken ended (exit code 3) and starts again in 2 seconds.",
    ]


def test_the_pauses_grow_no_longer_than_ten_seconds(processes: Processes) -> None:
    process = module.Process("broken", "exit 3", os.environ, [], "")
    pauses = []
    for _ in range(7):
        process.put_off(process.next_pause)
        pauses.append(process.pause)
    assert pauses == [0, 1, 2, 4, 8, 10, 10]


def test_what_ran_for_long_enough_starts_again_without_a_pause(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "STEADY", 0.0)
    processes.start("steady", "exit 0", os.environ)
    said = heal_until(processes, lambda said: len(said) == 3)
    assert set(said) == {"steady ended (exit code 0) and starts again."}


def test_what_cannot_be_started_is_tried_again(processes: Processes, tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\nsleep 60\n")
    program.chmod(0o755)
    processes.start("gone", [str(program)], os.environ)
    program.rename(tmp_path / "away")
    killed = processes.pids[0]
    os.kill(killed, signal.SIGKILL)
    said = heal_until(processes, lambda said: len(said) == 2)
    assert "gone cannot be started (No such file or directory) and is tried again in a second." in said
    (tmp_path / "away").rename(program)
    heal_until(processes, lambda said: processes.find_ended() is None)
    assert processes.pids[0] != killed


def test_what_the_dead_left_in_its_group_is_asked_to_end_before_the_next_start(
    processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEFTOVERS_PATIENCE", 60.0)
    processes.start("parent", "sleep 60 & sleep 60", os.environ)
    parent = processes.pids[0]
    wait_for(lambda: len(pids_of_sessions([parent])) == 3)
    os.kill(parent, signal.SIGKILL)
    heal_until(processes, lambda said: processes.pids != [parent])
    assert pids_of_sessions([parent]) == []


# As RQ's work horse: out of the group, and aware of its worker's death.
HORSE = (
    "import os, pathlib, time\n"
    "parent = os.getpid()\n"
    "if os.fork() == 0:\n"
    "    os.setpgrp(); pathlib.Path('ready').touch()\n"
    "    while os.getppid() == parent or pathlib.Path('deaf').exists(): time.sleep(0.05)\n"
    "    time.sleep(0.2); pathlib.Path('handed over').touch(); os._exit(0)\n"
    "time.sleep(60)"
)


def test_a_work_horse_may_hand_over_before_the_next_start(processes: Processes, tmp_path: Path) -> None:
    processes.start("worker", [PYTHON, "-c", HORSE], os.environ)
    worker = processes.pids[0]
    wait_for((tmp_path / "ready").exists)
    os.kill(worker, signal.SIGKILL)
    heal_until(processes, lambda said: processes.pids != [worker])
    assert (tmp_path / "handed over").exists()


def test_a_work_horse_that_does_not_end_is_killed_before_the_next_start(
    processes: Processes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEFTOVERS_PATIENCE", 0.2)
    (tmp_path / "deaf").touch()
    processes.start("worker", [PYTHON, "-c", HORSE], os.environ)
    worker = processes.pids[0]
    wait_for((tmp_path / "ready").exists)
    os.kill(worker, signal.SIGKILL)
    heal_until(processes, lambda said: processes.pids != [worker])
    assert pids_of_sessions([worker]) == []
    assert not (tmp_path / "handed over").exists()


def test_stopping_during_a_pause_starts_nothing_more(processes: Processes, tmp_path: Path) -> None:
    processes.start("broken", "echo x >> starts; exit 3", os.environ)
    heal_until(processes, lambda said: len(said) == 2)
    processes.stop(10)
    assert pids_of_sessions(processes.pids) == []
    assert (tmp_path / "starts").read_text() == "x\nx\n"


def test_how_long_it_runs_is_none_once_it_has_ended(processes: Processes) -> None:
    processes.start("killed", ["sleep", "60"], os.environ)
    assert processes.running_seconds("killed") > 0
    processes.kill("killed")
    wait_for(processes.find_ended)
    assert processes.running_seconds("killed") == 0
