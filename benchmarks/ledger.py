"""How long it takes to read a ledger of a million entries, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks.driver import ROOT, Failed
from scripts import servers

LIMITS = {"balance": 5, "credits page": 100, "usage of a month": 300}
"""Milliseconds."""


def measure() -> Iterator[str]:
    """Give the lines of the report."""
    yield "| database | reading | median ms | longest ms | limit | |"
    yield "| --- | --- | ---: | ---: | ---: | --- |"
    for name, opened in (("SQLite", _sqlite), ("PostgreSQL", _postgresql)):
        with tempfile.TemporaryDirectory(prefix="fluxsite-bench-") as folder:
            try:
                with opened() as url:
                    figures = _run(Path(folder), url)
            except servers.Missing as missing:
                yield f"\n{name} was left out: {missing}"
                continue
        for reading, (median, longest) in figures.items():
            limit = LIMITS.get(reading)
            verdict = "" if limit is None else "met" if median <= limit else "MISSED"
            yield f"| {name} | {reading} | {median:.1f} | {longest:.1f} | {limit or '–'} | {verdict} |"


@contextmanager
def _sqlite() -> Iterator[str]:
    yield ""


@contextmanager
def _postgresql() -> Iterator[str]:
    with (
        servers.temporary_folder() as folder,
        servers.postgres(servers.postgres_programs(), folder) as url,
    ):
        yield url


def _run(folder: Path, database_url: str) -> Mapping[str, tuple[float, float]]:
    own = {
        "DATA_DIR": str(folder),
        "DATABASE_URL": database_url,
        "REDIS_URL": "",
        "DEBUG": "",
        "TIME_ZONE": "",
    }
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.drivers.ledger"],
        cwd=ROOT,
        env={**os.environ, **own, "REDIS_URL": "", "DJANGO_SETTINGS_MODULE": "fluxsite.settings"},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise Failed((result.stderr.strip().splitlines() or ["?"])[-1])
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    figures: Mapping[str, tuple[float, float]] = told["figures"]
    return figures
