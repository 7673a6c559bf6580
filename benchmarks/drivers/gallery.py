"""A gallery of so many generations in the database of DATABASE_URL, and how long its pages take. Prints JSON.

`fill 10000` fills an empty database, `measure` asks for pages of it. Each page is asked for through the whole
site but the web server: middleware, view, queries, templates.
"""

from __future__ import annotations

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Sequence
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

# As the web server loads it.
import_module("fluxsite.wsgi")

from django.contrib.auth.models import User  # noqa: E402
from django.core.management import call_command  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402

from benchmarks import seed, vocabulary  # noqa: E402
from generations.models import Picture  # noqa: E402
from generations.studio import site_snapshot  # noqa: E402
from generations.views.gallery import PAGE_SIZE  # noqa: E402

TIMES = 60
PAGE = 500
OFTEN = vocabulary.OFTEN.split()
# Of these ten thousand generations too have more than a page.
COMMON = OFTEN[:16]


def fill(count: int) -> dict[str, Any]:
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    began = time.monotonic()
    seed.fill(count)
    return {"filled": time.monotonic() - began}


def measure_all() -> dict[str, Any]:
    person = User.objects.get(username="person1")
    client = Client()
    client.force_login(person)
    figures = {name: measure(client, addresses) for name, addresses in readings(person).items()}
    return {"load": os.getloadavg()[0], "figures": figures}


def readings(person: User) -> dict[str, list[str]]:
    """Return the addresses that each reading asks for, in turn."""
    chance = random.Random(0)
    pictures = Picture.objects.of(person).on_wall()
    codes = list(pictures.newest_first().values_list("generation__code", flat=True))
    some = chance.choices(codes, k=TIMES)
    # The small site has fewer pages: then its last. Behind its very last picture there is none.
    deep = codes[min(PAGE * PAGE_SIZE, len(codes) - TIMES - 1) :][:TIMES]
    months = [f"{date:%Y-%m}" for date in pictures.dates("created_at", "month")]
    common, words = chance.choices(COMMON, k=TIMES), chance.choices(OFTEN, k=TIMES)
    return {
        "first page": ["/gallery/"],
        "page 500": [f"/gallery/?older_than={code}" for code in deep],
        "jump to a month": [f"/gallery/?month={month}" for month in chance.choices(months, k=TIMES)],
        "the months": ["/gallery/months/"],
        "three filters": [wall("endpoint:flux-dev ratio:16:9 is:favourite")],
        "three filters that find much": [wall(f"endpoint:flux-dev format:jpeg after:{months[0]}")],
        "search, a common word": [wall(word) for word in common],
        "search, the start of one": [wall(word[:3]) for word in common],
        "search, any word": [wall(word) for word in words],
        "search, two words": [wall(f"{word} {chance.choice(OFTEN)}") for word in words],
        "search, a rare word": [wall(seed.RARE)],
        "search, word and filters": [wall(f"{word} ratio:1:1 tag:logo") for word in words],
        "viewer": [f"/g/{code}/" for code in some],
        "viewer of a search": [
            f"/g/{code}/?{urlencode({'q': word})}" for code, word in zip(some, words, strict=True)
        ],
        "thumbnail": [f"/g/{code}/thumbnail" for code in some],
    }


def wall(text: str) -> str:
    return f"/gallery/?{urlencode({'q': text})}"


def measure(client: Client, addresses: Sequence[str]) -> dict[str, float]:
    """Return p50 and p95 in milliseconds, how many queries a page asks at most, and how many pictures it
    shows on average; the first looks are left out."""
    queries = max(look(client, address) for address in addresses[:5])
    looks = [took(client, addresses[number % len(addresses)]) for number in range(TIMES)]
    times = [milliseconds for milliseconds, _ in looks]
    return {
        "p50": statistics.median(times),
        "p95": statistics.quantiles(times, n=20)[-1],
        "queries": queries,
        "pictures": statistics.mean(pictures for _, pictures in looks),
    }


def look(client: Client, address: str) -> int:
    """Return how many queries a page asks."""
    # What a process asks once a second belongs to each look or to none.
    site_snapshot.HOLDS_FOR, held = 1e-9, site_snapshot.HOLDS_FOR
    with CaptureQueriesContext(connection) as captured:
        client.get(address).getvalue()
    site_snapshot.HOLDS_FOR = held
    return len(captured)


def took(client: Client, address: str) -> tuple[float, int]:
    """Return in how many milliseconds a page came, and how many pictures it shows."""
    began = time.perf_counter()
    response = client.get(address)
    content = response.getvalue()
    milliseconds = (time.perf_counter() - began) * 1000
    assert response.status_code == 200, f"{address}: {response.status_code}"
    return milliseconds, content.count(b"data-picture")


if __name__ == "__main__":
    print(json.dumps(fill(int(sys.argv[2])) if sys.argv[1] == "fill" else measure_all()))
