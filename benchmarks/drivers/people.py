"""The people at the site: each presses once for several pictures, and all wait until the last is there.

It runs with the environment of the site's processes and plays the part of its web pages.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from functools import partial

import django

from benchmarks.drivers.order import Made, Order, Report, serve

django.setup()

from django.contrib.auth.models import User  # noqa: E402

from generations.credits import ledger  # noqa: E402
from generations.models import Generation, GenerationEvent  # noqa: E402
from generations.pipeline import lifecycle  # noqa: E402

PEOPLE = 8
LOOK_EVERY = 0.5

Kind = GenerationEvent.Kind


def prepare(order: Order) -> Callable[[], Report]:
    people = [User.objects.create_user(f"person{number}") for number in range(min(PEOPLE, order.count))]
    for person in people:
        ledger.grant(person, Decimal(100_000), note="For the benchmark", created_by=None)
    return partial(_work, order, people)


def _work(order: Order, people: list[User]) -> Report:
    started_at, cpu_before = time.time(), time.process_time()
    for number, person in enumerate(people):
        share = len(range(number, order.count, len(people)))
        lifecycle.create(person, order.endpoint, order.params, count=share)
    extra_cpu = time.process_time() - cpu_before
    while Generation.objects.unfinished().exists():
        time.sleep(LOOK_EVERY)
    rows = Generation.objects.select_related("image").prefetch_related("events")
    return Report(started_at=started_at, pictures=[_read(row) for row in rows], extra_cpu=extra_cpu)


def _read(generation: Generation) -> Made:
    if not generation.is_succeeded:
        raise RuntimeError(f"{generation}: {generation.failure_code} {generation.failure_detail}")
    if not (generation.image.file.size and generation.image.thumbnail.size):
        raise RuntimeError(f"{generation} has an empty file")
    # The events are dated inside the transaction, when SQLite's lock has been waited for; finished_at is not.
    moments = {event.kind: event.created_at.timestamp() for event in generation.events.all()}
    return Made(
        bfl_id=generation.bfl_id,
        noticed_at=moments[Kind.READY],
        stored_at=moments[Kind.SUCCEEDED],
    )


if __name__ == "__main__":
    serve(prepare)
