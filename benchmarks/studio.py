"""What hundreds of open studios cost, and how soon they show a picture."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks import picture, provider, site
from benchmarks.driver import run

PEOPLE = 500
SLOTS = 24
LATENCY = "3:8"


def measure(people: int = PEOPLE) -> Iterator[str]:
    """Give the lines of the report. Raises Failed."""
    with tempfile.TemporaryDirectory(prefix="fluxsite-bench-") as name:
        folder = Path(name)
        sample = folder / "sample.jpg"
        picture.write(sample)
        log = folder / "sandbox.log"
        with (
            provider.started(sample, latency=LATENCY, slots=SLOTS, seed=0, log=log) as bfl,
            site.started(folder / "site", bfl, slots=SLOTS, uses_webhooks=True) as running,
        ):
            arguments = (str(running.web), bfl.url, str(people))
            told = run("studio", *arguments, environment=running.environment)
    pace, quiet = told["requests a second"], told["without news"]
    yield f"{pace:.0f} requests a second, {quiet:.0%} of them without news; load {told['load']:.1f}.\n"
    yield "| figure | p50 | p95 | limit | |"
    yield "| --- | ---: | ---: | ---: | --- |"
    yield _line("submit, 20 a second, ms", told["submit"], 100)
    yield _line("Ready → thumbnail on the page, ms", told["ready to thumbnail"], 1500)
    yield _line("of that until it is stored, ms", told["ready to stored"], None)
    yield _line("one look of an open studio, ms", told["answer"], None)
    yield _line("studio page, 100,000 pictures, ms", told["page"], 40)
    yield _line("its queries", [told["queries"]] * 2, 12)
    yield _line(f"{people} open studios, cores of web", [told["cores"]] * 2, 0.5)


def _line(name: str, found: list[float], limit: float | None) -> str:
    verdict = "" if limit is None else "met" if found[1] <= limit else "MISSED"
    shown = [f"{value:.2f}" if isinstance(value, float) and value < 10 else f"{value:.0f}" for value in found]
    return f"| {name} | {shown[0]} | {shown[1]} | {limit or '–'} | {verdict} |"
