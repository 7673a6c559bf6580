"""How long the gallery's pages take at ten thousand and at a million generations, on both databases."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from itertools import chain
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


@dataclass(frozen=True)
class Site:
    """A site that is asked without a server: its folder, its database, how many generations it has."""

    folder: Path
    database_url: str
    count: int


def measure(large: int) -> Iterator[str]:
    """Give the lines of the report, growing to `large` generations. Raises Failed."""
    sizes = (min(SMALL, large), large)
    yield f"Small is {sizes[0]:,} generations, large is {large:,}. p50 / p95 in milliseconds.\n"
    yield f"| {' | '.join(COLUMNS)} |"
    yield "| --- | --- | ---: | ---: | ---: | ---: | --- | ---: | ---: |"
    with ExitStack() as stack:
        sites: dict[str, list[Site]] = {}
        for name, database in (("SQLite", lambda: nullcontext("")), ("PostgreSQL", servers.postgres_alone)):
            try:
                sites[name] = [stack.enter_context(_site(database, count)) for count in sizes]
            except servers.Missing as missing:
                yield f"\n{name} was left out: {missing}"
        filled = _fill(sites)
        for name, (small, big) in sites.items():
            yield from _lines(name, _run(small, "measure"), _run(big, "measure"))
            yield f"| {name} | filling, seconds | {filled[small]:.0f} | {filled[big]:.0f} | | | | | |"


@contextmanager
def _site(database: Callable[[], AbstractContextManager[str]], count: int) -> Iterator[Site]:
    with tempfile.TemporaryDirectory(prefix="fluxsite-bench-") as folder, database() as url:
        yield Site(Path(folder), url, count)


def _fill(sites: Mapping[str, Sequence[Site]]) -> dict[Site, float]:
    """Fill all, as many at a time as there are databases, and return how many seconds each took."""
    # The large ones first, and together: each is the work of one core.
    every = sorted(chain.from_iterable(sites.values()), key=lambda site: -site.count)
    with ThreadPoolExecutor(len(sites)) as pool:
        told = pool.map(lambda site: _run(site, "fill"), every)
        return {site: figures["filled"] for site, figures in zip(every, told, strict=True)}


def _run(site: Site, order: str) -> dict[str, Any]:
    return run("gallery", order, str(site.count), environment=bare_site(site.folder, site.database_url))


def _lines(name: str, small: dict[str, Any], big: dict[str, Any]) -> Iterator[str]:
    for reading, at_large in big["figures"].items():
        at_small = small["figures"][reading]
        limit = SEARCH_LIMITS[name] if reading.startswith("search") else PAGE_LIMIT
        growth = at_large["p50"] / at_small["p50"]
        is_met = at_large["p95"] <= limit and at_large["queries"] <= at_small["queries"]
        # A full page takes longer than one of two, however many lie behind it.
        shows_far_more = at_large["pictures"] > 2 * at_small["pictures"]
        is_met = is_met and (growth <= MOST_GROWTH or shows_far_more)
        cells = (
            name,
            reading,
            f"{at_small['p50']:.1f} / {at_small['p95']:.1f}",
            f"{at_large['p50']:.1f} / {at_large['p95']:.1f}",
            f"{growth:.2f}",
            str(limit),
            "met" if is_met else "MISSED",
            f"{at_small['queries']} / {at_large['queries']}",
            f"{at_small['pictures']:.0f} / {at_large['pictures']:.0f}",
        )
        yield f"| {' | '.join(cells)} |"
