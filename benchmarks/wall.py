"""How smoothly a gallery of three thousand pictures scrolls in Chromium."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.driver import run
from proof.site import running_site

# One person has a tenth of them, and some of those failed or went to the trash.
GENERATIONS = 32_000
# Milliseconds.
LONGEST_FRAME = 50
MOST_SHIFT = 0.02
# A page's share of new elements may differ that much: some pictures begin a day.
MOST_GROWTH = 1.1


def measure() -> Iterator[str]:
    """Give the lines of the report. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="fluxsite-bench-") as folder, running_site(Path(folder)) as site:
        environment = {**site.environment, "DJANGO_SETTINGS_MODULE": "fluxsite.settings"}
        told = run("wall", site.url, str(GENERATIONS), environment=environment)
    coming, there = told["whole"]["coming"], told["whole"]["there"]
    count = sum(pictures for pictures, _ in coming["pages"])
    seconds = f"{coming['seconds']:.0f} s while they came and {there['seconds']:.0f} s when they were there"
    yield f"{count:,} pictures, scrolled in {seconds}; load {told['load']:.1f}.\n"
    yield "| figure | reached | limit | |"
    yield "| --- | ---: | ---: | --- |"
    yield _line("longest frame, ms", max(there["gaps"]), LONGEST_FRAME)
    yield _line("frames over that, of all", _over(there["gaps"]), 0)
    yield _line("long tasks", len(there["tasks"]), 0)
    yield _line("longest frame while pages come, ms", max(coming["gaps"]), None)
    yield _line(f"frames over {LONGEST_FRAME} then, of {len(coming['gaps']):,}", _over(coming["gaps"]), None)
    yield _line("long tasks then", len(coming["tasks"]), None)
    yield _line("elements for each picture, last pages × first", _growth(coming["pages"]), MOST_GROWTH)
    yield _line("layout shift", max(_worst(coming["shifts"]), _worst(there["shifts"])), MOST_SHIFT)
    shift = _worst(told["slow"]["coming"]["shifts"])
    yield _line("layout shift, a search on a slow line", shift, MOST_SHIFT)
    if not (coming["end"] and there["end"]):
        yield "\nThe end was not reached in time."


def _growth(pages: Sequence[tuple[int, int]]) -> float:
    each = [nodes / pictures for pictures, nodes in pages]
    return statistics.mean(each[-10:]) / statistics.mean(each[:10])


def _worst(shifts: Sequence[tuple[float, float]]) -> float:
    """Return the largest sum of a session as the browsers define it: gaps below a second, five at most."""
    worst = began = last = total = 0.0
    for at, value in shifts:
        if at - last > 1000 or at - began > 5000:
            began, total = at, 0.0
        last, total = at, total + value
        worst = max(worst, total)
    return worst


def _over(gaps: Sequence[float]) -> int:
    return sum(gap > LONGEST_FRAME for gap in gaps)


def _line(name: str, reached: float, limit: float | None) -> str:
    told = f"{reached:.3f}" if isinstance(reached, float) and reached < 10 else f"{reached:.0f}"
    verdict = "" if limit is None else "met" if reached <= limit else "MISSED"
    return f"| {name} | {told} | {'–' if limit is None else limit} | {verdict} |"
