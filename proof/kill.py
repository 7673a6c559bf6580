"""Find the site's processes by what they do, and end them as a power cut would."""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Iterator

import psutil

from proof.site import Site

ROLES = {
    "web": "gunicorn",
    "follower": "rqworker-pool follow",
    "store": "rqworker-pool default",
    "cron": "rqcron",
    "redis": "redis-server",
}
"""Part of the command line by which each is known."""


def kill(site: Site, role: str) -> None:
    """kill -9 all processes of a role at once, children first, so that none can tell the others."""
    _end(list(_find(site, role)))


def kill_workers(site: Site, role: str) -> None:
    """kill -9 the workers of a role with all that they have started, and not the pool that they belong to."""
    processes = list(_find(site, role))
    pids = {process.pid for process in processes}
    _end([process for process in processes if process.ppid() in pids])


@contextlib.contextmanager
def frozen(site: Site, role: str) -> Iterator[None]:
    """Keep a role's processes from doing anything."""
    processes = list(_find(site, role))
    try:
        _signal(processes, signal.SIGSTOP)
        yield
    finally:
        _signal(processes, signal.SIGCONT)


def kill_redis_with_its_data(site: Site) -> None:
    # Frozen first: the site starts it again at once, and might find the data still there.
    with frozen(site, "redis"):
        shutil.rmtree(site.folder / "redis")
        kill(site, "redis")


def kill_all(site: Site) -> None:
    """The power cut: the whole site at once, and what Redis held with it."""
    assert site.process is not None
    top = psutil.Process(site.process.pid)
    top.send_signal(signal.SIGSTOP)
    _end([*_processes(site), top])
    site.process.wait()
    shutil.rmtree(site.folder / "redis")


def _find(site: Site, role: str) -> Iterator[psutil.Process]:
    for process in _processes(site):
        with contextlib.suppress(psutil.Error):
            if ROLES[role] in " ".join(process.cmdline()):
                yield process


def _processes(site: Site) -> list[psutil.Process]:
    """Return everything that our `manage.py run` has started, the youngest first."""
    assert site.process is not None
    found = {process.pid: process for process in _descendants(site.process.pid)}
    # A work horse whose worker was killed is nobody's child any more, but still carries our folder's name.
    found |= {process.pid: process for process in psutil.process_iter() if _is_orphan_of(process, site)}
    return sorted(found.values(), key=lambda process: process.pid, reverse=True)


def _descendants(pid: int) -> list[psutil.Process]:
    try:
        return psutil.Process(pid).children(recursive=True)
    except psutil.NoSuchProcess:
        return []


def _is_orphan_of(process: psutil.Process, site: Site) -> bool:
    with contextlib.suppress(psutil.Error):
        is_ours = process.environ().get("DATA_DIR") == site.environment["DATA_DIR"]
        return is_ours and any(word in " ".join(process.cmdline()) for word in ROLES.values())
    return False


def _end(processes: list[psutil.Process]) -> None:
    _signal(processes, signal.SIGKILL)
    psutil.wait_procs(processes, timeout=5)


def _signal(processes: list[psutil.Process], number: signal.Signals) -> None:
    for process in processes:
        with contextlib.suppress(psutil.NoSuchProcess):
            process.send_signal(number)
