"""Hundreds of open studios on a running site: their cost, and how soon they show what came. Prints JSON.

It runs with the environment of the site's processes: people and their sessions are written straight to its
database, everything that is measured goes over HTTP.
"""

from __future__ import annotations

import http.client
import json
import os
import queue
import re
import statistics
import sys
import threading
import time
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlencode

import django
import psutil
import requests

django.setup()

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY  # noqa: E402
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.sessions.backends.db import SessionStore  # noqa: E402
from django.db import connection  # noqa: E402
from django.test import Client  # noqa: E402
from django.test.utils import CaptureQueriesContext  # noqa: E402
from django.utils import timezone  # noqa: E402

from generations.credits import ledger  # noqa: E402
from generations.models import Generation  # noqa: E402
from generations.pipeline import lifecycle  # noqa: E402

PRESSED = {"endpoint": "flux-dev", "form_for": "flux-dev", "prompt": "a lighthouse", "count": "1"}
HISTORY = 100_000
# As many as a web server in front keeps open.
CONNECTIONS = 16
TIMES = 60
# Each process of the web server reads its templates once, at its first page.
FIRST = 20
FOOT = "/form/foot/?form_for=flux-dev&endpoint=flux-dev&count=1"
# As in settings.js: what stands at the button is asked for when it may differ, this often at most.
FOOT_SECONDS = 3
# As long as a page far back in line waits between two looks. People do not come in the same second, and what
# they would cost if they did is not what they cost.
OPENING = 20
_VERSION = re.compile(r'hx-get="/progress/\?version=(\w+)"')
_STAND = re.compile(r'data-stand="(\w+)"')
_EVERY = re.compile(r'hx-trigger="every (\d+)s')
_THUMBNAIL = re.compile(r'src="/g/([\w-]+)/thumbnail"')

HISTORY_SQL = f"""
    INSERT INTO generations_generation (code, user_id, endpoint, params, price, bfl_price, status,
        failure_code, failure_detail, attempts, bfl_id, polling_url, sample_url, bfl_status, final_prompt,
        is_late, created_at, claimed_at, submitted_at, finished_at, seen_at)
    WITH RECURSIVE series(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM series WHERE n < {HISTORY})
    SELECT lower(hex(randomblob(16))), %s, 'flux-dev', '{{"prompt": "a heron"}}', 2.5, 2.5, 'failed',
        'provider_error', '', 1, 'old-' || n, '', '', 'Error', '', 0, %s, %s, %s, %s, %s FROM series"""


@dataclass
class Studio:
    """One open page."""

    person: User
    cookie: str
    version: str = ""
    stand: str = ""
    interval: int = 0
    foot_due: float = 0
    """When the page asks again what stands at its button; 0 while it does not."""
    foot_asked: float = 0
    shown: dict[str, float] = field(default_factory=dict)
    """When each thumbnail had come, by the code of its generation."""


@dataclass
class Seen:
    """What all pages together saw from a moment (monotonic clock) on."""

    since: float
    statuses: Counter[int] = field(default_factory=Counter)
    seconds: list[float] = field(default_factory=list)


