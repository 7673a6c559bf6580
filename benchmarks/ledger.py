"""How long it takes to read a ledger of a million entries, on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from benchmarks.driver import ROOT, Failed
from scripts import servers

LIMITS = {"balance": 5, "credits page": 100, "usage of a month": 300}
"""Milliseconds."""


def measure() -> Iterator[str]:
    """Give the lines of the report. Raises Failed."""
    yield "| database | reading | median | longest | limit | | load |"
    yield "| --- | --- | ---: | ---: | ---: | --- | ---: |"
    for name, opened in (("SQLite", lambda: nullcontext("")), ("PostgreSQL", servers.postgres_alone)):
        with tempfile.TemporaryDirectory(prefix="fluxsite-bench-") as folder:
            try:
                with opened() as url:
                    told = _run(Path(folder), url)
            except servers.Missing as missing:
                yield f"\n{name} was left out: {missing}"
                continue
        for reading, (median, longest) in told["figures"].items():
            limit = LIMITS.get(reading)
            verdict = "" if limit is None else "met" if median <= limit else "MISSED"
            words = f"| {name} | {reading} | {median:.1f} | {longest:.1f} | {limit or '–'} | {verdict}"
            yield f"{words} | {told['load']:.1f} |"


def _run(folder: Path, database_url: str) -> dict[str, Any]:
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
        env={**os.environ, **own, "DJANGO_SETTINGS_MODULE": "fluxsite.settings"},
        capture_output=True,
        text=True,
    )
    if result.returncode:
        raise Failed((result.stderr.strip().splitlines() or ["?"])[-1])
    told: dict[str, Any] = json.loads(result.stdout.splitlines()[-1])
    return told
