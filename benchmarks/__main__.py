"""The command line: `python -m benchmarks --count 30 --only guide webhook ledger`."""

from __future__ import annotations

import argparse
import os
import platform
import signal
import sys
import tempfile
from collections.abc import Iterator
from datetime import date
from pathlib import Path

from benchmarks import gallery, ledger, picture, report, studio, wall
from benchmarks.driver import Failed
from benchmarks.figures import Figures
from benchmarks.ways import ENDPOINT, LATENCY, WAYS, Setting

LEDGER = "ledger"
STUDIO = "studio"
GALLERY = "gallery"
WALL = "wall"


def main() -> int:
    options = _options()
    # Else the processes that were started would go on.
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(143))
    ways = [name for name in options.only if name in WAYS]
    is_whole = not ways or _measure_ways(ways, options)
    if STUDIO in options.only:
        is_whole = _print(f"Open studios, {date.today()}:", studio.measure()) and is_whole
    if LEDGER in options.only:
        heading = f"A ledger of a million entries, {date.today()}, milliseconds:"
        is_whole = _print(heading, ledger.measure()) and is_whole
    if GALLERY in options.only:
        is_whole = _print(f"A gallery, {date.today()}:", gallery.measure(options.size)) and is_whole
    if WALL in options.only:
        is_whole = _print(f"The wall in Chromium, {date.today()}:", wall.measure()) and is_whole
    return 0 if is_whole else 1


def _measure_ways(names: list[str], options: argparse.Namespace) -> bool:
    """Print the report of the pipeline. False if a way did not bring all its pictures."""
    results: dict[str, Figures] = {}
    with tempfile.TemporaryDirectory(prefix="fluxsite-bench-") as folder:
        sample = Path(folder, "sample.jpg")
        picture.write(sample)
        setting = Setting(count=options.count, slots=options.slots, seed=options.seed, sample=sample)
        print(_introduction(setting), flush=True)
        for name in names:
            _run(name, setting, Path(folder, name), results)
    if results:
        print("", *report.write(results), sep="\n", flush=True)
    return len(results) == len(names)


def _print(heading: str, lines: Iterator[str]) -> bool:
    """Print a report line by line. False if it could not be measured."""
    print(f"\n{heading}\n", flush=True)
    try:
        for line in lines:
            print(line, flush=True)
    except Failed as failure:
        print(f"failed. {failure}", flush=True)
        return False
    return True


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="benchmarks",
        description="Measure pipeline, studio, ledger, gallery and wall: docs/benchmarks.md.",
    )
    add = parser.add_argument
    add("--count", type=_positive, default=200, help="pictures for each way (default 200)")
    add("--slots", type=_positive, default=24, help="tasks active at a time (default 24)")
    add("--seed", type=int, default=0, help="another seed has other latencies (default 0)")
    add(
        "--size", type=_positive, default=gallery.LARGE, help="generations in the gallery (default 1,000,000)"
    )
    parts = [*WAYS, STUDIO, LEDGER, GALLERY, WALL]
    add("--only", nargs="+", choices=parts, default=parts, metavar="PART", help=", ".join(parts))
    return parser.parse_args()


def _positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError("must be 1 or more")
    return int(text)


def _introduction(setting: Setting) -> str:
    shortest, longest = LATENCY
    return (
        f"{date.today()}, {os.cpu_count()} cores, Python {platform.python_version()}. "
        f"{setting.count} pictures of {ENDPOINT}, {setting.slots} at a time, "
        f"{shortest:g} to {longest:g} s and {setting.sample.stat().st_size / 1e6:.2f} MB each, "
        f"seed {setting.seed}."
    )


def _run(name: str, setting: Setting, folder: Path, results: dict[str, Figures]) -> None:
    folder.mkdir()
    print(f"{WAYS[name].title} (load {os.getloadavg()[0]:.1f}) …", end=" ", flush=True)
    try:
        results[name] = WAYS[name].measure(setting, folder)
    except Failed as failure:
        print(f"failed. {failure}", flush=True)
    else:
        print(f"{results[name].makespan:.1f} s", flush=True)


if __name__ == "__main__":
    sys.exit(main())
