"""How long it takes to read a ledger of a million entries, on SQLite and on PostgreSQL."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

from benchmarks.driver import bare_site, run
from scripts import servers

LIMITS = {"balance": 5, "balance of a newcomer": 5, "credits page": 100, "usage of a month": 300}
"""Milliseconds, at the 95th percentile."""


def measure() -> Iterator[str]:
    """Give the lines of the report. Raises Failed."""
    yield "| database | reading | p50 | p95 | limit | | load |"
    yield "| --- | --- | ---: | ---: | ---: | --- | ---: |"
    for name, opened in (("SQLite", lambda: nullcontext("")), ("PostgreSQL", servers.postgres_alone)):
        with tempfile.TemporaryDirectory(prefix="fluxsite-bench-") as folder:
            try:
                with opened() as url:
                    told = run("ledger", environment=bare_site(Path(folder), url))
            except servers.Missing as missing:
                yield f"\n{name} was left out: {missing}"
                continue
        for reading, (median, p95) in told["figures"].items():
            limit = LIMITS.get(reading)
            verdict = "" if limit is None else "met" if p95 <= limit else "MISSED"
            words = f"| {name} | {reading} | {median:.1f} | {p95:.1f} | {limit or '–'} | {verdict}"
            yield f"{words} | {told['load']:.1f} |"
