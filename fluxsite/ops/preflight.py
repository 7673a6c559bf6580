"""What has to be true before `manage.py run` starts anything. Each refusal is one sentence."""

from __future__ import annotations

import errno
import fcntl
import socket
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

from django.core.management import CommandError

from fluxsite.ops.processes import pids_of_sessions, running_pids

LAST_PORT = 65535


def check_data_dir(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise CommandError(
            f"DATA_DIR cannot be used: {error.strerror}: {folder}. Make it writable, or name another folder."
        ) from None


def check_port(host: str, port: int) -> None:
    """Refuse a port that this machine will not let us listen on."""
    if port > LAST_PORT:
        raise CommandError(f"There is no port {port}: the last one is {LAST_PORT}. Choose a lower PORT.")
    try:
        family, kind, _, _, address = socket.getaddrinfo(
            host.strip("[]"), port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind) as probe:
            # As the servers do: a port whose last connections are still closing is free.
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except socket.gaierror:
        raise CommandError(f"HOST is not an address of this machine: {host}") from None
    except OSError as error:
        raise CommandError(_port_refusal(host, port, error)) from None


def _port_refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} is taken by another program. Stop it, or choose another: make run PORT=8100."
    if error.errno == errno.EADDRNOTAVAIL:
        return f"HOST is not an address of this machine: {host}"
    return f"Port {port} cannot be used: {error.strerror}. Choose another: make run PORT=8100."


def claim(folder: Path) -> TextIO:
    """Take the data folder for this `run`; the claim lasts while the file is open anywhere.

    All processes of the site keep it open, so that what a killed `run` left behind is noticed: a second
    Redis on the same socket and append-only file would damage both.
    """
    file = (folder / "run.lock").open("a+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            raise CommandError(_running_already(folder, file)) from None
    return file


def record(claim: TextIO, ours: int, sessions: Sequence[int]) -> None:
    claim.truncate(0)
    print(ours, *sessions, file=claim, flush=True)


def _running_already(folder: Path, file: TextIO) -> str:
    file.seek(0)
    ours, *sessions = [int(word) for word in file.read().split()] or [0]
    if ours in running_pids():
        return f"fluxsite runs already with the data folder {folder}. Stop it first: kill {ours}"
    left = " ".join(map(str, pids_of_sessions(sessions)))
    return f"A run that was killed left processes on the data folder {folder}. Stop them first: kill {left}"
