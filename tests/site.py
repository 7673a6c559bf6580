"""The whole site as an operator starts it, in processes of its own, for the tests that need all of it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
import requests

from fluxsite.ops import redis_server

ROOT = Path(__file__).resolve().parent.parent
START_SECONDS = 60
_STATIC_FILES: list[Path] = []


@dataclass(slots=True)
class Site:
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['PORT']}"

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        _wait_until_ready(self)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=30)

    def password_of(self, name: str) -> str:
        found = re.search(rf"log in as {name} +with the password (\S+)", self.log.read_text())
        assert found, self.log.read_text()
        return found[1]

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120
        )

    def generate(self, endpoint: str, prompt: str, *options: str) -> list[dict[str, Any]]:
        """Buy with `manage.py generate` as the demo person; return its lines."""
        done = self.manage("generate", "--user", "demo", "--endpoint", endpoint, "--prompt", prompt, *options)
        assert done.returncode in (0, 1), done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]


@contextlib.contextmanager
def running_site(folder: Path, **environment: str) -> Iterator[Site]:
    """Start the site in `folder`, on the database and Redis of this test run; stop it at the end."""
    with _own_database() as database:
        own = {"DATA_DIR": str(folder), "PORT": str(free_port()), **database, **environment}
        site = Site(_inherited() | own, folder / "log.txt")
        _reuse_static_files(folder)
        site.start()
        _STATIC_FILES.append(folder)
        try:
            yield site
        finally:
            site.stop()


def _reuse_static_files(folder: Path) -> None:
    """Spare the second site the seconds that collecting them takes."""
    for collected in _STATIC_FILES[-1:]:
        shutil.copytree(collected / "static", folder / "static")
        shutil.copy(collected / "static.sha256", folder)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _inherited() -> dict[str, str]:
    """Return the environment without what tests.settings has put there for this process alone."""
    names = ("BFL_", "DATABASE_URL", "DATA_DIR", "PUBLIC_URL", "DJANGO_", "ALLOWED_HOSTS", "SECRET_KEY")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)}


@contextlib.contextmanager
def _own_database() -> Iterator[dict[str, str]]:
    """Create a database beside the tests' own on PostgreSQL; on SQLite the data folder holds one."""
    given = os.environ.get("DATABASE_URL", "")
    if not given.startswith("postgres"):
        yield {"REDIS_SERVER_BIN": str(redis_server.bundled_binary() or "")}
        return
    name = f"site_{uuid.uuid4().hex}"
    with psycopg.connect(given, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
        # The tests empty database 0 of their Redis between each other.
        yield {
            "DATABASE_URL": urlunsplit(urlsplit(given)._replace(path=f"/{name}")),
            "REDIS_URL": f"{os.environ['REDIS_URL']}?db=1",
        }
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


def _wait_until_ready(site: Site) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert site.process is not None
        assert site.process.poll() is None, site.log.read_text()
        if "fluxsite is ready" in site.log.read_text():
            return
        time.sleep(0.1)
    raise AssertionError(site.log.read_text())


def log_in(site: Site, name: str = "demo") -> requests.Session:
    """Return a session of that person, logged in through the form."""
    session = requests.Session()
    page = session.get(f"{site.url}/accounts/login/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"login": name, "password": site.password_of(name), "csrfmiddlewaretoken": token[1]}
    assert session.post(f"{site.url}/accounts/login/", data=form).url == f"{site.url}/"
    return session
