"""Run the tests on both databases: SQLite as a new site has it, and PostgreSQL with a Redis server.

Usage: python -m scripts.test [sqlite|postgres] [pytest's own arguments]
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from scripts.servers import Missing, servers

ROOT = Path(__file__).resolve().parent.parent

# One worker more than there are cores, since some tests wait; beyond four they only take memory.
WORKERS = min((os.cpu_count() or 1) + 1, 4)
SHARED = ["-n", str(WORKERS), "--dist", "worksteal", "-m", "not browser and not processes"]
# What starts the whole site, and Chromium, waits more than it computes: two at a time, each with one site.
WHOLE = ["-n", "2", "--dist", "worksteal", "-m", "browser or processes"]
# Once is enough for what asks a database nothing, or nothing that another would answer otherwise: BFL and its
# sandbox, processes, settings, files, and what forms and pages show. What locks, constrains, adds up, orders,
# searches or tells days apart runs on both, and so does all that is not named here. Whole sites bring a
# database of their own, and `make proof` tries them on both.
ON_ONE_DATABASE = [
    *(
        "bfl",
        "ops",
        "sandbox",
        "usage/test_bar_charts.py",
        "views/test_access.py",
        "ops/test_checks.py",
        "viewer/test_page.py",
    ),
    *(
        "ops/test_documents.py",
        "ops/test_env.py",
        "site/test_error_pages.py",
        "studio/test_form.py",
        "site/test_http.py",
    ),
    *(
        "media/test_images.py",
        "site/test_login.py",
        "media/test_xmp.py",
        "site/test_redaction.py",
        "media/test_storage.py",
    ),
    "studio/test_page.py",
]
ON_POSTGRES = [*SHARED, *[f"--ignore=tests/{name}" for name in ON_ONE_DATABASE]]
# Tests make many pictures, and a picture is written through to the disk: in memory that takes no time. Docker
# gives 64 MB of it unless told otherwise, which is too little.
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2 * 1024**3


def main() -> int:
    arguments = sys.argv[1:]
    only = arguments.pop(0) if arguments[:1] in (["sqlite"], ["postgres"]) else ""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    # A shell's background job ignores it, and so would pytest.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    codes = []
    if only != "postgres":
        parts = [arguments] if arguments else [SHARED, WHOLE]
        codes += [run_pytest("SQLite", part, {}) for part in parts]
    if only != "sqlite":
        codes.append(run_on_postgres(arguments))
    return next((code for code in codes if code), 0)


def run_on_postgres(arguments: list[str]) -> int:
    try:
        with servers() as addresses:
            return run_pytest("PostgreSQL", arguments or ON_POSTGRES, addresses)
    except Missing as missing:
        is_needed = os.environ.get("CI") == "true"
        outcome = "cannot run" if is_needed else "were left out"
        print(f"\nThe tests on PostgreSQL {outcome}: {missing}", flush=True)
        return int(is_needed)


def run_pytest(name: str, arguments: list[str], servers: dict[str, str]) -> int:
    print(f"\nTests on {name}", flush=True)
    own = {"DATABASE_URL", "REDIS_URL"}
    environment = {key: value for key, value in os.environ.items() if key not in own}
    command = [sys.executable, "-m", "pytest", *arguments]
    with tempfile.TemporaryDirectory(prefix="fluxsite-", dir=memory(), ignore_cleanup_errors=True) as folder:
        # pytest's own names would make the path of a socket too long.
        command.append(f"--basetemp={folder}/pytest")
        return wait_for(subprocess.Popen(command, cwd=ROOT, env=environment | servers | {"TMPDIR": folder}))


def memory() -> Path | None:
    """Return a folder that is kept in memory and large enough, if there is one."""
    is_there = MEMORY.is_dir() and os.access(MEMORY, os.W_OK)
    return MEMORY if is_there and shutil.disk_usage(MEMORY).free > MEMORY_NEEDED else None


def wait_for(pytest: subprocess.Popen[bytes]) -> int:
    try:
        return pytest.wait()
    except SystemExit:
        # pytest clears up after a Ctrl-C only.
        pytest.send_signal(signal.SIGINT)
        pytest.wait()
        raise
    except KeyboardInterrupt:
        # The terminal has told pytest as well.
        pytest.wait()
        raise


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
