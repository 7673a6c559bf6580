"""Run the tests on both databases: SQLite as a new site has it, and PostgreSQL with a Redis server.

Usage: python -m scripts.test [sqlite|postgres] [pytest's own arguments]
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from scripts.servers import Missing, servers

ROOT = Path(__file__).resolve().parent.parent

# What starts the whole site, and Chromium, fills a machine by itself; the rest shares it.
SHARED = ["-n", "auto", "--maxprocesses", "4", "-m", "not browser and not processes"]
ALONE = ["-m", "browser or processes"]
# Once is enough for what meets no database. Whole sites bring a database of their own, and `make proof` tries
# them on both.
ON_POSTGRES = [*SHARED, "--ignore", "tests/bfl", "--ignore", "tests/sandbox"]


def main() -> int:
    arguments = sys.argv[1:]
    only = arguments.pop(0) if arguments[:1] in (["sqlite"], ["postgres"]) else ""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    # A shell's background job ignores it, and so would pytest.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    codes = []
    if only != "postgres":
        parts = [arguments] if arguments else [SHARED, ALONE]
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
    pytest = subprocess.Popen(command, cwd=ROOT, env=environment | servers)
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
