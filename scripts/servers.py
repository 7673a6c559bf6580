"""A PostgreSQL and a Redis that keep nothing, for tests and proof."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import quote

import psycopg
import redis

START_SECONDS = 30


class Missing(Exception):
    pass


@contextlib.contextmanager
def servers() -> Iterator[dict[str, str]]:
    """Start a PostgreSQL and a Redis that keep nothing, and give the variables that name them."""
    programs = postgres_programs()
    redis_program = shutil.which("redis-server") or shutil.which("valkey-server")
    if not redis_program:
        raise Missing("no redis-server was found (apt install redis-server)")
    with temporary_folder() as folder:
        socket = folder / "redis.sock"
        redis_command = [redis_program, "--port", "0", "--unixsocket", str(socket), "--save", ""]
        with (
            postgres(programs, folder) as database_url,
            server([*redis_command, "--dir", str(folder)], ready=lambda: redis_answers(socket)),
        ):
            yield {"DATABASE_URL": database_url, "REDIS_URL": f"unix://{socket}"}


@contextlib.contextmanager
def postgres_alone() -> Iterator[str]:
    """Start a PostgreSQL that keeps nothing, and give the address of its first database."""
    programs = postgres_programs()
    with temporary_folder() as folder, postgres(programs, folder) as url:
        yield url


def postgres_programs() -> Path:
    """Return the folder that holds initdb and postgres, the newest where there are several."""
    # Debian keeps them off PATH, because several versions may stand side by side.
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda f: float(f.parent.name))
    if on_path := shutil.which("postgres"):
        folders.append(Path(on_path).resolve().parent)
    for folder in reversed(folders):
        if (folder / "initdb").exists() and (folder / "postgres").exists():
            return folder
    raise Missing("no PostgreSQL server was found (apt install postgresql)")


@contextlib.contextmanager
def temporary_folder() -> Iterator[Path]:
    # Not TMPDIR: that may be too long for a socket, or closed to the user that PostgreSQL runs as.
    folder = Path(tempfile.mkdtemp(prefix="fluxsite-test-", dir="/tmp"))
    try:
        if user := postgres_user():
            os.chown(folder, pwd.getpwnam(user).pw_uid, pwd.getpwnam(user).pw_gid)
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def postgres_user() -> str | None:
    """Return whom PostgreSQL is to run as, when that cannot be us: it refuses root."""
    if os.geteuid() != 0:
        return None
    names = {entry.pw_name for entry in pwd.getpwall()}
    return "postgres" if "postgres" in names else "nobody"


@contextlib.contextmanager
def postgres(programs: Path, folder: Path) -> Iterator[str]:
    data, user = folder / "postgres", postgres_user()
    options = ["--auth=trust", "--username=fluxsite", "--encoding=UTF8", "--locale=C.UTF-8", "--no-sync"]
    made = subprocess.run(
        [str(programs / "initdb"), "--pgdata", str(data), *options],
        user=user,
        group=group_of(user),
        extra_groups=[] if user else None,
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if made.returncode:
        raise Missing(f"initdb failed: {made.stderr.strip()}")
    switches = {
        "listen_addresses": "",
        "fsync": "off",
        "full_page_writes": "off",
        "synchronous_commit": "off",
    }
    command = [str(programs / "postgres"), "-D", str(data), "-k", str(folder)]
    command += [part for name, value in switches.items() for part in ("-c", f"{name}={value}")]
    url = f"postgres://fluxsite@{quote(str(folder), safe='')}/postgres"
    with server(command, user=user, ready=lambda: database_answers(url), stop=signal.SIGINT):
        yield url


@contextlib.contextmanager
def server(
    command: list[str],
    *,
    ready: Callable[[], bool],
    user: str | None = None,
    stop: signal.Signals = signal.SIGTERM,
) -> Iterator[None]:
    # Its own session: a Ctrl-C is for pytest first, and its tests still need the servers while they end.
    process = subprocess.Popen(
        command,
        user=user,
        group=group_of(user),
        extra_groups=[] if user else None,
        cwd="/",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        wait_until(ready, process, command)
        yield
    finally:
        process.send_signal(stop)
        process.wait()


def group_of(user: str | None) -> int | None:
    return pwd.getpwnam(user).pw_gid if user else None


def wait_until(ready: Callable[[], bool], process: subprocess.Popen[bytes], command: list[str]) -> None:
    deadline = time.monotonic() + START_SECONDS
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            raise Missing(f"{command[0]} did not start")
        time.sleep(0.05)


def database_answers(url: str) -> bool:
    try:
        psycopg.connect(url).close()
    except psycopg.OperationalError:
        return False
    return True


def redis_answers(socket: Path) -> bool:
    try:
        return bool(redis.Redis(unix_socket_path=str(socket)).ping())
    except redis.RedisError:
        return False
