"""The command line: `python -m proof --seed 7 --only murder late`.

Each database has a site for each programme; as many play side by side as the machine has room for.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg

from proof import report
from proof.lane import LONG, SCENARIOS, SHORT, Lane
from proof.report import Figures
from proof.site import ROOT, collect_static_files, create_tables
from scripts import servers

DATABASES = ("sqlite", "postgres")
# A site is nine processes. With too many of them every delay is the machine's and not the site's: eight sites
# on two cores made people wait for minutes, and followers for longer than a take-over may last. The long form
# kills for minutes, and what starts again and again is what costs.
LANES_PER_CORE = {"short": 3, "long": 2}


def main() -> int:
    options = _options()
    # So that the lanes, and with them their sites, end with us.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    began_at = time.time()
    print(f"Seed {options.seed}, {'long' if options.long else 'short'} form", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="fluxsite-proof-"))
    try:
        results = _play(options, folder, began_at)
    except BaseException:
        shutil.rmtree(folder, ignore_errors=True)
        raise
    print("", *report.table(results), "", sep="\n")
    return _conclude(results, folder, time.time() - began_at, options.seed)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="proof", description="Show that nothing is lost or bought twice.")
    add = parser.add_argument
    add("--long", action="store_true", help="the full numbers, for a release (15 minutes)")
    add("--seed", type=int, default=random.randrange(1_000_000), help="repeat a run (default: any)")
    names = ", ".join(SCENARIOS)
    add("--only", nargs="+", choices=SCENARIOS, default=SCENARIOS, metavar="SCENARIO", help=names)
    add("--databases", nargs="+", choices=DATABASES, default=DATABASES, help="default: both")
    return parser.parse_args()


def _play(options: argparse.Namespace, folder: Path, began_at: float) -> dict[str, list[Figures]]:
    with _databases(options.databases) as urls:
        _prepare(folder / "new", urls)
        by_database = [list(_lanes(options, folder, name, url, began_at)) for name, url in urls.items()]
        # By turns, so that each programme meets its twin and not its like.
        lanes = [lane for twins in zip(*by_database, strict=True) for lane in twins]
        form = "long" if options.long else "short"
        _play_side_by_side(lanes, at_once=max(2, LANES_PER_CORE[form] * (os.cpu_count() or 1)))
    return {lane.label: _read_figures(lane) for lane in lanes}


def _prepare(new: Path, urls: dict[str, str]) -> None:
    new.mkdir()
    with ThreadPoolExecutor() as pool:
        steps = [pool.submit(collect_static_files, new)]
        steps += [pool.submit(create_tables, new, url) for url in urls.values()]
    for step in steps:
        step.result()


@contextlib.contextmanager
def _databases(wanted: list[str]) -> Iterator[dict[str, str]]:
    """Start what is wanted and there; give each database's name and address."""
    with contextlib.ExitStack() as started:
        urls = {"SQLite": ""} if "sqlite" in wanted else {}
        if "postgres" in wanted:
            try:
                urls["PostgreSQL"] = started.enter_context(servers.postgres_alone())
            except servers.Missing as missing:
                if os.environ.get("CI") == "true" or not urls:
                    sys.exit(f"PostgreSQL cannot be tried: {missing}")
                print(f"PostgreSQL is left out: {missing}", flush=True)
        yield urls


def _lanes(
    options: argparse.Namespace, folder: Path, database: str, url: str, began_at: float
) -> Iterator[Lane]:
    for number, (name, programme) in enumerate((LONG if options.long else SHORT).items()):
        scenarios = tuple(scenario for scenario in programme.scenarios if scenario in options.only)
        if not scenarios:
            continue
        # Short, because Redis' socket lies in it, and the system limits the length of its path.
        own = folder / f"{database.lower()}{number}"
        own.mkdir()
        yield Lane(
            label=f"{database}, {name}",
            database_url=_copy_database(url, f"proof{number}") if url else "",
            uses_webhooks=programme.uses_webhooks,
            scenarios=scenarios,
            is_long=options.long,
            seed=options.seed,
            folder=str(own),
            prepared=str(folder / "new"),
            began_at=began_at,
        )


def _copy_database(url: str, name: str) -> str:
    server, _, original = url.rpartition("/")
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name} TEMPLATE {original}")
    return f"{server}/{name}"


def _play_side_by_side(lanes: list[Lane], *, at_once: int) -> None:
    waiting = list(lanes)
    processes: list[subprocess.Popen[bytes]] = []
    try:
        while waiting or processes:
            processes = [process for process in processes if process.poll() is None]
            while waiting and len(processes) < at_once:
                processes.append(_start(waiting.pop(0)))
            time.sleep(0.2)
    finally:
        for process in processes:
            process.terminate()
        for process in processes:
            process.wait()


def _start(lane: Lane) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "proof.play", lane.to_json()]
    return subprocess.Popen(command, cwd=ROOT, env=os.environ | lane.environment)


def _read_figures(lane: Lane) -> list[Figures]:
    if not lane.figures.exists():
        return [Figures("all", broken=["it did not come to its end"])]
    return [Figures(**line) for line in json.loads(lane.figures.read_text())]


def _conclude(results: dict[str, list[Figures]], folder: Path, seconds: float, seed: int) -> int:
    broken = list(report.explain(results))
    if not broken:
        shutil.rmtree(folder, ignore_errors=True)
        print(f"Every promise was kept ({seconds:.0f} s, seed {seed}).")
        return 0
    print(*broken, sep="\n")
    print(f"Promises were broken ({seconds:.0f} s, seed {seed}). Logs and timelines are in {folder}.")
    return 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        sys.exit(130)
