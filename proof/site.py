"""The whole site as an operator starts it, in processes of its own: for the proof, and for the tests that
need all of it."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import requests

from fluxsite.ops import redis_server

ROOT = Path(__file__).resolve().parent.parent
# Six sites that start side by side on two idle cores take 30 of them.
START_SECONDS = 300


@dataclass(slots=True)
class Site:
    environment: dict[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.environment['PORT']}"

    @property
    def folder(self) -> Path:
        return Path(self.environment["DATA_DIR"])

    def start(self) -> None:
        with self.log.open("ab") as log:
            before = log.tell()
            self.process = subprocess.Popen(
                [sys.executable, "manage.py", "run"], cwd=ROOT, env=self.environment, stdout=log, stderr=log
            )
        _wait_until_ready(self, before)

    def stop(self) -> None:
        assert self.process is not None
        self.process.terminate()
        self.process.wait(timeout=60)

    def log_between(self, position: int, end: int | None = None) -> str:
        """Return what is in the log from one position on, to another or to its end."""
        return self.log.read_bytes()[position:end].decode(errors="replace")

    def password_of(self, name: str) -> str:
        found = re.search(rf"log in as {name} +with the password (\S+)", self.log.read_text())
        assert found, self.log.read_text()
        return found[1]

    def manage(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "manage.py", *arguments]
        return subprocess.run(
            command, cwd=ROOT, env=self.environment, capture_output=True, text=True, timeout=120
        )


def collect_static_files(folder: Path) -> None:
    """Make the static files and their stamp, for reuse_static_files()."""
    script = "from fluxsite.ops import static_files; static_files.collect_if_changed()"
    _manage(folder, "shell", "--no-imports", "--command", script)


def create_tables(folder: Path, database_url: str) -> None:
    """Make the tables in a database that others are to be copies of; without address in the folder's SQLite,
    for reuse_tables()."""
    _manage(folder, "migrate", "--verbosity", "0", DATABASE_URL=database_url)


def _manage(folder: Path, *arguments: str, **environment: str) -> None:
    own = {"DATA_DIR": str(folder), **environment}
    subprocess.run([sys.executable, "manage.py", *arguments], cwd=ROOT, env=_inherited() | own, check=True)


def reuse_static_files(collected: Path, folder: Path) -> None:
    """Spare the site in `folder` the seconds that collecting them takes."""
    shutil.copytree(collected / "static", folder / "static")
    shutil.copy(collected / "static.sha256", folder)


def reuse_tables(made: Path, folder: Path) -> None:
    shutil.copy(made / "db.sqlite3", folder)


@contextlib.contextmanager
def running_site(folder: Path, **environment: str) -> Iterator[Site]:
    """Start the site in `folder`, with a Redis of its own, and on SQLite unless told otherwise; stop it at
    the end."""
    own = {
        "DATA_DIR": str(folder),
        "PORT": str(free_port()),
        "REDIS_SERVER_BIN": str(redis_server.bundled_binary() or ""),
    }
    site = Site(_inherited() | own | environment, folder / "log.txt")
    try:
        site.start()
        yield site
    finally:
        site.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _inherited() -> dict[str, str]:
    """Return the environment with nothing in it that is the site's own: what the tests' settings have put
    there is for their process alone, and an operator's .env is not asked either."""
    names = ("BFL_", "DATA_DIR", "DJANGO_")
    unset = dict.fromkeys(("ALLOWED_HOSTS", "DATABASE_URL", "PUBLIC_URL", "REDIS_URL", "SECRET_KEY"), "")
    return {name: value for name, value in os.environ.items() if not name.startswith(names)} | unset


def _wait_until_ready(site: Site, before: int) -> None:
    """Wait until the site says so, in its log after the position `before`."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        assert site.process is not None
        assert site.process.poll() is None, site.log_between(before)
        if "fluxsite is ready" in site.log_between(before):
            return
        time.sleep(0.1)
    raise AssertionError(site.log_between(before))


def log_in(site: Site, name: str = "demo") -> requests.Session:
    """Return a session of that person, logged in through the form."""
    session = requests.Session()
    page = session.get(f"{site.url}/accounts/login/").text
    token = re.search(r'name="csrfmiddlewaretoken" value="([^"]+)"', page)
    assert token
    form = {"login": name, "password": site.password_of(name), "csrfmiddlewaretoken": token[1]}
    assert session.post(f"{site.url}/accounts/login/", data=form).url == f"{site.url}/"
    return session
