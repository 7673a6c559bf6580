"""How long the gallery's pages take at ten thousand and at a million generations, on both databases."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.driver import bare_site, run
from scripts import servers

SMALL = 10_000
LARGE = 1_000_000
# Milliseconds at p95.
PAGE_LIMIT = 50
SEARCH_LIMITS = {"SQLite": 200, "PostgreSQL": 100}
MOST_GROWTH = 1.5
COLUMNS = ("database", "reading", "small", "large", "growth", "limit", "", "queries", "pictures")


def measure(large: int) -> Iterator[str]:
    """Give the lines of the report, growing to `large` generations. Raises Failed."""
    yield f"Small is {min(SMALL, large):,} generations, large is {large:,}. p50 / p95 in milliseconds.\n"
    yield f"| {' | '.join(COLUMNS)} |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |"
    for name, opened in (("SQLite", lambda: nullcontext("")), ("PostgreSQL", servers.postgres_alone)):
        try:
            small, big = (_filled(opened, count) for count in (min(SMALL, large), large))
        except servers.Missing as missing:
            yield f"\n{name} was left out: {missing}"
            continue
        yield from _lines(name, small, big)


def _filled(opened: Any, count: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory(prefix="fluxsite-bench-") as folder, opened() as url:
        return run("gallery", str(count), environment=bare_site(Path(folder), url))


def _lines(name: str, small: dict[str, Any], big: dict[str, Any]) -> Iterator[str]:
    for reading, at_large in big["figures"].items():
        at_small = small["figures"][reading]
        limit = SEARCH_LIMITS[name] if reading.startswith("search") else PAGE_LIMIT
        growth = at_large["p50"] / at_small["p50"]
        is_met = at_large["p95"] <= limit and at_large["queries"] <= at_small["queries"]
        # A full page takes longer than one of two, however many lie behind it.
        is_met = is_met and (growth <= MOST_GROWTH or at_large["pictures"] > at_small["pictures"])
        cells = (
            name,
            reading,
            f"{at_small['p50']:.1f} / {at_small['p95']:.1f}",
            f"{at_large['p50']:.1f} / {at_large['p95']:.1f}",
            f"{growth:.2f}",
            str(limit),
            "met" if is_met else "MISSED",
            f"{at_small['queries']} / {at_large['queries']}",
            f"{at_small['pictures']} / {at_large['pictures']}",
        )
        yield f"| {' | '.join(cells)} |"
    yield f"| {name} | filling, seconds | {small['filled']:.0f} | {big['filled']:.0f} | | | | | |"
