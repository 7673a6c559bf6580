"""Our own processes: what the Procfile names and a Redis, with a data folder and a database of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import redis
from honcho.environ import parse_procfile

from benchmarks.driver import ROOT, Failed
from benchmarks.provider import KEY, Provider, answers, free_port, quoted, wait_until
from fluxsite.ops import redis_server
from fluxsite.ops.processes import Processes

STOP_SECONDS = 8
# The follower's and two of the pool.
RQ_WORKERS = 3
WEB = "web"


@dataclass(frozen=True, slots=True)
class Site:
    environment: dict[str, str]
    workers: list[int]
    """Follower, store pool and cron."""
    web: int
    pids: list[int]
    """These, web and Redis."""


@contextmanager
def started(folder: Path, provider: Provider, *, slots: int, uses_webhooks: bool) -> Iterator[Site]:
    port = free_port()
    environment = _environment(folder, provider, port=port, slots=slots, uses_webhooks=uses_webhooks)
    _manage("migrate", environment)
    _manage("collectstatic", environment)
    socket = folder / "redis" / "redis.sock"
    ground, site = Processes(ROOT), Processes(ROOT)
    try:
        ground.start("redis", redis_server.command_line(redis_server.find_binary(), socket), environment)
        client = redis.Redis(unix_socket_path=str(socket))
        wait_until(lambda: _is_up(client), ground, redis_server.log_file(socket))
        workers = _start(site, environment, folder / "site.log")
        (web,) = set(site.pids) - set(workers)
        wait_until(
            lambda: answers(f"http://127.0.0.1:{port}/healthz") and _worker_count(client) == RQ_WORKERS,
            site,
            folder / "site.log",
        )
        yield Site(environment, workers, web, ground.pids + site.pids)
    finally:
        site.stop(STOP_SECONDS)
        ground.stop(STOP_SECONDS)


def _start(site: Processes, environment: dict[str, str], log: Path) -> list[int]:
    """Start the Procfile's lines, all writing to one log; return the pids of those that are not the web."""
    workers = []
    for name, command in parse_procfile((ROOT / "Procfile").read_text()).processes.items():
        site.start(name, f"exec env {command} >> {quoted(log)} 2>&1", environment)
        if name != WEB:
            workers.append(site.pids[-1])
    return workers


def _environment(
    folder: Path, provider: Provider, *, port: int, slots: int, uses_webhooks: bool
) -> dict[str, str]:
    site = {
        "ALLOWED_HOSTS": "",
        "BFL_API_BASE": provider.url,
        "BFL_API_KEY": KEY,
        "BFL_EXTRA_HOSTS": provider.host,
        "BFL_LOW_BALANCE": "",
        "BFL_MAX_ACTIVE": str(slots),
        "BFL_MAX_ACTIVE_KONTEXT_MAX": "",
        "DATABASE_URL": "",
        "DATA_DIR": str(folder),
        "DEBUG": "",
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "PUBLIC_URL": f"http://127.0.0.1:{port}" if uses_webhooks else "",
        "REDIS_URL": "",
        "SECRET_KEY": "",
        "SECRET_KEY_FALLBACKS": "",
        "TIME_ZONE": "",
    }
    # An empty value is the default, and still keeps out what a developer's .env says.
    files = {f"{name}_FILE": "" for name in site}
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    return {**os.environ, **files, **site, "PATH": path, "DJANGO_SETTINGS_MODULE": "fluxsite.settings"}


def _manage(command: str, environment: dict[str, str]) -> None:
    result = subprocess.run(
        [sys.executable, "manage.py", command, "--no-input", "--verbosity", "0"],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise Failed(f"manage.py {command}: {(result.stderr.strip().splitlines() or ['?'])[-1]}")


def _is_up(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.RedisError:
        return False


def _worker_count(client: redis.Redis) -> int:
    return int(client.scard("rq:workers"))
