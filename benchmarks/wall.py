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
    whole, slow = told["whole"], told["slow"]
    count = sum(pictures for pictures, _ in whole["pages"])
    yield f"{count:,} pictures in {whole['seconds']:.0f} s; load {told['load']:.1f}.\n"
    yield "| figure | reached | limit | |"
    yield "| --- | ---: | ---: | --- |"
    yield _line("longest frame, ms", max(whole["gaps"]), LONGEST_FRAME)
    yield _line("frames over that, of all", sum(gap > LONGEST_FRAME for gap in whole["gaps"]), 0)
    yield _line("long tasks", len(whole["tasks"]), 0)
    yield _line("elements for each picture, last pages × first", _growth(whole["pages"]), MOST_GROWTH)
    yield _line("layout shift", _worst(whole["shifts"]), MOST_SHIFT)
    yield _line("layout shift, a search on a slow line", _worst(slow["shifts"]), MOST_SHIFT)
    if not whole["end"]:
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


def _line(name: str, reached: float, limit: float) -> str:
    told = f"{reached:.3f}" if isinstance(reached, float) and reached < 10 else f"{reached:.0f}"
    return f"| {name} | {told} | {limit} | {'met' if reached <= limit else 'MISSED'} |"
