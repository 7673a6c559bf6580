"""Threads that make one picture each at a time, and what both scripts do with a picture."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import requests
from PIL import Image

from benchmarks.drivers.order import Made, Order, Report

MakeOne = Callable[[int], Made]


def work(order: Order, make_one: MakeOne) -> Report:
    started_at = time.time()
    with ThreadPoolExecutor(order.slots) as threads:
        pictures = list(threads.map(make_one, range(order.count)))
    return Report(started_at=started_at, pictures=pictures)


def keep(sample_url: str, file: Path, *, bfl_id: str) -> Made:
    """Download a sample that is Ready, and make the thumbnail that the site makes too."""
    noticed_at = time.time()
    response = requests.get(sample_url, timeout=30)
    response.raise_for_status()
    file.write_bytes(response.content)
    filed_at = time.time()
    _make_thumbnail(file)
    return Made(bfl_id=bfl_id, noticed_at=noticed_at, stored_at=time.time(), filed_at=filed_at)


def _make_thumbnail(file: Path) -> None:
    with Image.open(file) as image:
        image.thumbnail((512, 512), Image.Resampling.LANCZOS)
        image.save(file.with_suffix(".webp"), "WEBP", quality=80, method=4)