def main() -> None:
    web, provider_url, people = int(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    studios = [open_studio(f"person{number}") for number in range(people)]
    submits = press_steadily(studios[:100], per_second=20, seconds=10)
    told: dict[str, Any] = {"submit": spread(submits)}
    finish()
    told |= watch(studios, web, seconds=30)
    finish()
    told |= delays(studios, provider_url)
    told |= long_history(open_studio("elder"))
    print(json.dumps(told | {"load": os.getloadavg()[0]}))


def open_studio(name: str) -> Studio:
    person = User.objects.create_user(name)
    ledger.grant(person, Decimal(10_000), note="For the benchmark", created_by=None)
    store = SessionStore()
    store[SESSION_KEY] = str(person.pk)
    store[BACKEND_SESSION_KEY] = "allauth.account.auth_backends.AuthenticationBackend"
    store[HASH_SESSION_KEY] = person.get_session_auth_hash()
    store.create()
    return Studio(person, f"sessionid-{os.environ['PORT']}={store.session_key}")


def connect() -> http.client.HTTPConnection:
    return http.client.HTTPConnection("127.0.0.1", int(os.environ["PORT"]), timeout=30)


def ask(line: http.client.HTTPConnection, studio: Studio, address: str) -> tuple[int, str]:
    line.request("GET", address, headers={"Cookie": studio.cookie, "HX-Request": "true"})
    answer = line.getresponse()
    content = answer.read()
    return answer.status, "" if b"\0" in content[:16] else content.decode(errors="replace")


def press_steadily(studios: list[Studio], *, per_second: int, seconds: int) -> list[float]:
    """Press Generate at an even pace; return the milliseconds of each."""
    presses: list[Callable[[http.client.HTTPConnection], None]] = []
    took: list[float] = []

    def press(studio: Studio, line: http.client.HTTPConnection) -> None:
        token = "t" * 32
        body = urlencode({**PRESSED, "press": str(uuid.uuid4()), "csrfmiddlewaretoken": token})
        headers = {
            "Cookie": f"{studio.cookie}; csrftoken={token}",
            "Content-Type": "application/x-www-form-urlencoded",
        }
        began = time.perf_counter()
        line.request("POST", "/", body, headers)
        answer = line.getresponse()
        answer.read()
        took.append((time.perf_counter() - began) * 1000)
        if answer.status != 302:
            raise RuntimeError(f"a press was answered with {answer.status}")

    for number in range(per_second * seconds):
        studio = studios[number % len(studios)]
        presses.append(lambda line, studio=studio: press(studio, line))  # type: ignore[misc]
    in_threads((number / per_second, act) for number, act in enumerate(presses))
    return took


def in_threads(acts: Iterator[tuple[float, Callable[[http.client.HTTPConnection], None]]]) -> None:
    """Do each when its second has come, over a few connections."""
    waiting: queue.Queue[tuple[float, Callable[[http.client.HTTPConnection], None]] | None] = queue.Queue()
    began = time.monotonic()

    def work() -> None:
        line = connect()
        while item := waiting.get():
            at, act = item
            time.sleep(max(began + at - time.monotonic(), 0))
            act(line)

    threads = [threading.Thread(target=work) for _ in range(CONNECTIONS)]
    for item in acts:
        waiting.put(item)
    for _ in threads:
        waiting.put(None)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def watch(studios: list[Studio], web: int, *, seconds: int) -> dict[str, Any]:
    """Let each person press once and leave the page open: what does the web's part of the site cost?"""
    for studio in studios:
        lifecycle.create(studio.person, "flux-dev", {"prompt": "a lighthouse"}, token=uuid.uuid4())
    opened_at = time.monotonic() + OPENING
    seen, stop_at = Seen(opened_at), opened_at + seconds
    shares = [studios[number::CONNECTIONS] for number in range(CONNECTIONS)]
    threads = [threading.Thread(target=look, args=(share, seen, stop_at)) for share in shares]
    for thread in threads:
        thread.start()
    time.sleep(OPENING)
    before = cpu_seconds(web)
    for thread in threads:
        thread.join()
    count = sum(seen.statuses.values())
    return {
        "cores": (cpu_seconds(web) - before) / seconds,
        "requests a second": count / seconds,
        "without news": seen.statuses[204] / count,
        "answer": spread(seen.seconds),
        "still open": sum(studio.interval > 0 for studio in studios),
    }


def look(studios: list[Studio], seen: Seen, stop_at: float) -> None:
    """Be several pages that ask as often as they were told, until the time is up."""
    line = connect()
    began = time.monotonic()
    due = {number: began + OPENING * number / len(studios) for number in range(len(studios))}
    while due:
        number = min(due, key=lambda number: due[number])
        if due[number] > stop_at:
            return
        time.sleep(max(due[number] - time.monotonic(), 0))
        once(line, studios[number], seen)
        if studios[number].interval:
            due[number] += studios[number].interval
        else:
            del due[number]


def once(line: http.client.HTTPConnection, studio: Studio, seen: Seen) -> None:
    if 0 < studio.foot_due <= time.monotonic():
        ask_foot(line, studio, seen)
    status, text = ask_timed(line, studio, seen, f"/progress/?version={studio.version}")
    if status != 200:
        return
    found, every = _VERSION.search(text), _EVERY.search(text)
    studio.version = found.group(1) if found else ""
    studio.interval = int(every.group(1)) if every else 0
    stand = _STAND.search(text)
    if stand and stand.group(1) != studio.stand:
        # A page that is opened has it already.
        is_first, studio.stand = not studio.stand, stand.group(1)
        if not is_first:
            studio.foot_due = studio.foot_due or max(time.monotonic(), studio.foot_asked + FOOT_SECONDS)
    if studio.foot_due and not studio.interval:
        ask_foot(line, studio, seen)
    for code in set(_THUMBNAIL.findall(text)) - studio.shown.keys():
        ask(line, studio, f"/g/{code}/thumbnail")
        studio.shown[code] = time.time()


def ask_foot(line: http.client.HTTPConnection, studio: Studio, seen: Seen) -> None:
    ask_timed(line, studio, seen, FOOT)
    studio.foot_asked, studio.foot_due = time.monotonic(), 0


def ask_timed(line: http.client.HTTPConnection, studio: Studio, seen: Seen, address: str) -> tuple[int, str]:
    began = time.perf_counter()
    status, text = ask(line, studio, address)
    if time.monotonic() >= seen.since:
        seen.seconds.append((time.perf_counter() - began) * 1000)
        seen.statuses[status] += 1
    return status, text


def cpu_seconds(pid: int) -> float:
    process = psutil.Process(pid)
    times = [member.cpu_times() for member in (process, *process.children(recursive=True))]
    return sum(spent.user + spent.system for spent in times)


def finish() -> None:
    """Wait until nothing moves; what still waits is canceled."""
    for person in User.objects.all():
        lifecycle.cancel_waiting(person, person.generations.all())
    while Generation.objects.unfinished().exists():
        time.sleep(0.5)


def delays(studios: list[Studio], provider_url: str) -> dict[str, list[float]]:
    """Return the milliseconds from Ready at the sandbox until the page had the thumbnail, and until it was
    stored."""
    tasks = requests.get(f"{provider_url}/_sandbox/state", timeout=30).json()["tasks"]
    ready = {task["id"]: task["ready_at"] for task in tasks}
    shown = {code: at for studio in studios for code, at in studio.shown.items()}
    rows = Generation.objects.filter(code__in=shown).values_list("code", "bfl_id", "finished_at")
    began = min(shown.values())
    # What was there when the page was opened says nothing.
    times = [
        (ready[bfl_id], finished_at.timestamp(), shown[str(code)])
        for code, bfl_id, finished_at in rows
        if finished_at and finished_at.timestamp() > began
    ]
    return {
        "ready to thumbnail": spread([(end - begin) * 1000 for begin, _, end in times]),
        "ready to stored": spread([(stored - begin) * 1000 for begin, stored, _ in times]),
    }


def long_history(studio: Studio) -> dict[str, Any]:
    """Return what the studio's page takes for somebody who has made 100,000 pictures."""
    now = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute(HISTORY_SQL, [studio.person.pk, *[now] * 5])
    client, line = Client(), connect()
    client.cookies[f"sessionid-{os.environ['PORT']}"] = studio.cookie.partition("=")[2]
    host = f"127.0.0.1:{os.environ['PORT']}"
    client.get("/", headers={"host": host})
    with CaptureQueriesContext(connection) as queries:
        client.get("/", headers={"host": host})
    took = []
    for _ in range(FIRST + TIMES):
        began = time.perf_counter()
        line.request("GET", "/", headers={"Cookie": studio.cookie})
        line.getresponse().read()
        took.append((time.perf_counter() - began) * 1000)
    return {"queries": len(queries), "page": spread(took[FIRST:])}


def spread(milliseconds: list[float]) -> list[float]:
    """Return p50 and p95."""
    return [statistics.median(milliseconds), statistics.quantiles(milliseconds, n=20)[-1]]


if __name__ == "__main__":
    main()
